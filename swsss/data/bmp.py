"""BMP files (Windows 3.0 to 5, OS/2 1.0): few lines, and libraries disagree on what is odd in such files."""

import struct
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from swsss.data.headers import CUT_SHORT, UndecodableError, check_size

_CORE, _INFO = 12, 40  # sizes of headers
_NONE, _RUNS_8, _RUNS_4, _FIELDS = range(4)  # compressions
_BITS = {_NONE: (1, 4, 8, 16, 24, 32), _RUNS_8: (8,), _RUNS_4: (4,), _FIELDS: (16, 32)}
_MASKS = {16: (0x7C00, 0x03E0, 0x001F), 32: (0xFF0000, 0x00FF00, 0x0000FF)}

Bytes = npt.NDArray[np.uint8]


class _Header(NamedTuple):
    """What stands before the pixels."""

    width: int
    height: int
    from_above: bool  # whether the first row is the upper one
    bits: int
    packing: int
    colours: int  # entries of the palette, 0 for all there can be
    palette_at: int
    entry: int  # bytes of an entry
    pixels_at: int


def decode_bmp(data: bytes) -> Bytes:
    """Decode a BMP: uint8 RGB [H, W, 3].

    Alpha is dropped. Of parts of a pixel that have more than 8 bits the upper 8 count; shorter ones are filled with
    zeros. What runs skip has colour 0, and colours that the palette does not name are black.

    Args:
        data: The whole file. Anything may follow its end.

    Raises:
        UndecodableError: It is cut short, damaged, too large, or holds another format.
    """
    try:
        header = _read_header(data)
        check_size(header.width, header.height)
        pixels = _by_palette(data, header) if header.bits <= 8 else _by_masks(data, header)
    except struct.error:
        raise UndecodableError(CUT_SHORT) from None
    return np.ascontiguousarray(pixels if header.from_above else pixels[::-1])


def bmp_size(data: bytes) -> tuple[int, int]:
    """Width and height of a BMP, in pixels; `data` may be its beginning.

    Raises:
        UndecodableError: The header is damaged, or of a kind that is not decoded.
        struct.error: It is cut short.
    """
    header = _read_header(data)
    return header.width, header.height


def _read_header(data: bytes) -> _Header:
    pixels_at, size = struct.unpack_from("<2I", data, 10)
    if size == _CORE:
        width, height, _, bits = struct.unpack_from("<4H", data, 18)
        packing, colours = _NONE, 0
    elif size >= _INFO:
        width, height, _, bits, packing, _, _, _, colours = struct.unpack_from("<2i2H2I2iI", data, 18)
    else:
        raise UndecodableError
    if bits not in _BITS.get(packing, ()):
        raise UndecodableError
    return _Header(
        width, abs(height), height < 0, bits, packing, colours, 14 + size, 3 if size == _CORE else 4, pixels_at
    )


def _by_palette(data: bytes, header: _Header) -> Bytes:
    count = min(header.colours or 1 << header.bits, 256)
    entries = np.frombuffer(_part(data, header.palette_at, count * header.entry), np.uint8).reshape(count, -1)
    palette = np.zeros((256, 3), np.uint8)
    palette[:count] = entries[:, 2::-1]
    if header.packing == _NONE:
        rows = _rows(data, header)
        if header.bits < 8:
            rows = np.unpackbits(rows, axis=1).reshape(len(rows), -1, header.bits)
            rows = np.packbits(rows, axis=2)[..., 0] >> np.uint8(8 - header.bits)
        indices = rows[:, : header.width]
    else:
        indices = _Runs(data, header).read()
    return palette[indices]


def _by_masks(data: bytes, header: _Header) -> Bytes:
    rows = _rows(data, header)
    size = header.bits // 8
    pixels = rows[:, : header.width * size].reshape(header.height, header.width, size)
    if header.bits == 24:
        return pixels[..., ::-1]
    masks = struct.unpack_from("<3I", data, 14 + _INFO) if header.packing == _FIELDS else _MASKS[header.bits]
    whole = np.ascontiguousarray(pixels).view("<u2" if size == 2 else "<u4")[..., 0]
    return np.stack([_channel(whole, mask) for mask in masks], axis=2)


def _channel(pixels: npt.NDArray[np.integer], mask: int) -> Bytes:
    """The bits of a mask as the upper ones of 8."""
    shift = mask.bit_length() - 8
    part = pixels & pixels.dtype.type(mask & (1 << 8 * pixels.itemsize) - 1)
    return (part >> shift if shift > 0 else part << -shift).astype(np.uint8)


def _rows(data: bytes, header: _Header) -> Bytes:
    stride = (header.width * header.bits + 31) // 32 * 4
    rows = _part(data, header.pixels_at, header.height * stride)
    return np.frombuffer(rows, np.uint8).reshape(header.height, stride)


def _part(data: bytes, start: int, count: int) -> memoryview:
    if start + count > len(data):
        raise UndecodableError(CUT_SHORT)
    return memoryview(data)[start : start + count]


class _Runs:
    """Run lengths of 8 or 4 bits a pixel. A full row ends by itself; nothing may go beyond its row."""

    def __init__(self, data: bytes, header: _Header) -> None:
        self._data = data
        self._at = header.pixels_at
        self._four = header.packing == _RUNS_4
        self._indices = np.zeros((header.height, header.width), np.uint8)
        self._row = self._column = 0

    def read(self) -> Bytes:
        """The indices, uint8 [H, W], the first row first."""
        height, width = self._indices.shape
        while self._row < height - (self._column == width):
            count, code = self._take(2)
            if count:
                self._put(count, np.array([code >> 4, code & 15] if self._four else [code], np.uint8))
            elif code > 2:
                # Literal pixels come in an even number of bytes.
                literal = self._take(((code + 1) // 2 if self._four else code) + 1 & ~1)
                pixels = np.frombuffer(literal, np.uint8)
                self._put(code, np.stack([pixels >> 4, pixels & 15], axis=1).ravel() if self._four else pixels)
            elif code == 2:
                right, down = self._take(2)
                self._column += right
                self._row += down
                if self._column > width or self._row > height:
                    raise UndecodableError
            elif code == 1:
                break
            else:
                self._row, self._column = self._row + 1, 0
        return self._indices

    def _take(self, count: int) -> memoryview:
        taken = _part(self._data, self._at, count)
        self._at += count
        return taken

    def _put(self, count: int, pixels: Bytes) -> None:
        """Put so many pixels, over and over."""
        if self._column == self._indices.shape[1]:
            self._row, self._column = self._row + 1, 0
        end = self._column + count
        if end > self._indices.shape[1]:
            raise UndecodableError
        self._indices[self._row, self._column : end] = np.resize(pixels, count)
        self._column = end
