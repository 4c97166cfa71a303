"""The ordinary way: a mask for every image, what else lies in the labels folder, and what the options change."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from commands import message
from labelling import TAGS, Reference, done, label, make_photos, mask_at, picture, save, table
from models import CLASSES
from PIL import Image
from pycocotools import mask as coco_masks
from report_pages import report_in

from swsss.data.classes import palette


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def expected(photos, model_file):
    """Mask and confidence of every image, by the name of its mask."""
    ask = Reference(model_file)
    paths = sorted((photos / "images").rglob("*.*"), key=lambda path: path.stem)
    found = {}
    for number, path in enumerate(paths):
        name = path.relative_to(photos / "images").with_suffix(".png").as_posix()
        with Image.open(path) as image:
            found[name] = ask(np.asarray(image.convert("RGB")), TAGS[number % len(TAGS)])
    return found


@pytest.fixture(scope="module")
def labelled(photos, model_file, tmp_path_factory):
    """The labels nobody disturbed, and what was told; not to be changed."""
    out = tmp_path_factory.mktemp("labelled") / "labels"
    return out, done(label(photos, model_file, out))


def test_label__masks(labelled, expected):
    out, told = labelled
    assert {path.relative_to(out / "masks").as_posix() for path in (out / "masks").rglob("*.*")} == expected.keys()
    seen = set()
    for number, (name, (mask, _)) in enumerate(sorted(expected.items(), key=lambda item: Path(item[0]).stem)):
        found = mask_at(out, name)
        np.testing.assert_array_equal(found, mask)
        allowed = {0, *(CLASSES.ids[tag] for tag in TAGS[number % len(TAGS)])}
        assert set(np.unique(found)) <= allowed
        seen |= set(np.unique(found))
        with Image.open(out / "masks" / name) as image:
            assert image.getpalette() == palette().ravel().tolist()
    assert seen == set(range(len(CLASSES))), "a net that gives one class shows nothing"
    assert re.search(rf"10 images in [\d.]+ s \([\d.]+ images/s\): {re.escape(str(out / 'masks'))}", told)


def test_label__what_else_it_leaves(labelled, expected):
    out, _ = labelled
    assert {path.name for path in out.iterdir()} == {
        *("masks", "classes.txt", "manifest.csv", "failures.csv", "report.html", "journal.sqlite")
    }
    assert (out / "classes.txt").read_text() == "".join(f"{name}\n" for name in CLASSES.names)
    assert (out / "failures.csv").read_text() == "image,stage,reason\n"
    rows = table(out / "manifest.csv")
    assert [row["mask"] for row in rows] == sorted(expected)
    for row in rows:
        mask, confidence = expected[row["mask"]]
        tags = set(filter(None, row["tags"].split(";")))
        found = {CLASSES.names[index] for index in np.unique(mask)} - {"background"}
        assert tags == set(TAGS[int(Path(row["image"]).stem) % len(TAGS)])
        assert (row["width"], row["height"]) == (str(mask.shape[1]), str(mask.shape[0]))
        assert set(filter(None, row["found"].split(";"))) == found
        assert set(filter(None, row["not_found"].split(";"))) == tags - found
        assert float(row["confidence"]) == pytest.approx((confidence / 255).mean(), abs=6e-5)
        pixels = {CLASSES.names[index]: int(count) for index, count in enumerate(np.bincount(mask.ravel())) if count}
        assert dict(part.rsplit("=") for part in row["pixels"].split(";")) == {n: str(c) for n, c in pixels.items()}
        means = {name: confidence[mask == CLASSES.ids[name]].mean() / 255 for name in pixels}
        told = dict(part.rsplit("=") for part in row["class_confidence"].split(";"))
        assert {name: float(value) for name, value in told.items()} == pytest.approx(means, abs=6e-5)
    report = report_in(out / "report.html")
    assert (report["images"], report["failed"]) == (10, 0)


def test_label__confidence_and_pixels_left_out(photos, model_file, expected, tmp_path):
    done(label(photos, model_file, tmp_path / "out", "--confidence", "--ignore-below", 0.6))
    ignored = 0
    for name, (mask, confidence) in expected.items():
        with Image.open(tmp_path / "out" / "confidence" / name) as image:
            assert image.mode == "L"
            np.testing.assert_array_equal(np.asarray(image), confidence)
        unsure = confidence / 255 < 0.6
        ignored += unsure.sum()
        np.testing.assert_array_equal(mask_at(tmp_path / "out", name), np.where(unsure, 255, mask))
    counts = [re.search(r"ignore=(\d+)", row["pixels"]) for row in table(tmp_path / "out" / "manifest.csv")]
    assert sum(int(count[1]) for count in counts if count) == ignored > 0


@pytest.fixture
def few(tmp_path):
    """Three photos, one of them without a row."""
    for name in ("a.png", "b.png", "c.png"):
        save(tmp_path / "images" / name, picture(ord(name[0])))
    (tmp_path / "tags.csv").write_text("image,labels\na.png,cat\nc.png,dog\n")
    return tmp_path


def test_label__untagged(few, model_file):
    out = few / "out"
    told = done(label(few, model_file, out))
    assert f"1 images have no row in {few / 'tags.csv'} and are left out (--untagged all): b.png" in told
    assert [row["image"] for row in table(out / "manifest.csv")] == ["a.png", "c.png"]
    told = done(label(few, model_file, out, "--untagged", "all"))
    assert "and are labelled with every class allowed: b.png" in told
    assert "2 of 3 images are labelled already" in told
    assert [row["tags"] for row in table(out / "manifest.csv")] == ["cat", "*", "dog"]
    np.testing.assert_array_equal(mask_at(out, "b.png"), Reference(model_file)(picture(ord("b")), None)[0])


def test_label__only_and_limit(few, model_file):
    (few / "list.txt").write_text("\ufeffc\r\n\r\nb.png\r\n")
    images = lambda: [row["image"] for row in table(few / "out" / "manifest.csv")]  # noqa: E731
    done(label(few, model_file, few / "out", "--only", few / "list.txt"))
    assert images() == ["c.png"]
    done(label(few, model_file, few / "out", "--untagged", "all", "--limit", 1))
    assert images() == ["a.png", "c.png"], "what was labelled before stays"
    (few / "list.txt").write_text("b\n\nx.png\n../a.png\n")
    told = message(label(few, model_file, few / "out", "--only", few / "list.txt"))
    assert "line 3: there is no image 'x.png'" in told
    assert "line 4: '../a.png' leaves the image folder" in told
    (few / "list.txt").write_text("b.png\n")
    told = message(label(few, model_file, few / "out", "--only", few / "list.txt"))
    assert told == f"--only {few / 'list.txt'} names no image that is to be labelled."


def test_label__dry_run_writes_nothing(few, model_file, checkpoint_file, tmp_path):
    checkpoint = tmp_path / "moved" / "net.safetensors"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(checkpoint_file.read_bytes())
    before = sorted(few.rglob("*"))
    for model in (model_file, checkpoint):
        assert "2 images would be labelled" in done(label(few, model, few / "out", "--dry-run", "--format", "coco"))
        assert sorted(few.rglob("*")) == before


def test_label__format(few, model_file):
    done(label(few, model_file, few / "out", "--format", "coco", "--format", "cvat"))
    coco = json.loads((few / "out" / "coco.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == ["a.png", "c.png"]
    drawn = np.zeros((48, 64), np.uint8)
    for annotation in coco["annotations"]:
        if annotation["image_id"] == coco["images"][0]["id"]:
            drawn[coco_masks.decode(annotation["segmentation"]) > 0] = annotation["category_id"]
    np.testing.assert_array_equal(drawn, mask_at(few / "out", "a.png"))
    assert (few / "out" / "cvat.zip").stat().st_size


def test_label__image_a_format_cannot_hold(few, model_file):
    save(few / "images" / "#d.png", picture(4))
    out = few / "out"
    told = done(label(few, model_file, out, "--untagged", "all", "--format", "cvat"), 1)
    assert f"1 images are missing in a format; {out / 'convert-failures.csv'} says why." in told
    assert len(table(out / "manifest.csv")) == 4
