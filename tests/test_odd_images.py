"""What is odd about a file, and what `swsss.data.images` makes of it."""

import io
import struct

import numpy as np
import odd_images as odd
import pytest
from PIL import Image

from swsss.data.images import decode_image, orient, read_mask
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


def by_pillow(data):
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


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


INDEXED = odd.png_header(14, 11, 8, 3)
BLACK = np.zeros_like(RGB)


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ((HEADER, ROWS), CUT),
        ((HEADER, ROWS, odd.PNG_END[:-1]), CUT),
        ((HEADER, odd.PNG_END), DAMAGED),
        ((ROWS, HEADER, odd.PNG_END), DAMAGED),
        ((HEADER, ROWS[:-1] + b"?", odd.PNG_END), DAMAGED),
        ((HEADER, ROWS, odd.png_chunk(b"IEND", b"", damaged=True)), DAMAGED),
        ((odd.png_header(14, 12), ROWS, odd.PNG_END), DAMAGED),
        ((odd.png_header(14, 13), odd.png_pixels(BLACK), odd.PNG_END), DAMAGED),
        ((odd.png_header(14, 11, interlace=1), odd.png_pixels(BLACK[:9]), odd.PNG_END), DAMAGED),
        ((odd.png_header(14, 11, 3), ROWS, odd.PNG_END), DAMAGED),
        ((odd.png_header(14, 11, interlace=2), ROWS, odd.PNG_END), DAMAGED),
        ((odd.png_header(0, 11), ROWS, odd.PNG_END), DAMAGED),
        ((odd.png_header(1 << 20, 1 << 20), ROWS, odd.PNG_END), LARGE),
        ((INDEXED, odd.png_pixels(INDICES), odd.PNG_END), DAMAGED),
        ((INDEXED, odd.png_pixels(INDICES), odd.png_chunk(b"PLTE", bytes(6)), odd.PNG_END), DAMAGED),
        ((INDEXED, odd.png_chunk(b"PLTE", bytes(7)), odd.png_pixels(INDICES), odd.PNG_END), DAMAGED),
    ],
)
def test_png__refused(chunks, expected, tmp_path):
    assert reason(odd.png(*chunks)) == expected
    (tmp_path / "a.png").write_bytes(odd.png(*chunks))
    with pytest.raises(UserError, match=f"cannot be read as a mask: {expected}"):
        read_mask(tmp_path / "a.png")


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


MASKS = {
    "565": (16, (0xF800, 0x07E0, 0x001F)),
    "555": (16, (0x7C00, 0x03E0, 0x001F)),
    "444": (16, (0x0F00, 0x00F0, 0x000F)),
    "rgbx": (32, (0xFF, 0xFF00, 0xFF0000)),
    "xrgb": (32, (0xFF00, 0xFF0000, 0xFF000000)),
    "10 bits": (32, (0x3FF00000, 0xFFC00, 0x3FF)),
    "no blue": (32, (0xFF, 0xFF00, 0)),
}


@pytest.mark.parametrize("size", [40, 52, 56, 108, 124])
@pytest.mark.parametrize("name", MASKS)
def test_bmp__masks(name, size):
    bits, masks = MASKS[name]
    stored = RANDOM.integers(0, 1 << bits, (4, 6), np.uint64)
    expected = np.zeros((4, 6, 3), np.uint8)
    for (row, column, channel), _ in np.ndenumerate(expected):
        digits = f"{int(stored[row, column]) & masks[channel]:032b}"[32 - masks[channel].bit_length() :][:8]
        expected[row, column, channel] = int(digits.ljust(8, "0"), 2)
    data = odd.bmp(
        6, -4, bits, 3, stored.astype(f"<u{bits // 8}").tobytes(), masks=struct.pack("<3I", *masks), size=size
    )
    if size == 40:
        at = 10
        data = data[:at] + struct.pack("<I", 66) + data[at + 4 :]
    np.testing.assert_array_equal(pixels(data), expected)


def runs(bits, height, *codes, palette=PALETTE):
    return odd.bmp(5, height, bits, 1 if bits == 8 else 2, bytes(codes), palette[: 1 << bits].tobytes())


# From below: 3 × colour 7, 2 × colour 0; a row of literal pixels; a jump; a run; the end.
RUNS_8 = (3, 7, 0, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0, 0, 2, 1, 0, 2, 9, 0, 1)
RUNS_4 = (3, 0x77, 0, 0, 0, 5, 0x12, 0x34, 0x50, 0, 0, 0, 0, 2, 1, 0, 2, 0x99, 0, 1)
RUN_INDICES = [[0] * 5, [0, 9, 9, 0, 0], [1, 2, 3, 4, 5], [7, 7, 7, 0, 0]]


