"""The native formats against `swsss.serve.convert`: the same files byte for byte, the same failures."""

import os
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from labelling import done, label, make_photos
from labels_folder import CLASSES, hard_masks, random_masks, row_of
from native import run
from odd_masks import MASK, replaced, spoiled

from swsss.data.classes import ClassTable, read_classes
from swsss.data.png import write_mask
from swsss.errors import UserError
from swsss.serve.convert import convert
from swsss.serve.journal import Journal
from swsss.serve.manifest import write_manifest

ALL = ["coco", "label-studio", "cvat"]
FILES = ["coco.json", "label-studio.json", "label-studio.xml", "cvat.zip", "convert-failures.csv"]
MASKS = {f"deep er/{name}.jpg": mask for name, mask in (hard_masks() | random_masks(60)).items()}
NAMES = [
    "a b,\"c';.jpg",
    "back\\slash\x7f\x08\x1f\t.jpg",
    "日/é😀.jpg",
    "no\udcff/\udce2\udc82x\udced\udca0\udc80.jpg",
    "same.jpg",
    "same.png",
    "x\ny.jpg",
    "x\rz.jpg",
    " outer.jpg",
    "outer\u3000.jpg",
    "outer\x85.jpg",
    "#first.jpg",
    "in/#second.jpg",
    ".hidden/.jpg",
    "..two.jpg",
    "dot./none",
    "a.b.c.jpg",
]


def write_folder(folder, masks, classes=CLASSES, files=None):
    """A labels folder with a journal; its confidences have more digits than the manifest shows."""
    draw = random.Random(5)
    rows = []
    for image in sorted(masks, key=os.fsencode):
        row = row_of(image, masks[image], (files or {}).get(image, ""))
        exact = {index: draw.choice([0.0, 1.0, 0.00004, draw.random(), draw.random()]) for index in row.confidence}
        rows.append(replace(row, confidence=exact, mean_confidence=draw.random()))
        write_mask(folder / "masks" / row.mask, masks[image])
    folder.mkdir(exist_ok=True)
    journal = Journal(folder / "journal.sqlite")
    for number, row in enumerate(rows):
        journal.add_labelled(row, bytes(16), number.to_bytes(16, "big"), confidence_map=False)
    journal.finish()
    journal.close()
    write_manifest(folder / "manifest.csv", rows, classes)
    (folder / "classes.txt").write_text("\n".join(classes.names) + "\n", encoding="utf-8")
    return folder


def written(labels):
    """The output files there are; they are removed. Nothing else may have been left."""
    found = {name: (labels / name).read_bytes() for name in FILES if (labels / name).exists()}
    for name in found:
        (labels / name).unlink()
    left = {path.name for path in labels.iterdir() if not path.name.startswith("journal.sqlite")}
    assert left <= {"masks", "manifest.csv", "classes.txt", "failures.csv", "report.html"}
    return found


def native(labels, formats, prefix):
    options = [option for name in formats for option in ("--format", name)]
    options += ["--image-prefix", prefix] if prefix else []
    return run("convert_tool", labels, "--classes", labels / "classes.txt", *options)


def compare(labels, formats=ALL, prefix=""):
    """Convert with both programs; what failed, as Python tells it."""
    converted = convert(labels, formats, image_prefix=prefix)
    expected = written(labels)
    assert ("convert-failures.csv" in expected) == bool(converted.failed)
    ended = native(labels, formats, prefix)
    assert ended.returncode == 0, ended.stderr
    found = written(labels)
    assert found.keys() == expected.keys()
    for name, data in expected.items():
        assert found[name] == data, name
    count = len(list((labels / "masks").rglob("*.png"))) if not converted.failed else None
    told = ended.stdout.splitlines()
    assert told[:-1] == [str(path) for path in converted.files]
    assert told[-1].endswith(f" images, {len(converted.failed)} failures")
    assert count is None or told[-1].startswith(f"{count} ")
    return converted.failed


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    """Not to be changed."""
    return write_folder(tmp_path_factory.mktemp("formats") / "labels", MASKS)


@pytest.mark.parametrize("formats", [ALL, ["cvat", "coco", "cvat"], ["label-studio"], []])
def test_convert__masks_hard_to_encode(labels, formats):
    assert compare(labels, formats) == []


@pytest.mark.parametrize("prefix", ["https://host/d é/", "s3://bucket/", "/data/local-files/?d=", "http:/", "\udcff"])
def test_convert__image_prefix(labels, prefix):
    assert compare(labels, ["label-studio"], prefix) == []


@pytest.mark.parametrize("prefix", ["", "https://host/"])
def test_convert__names(tmp_path, prefix):
    """Blanks of every kind, quotes, bytes that are not UTF-8, stems that occur twice."""
    rng = random.Random(3)
    alphabet = "".join(
        map(chr, [*range(1, 47), *range(48, 256), 0x2028, 0x3000, 0xFEFF, 0x1F600, *range(0xDC80, 0xDD00)])
    )
    drawn = ["".join(rng.choices(alphabet, k=rng.randint(1, 12))) + ".jpg" for _ in range(150)]
    masks = {name: np.ones((2, 3), np.uint8) for name in dict.fromkeys([*NAMES, *drawn]) if _is_storable(name)}
    files = {name: f"{name}.png" for name in masks if name.startswith(("same", "x\r"))}
    labels = write_folder(tmp_path / "é 'quoted' \udcff", masks, files=files)
    failed = {(row.image, row.stage) for row in compare(labels, prefix=prefix)}
    assert {("same.jpg", "cvat"), ("#first.jpg", "cvat"), ("outer\x85.jpg", "cvat"), ("x\ny.jpg", "cvat")} <= failed
    assert (("no\udcff/\udce2\udc82x\udced\udca0\udc80.jpg", "label-studio") in failed) == (prefix == "")


