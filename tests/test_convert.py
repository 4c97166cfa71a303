"""A labels folder in other formats: everything that can be converted is, and nothing is missing unsaid."""

import csv
import errno
import json
import os
import threading
import zipfile

import numpy as np
import pytest
from labels_folder import CLASSES, hard_masks, random_masks, row_of, write_folder

from swsss.data.png import write_mask
from swsss.errors import UserError
from swsss.serve.convert import convert
from swsss.serve.formats import FORMATS

ALL = ["coco", "label-studio", "cvat"]
FILES = ["coco.json", "label-studio.json", "label-studio.xml", "cvat.zip"]
MASKS = {f"{name}.jpg": mask for name, mask in (hard_masks() | random_masks(20)).items()}


@pytest.fixture
def labels(tmp_path):
    return write_folder(tmp_path / "labels", MASKS)


def images_in(labels):
    """The images each format holds."""
    coco = json.loads((labels / "coco.json").read_text())
    tasks = json.loads((labels / "label-studio.json").read_text())
    with zipfile.ZipFile(labels / "cvat.zip") as archive:
        frames = archive.read("ImageSets/Segmentation/default.txt").decode().splitlines()
    return {
        "coco": [image["file_name"] for image in coco["images"]],
        "label-studio": [task["data"]["image"] for task in tasks],
        "cvat": [f"{frame}.jpg" for frame in frames],
    }


def left(labels):
    return sorted(path.name for path in labels.iterdir() if path.name not in {"masks", "manifest.csv", "classes.txt"})


def test_convert__all_formats_at_once(labels, tmp_path):
    """The files each format writes on its own, from the manifest's rows in their order."""
    converted = convert(labels, [*ALL, "coco"])
    assert converted.files == [labels / name for name in FILES]
    assert converted.failed == []
    assert left(labels) == sorted(FILES)
    assert images_in(labels) == {name: list(MASKS) for name in ALL}
    for name in ALL:
        with FORMATS[name](tmp_path, CLASSES, "") as sink:
            for image, mask in MASKS.items():
                sink.add(row_of(image, mask), mask)
        for path in sink.files:
            assert path.read_bytes() == (labels / path.name).read_bytes()


def test_convert__image_prefix(labels):
    convert(labels, ["label-studio"], image_prefix="https://host/d/")
    tasks = json.loads((labels / "label-studio.json").read_text())
    assert tasks[0]["data"]["image"] == "https://host/d/1x1%20background.jpg"


def test_convert__progress(labels):
    told = []
    convert(labels, ["cvat"], progress=lambda done, total: told.append((done, total)))
    assert told == [(done, len(MASKS)) for done in range(1, len(MASKS) + 1)]


def spoil(labels):
    """Five masks that cannot be used: what is wrong with each."""
    masks = labels / "masks"
    (masks / "1x1 class.png").unlink()
    whole = (masks / "corners.png").read_bytes()
    (masks / "corners.png").write_bytes(whole[: len(whole) - 40])
    (masks / "frame.png").write_bytes(b"")
    write_mask(masks / "one pixel.png", MASKS["one pixel.jpg"].T)
    write_mask(masks / "one row.png", np.full((1, 6), len(CLASSES), np.uint8))
    return {
        "1x1 class.jpg": "No such file",
        "one row.jpg": "class id 6",
        "one pixel.jpg": "7×9",
        "corners.jpg": "cannot be read",
        "frame.jpg": "cannot be read",
    }


def test_convert__bad_masks_are_left_out_and_told(labels):
    reasons = spoil(labels)
    converted = convert(labels, ALL)
    wanted = [image for image in MASKS if image not in reasons]
    assert images_in(labels) == dict.fromkeys(ALL, wanted)
    assert [failed.image for failed in converted.failed] == [image for image in MASKS if image in reasons]
    for failed in converted.failed:
        assert failed.stage == "mask"
        assert reasons[failed.image] in failed.reason
        assert str(labels) not in failed.reason
    with (labels / "convert-failures.csv").open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert rows == [[failed.image, failed.stage, failed.reason] for failed in converted.failed]
    write_folder(labels, MASKS)
    assert convert(labels, ["coco"]).failed == []
    assert not (labels / "convert-failures.csv").exists()


def test_convert__names_one_format_cannot_hold(tmp_path):
    masks = {
        name: np.ones((2, 3), np.uint8) for name in ["a b,\"c';.jpg", "same.jpg", "same.png", "x\ny.jpg", "日/é.jpg"]
    }
    files = {name: f"{name}.png" for name in ["same.jpg", "same.png"]}
    labels = write_folder(tmp_path, masks, files)
    converted = convert(labels, ALL)
    refused = ["same.jpg", "same.png", "x\ny.jpg"]
    assert [(failed.image, failed.stage) for failed in converted.failed] == [(name, "cvat") for name in refused]
    found = images_in(labels)
    assert found["coco"] == found["label-studio"] == list(masks)
    assert found["cvat"] == [name for name in masks if name not in refused]


def test_convert__nothing_labelled(tmp_path):
    labels = write_folder(tmp_path, {})
    assert convert(labels, ALL).failed == []
    assert images_in(labels) == {name: [] for name in ALL}


@pytest.mark.parametrize("missing", ["manifest.csv", "classes.txt", "masks"])
def test_convert__no_labels_folder(labels, missing):
    (labels / missing).rename(labels / "elsewhere")
    with pytest.raises(UserError, match=rf"has no (folder )?{missing}"):
        convert(labels, ALL)
    assert left(labels) == ["elsewhere"]


def test_convert__class_names_cvat_cannot_hold(labels):
    for name in ["classes.txt", "manifest.csv"]:
        path = labels / name
        path.write_text(path.read_text(encoding="utf-8").replace("dog", "dog: big"), encoding="utf-8")
    with pytest.raises(UserError, match="dog: big"):
        convert(labels, ALL)
    assert left(labels) == []
    assert convert(labels, ["coco"]).failed == []


def test_convert__unknown_format(labels):
    with pytest.raises(UserError, match="no format 'yolo'; the formats are coco, label-studio, cvat"):
        convert(labels, ["coco", "yolo"])
    assert left(labels) == []


def test_convert__damaged_manifest(labels):
    with (labels / "manifest.csv").open("a") as file:
        file.write("half a ro")
    with pytest.raises(UserError, match=r"manifest\.csv, line"):
        convert(labels, ALL)
    assert left(labels) == []


@pytest.fixture
def old(labels):
    """A labels folder that was converted before, from other labels."""
    for name in FILES:
        (labels / name).write_text("old")
    return labels


def test_convert__full_disk(old, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left on device"):
        convert(old, ALL)
    assert left(old) == sorted(FILES)
    assert {(old / name).read_text() for name in FILES} == {"old"}


def test_convert__interrupted(old):
    def stop(done, total):
        if done == 10:
            raise KeyboardInterrupt

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        convert(old, ALL, progress=stop)
    assert threading.active_count() == threads
    assert left(old) == sorted(FILES)
    assert {(old / name).read_text() for name in FILES} == {"old"}
