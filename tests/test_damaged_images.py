import io
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from swsss.data.images import decode_image, read_image
from swsss.errors import UserError

# pytest shows what is filtered elsewhere; see test_terminal.py.
pytestmark = pytest.mark.filterwarnings("ignore:(Truncated File|Corrupt EXIF)")

NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
PICTURE = Image.fromarray(cv2.resize(NOISE, (320, 240), interpolation=cv2.INTER_CUBIC))


def encoded(kind, **options):
    buffer = io.BytesIO()
    PICTURE.save(buffer, kind, **options)
    return buffer.getvalue()


def with_thumbnail():
    """A JPEG whose EXIF block holds a whole JPEG, end marker and all."""
    data = encoded("JPEG")
    small = io.BytesIO()
    PICTURE.resize((32, 24)).save(small, "JPEG")
    block = b"Exif\0\0" + struct.pack("<2sHIH2HIHHI", b"II", 42, 8, 1, 0x0112, 3, 1, 6, 0, 0) + small.getvalue()
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]


KINDS = {
    "jpeg": encoded("JPEG"),
    "progressive": encoded("JPEG", progressive=True),
    "thumbnail": with_thumbnail(),
    "png": encoded("PNG"),
    "webp": encoded("WEBP"),
    "lossless webp": encoded("WEBP", lossless=True),
    "bmp": encoded("BMP"),
    "tiff": encoded("TIFF"),
    "lzw tiff": encoded("TIFF", compression="tiff_lzw"),
    "jpeg tiff": encoded("TIFF", compression="jpeg"),
}


def reason(data):
    with pytest.raises(UserError) as caught:
        decode_image(data, "folder/a.jpg")
    told = str(caught.value)
    assert told.startswith("folder/a.jpg cannot be read as an image: ")
    assert told.endswith(".")
    assert "0x" not in told
    assert "\n" not in told
    return told.removeprefix("folder/a.jpg cannot be read as an image: ")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kept", [-1, -2, -3, -20, 0.99, 0.9, 0.5, 0.2, 700, 100, 30, 12])
def test_decode_image__cut_short(kind, kept, capfd):
    data = KINDS[kind]
    assert decode_image(data, "a")[0].shape == (240, 320, 3)
    assert reason(data[: int(len(data) * kept) if isinstance(kept, float) else kept])
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize("kind", ["jpeg", "progressive", "thumbnail"])
def test_decode_image__jpeg_cut_anywhere(kind):
    data = KINDS[kind]
    ends = [*range(2, 2000), *range(2000, len(data), 97), len(data) - 1]
    assert {reason(data[:end]) for end in ends} == {"it is cut short."}


def test_decode_image__thumbnail():
    pixels, orientation = decode_image(KINDS["thumbnail"], "a")
    np.testing.assert_array_equal(pixels, decode_image(KINDS["jpeg"], "a")[0])
    assert orientation == 6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("junk", [b"\0" * 5000, b"\r\n", KINDS["bmp"], KINDS["jpeg"][:900]], ids=len)
def test_decode_image__junk_behind_the_end(kind, junk, capfd):
    pixels, _ = decode_image(KINDS[kind] + junk, "a")
    np.testing.assert_array_equal(pixels, decode_image(KINDS[kind], "a")[0])
    assert "".join(capfd.readouterr()) == ""


def test_decode_image__fill_bytes_before_markers():
    data = KINDS["jpeg"]
    quantization = data.index(b"\xff\xdb")
    filled = data[:quantization] + b"\xff\xff\xff" + data[quantization:]
    np.testing.assert_array_equal(decode_image(filled, "a")[0], decode_image(data, "a")[0])


@pytest.mark.parametrize("at", [0.3, 0.6, 0.9])
def test_decode_image__damaged_png(at, capfd):
    data = bytearray(KINDS["png"])
    data[int(len(data) * at)] ^= 1
    assert reason(bytes(data)) == "it is damaged, or of a kind that cannot be decoded."
    assert "".join(capfd.readouterr()) == ""


def bomb_jpeg():
    data = bytearray(KINDS["jpeg"])
    struct.pack_into(">2H", data, data.index(b"\xff\xc0") + 5, 50_000, 50_000)
    return bytes(data)


def bomb_png():
    header = b"IHDR" + struct.pack(">2I5B", 100_000, 100_000, 8, 2, 0, 0, 0)
    return KINDS["png"][:12] + header + struct.pack(">I", zlib.crc32(header)) + KINDS["png"][33:]


@pytest.mark.parametrize("data", [bomb_jpeg(), bomb_png()], ids=["jpeg", "png"])
def test_decode_image__bomb(data):
    assert reason(data) == "it has more than 178 956 970 pixels."


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "it is empty."),
        (b"<html>404</html>", "unknown format."),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "unknown format."),
        (KINDS["png"][:20], "it is cut short."),
        (KINDS["webp"][:14], "it is damaged, or of a kind that cannot be decoded."),
        (KINDS["jpeg"][:4000] + bytes(9000), "it is cut short."),
        (b"\xff\xd8" + b"text" * 99, "it is cut short."),
    ],
)
def test_decode_image__no_image(data, expected):
    assert reason(data) == expected


def test_decode_image__32_bit_numbers(capfd):
    data = cv2.imencode(".tif", NOISE[..., 0].astype(np.float32))[1].tobytes()
    assert reason(data) == "it is damaged, or of a kind that cannot be decoded."
    assert "".join(capfd.readouterr()) == ""


def huge(path):
    path.touch()
    os.truncate(path, 5 << 30)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "it is a folder"),
        (lambda path: path.touch(), "it is empty"),
        (os.mkfifo, "it is a pipe or a device"),
        (lambda path: path.symlink_to("nowhere.jpg"), "No such file or directory"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
        (huge, "5.0 GiB are more than any picture that can be decoded"),
    ],
)
def test_read_image__no_file(make, expected, tmp_path):
    path = tmp_path / "x y.jpg"
    make(path)
    with pytest.raises(UserError) as caught:
        read_image(path)
    assert str(caught.value) == f"{path} cannot be read as an image: {expected}."


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_read_image__no_permission(tmp_path):
    path = tmp_path / "a.jpg"
    path.touch(0)
    with pytest.raises(UserError, match=r"a\.jpg cannot be read as an image: Permission denied\.$"):
        read_image(path)
