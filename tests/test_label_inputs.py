"""Images that are hard to read: labelled as a viewer shows them, or told, and never in another's way."""

import os
import struct
import zlib

import numpy as np
import pytest
from labelling import Reference, label_all, mask_at, picture, save, table
from PIL import Image, ImageOps


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
