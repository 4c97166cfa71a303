"""What is read from a GIF before Pillow sees it (GIF89a): that its first picture is near, and as large as it says."""

import struct

from swsss.data.headers import CUT_SHORT, UndecodableError

_EXTENSION, _PICTURE, _END = 0x21, 0x2C, 0x3B
_MOST_BLOCKS = 10_000
"""Before the first picture; real files have a dozen. Pillow keeps what they say, and copies it for each."""


def check_gif(data: bytes) -> None:
    """See that the first picture of a GIF comes soon, and does not reach beyond the size that the header tells.

    Args:
        data: The whole file.

    Raises:
        UndecodableError: It does not, or the file is cut short.
    """
    try:
        _check_picture(data, _first_picture(data))
    except (IndexError, struct.error):
        raise UndecodableError(CUT_SHORT) from None


def _first_picture(data: bytes) -> int:
    """Where its descriptor begins, behind the separator."""
    flags = data[10]
    at, extension = 13 + (3 << (1 + (flags & 7)) if flags & 0x80 else 0), False
    for _ in range(_MOST_BLOCKS):
        kind = data[at]
        if extension:  # its parts, each with a size in front, up to an empty one
            at, extension = at + 1 + kind, kind > 0
        elif kind == _PICTURE:
            return at + 1
        elif kind == _END:
            break
        else:  # what is neither is passed over, as Pillow does
            at, extension = at + (2 if kind == _EXTENSION else 1), kind == _EXTENSION
    raise UndecodableError


def _check_picture(data: bytes, at: int) -> None:
    width, height = struct.unpack_from("<2H", data, 6)
    left, top, own_width, own_height = struct.unpack_from("<4H", data, at)
    if left + own_width > width or top + own_height > height:
        raise UndecodableError
