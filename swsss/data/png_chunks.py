"""PNG files reduced to what their picture needs, and seen to be whole.

Pillow does not check the checksums of pixels, and refuses whole files for a colour profile or a text it does not like.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from swsss.data.headers import CUT_SHORT, UndecodableError, check_size, exif_orientation

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NEEDED = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_MOST_CHUNKS = 200_000
"""Of a file; encoders put 8 KiB or more into one."""


class ReducedPng(NamedTuple):
    """A PNG of header, palette and pixels, and the EXIF orientation (1 to 8), wherever in the file it was."""

    file: bytes
    orientation: int


def reduced_png(data: bytes) -> ReducedPng:
    """Reduce a PNG to its header, palette and pixels.

    Chunks that hold no pixels may be damaged; the others may not.

    Args:
        data: The whole file. Anything may follow its end.

    Raises:
        UndecodableError: It is cut short, damaged, or too large.
    """
    needed, orientation = [PNG_SIGNATURE], None
    for number, (kind, chunk) in enumerate(_chunks(data)):
        if (kind == b"IHDR") != (number == 0) or number >= _MOST_CHUNKS:
            # A second header may promise another size than the first.
            raise UndecodableError
        sound = zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])
        if kind in _NEEDED:
            if not sound:
                raise UndecodableError
            if kind == b"IHDR" and len(chunk) == 25:
                check_size(*struct.unpack_from(">2I", chunk, 8))
            needed.append(chunk)
        elif kind == b"eXIf" and orientation is None and sound:
            orientation = exif_orientation(chunk[8:-4])
    return ReducedPng(b"".join(needed), orientation or 1)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and bytes (length, kind, data, checksum) of every chunk up to the last one, which must be there."""
    at, kind = len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        end = at + 12 + int.from_bytes(data[at : at + 4])
        if end > len(data):
            raise UndecodableError(CUT_SHORT)
        kind = data[at + 4 : at + 8]
        yield kind, data[at:end]
        at = end
