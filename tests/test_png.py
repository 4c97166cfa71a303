import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from swsss.data.classes import palette
from swsss.data.images import read_mask
from swsss.data.png import encode_grey, encode_mask, write_mask, write_picture

RANDOM = np.random.default_rng(0)
WAVES = np.sin(np.linspace(0, 9, 300))[:, None] * np.cos(np.linspace(0, 7, 400))
SMOOTH = (127 * WAVES + 128).astype(np.uint8)
LABELS = np.zeros((300, 400), np.uint8)
for label in range(1, 21):
    cv2.ellipse(LABELS, RANDOM.integers(0, 400, 2), RANDOM.integers(5, 80, 2), label * 17, 0, 360, label, -1)

MAPS = {
    "one pixel": np.full((1, 1), 255, np.uint8),
    "one row": np.arange(256, dtype=np.uint8)[None],
    "one column": np.arange(256, dtype=np.uint8)[:, None],
    "noise": RANDOM.integers(0, 256, (37, 53), np.uint8),
    "zeros": np.zeros((100, 3), np.uint8),
    "labels": LABELS,
    "labels lying down": LABELS.T,
    "part of a map": SMOOTH[3:200:2, 5:300:3],
    "mirrored": SMOOTH[::-1, ::-1],
}


@pytest.mark.parametrize("name", MAPS)
def test_encode_mask__decodes_to_the_same(name, tmp_path):
    mask = MAPS[name]
    data = encode_mask(mask)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "P"
        assert image.getpalette() == palette().ravel().tolist()
        np.testing.assert_array_equal(np.array(image), mask)
    colours = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(colours, palette()[mask])
    write_mask(tmp_path / "new" / "folder" / "a.png", mask)
    assert (tmp_path / "new" / "folder" / "a.png").read_bytes() == data
    np.testing.assert_array_equal(read_mask(tmp_path / "new" / "folder" / "a.png"), mask)


@pytest.mark.parametrize("name", MAPS)
def test_encode_grey__decodes_to_the_same(name):
    data = encode_grey(MAPS[name])
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.array(image), MAPS[name])
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), MAPS[name])


def chunks(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at = 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(kind + body),)
        yield kind, body
        at += 12 + length


def test_encode_mask__plain_chunks():
    mask = MAPS["noise"]
    found = list(chunks(encode_mask(mask)))
    assert [kind for kind, _ in found] == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert found[0][1] == struct.pack(">2I5B", 53, 37, 8, 3, 0, 0, 0)
    rows = np.frombuffer(zlib.decompress(found[2][1]), np.uint8).reshape(37, 54)
    assert not rows[:, 0].any()
    np.testing.assert_array_equal(rows[:, 1:], mask)


def test_encode_grey__plain_chunks():
    found = list(chunks(encode_grey(SMOOTH)))
    assert [kind for kind, _ in found] == [b"IHDR", b"IDAT", b"IEND"]
    assert found[0][1] == struct.pack(">2I5B", 400, 300, 8, 0, 0, 0, 0)


def test_encode__each_is_small_for_its_own_kind():
    buffer = io.BytesIO()
    Image.fromarray(LABELS).save(buffer, "PNG", compress_level=1)
    assert len(encode_mask(LABELS)) - 768 < 0.8 * buffer.tell()
    assert len(encode_grey(SMOOTH)) < 0.7 * len(encode_mask(SMOOTH))


def test_encode__same_bytes_for_any_layout_in_memory():
    assert encode_mask(np.asfortranarray(LABELS)) == encode_mask(LABELS)
    assert encode_grey(np.asfortranarray(SMOOTH)) == encode_grey(SMOOTH)


def test_write_picture(tmp_path):
    picture = RANDOM.integers(0, 256, (5, 7, 3), np.uint8)
    write_picture(tmp_path / "new" / "a.png", picture)
    with Image.open(tmp_path / "new" / "a.png") as image:
        assert image.mode == "RGB"
        np.testing.assert_array_equal(np.array(image), picture)
