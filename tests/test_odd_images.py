"""What is odd about a file, and what `swsss.data.images` makes of it."""

import io
import struct

import numpy as np
import odd_images as odd
import pytest
from PIL import Image

from swsss.data.images import decode_image, orient
from swsss.errors import UserError

RANDOM = np.random.default_rng(5)
RGB = RANDOM.integers(0, 256, (11, 14, 3), np.uint8)
RGBA = RANDOM.integers(0, 256, (11, 14, 4), np.uint8)
INDICES = RANDOM.integers(0, 256, (11, 14), np.uint8)
COLOURS = RANDOM.integers(0, 256, (256, 3), np.uint8)
DAMAGED = "it is damaged, or of a kind that cannot be decoded"
CUT = "it is cut short"
LARGE = "it has more than 178 956 970 pixels"


def pixels(data):
    found, orientation = decode_image(data, "a")
    assert orientation == 1
    return found


def reason(data):
    with pytest.raises(UserError) as caught:
        decode_image(data, "a")
    return str(caught.value).removeprefix("a cannot be read as an image: ").removesuffix(".")


# PNG


ROWS = odd.png_pixels(row.tobytes() for row in RGB)
HEADER = odd.png_header(14, 11)
EXIF = b"II*\0" + struct.pack("<IH2HI2HI", 8, 1, 0x0112, 3, 1, 6, 0, 0)


def test_png__damage_where_no_pixels_are():
    text = odd.png_chunk(b"tEXt", b"no zero byte", damaged=True)
    np.testing.assert_array_equal(pixels(odd.png(HEADER, text, ROWS, text, odd.PNG_END)), RGB)


def test_png__first_sound_exif():
    damaged = odd.png_chunk(b"eXIf", EXIF.replace(b"\6\0\0\0", b"\3\0\0\0"), damaged=True)
    data = odd.png(HEADER, damaged, ROWS, odd.png_chunk(b"eXIf", EXIF), odd.png_chunk(b"eXIf", b""), odd.PNG_END)
    assert decode_image(data, "a")[1] == 6


def test_png__pixels_in_pieces():
    body = ROWS[8:-4]
    pieces = [odd.png_chunk(b"IDAT", body[at : at + 50]) for at in range(0, len(body), 50)]
    comment = odd.png_chunk(b"tEXt", b"a\0b")
    data = odd.png(HEADER, pieces[0], odd.png_chunk(b"IDAT", b""), comment, *pieces[1:], odd.PNG_END)
    np.testing.assert_array_equal(pixels(data), RGB)


def test_png__interlaced():
    np.testing.assert_array_equal(pixels(odd.interlaced_png(RGB)), RGB)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_png__grey_of_few_bits(bits):
    values = INDICES >> (8 - bits)
    rows = np.packbits(np.unpackbits(values[..., None], axis=2)[..., 8 - bits :].reshape(11, -1), axis=1)
    data = odd.png(odd.png_header(14, 11, bits, 0), odd.png_pixels(rows), odd.PNG_END)
    expected = values * (255 // (2**bits - 1))
    np.testing.assert_array_equal(pixels(data), np.repeat(expected[..., None], 3, axis=2))


def test_png__colours_without_a_name_are_black():
    palette = odd.png_chunk(b"PLTE", COLOURS[:3].tobytes())
    data = odd.png(odd.png_header(4, 1, 8, 3), palette, odd.png_pixels([bytes([0, 2, 3, 255])]), odd.PNG_END)
    np.testing.assert_array_equal(pixels(data), [[COLOURS[0], COLOURS[2], (0, 0, 0), (0, 0, 0)]])


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ((HEADER, ROWS), CUT),
        ((HEADER, ROWS, odd.PNG_END[:-1]), CUT),
        ((HEADER, odd.PNG_END), DAMAGED),
        ((HEADER, ROWS[:-1] + b"?", odd.PNG_END), DAMAGED),
        ((HEADER, ROWS, odd.png_chunk(b"IEND", b"", damaged=True)), DAMAGED),
        ((odd.png_header(14, 11, 3), ROWS, odd.PNG_END), DAMAGED),
        ((odd.png_header(14, 11, interlace=2), ROWS, odd.PNG_END), DAMAGED),
        ((odd.png_header(0, 11), ROWS, odd.PNG_END), DAMAGED),
        ((odd.png_header(1 << 20, 1 << 20), ROWS, odd.PNG_END), LARGE),
    ],
)
def test_png__refused(chunks, expected):
    assert reason(odd.png(*chunks)) == expected


# BMP


PALETTE = np.dstack([COLOURS[:, 2], COLOURS[:, 1], COLOURS[:, 0], np.zeros(256, np.uint8)])[0]


@pytest.mark.parametrize("height", [11, -11])
@pytest.mark.parametrize("bits", [1, 4, 8])
def test_bmp__indexed(bits, height):
    values = INDICES >> (8 - bits)
    rows = np.packbits(np.unpackbits(values[..., None], axis=2)[..., 8 - bits :].reshape(11, -1), axis=1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))[:: -1 if height > 0 else 1]
    data = odd.bmp(14, height, bits, 0, rows.tobytes(), PALETTE[: 1 << bits].tobytes())
    np.testing.assert_array_equal(pixels(data), COLOURS[values])
    core = odd.core_bmp(14, 11, bits, rows.tobytes(), PALETTE[: 1 << bits, :3].tobytes())
    np.testing.assert_array_equal(pixels(core), COLOURS[values][:: 1 if height > 0 else -1])


