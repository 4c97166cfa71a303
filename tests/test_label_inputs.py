"""Images that are hard to read, and names that are hard to write: labelled or told, and never in another's way."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from commands import invoke, message
from labelling import Reference, contents, done, label, mask_at, picture, save, table
from PIL import Image, ImageOps

from swsss.data.tags import write_tags


def label_all(root, model, *options, code=0):
    """Label `root/images` without tags."""
    where = ["--model", model, "--out", root / "out", "--untagged", "all", "--device", "cpu", "--threads", 1]
    return done(invoke("swsss-label", root / "images", *where, *options), code)


def huge_png(width, height):
    """A PNG that says it has so many pixels."""
    chunk = b"IHDR" + struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def test_label__damaged_images_are_told_and_the_rest_is_labelled(tmp_path, model_file):
    images = tmp_path / "images"
    for name in ("a.png", "z.jpg"):
        save(images / name, picture(1))
    whole = save(tmp_path / "whole.jpg", picture(2)).read_bytes()
    damaged = {
        "empty.jpg": b"",
        "cut.jpg": whole[: len(whole) // 2],
        "header.jpg": whole[:300],
        "text.jpg": b"I am not a picture.\n" * 20,
        "html.png": b"<!doctype html><html></html>",
        "bomb.png": huge_png(200_000, 200_000) + b"IEND\xaeB`\x82",
        "cut.png": save(tmp_path / "whole.png", picture(3)).read_bytes()[:-20],
        "zeros.bmp": bytes(1000),
        "cut.webp": save(tmp_path / "whole.webp", picture(4)).read_bytes()[:100],
        "cut.tif": save(tmp_path / "whole.tif", picture(5)).read_bytes()[:200],
    }
    for name, data in damaged.items():
        (images / name).write_bytes(data)
    (images / "loop.jpg").symlink_to("loop.jpg")
    (images / "gone.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(images / "pipe.jpg")
    (images / "circle").symlink_to(images, target_is_directory=True)
    bad = sorted([*damaged, "loop.jpg", "gone.jpg", "pipe.jpg"])
    told = label_all(tmp_path, model_file, code=1)
    assert f"{len(bad)} images could not be labelled; {tmp_path / 'out' / 'failures.csv'} says why." in told
    rows = table(tmp_path / "out" / "failures.csv")
    assert [(row["image"], row["stage"]) for row in rows] == [(name, "decode") for name in bad]
    for row in rows:
        start = f"{row['image']} cannot be read as an image: "
        assert row["reason"].startswith(start)
        assert len(row["reason"]) > len(start) + 10
    assert [row["image"] for row in table(tmp_path / "out" / "manifest.csv")] == ["a.png", "z.jpg"]
    assert sorted(os.listdir(tmp_path / "out" / "masks")) == ["a.png", "z.png"]
    for name in bad:
        (images / name).unlink()
        save(images / name, picture(7))
    label_all(tmp_path, model_file)
    assert table(tmp_path / "out" / "failures.csv") == []
    assert len(table(tmp_path / "out" / "manifest.csv")) == len(bad) + 2


def test_label__jpeg_damaged_inside_is_quiet(tmp_path, model_file, start):
    data = bytearray(save(tmp_path / "images" / "a.jpg", picture(1, 200, 200)).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xff\x00\x55\xaa" * 10
    (tmp_path / "images" / "a.jpg").write_bytes(data)
    where = ["--model", model_file, "--out", tmp_path / "out", "--untagged", "all"]
    told = start("swsss-label", tmp_path / "images", *where).ended(0)
    assert "JPEG" not in told


def test_label__every_mode(tmp_path, model_file):
    """CMYK, 16 bits, grey, alpha, palette: the mask of what a viewer shows."""
    rgb = Image.fromarray(picture(3))
    alpha = rgb.copy()
    alpha.putalpha(Image.fromarray(picture(4)[..., 0]))
    upper = np.asarray(rgb.convert("L"), np.uint16)
    kinds = {
        "grey.png": (rgb.convert("L"), rgb.convert("L")),
        "grey.jpg": (rgb.convert("L"), None),
        "alpha.png": (alpha, rgb),
        "palette.png": (rgb.quantize(16), rgb.quantize(16)),
        "bilevel.png": (rgb.convert("1"), rgb.convert("1")),
        "sixteen.png": (Image.fromarray(upper * 256 + 77), rgb.convert("L")),
        "sixteen.tif": (Image.fromarray(upper * 256 + 77), rgb.convert("L")),
        "cmyk.jpg": (ImageOps.invert(rgb).convert("CMYK"), None),
        "rgb.webp": (rgb, rgb),
        "rgb.bmp": (rgb, rgb),
        "rgb.TIFF": (rgb, rgb),
    }
    (tmp_path / "images").mkdir()
    for name, (image, _) in kinds.items():
        image.save(tmp_path / "images" / name, **({"lossless": True} if name.endswith("webp") else {}))
    label_all(tmp_path, model_file)
    ask = Reference(model_file)
    assert len(table(tmp_path / "out" / "manifest.csv")) == len(kinds)
    for row in table(tmp_path / "out" / "manifest.csv"):
        shown = kinds[row["image"]][1]
        if shown is not None:
            mask, _ = ask(np.asarray(shown.convert("RGB")), None)
            np.testing.assert_array_equal(mask_at(tmp_path / "out", row["mask"]), mask, row["image"])


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_label__orientation(tmp_path, model_file, suffix):
    """The net sees the image upright; turned upright by Pillow, the mask is that of the upright image."""
    ask = Reference(model_file)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {"lossless": True} if suffix == ".webp" else {}
        save(tmp_path / "images" / f"{orientation}{suffix}", picture(orientation, 40, 72), exif=exif, **options)
    label_all(tmp_path, model_file, "--confidence")
    for orientation in range(1, 9):
        with Image.open(tmp_path / "images" / f"{orientation}{suffix}") as image:
            expected = ask(np.asarray(ImageOps.exif_transpose(image)), None)
        for part, upright in zip(("masks", "confidence"), expected, strict=True):
            with Image.open(tmp_path / "out" / part / f"{orientation}.png") as mask:
                assert mask.size == (72, 40), "the grid of the file"
                mask.getexif()[0x0112] = orientation
                np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(mask)), upright, str(orientation))


def test_label__sizes(tmp_path, model_file):
    sizes = {"dot": (1, 1), "row": (1, 50), "column": (50, 1), "tape": (20, 30_000), "wide": (90, 2500)}
    for name, (height, width) in sizes.items():
        save(tmp_path / "images" / f"{name}.png", picture(1, height, width))
    label_all(tmp_path, model_file)
    for name, size in sizes.items():
        assert mask_at(tmp_path / "out", f"{name}.png").shape == size


LONGEST = "ü" * 125 + "x.jpg"
NAMES = {
    "with space .png": "with space .png",
    "猫.jpg": "猫.png",
    "new\nline.png": "new\nline.png",
    'quote"s\'.jpg': "quote\"s'.png",
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
    name = os.fsdecode(b"\xe9.png")
    save(tmp_path / "images" / "a.png", picture(1))
    buffer = io.BytesIO()
    Image.fromarray(picture(1)).save(buffer, "PNG")
    (tmp_path / "images" / name).write_bytes(buffer.getvalue())
    where = ["--model", model_file, "--out", tmp_path / "out", "--untagged", "all"]
    assert "is not UTF-8; rename the file" in message(invoke("swsss-label", tmp_path / "images", *where))
    assert not (tmp_path / "out").exists()
