"""What is read from a TIFF before libtiff sees it (TIFF 6.0, and BigTIFF): whether it is of a kind that is decoded."""

import struct
from typing import NamedTuple

from swsss.data.headers import CUT_SHORT, UndecodableError, check_size

_WIDTH, _HEIGHT, _BITS, _PACKING, _PHOTOMETRIC = 256, 257, 258, 259, 262
_ORIENTATION, _SAMPLES, _ROWS, _TILE_WIDTH, _TILE_HEIGHT, _EXTRA, _FORMAT = 274, 277, 278, 322, 323, 338, 339
_IGNORED = 65000  # a private tag
_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
# Photometric interpretation -> (samples of a pixel, bits of a sample).
_KINDS = {
    0: ((1, 2), (1, 8, 16)),  # grey, 0 is white
    1: ((1, 2), (1, 8, 16)),  # grey, 0 is black
    2: ((3, 4), (8, 16)),  # RGB
    3: ((1,), (1, 4, 8)),  # indexed
    5: ((4,), (8,)),  # CMYK
    6: ((3,), (8,)),  # YCbCr
}
# None, CCITT, LZW, JPEG, deflate, PackBits, deflate as it once was.
_PACKINGS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
_UNSIGNED, _SIGNED = 1, 2
_LONGEST = 1 << 20  # pixels of a side that OpenCV decodes
_LARGE_TILE = 1 << 24  # pixels; a larger one is made for its picture
_MOST_ENTRIES = 0xFFFF  # as many as there are tags


class Tiff(NamedTuple):
    """A TIFF whose decoder need know nothing of alpha and orientation, and that orientation."""

    data: bytes
    orientation: int


def plain_tiff(data: bytes) -> Tiff:
    """Refuse what is not decoded, and hide three tags of the first picture.

    They say what alpha means, how to turn the picture, and how many rows a strip has where these are more than there
    are: decoders multiply alpha into the colours, turn some pictures in part, and refuse long strips.

    Args:
        data: The whole file.

    Raises:
        UndecodableError: It is cut short, damaged, too large, or of another kind.
    """
    try:
        directory = _Directory(data)
    except struct.error:
        raise UndecodableError(CUT_SHORT) from None
    width, height = directory.value(_WIDTH, 0), directory.value(_HEIGHT, 0)
    check_size(width, height)
    tile = directory.value(_TILE_WIDTH, 1), directory.value(_TILE_HEIGHT, 1)
    check_size(*tile)
    if tile[0] * tile[1] > max(_LARGE_TILE, 2 * width * height):
        raise UndecodableError
    samples, bits = _KINDS.get(directory.value(_PHOTOMETRIC, -1), ((), ()))
    known = (
        max(width, height) <= _LONGEST
        and directory.value(_SAMPLES, 1) in samples
        and directory.value(_BITS, 1) in bits
        and directory.value(_PACKING, 1) in _PACKINGS
        and directory.value(_FORMAT, _UNSIGNED) in {_UNSIGNED, _SIGNED}
    )
    if not known:
        raise UndecodableError
    orientation = directory.value(_ORIENTATION, 1)
    hidden = {_ORIENTATION, _EXTRA} if 1 <= directory.value(_ROWS, 1) <= height else {_ORIENTATION, _EXTRA, _ROWS}
    return Tiff(directory.without(hidden), orientation if 1 <= orientation <= 8 else 1)


def tiff_size(data: bytes) -> tuple[int, int]:
    """Width and height of the first picture of a TIFF, in pixels; `data` may be its beginning.

    Raises:
        UndecodableError: The header is cut short or damaged.
        struct.error: It is cut short.
    """
    directory = _Directory(data)
    return directory.value(_WIDTH, 0), directory.value(_HEIGHT, 0)


class _Directory:
    """The first directory of a TIFF: numbers by tag. Nothing in it is trusted."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._order = "<" if data[:2] == b"II" else ">"
        (version,) = self._unpack("H", 2)
        self._big = version == 43
        (start,) = self._unpack("Q", 8) if self._big else self._unpack("I", 4)
        (count,) = self._unpack("Q" if self._big else "H", start)
        size, first = (20, start + 8) if self._big else (12, start + 2)
        if count > _MOST_ENTRIES:
            raise UndecodableError
        if first + count * size > len(data):
            raise UndecodableError(CUT_SHORT)
        self._entries: dict[int, list[int]] = {}
        for at in range(first, first + count * size, size):
            self._entries.setdefault(self._unpack("H", at)[0], []).append(at)

    def value(self, tag: int, default: int) -> int:
        """The first number of a tag."""
        if tag not in self._entries:
            return default
        at = self._entries[tag][0]
        kind, count = self._unpack("HQ" if self._big else "HI", at + 2)
        letter = _TYPES.get(kind)
        if letter is None or count == 0:
            raise UndecodableError
        inline, word = (8, "Q") if self._big else (4, "I")
        at += 12 if self._big else 8
        try:
            if count * struct.calcsize("<" + letter) > inline:
                (at,) = self._unpack(word, at)
            (number,) = self._unpack(letter, at)
        except (struct.error, OverflowError):
            raise UndecodableError(CUT_SHORT) from None
        return int(number)

    def without(self, tags: set[int]) -> bytes:
        """The file with another tag in the place of some."""
        places = [at for tag in tags for at in self._entries.get(tag, [])]
        if not places:
            return self._data
        changed = bytearray(self._data)
        for at in places:
            struct.pack_into(self._order + "H", changed, at, _IGNORED)
        return bytes(changed)

    def _unpack(self, layout: str, at: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(self._order + layout, self._data, at)
        except OverflowError:  # an offset beyond what can be addressed
            raise UndecodableError(CUT_SHORT) from None
