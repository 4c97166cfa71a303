"""Images that are made to keep a decoder busy, or to make it take memory that their header does not tell."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from swsss.data.image_size import read_image_size
from swsss.data.images import decode_image
from swsss.errors import UserError


def saved(kind, **options):
    target = io.BytesIO()
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(target, kind, **options)
    return target.getvalue()


def chunk(kind, data=b""):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpeg_with_scans(count):
    """A progressive JPEG whose last scan comes again and again."""
    data = saved("JPEG", progressive=True)
    last = data[data.rfind(b"\xff\xda") : -2]
    return data[:-2] + last * count + data[-2:]


def jpeg_with(segments):
    data = saved("JPEG")
    return data[:2] + segments + data[2:]


def png_with(chunks):
    data = saved("PNG")
    return data[:33] + chunks + data[33:]


def gif(frame, comments=b""):
    table = b"\0\0\0\xff\xff\xff"
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + table + comments
    return head + b"," + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02\x02\x44\x01\0;"


def tiff_with_tile(width, height):
    entries = [(256, 64), (257, 8), (258, 8), (259, 1), (262, 1), (277, 1)]
    entries += [(322, width), (323, height), (324, 8), (325, 1 << 28)]
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + rows + b"\0" * 4


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(jpeg_with_scans(1000), id="scans"),
        pytest.param(jpeg_with(b"\xff\xfe\0\2" * 2_000_000), id="segments"),
        pytest.param(png_with(chunk(b"IHDR", struct.pack(">IIBBBBB", 9000, 9000, 8, 0, 0, 0, 0))), id="second-header"),
        pytest.param(png_with(chunk(b"IDAT") * 1_000_000), id="chunks"),
        pytest.param(gif((65535, 2700)), id="frame"),
        pytest.param(gif((1, 1), b"!\xfe\1a\0" * 1_000_000), id="comments"),
        pytest.param(tiff_with_tile(1 << 17, 1365), id="tile"),
        pytest.param(b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 2_000_000) + b"\0" * 40_000_008, id="entries"),
    ],
)
def test_decode_image__refused_at_once(data):
    started = time.process_time()
    with pytest.raises(UserError, match=r"it is damaged|cut short"):
        decode_image(data, "The image")
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(jpeg_with_scans(20), id="scans"),
        pytest.param(jpeg_with(b"\xff" * 20_000_000), id="fill-bytes"),
        pytest.param(jpeg_with(b"\xff\1" * 10_000_000), id="bare-markers"),
        pytest.param(jpeg_with(b"\xff\xfe\0\2" * 2000), id="segments"),
        pytest.param(gif((1, 1), b"!\xfe\1a\0" * 1000), id="comments"),
    ],
)
def test_decode_image__odd_but_sound(data):
    started = time.process_time()
    assert decode_image(data, "The image")[0].shape[2] == 3
    assert time.process_time() - started < 2


def test_read_image_size__unknown_content_is_not_read_whole(tmp_path):
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    started = time.process_time()
    with pytest.raises(UserError, match="unknown format"):
        read_image_size(path)
    assert time.process_time() - started < 0.2
