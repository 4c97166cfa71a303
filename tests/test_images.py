import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from swsss.data.headers import exif_orientation
from swsss.data.images import decode_image, orient, orient_back, read_image, read_upright
from swsss.data.png import encode_grey

pytestmark = pytest.mark.filterwarnings("ignore:Palette images with Transparency")  # filtered outside of pytest

RANDOM = np.random.default_rng(0)
HEIGHT, WIDTH = 13, 17
RGBA = RANDOM.integers(0, 256, (HEIGHT, WIDTH, 4), np.uint8)
RGBA[:3, :, 3] = 0
RGB = np.ascontiguousarray(RGBA[..., :3])
OTHER = Image.fromarray(255 - RGB)
GREY = RGB[..., 0]
RGB_16 = RANDOM.integers(0, 1 << 16, (HEIGHT, WIDTH, 3), np.uint16)
COLOURS = RANDOM.integers(0, 256, (256, 3), np.uint8)
BITS = GREY > 127
INDEXED = Image.fromarray(GREY, "L")
INDEXED.putpalette(COLOURS.tobytes())
# What JPEG keeps nearly as it is.
SMOOTH = np.dstack(np.broadcast_arrays(*np.ogrid[0:255:32j, 255:0:48j], 99.0)).astype(np.uint8)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def by_opencv(suffix, pixels):
    return cv2.imencode(suffix, pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1].tobytes()


def grey(pixels):
    return np.repeat(pixels[..., None], 3, axis=2)


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(RGB), RGB),
        (INDEXED, COLOURS[GREY]),
        (Image.fromarray(GREY), grey(GREY)),
        (Image.fromarray(BITS), grey(BITS * np.uint8(255))),
    ],
    ids=["rgb", "indexed", "grey", "1 bit"],
)
def test_decode_image__exact_kinds(kind, image, expected):
    pixels, orientation = decode_image(encoded(image, kind), "a")
    np.testing.assert_array_equal(pixels, expected)
    assert orientation == 1
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous


SPECIAL = {
    "rgba.png": (encoded(Image.fromarray(RGBA), "PNG"), RGB),
    "rgba.tif": (encoded(Image.fromarray(RGBA), "TIFF"), RGB),
    "rgba_lzw.tif": (encoded(Image.fromarray(RGBA), "TIFF", compression="tiff_lzw"), RGB),
    "rgba.webp": (encoded(Image.fromarray(RGBA), "WEBP", lossless=True, exact=True), RGB),
    "grey_alpha.png": (encoded(Image.fromarray(RGBA[..., :2], "LA"), "PNG"), grey(GREY)),
    "transparent_indices.png": (encoded(INDEXED, "PNG", transparency=bytes(range(256))), COLOURS[GREY]),
    "transparent_colour.png": (encoded(Image.fromarray(RGB), "PNG", transparency=tuple(map(int, RGB[0, 0]))), RGB),
    "grey_16.png": (by_opencv(".png", RGB_16[..., 0]), grey(RGB_16[..., 0] >> 8)),
    "rgb_16.png": (by_opencv(".png", RGB_16), RGB_16 >> 8),
    "grey_16.tif": (by_opencv(".tif", RGB_16[..., 0]), grey(RGB_16[..., 0] >> 8)),
    "rgb_16.tif": (by_opencv(".tif", RGB_16), np.round(RGB_16 / 257)),
    "pages.tif": (encoded(Image.fromarray(RGB), "TIFF", save_all=True, append_images=[OTHER]), RGB),
    "lzw.tif": (encoded(Image.fromarray(RGB), "TIFF", compression="tiff_lzw"), RGB),
    "animated.webp": (
        encoded(Image.fromarray(RGB), "WEBP", save_all=True, append_images=[OTHER], lossless=True),
        RGB,
    ),
    "animated.png": (encoded(Image.fromarray(RGB), "PNG", save_all=True, append_images=[OTHER]), RGB),
    "animated.gif": (encoded(INDEXED, "GIF", save_all=True, append_images=[OTHER]), COLOURS[GREY]),
}


@pytest.mark.parametrize("kind", SPECIAL)
def test_decode_image__special_kinds(kind):
    data, expected = SPECIAL[kind]
    np.testing.assert_array_equal(decode_image(data, kind)[0], expected)


