"""What is read from image files without decoding them: the size of a JPEG, whether it is whole, EXIF orientation."""

import re
import struct
from typing import NamedTuple

MAX_PIXELS = 178_956_970  # Pillow's limit
CUT_SHORT = "it is cut short"
# One sentence for all damage, and no library's words: what is told of a file is the same, whatever decodes it.
DAMAGED = "it is damaged, or of a kind that cannot be decoded"

_ORIENTATION, _LONG = 0x0112, 4
_START_OF_SCAN, _EXIF, _LOSSLESS = 0xDA, 0xE1, 0xC3
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15; three of these codes mean something else
_SHORTEST = 10  # bytes of a start of scan and the end behind it
_END = b"\xff\xd9"
# In the header, these have a length; among the pixels, 0xFF is followed by 0 or a restart, unless they end.
_SEGMENT = re.compile(rb"\xff([^\x00\x01\xff\xd0-\xd8])")
_STEP = 1 << 18
_MOST_SCANS, _MOST_SEGMENTS = 200, 10_000
"""Of a JPEG. Real ones have a dozen scans, and decoders go through the whole picture for each."""


class UndecodableError(ValueError):
    """Why a file cannot be decoded, in words that a user is told."""

    def __init__(self, reason: str = DAMAGED) -> None:
        super().__init__(reason)


def check_size(width: int, height: int) -> None:
    """Refuse a picture without pixels, or with more than can be decoded.

    Raises:
        UndecodableError: It is such a picture.
    """
    if width <= 0 or height <= 0:
        raise UndecodableError
    if width * height > MAX_PIXELS:
        raise UndecodableError(f"it has more than {MAX_PIXELS:,} pixels".replace(",", " "))


class JpegHeader(NamedTuple):
    """Width and height in pixels as stored, and the EXIF orientation, 1 to 8."""

    width: int
    height: int
    orientation: int


def read_jpeg_header(data: bytes, *, whole: bool = True) -> JpegHeader:
    """Read what stands before the pixels of a JPEG, and make sure that its end is there.

    Only the marker that ends a JPEG tells a whole file from one cut short: where the pixels end without it, decoders
    differ, and some return a picture that is grey from there on.

    Args:
        data: The whole file. Anything may follow its end.
        whole: Whether the end must be there; without it, `data` may be the beginning of a file.

    Raises:
        UndecodableError: It is cut short, no JPEG, a lossless one, or made to keep decoders busy for hours.
    """
    width = height = 0
    orientation = None
    at = 2
    for _ in range(_MOST_SEGMENTS):
        found = _next_segment(data, at)
        if found is None or found.start() > len(data) - _SHORTEST:
            break
        at = found.start()
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker == _START_OF_SCAN:
            if whole and data.rfind(_END, at) < 0:
                break
            if whole:
                _check_scans(data, at)
            return JpegHeader(width, height, orientation or 1)
        if marker == _LOSSLESS:  # only the newest libjpeg-turbo decodes them
            raise UndecodableError
        if marker in _FRAMES:
            height, width = struct.unpack_from(">2H", data, at + 5)
        elif marker == _EXIF and orientation is None and data.startswith(b"Exif\0\0", at + 4):
            orientation = exif_orientation(data[at + 4 : at + 2 + length])
        at += 2 + length
    raise UndecodableError(CUT_SHORT)


def _next_segment(data: bytes, at: int) -> re.Match[bytes] | None:
    for start in range(at, len(data), _STEP):  # other threads can run in between
        if found := _SEGMENT.search(data, start, start + _STEP + 1):
            return found
    return None


def _check_scans(data: bytes, at: int) -> None:
    """See that the pixels of a JPEG, which begin at `at`, come in no more scans than anybody needs."""
    scans = 0
    for _ in range(_MOST_SEGMENTS):
        found = _next_segment(data, at)
        if found is None or found[0] == _END:
            return
        scans += found[1][0] == _START_OF_SCAN
        if scans > _MOST_SCANS:
            break
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
    raise UndecodableError


def webp_size(data: bytes) -> tuple[int, int]:
    """Width and height of a WebP, in pixels: of its canvas, where it has one.

    Args:
        data: The file, or its beginning. Nothing in it is trusted.

    Raises:
        UndecodableError: It begins with something else than a picture.
        struct.error: It is cut short.
    """
    kind = data[12:16]
    if kind == b"VP8X":
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", data, 24)
        return 1 + low_width + (high_width << 16), 1 + low_height + (high_height << 16)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<2H", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise UndecodableError


def exif_orientation(block: bytes) -> int:
    """Find the orientation, 1 to 8, in an EXIF block (EXIF 2.32, tag 0x0112); 1 where it says none.

    Args:
        block: With or without the leading `Exif`; nothing in it is trusted.
    """
    block = block.removeprefix(b"Exif\0\0")
    order = "<" if block[:2] == b"II" else ">"
    try:
        (start,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "2H", block, entry)
            if tag == _ORIENTATION:
                (value,) = struct.unpack_from(order + ("I" if kind == _LONG else "H"), block, entry + 8)
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1