@pytest.mark.parametrize(("bits", "codes"), [(8, RUNS_8), (4, RUNS_4)])
def test_bmp__runs(bits, codes):
    np.testing.assert_array_equal(pixels(runs(bits, 4, *codes)), COLOURS[RUN_INDICES])
    rows_that_end_by_themselves = runs(bits, -2, 5, 0x33, 5, 0x33)
    expected = np.broadcast_to(COLOURS[0x33 if bits == 8 else 3], (2, 5, 3))
    np.testing.assert_array_equal(pixels(rows_that_end_by_themselves), expected)
    alternating = runs(4, -1, 5, 0x12)
    np.testing.assert_array_equal(pixels(alternating), COLOURS[[[1, 2, 1, 2, 1]]])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (runs(8, 4, 6, 1), DAMAGED),
        (runs(8, 4, 0, 6, 1, 2, 3, 4, 5, 6), DAMAGED),
        (runs(8, 4, 0, 2, 6, 0), DAMAGED),
        (runs(8, 4, 0, 2, 0, 5), DAMAGED),
        (runs(8, 4, 5, 1, 0, 0), CUT),
        (runs(4, 4, 0, 5, 1, 2), CUT),
        (runs(8, 4, 0), CUT),
        (odd.bmp(14, 11, 8, 0, bytes(16 * 11 - 1), bytes(1024)), CUT),
        (odd.bmp(14, 11, 24, 0, bytes(44 * 11 - 1)), CUT),
        (odd.bmp(14, 11, 24, 0, bytes(44 * 11))[:40], CUT),
        (odd.bmp(14, 11, 24, 0, bytes(44 * 11))[:17], CUT),
        (odd.bmp(0, 11, 24, 0, bytes(44 * 11)), DAMAGED),
        (odd.bmp(-14, 11, 24, 0, bytes(44 * 11)), DAMAGED),
        (odd.bmp(14, 11, 2, 0, bytes(44 * 11)), DAMAGED),
        (odd.bmp(14, 11, 24, 4, bytes(44 * 11)), DAMAGED),
        (odd.bmp(14, 11, 24, 0, bytes(44 * 11), size=41)[:18] + bytes(99), DAMAGED),
        (odd.bmp(1 << 16, -(1 << 16), 24, 0, b""), LARGE),
        (odd.bmp(1, -(1 << 31), 24, 0, b""), LARGE),
    ],
)
def test_bmp__refused(data, expected):
    assert reason(data) == expected


# GIF


FLAT = COLOURS.tobytes()


@pytest.mark.parametrize("bits", [2, 5, 8])
def test_gif__picture_on_its_screen(bits):
    indices = INDICES >> (8 - bits)
    palette = COLOURS[: 1 << bits].tobytes()
    expected = np.full((20, 30), 3)
    expected[4:15, 7:21] = indices
    data = odd.gif((30, 20), (7, 4), indices, palette, before=odd.transparent_gif(3), bits=bits)
    np.testing.assert_array_equal(pixels(data), COLOURS[expected])
    np.testing.assert_array_equal(by_pillow(data), COLOURS[expected])
    assert (pixels(odd.gif((30, 20), (7, 4), indices, palette, bits=bits))[0, 0] == COLOURS[0]).all()


def test_gif__screen_grows():
    data = odd.gif((3, 20), (1, 0), INDICES, FLAT)
    assert pixels(data).shape == (20, 15, 3)
    np.testing.assert_array_equal(pixels(data)[:11, 1:], COLOURS[INDICES])


def test_gif__own_palette_and_none():
    own = COLOURS[::-1].tobytes()
    np.testing.assert_array_equal(pixels(odd.gif((14, 11), (0, 0), INDICES, FLAT, own)), COLOURS[::-1][INDICES])
    np.testing.assert_array_equal(pixels(odd.gif((14, 11), (0, 0), INDICES)), np.dstack([INDICES] * 3))
    few = np.where((INDICES < 4)[..., None], COLOURS[INDICES], 0)
    np.testing.assert_array_equal(pixels(odd.gif((14, 11), (0, 0), INDICES, COLOURS[:4].tobytes())), few)


def test_gif__interlaced():
    order = [*range(0, 11, 8), *range(4, 11, 8), *range(2, 11, 4), *range(1, 11, 2)]
    data = odd.gif((14, 11), (0, 0), INDICES[order], FLAT, interlace=True)
    np.testing.assert_array_equal(pixels(data), COLOURS[INDICES])


def test_gif__what_stands_between():
    comment = b"!\xfe\3abc\1d\0"
    data = odd.gif((14, 11), (0, 0), INDICES, FLAT, before=b"\0\0" + comment + b"!\xff\0" + comment)
    np.testing.assert_array_equal(pixels(data), COLOURS[INDICES])


WHOLE = odd.gif((14, 11), (0, 0), INDICES, FLAT)[:-1]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        *((WHOLE[:end], CUT) for end in (6, 12, 13, 700, 781, 782, 792, 900, -1)),
        (odd.gif((14, 12), (0, 0), np.empty((0, 14), np.uint8), FLAT), DAMAGED),
        (odd.gif((14, 11), (0, 0), INDICES, FLAT, before=b";"), DAMAGED),
        (WHOLE.replace(struct.pack("<2H", 14, 11) + b"\0\x08", struct.pack("<2H", 14, 12) + b"\0\x08"), DAMAGED),
        (WHOLE.replace(struct.pack("<2H", 14, 11) + b"\0\x08", struct.pack("<2H", 14, 11) + b"\0\x09"), DAMAGED),
        (odd.gif((65535, 65535), (0, 0), INDICES, FLAT), LARGE),
    ],
)
def test_gif__refused(data, expected):
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
