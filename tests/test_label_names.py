"""File names that are hard to write: each has its mask, or a reason, and none is in another's way."""

import os

import numpy as np
from commands import invoke, message
from labelling import Reference, contents, done, label, label_all, mask_at, picture, save, table
from PIL import Image

from swsss.data.tags import write_tags

LONGEST = "ü" * 125 + "x.jpg"
NAMES = {
    "with space .png": "with space .png",
    "猫.jpg": "猫.png",
    "new\nline.png": "new\nline.png",
    "quote\"s'.jpg": "quote\"s'.png",
    "comma,semi;colon|.jpg": "comma,semi;colon|.png",
    "back\\slash.png": "back\\slash.png",
    "-dash.jpg": "-dash.png",
    "dots.in.name.jpeg": "dots.in.name.png",
    "UPPER.JPG": "UPPER.png",
    "line\u2028separator.png": "line\u2028separator.png",
    "%s{0}$(x)`.png": "%s{0}$(x)`.png",
    LONGEST: LONGEST[:-4] + ".png",
    "same.jpg": "same.jpg.png",
    "same.png": "same.png.png",
    "deep/er/same.jpg": "deep/er/same.png",
}


def test_label__names(tmp_path, model_file):
    assert len(os.fsencode(LONGEST)) == 255
    for number, name in enumerate(NAMES):
        save(tmp_path / "images" / name, picture(number))
    write_tags(tmp_path / "tags.csv", [(name, ["cat", "person"]) for name in NAMES])
    done(label(tmp_path, model_file, tmp_path / "out", "--confidence"))
    rows = table(tmp_path / "out" / "manifest.csv")
    assert {row["image"]: row["mask"] for row in rows} == NAMES
    ask = Reference(model_file)
    for name, mask in NAMES.items():
        with Image.open(tmp_path / "images" / name) as image:
            np.testing.assert_array_equal(mask_at(tmp_path / "out", mask), ask(np.asarray(image), ("cat", "person"))[0])
    assert len(contents(tmp_path / "out")) == 2 * len(NAMES) + 3
    (tmp_path / "list.txt").write_text("".join(f"{name}\n" for name in NAMES if "\n" not in name))
    done(label(tmp_path, model_file, tmp_path / "some", "--only", tmp_path / "list.txt"))
    assert len(table(tmp_path / "some" / "manifest.csv")) == len(NAMES) - 1


def test_label__name_too_long_for_its_mask(tmp_path, model_file):
    """Two of one stem keep the extension, and `.png` behind it is more than a file system holds: told, no more."""
    stem = "x" * 251
    for suffix in (".jpg", ".png"):
        save(tmp_path / "images" / (stem + suffix), picture(1))
    save(tmp_path / "images" / "fine.png", picture(1))
    label_all(tmp_path, model_file, code=1)
    rows = table(tmp_path / "out" / "failures.csv")
    assert [(row["image"], row["stage"]) for row in rows] == [(f"{stem}.jpg", "write"), (f"{stem}.png", "write")]
    assert rows[0]["reason"] == f"{stem}.jpg.png cannot be written: File name too long."
    assert [row["image"] for row in table(tmp_path / "out" / "manifest.csv")] == ["fine.png"]


def test_label__masks_that_would_be_one_file(tmp_path, model_file):
    for name in ("a.jpg", "a.png", "a.jpg.bmp"):
        save(tmp_path / "images" / name, picture(1))
    where = ["--model", model_file, "--out", tmp_path / "out", "--untagged", "all"]
    told = message(invoke("swsss-label", tmp_path / "images", *where))
    assert "'a.jpg' and another image would share the mask a.jpg.png; rename one." in told
    assert not (tmp_path / "out").exists()


def test_label__name_that_is_no_text(tmp_path, model_file):
    """No tags and no list could name it: told before anything starts."""
    image = save(tmp_path / "images" / "a.png", picture(1))
    os.link(image, tmp_path / "images" / os.fsdecode(b"\xe9.png"))
    where = ["--model", model_file, "--out", tmp_path / "out", "--untagged", "all"]
    assert "is not UTF-8; rename the file" in message(invoke("swsss-label", tmp_path / "images", *where))
    assert not (tmp_path / "out").exists()