def _is_storable(name):
    """Whether a file name says itself what bytes it is: some lone surrogates together are a character."""
    return os.fsdecode(os.fsencode(name)) == name


def test_convert__nothing_labelled(tmp_path):
    labels = write_folder(tmp_path / "labels", {})
    (labels / "convert-failures.csv").write_text("old")
    assert compare(labels) == []


def test_convert__as_many_classes_as_there_can_be(tmp_path):
    names = ["background", "ignore", "q\"<&>'", "é猫😀", *(f"class {index}" for index in range(4, 255))]
    every = np.arange(256, dtype=np.uint8)
    noise = np.random.default_rng(2).integers(0, 256, (70, 131), np.uint8)
    masks = {"a.jpg": every[None], "b.jpg": every[:, None], "c.jpg": noise, "d.jpg": np.sort(noise, axis=1)}
    assert compare(write_folder(tmp_path / "labels", masks, ClassTable(tuple(names)))) == []


def folder_of(tmp_path, files):
    """A labels folder in which some masks were replaced."""
    labels = write_folder(tmp_path / "labels", dict.fromkeys((f"{name}.jpg" for name in files), MASK))
    for name, data in files.items():
        (labels / "masks" / f"{name}.png").write_bytes(data)
    return labels


def test_convert__replaced_masks(tmp_path):
    failed = {Path(row.image).stem: row.reason for row in compare(folder_of(tmp_path, dict(replaced())))}
    assert failed["turned"] == "turned.png has 9×13 pixels, but its image has 13×9."
    assert failed["bad id"] == "bad id.png holds the class id 6, but classes.txt ends with 5."
    assert failed["text"] == "text.png cannot be read as a mask: it is no PNG."
    assert not {"interlaced", "grey", "bits", "transparent", "anything after it"} & failed.keys()


def test_convert__spoiled_masks(tmp_path):
    assert compare(folder_of(tmp_path, dict(spoiled(400))))


def test_convert__masks_of_every_id_in_grey(tmp_path):
    """With as many classes as there can be, grey of few bits is a mask, too, and pixels are compared."""
    labels = folder_of(tmp_path, dict(replaced()))
    (labels / "classes.txt").write_text("\n".join(f"class {index}" for index in range(255)), encoding="utf-8")
    names = read_classes(labels / "classes.txt").names
    manifest = (labels / "manifest.csv").read_text(encoding="utf-8")
    for index, name in enumerate(CLASSES.names):
        manifest = manifest.replace(name.replace('"', '""'), names[index])
    (labels / "manifest.csv").write_text(manifest, encoding="utf-8")
    failed = {Path(row.image).stem for row in compare(labels)}
    assert not {f"depth {depth} colour {colour}" for depth in (1, 2, 4, 8) for colour in (0, 3)} & failed


def test_convert__masks_that_are_no_files(tmp_path):
    names = ["gone", "folder", "pipe", "dangling", "linked", "deep/er", "below a file/x"]
    labels = write_folder(tmp_path / "labels", dict.fromkeys((f"{name}.jpg" for name in names), MASK))
    masks = labels / "masks"
    for name in names[:5]:
        (masks / f"{name}.png").unlink()
    (masks / "folder.png").mkdir()
    os.mkfifo(masks / "pipe.png")
    (masks / "dangling.png").symlink_to("nowhere")
    (masks / "linked.png").symlink_to("deep/er.png")
    (masks / "below a file" / "x.png").unlink()
    (masks / "below a file").rmdir()
    (masks / "below a file").write_bytes(b"")
    failed = {row.image: row.reason for row in compare(labels)}
    assert failed == {
        "gone.jpg": "gone.png cannot be read as a mask: No such file or directory.",
        "folder.jpg": "folder.png cannot be read as a mask: it is a folder.",
        "pipe.jpg": "pipe.png cannot be read as a mask: it is a pipe or a device.",
        "dangling.jpg": "dangling.png cannot be read as a mask: No such file or directory.",
        "below a file/x.jpg": "below a file/x.png cannot be read as a mask: Not a directory.",
    }


def refused(labels, formats):
    """What both programs say when nothing can be done, and that nothing is written."""
    with pytest.raises(UserError) as told:
        convert(labels, formats)
    assert written(labels) == {}
    ended = native(labels, formats, "")
    assert (ended.returncode, ended.stderr) == (2, f"{told.value}\n")
    assert written(labels) == {}


def test_convert__refusals(tmp_path):
    names = ("background", "cat: big", "#dog", "x#y", "fine")
    labels = write_folder(tmp_path / "labels", {"a.jpg": np.ones((2, 2), np.uint8)}, ClassTable(names))
    refused(labels, ["coco", "cvat"])
    refused(labels, ["coco", "yolo"])
    assert compare(labels, ["coco", "label-studio"]) == []
    (labels / "masks" / "a.png").unlink()
    (labels / "masks").rmdir()
    refused(labels, ["coco"])


def test_convert__what_swsss_label_leaves(tmp_path, model_file):
    """Tags, ignored pixels, confidences as they come out of a model."""
    photos = make_photos(tmp_path, 12)
    done(label(photos, model_file, tmp_path / "labels", "--ignore-below", "0.5"))
    assert compare(tmp_path / "labels") == []