def test_bmp__colours_without_a_name_are_black():
    data = odd.bmp(4, 1, 8, 0, bytes([0, 1, 2, 255]), PALETTE[:2].tobytes())
    np.testing.assert_array_equal(pixels(data), [[COLOURS[0], COLOURS[1], (0, 0, 0), (0, 0, 0)]])


@pytest.mark.parametrize("size", [40, 56, 108, 124])
def test_bmp__32_bits_with_fields(size):
    """As GIMP and Windows write pictures with alpha."""
    masks = struct.pack("<3I", 0xFF0000, 0xFF00, 0xFF)
    data = odd.bmp(14, -11, 32, 3, RGBA[..., [2, 1, 0, 3]].tobytes(), masks=masks, size=size)
    if size == 40:
        data = data[:10] + struct.pack("<I", 66) + data[14:]
    np.testing.assert_array_equal(pixels(data), RGBA[..., :3])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (odd.bmp(14, 11, 8, 0, bytes(16 * 11 - 3), bytes(1024)), DAMAGED),
        (odd.bmp(14, 11, 24, 0, bytes(44 * 11 - 3)), DAMAGED),
        (odd.bmp(14, 11, 24, 0, bytes(44 * 11))[:40], DAMAGED),
        (odd.bmp(14, 11, 24, 0, bytes(44 * 11))[:17], CUT),
        (odd.bmp(0, 11, 24, 0, bytes(44 * 11)), DAMAGED),
        (odd.bmp(14, 11, 2, 0, bytes(44 * 11)), DAMAGED),
        (odd.bmp(1 << 16, -(1 << 16), 24, 0, b""), LARGE),
    ],
)
def test_bmp__refused(data, expected):
    assert reason(data) == expected


# TIFF


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("tile", [None, (16, 16)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff__upright(orientation, tile, order, big):
    picture = np.tile(RGBA, (3, 2, 1))
    data = odd.tiff(picture, order, big, tile, t274=orientation)
    np.testing.assert_array_equal(pixels(data), orient(picture[..., :3], orientation))


@pytest.mark.parametrize("alpha", [0, 1, 2])
def test_tiff__alpha_is_not_multiplied(alpha):
    np.testing.assert_array_equal(pixels(odd.tiff(RGBA, t338=alpha)), RGBA[..., :3])
    np.testing.assert_array_equal(pixels(odd.tiff(RGBA[..., :2], t338=alpha)), RGBA[..., [0, 0, 0]])


@pytest.mark.parametrize("rows", [0, 11, 12, (1 << 31) - 1, (1 << 32) - 1])
def test_tiff__long_strips(rows):
    np.testing.assert_array_equal(pixels(odd.tiff(RGB, t278=rows)), RGB)


@pytest.mark.parametrize("order", "<>")
def test_tiff__16_bits(order):
    wide = RANDOM.integers(0, 1 << 16, (11, 14, 3), np.uint16)
    np.testing.assert_array_equal(pixels(odd.tiff(wide, order)), np.round(wide / 257))
    np.testing.assert_array_equal(pixels(odd.tiff(wide[..., 0], order)), np.dstack([wide[..., 0] >> 8] * 3))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (odd.tiff(RGB)[:7], CUT),
        (odd.tiff(RGB)[:60], CUT),
        (odd.tiff(RGB)[:-50], DAMAGED),
        (odd.tiff(RGB, t256=0), DAMAGED),
        (odd.tiff(RGB, t256=(1 << 20) + 1), DAMAGED),
        (odd.tiff(RGB, t256=1 << 20, t257=1 << 20), LARGE),
        (odd.tiff(RGB, tile=(16, 16), t322=1 << 20, t323=1 << 20), LARGE),
        (odd.tiff(RGB, t258=12), DAMAGED),
        (odd.tiff(RGB, t259=6), DAMAGED),
        (odd.tiff(RGB, t262=8), DAMAGED),
        (odd.tiff(RGB, t277=5), DAMAGED),
        (odd.tiff(RGB, t339=3), DAMAGED),
    ],
)
def test_tiff__refused(data, expected):
    assert reason(data) == expected


# WebP


def test_webp__smallest():
    buffer = io.BytesIO()
    Image.new("RGB", (1, 1), (9, 8, 7)).save(buffer, "WEBP", lossless=True)
    np.testing.assert_array_equal(pixels(buffer.getvalue()), [[(9, 8, 7)]])


def test_webp__too_large():
    canvas = b"\0\0\0\0" + (99_999).to_bytes(3, "little") * 2
    data = b"VP8X" + struct.pack("<I", 10) + canvas
    assert reason(b"RIFF" + struct.pack("<I", 4 + len(data)) + b"WEBP" + data) == LARGE