def cmyk(adobe):
    """A CMYK JPEG: without Adobe's segment, or with its transform 0 (CMYK) or 2 (YCCK)."""
    data = encoded(Image.fromarray(SMOOTH).convert("CMYK"), "JPEG", quality=95)
    at = data.index(b"\xff\xee")
    end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
    return data[:at] + (b"" if adobe is None else data[at : end - 1] + bytes([adobe])) + data[end:]


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.fromarray(SMOOTH), "JPEG"),
        encoded(Image.fromarray(SMOOTH), "JPEG", progressive=True),
        encoded(Image.fromarray(SMOOTH), "WEBP"),
        encoded(Image.fromarray(SMOOTH).convert("L"), "JPEG"),
        cmyk(None),
        cmyk(0),
        cmyk(2),
    ],
    ids=["rgb", "progressive", "webp", "grey", "cmyk", "adobe cmyk", "ycck"],
)
def test_decode_image__as_pillow_decodes(data):
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int)
    # CMYK is turned into RGB with other rounding.
    assert np.abs(decode_image(data, "a")[0] - expected).max() <= 1


def test_decode_image__cmyk_is_taken_for_inverted():
    pixels, _ = decode_image(cmyk(0), "a")
    assert np.abs(pixels.astype(int) - SMOOTH).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_decode_image__orientation(kind, orientation, tmp_path):
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(Image.fromarray(RGB), kind, exif=exif(orientation), **options))
    with Image.open(path) as image:
        stored, expected = np.asarray(image), np.asarray(ImageOps.exif_transpose(image))
    pixels, found = read_image(path)
    assert found == orientation
    np.testing.assert_array_equal(pixels, stored)
    np.testing.assert_array_equal(orient(pixels, found), expected)
    np.testing.assert_array_equal(orient_back(expected, found), stored)
    np.testing.assert_array_equal(read_upright(path), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("pixels", [RGB, RGBA], ids=["rgb", "rgba"])
def test_decode_image__tiff_is_upright(pixels, orientation):
    data = encoded(Image.fromarray(pixels), "TIFF", tiffinfo={0x0112: orientation})
    found, left = decode_image(data, "a")
    np.testing.assert_array_equal(found, orient(RGB, orientation))
    assert left == 1


def test_decode_image__orientation_behind_the_pixels():
    data = encoded(Image.fromarray(RGB), "PNG")
    block = exif(6).tobytes().removeprefix(b"Exif\0\0")
    chunk = b"eXIf" + block
    chunk = struct.pack(">I", len(block)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    assert decode_image(data[:-12] + chunk + data[-12:], "a")[1] == 6


def exif_block(order, kind, value):
    entries = struct.pack(order + "2HI4s", 0x010F, 2, 4, b"abc\0")
    entries += struct.pack(order + "2HI", 0x0112, kind, 1) + struct.pack(order + ("I" if kind == 4 else "2H"), *value)
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, 2) + entries


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [(3, (8, 0), 8), (3, (8, 7), 8), (4, (5,), 5), (3, (0, 0), 1), (3, (9, 0), 1), (4, (65542,), 1)],
)
def test_exif_orientation(prefix, order, kind, value, expected):
    assert exif_orientation(prefix + exif_block(order, kind, value)) == expected


def test_exif_orientation__damaged():
    block = exif_block("<", 3, (6, 0))
    assert {exif_orientation(block[:end]) for end in range(len(block) - 2)} == {1}
    assert exif_orientation(block[:8] + b"\xff\xff" + block[10:]) == 6
    assert exif_orientation(b"II*\0" + b"\xff" * 30) == 1


@pytest.mark.parametrize("size", [(1, 1), (30_000, 20), (20, 30_000), (8000, 8000)])
def test_read_image__size(size, tmp_path: Path):
    rows = np.linspace(0, 255, size[1]).astype(np.uint8)
    pixels = np.ascontiguousarray(np.broadcast_to(rows[:, None], size[::-1]))
    (tmp_path / "a.png").write_bytes(encode_grey(pixels))
    (tmp_path / "a.jpg").write_bytes(by_opencv(".jpg", pixels))
    for name, tolerance in (("a.png", 0), ("a.jpg", 4)):
        found, _ = read_image(tmp_path / name)
        assert found.shape == (size[1], size[0], 3)
        assert cv2.absdiff(found[..., 1], pixels).max() <= tolerance
