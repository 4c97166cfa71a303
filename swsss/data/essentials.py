"""PNG and GIF files reduced to what their first picture needs.

What else may stand in such a file, and what may be odd about it, is decided here, by one rule for every decoder.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from swsss.data.headers import CUT_SHORT, UndecodableError, check_size, exif_orientation

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER, _PALETTE, _PIXELS, _END, _EXIF = b"IHDR", b"PLTE", b"IDAT", b"IEND", b"eXIf"
_CRITICAL = frozenset({_HEADER, _PALETTE, _PIXELS, _END})
_HEADER_LAYOUT = ">2I5B"
_INDEXED = 3
# By colour type (PNG specification, 11.2.2): samples of a pixel, bits of a sample.
_SAMPLES = {0: 1, 2: 3, _INDEXED: 1, 4: 2, 6: 4}
_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), _INDEXED: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
# Passes of interlaced pictures: first row and column, distance of rows and columns (8.2).
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
_GREYS = bytes(value for grey in range(256) for value in (grey, grey, grey))


class EssentialPng(NamedTuple):
    """A PNG of header, palette and pixels."""

    file: bytes
    orientation: int  # EXIF orientation, 1 to 8, wherever it stands
    header: tuple[int, ...]
    packed: bytes  # pixels

    def is_complete(self) -> bool:
        """Whether there are pixels for all rows. It is as much work as decoding.

        Raises:
            zlib.error: The pixels are damaged.
        """
        width, height, bits, colour_type, _, _, interlaced = self.header
        passes = _PASSES if interlaced else ((0, 0, 1, 1),)
        length = 0
        for row, column, down, across in passes:
            rows, columns = len(range(row, height, down)), len(range(column, width, across))
            length += rows * (1 + (columns * bits * _SAMPLES[colour_type] + 7) // 8) if columns else 0
        return len(zlib.decompressobj().decompress(self.packed, length)) == length

    @property
    def interlaced(self) -> bool:
        """Whether rows are stored in another order."""
        return bool(self.header[6])


class Chunk(NamedTuple):
    """A chunk of a PNG, and whether its checksum is right."""

    kind: bytes
    data: bytes
    sound: bool


def essential_png(data: bytes) -> EssentialPng:
    """Reduce a PNG to its header, palette and pixels.

    Chunks that hold no pixels matter to nobody here, so they may be damaged; the others may not. Colours that the
    palette does not name are black.

    Args:
        data: The whole file. Anything may follow its end.

    Raises:
        UndecodableError: It is cut short, damaged, or too large.
    """
    chunks = _chunks(data)
    header = _read_header(next(chunks))
    _, _, bits, colour_type, *_ = header
    palette, pixels, orientation = None, [], None
    for kind, body, sound in chunks:
        if kind in _CRITICAL and not sound:
            raise UndecodableError
        if kind == _PIXELS:
            pixels.append(body)
        elif kind == _PALETTE and palette is None and not pixels:
            palette = body
        elif kind == _EXIF and orientation is None and sound:
            orientation = exif_orientation(body)
    parts = [PNG_SIGNATURE, _packed(_HEADER, struct.pack(_HEADER_LAYOUT, *header))]
    if colour_type == _INDEXED:
        if not palette or len(palette) % 3 or len(palette) > 768:
            raise UndecodableError
        room = 3 << bits
        parts.append(_packed(_PALETTE, palette[:room].ljust(room, b"\0")))
    packed = b"".join(pixels)
    parts += [_packed(_PIXELS, packed), _packed(_END, b"")]
    return EssentialPng(b"".join(parts), orientation or 1, header, packed)


def png_size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG, in pixels; `data` may be its beginning.

    Raises:
        UndecodableError: The header is cut short, damaged, or says that it is too large.
    """
    width, height, *_ = _read_header(next(_chunks(data)))
    return width, height


def _chunks(data: bytes) -> Iterator[Chunk]:
    """The chunks up to the last one, which must be there."""
    view = memoryview(data)
    at, kind = len(PNG_SIGNATURE), b""
    while kind != _END:
        end = at + 12 + int.from_bytes(data[at : at + 4])
        if end > len(data):
            raise UndecodableError(CUT_SHORT)
        kind = data[at + 4 : at + 8]
        yield Chunk(
            kind, data[at + 8 : end - 4], zlib.crc32(view[at + 4 : end - 4]) == int.from_bytes(view[end - 4 : end])
        )
        at = end


def _read_header(chunk: Chunk) -> tuple[int, ...]:
    if chunk.kind != _HEADER or not chunk.sound or len(chunk.data) != 13:
        raise UndecodableError
    header = struct.unpack(_HEADER_LAYOUT, chunk.data)
    width, height, bits, colour_type, packing, filters, interlace = header
    if bits not in _BITS.get(colour_type, ()) or packing or filters or interlace > 1:
        raise UndecodableError
    check_size(width, height)
    return header


def _packed(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


class _Blocks:
    """Reads a GIF from its beginning on; its end may not come first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) < count:
            raise UndecodableError(CUT_SHORT)
        self._at += count
        return taken

    def blocks(self) -> list[bytes]:
        """Blocks that say how long they are, up to an empty one."""
        found = []
        while count := self.take(1)[0]:
            found.append(self.take(count))
        return found


def essential_gif(data: bytes) -> bytes:
    """Reduce a GIF to its first picture: one palette of 256 colours, one picture on its screen.

    The screen grows to hold the picture; what the picture leaves of it has the transparent colour, or colour 0. Colours
    that the palette does not name are black; without any palette they are grey.

    Args:
        data: The whole file. Anything may follow the first picture.

    Raises:
        UndecodableError: It is cut short, damaged, or too large.
    """
    file = _Blocks(data)
    screen, (left, top, width, height), flags, palette, transparent = _gif_header(file)
    palette = file.take(_palette_size(flags)) or palette
    bits = file.take(1)[0]
    pixels = file.blocks()
    if not (width and height and 1 <= bits <= 8):
        raise UndecodableError
    check_size(*screen)
    parts = [
        struct.pack("<6s2H3B", b"GIF89a", *screen, 0xF7, 0, 0),
        palette.ljust(768, b"\0") if palette else _GREYS,
        struct.pack("<8B", 0x21, 0xF9, 4, 1, 0, 0, transparent, 0),
        struct.pack("<B4H2B", 0x2C, left, top, width, height, flags & 0x40, bits),
        *(bytes([len(block)]) + block for block in pixels),
        b"\0;",
    ]
    return b"".join(parts)


def gif_size(data: bytes) -> tuple[int, int]:
    """Width and height of a GIF, in pixels, as `essential_gif` makes it; `data` may be its beginning.

    Raises:
        UndecodableError: The header is cut short or damaged.
    """
    return _gif_header(_Blocks(data)).screen


class _GifHeader(NamedTuple):
    """What stands before the first picture of a GIF and its palette."""

    screen: tuple[int, int]  # width and height, grown to hold the picture
    picture: tuple[int, int, int, int]  # left, top, width, height
    flags: int  # of the picture
    palette: bytes  # of the screen
    transparent: int


def _gif_header(file: "_Blocks") -> _GifHeader:
    file.take(6)
    screen_width, screen_height, flags, _, _ = struct.unpack("<2H3B", file.take(7))
    palette = file.take(_palette_size(flags))
    transparent = _skip_to_picture(file)
    left, top, width, height, flags = struct.unpack("<4HB", file.take(9))
    screen = max(screen_width, left + width), max(screen_height, top + height)
    return _GifHeader(screen, (left, top, width, height), flags, palette, transparent)


def _palette_size(flags: int) -> int:
    return 6 << (flags & 7) if flags & 0x80 else 0


def _skip_to_picture(file: _Blocks) -> int:
    """Read on to the first picture; the transparent colour, 0 where there is none."""
    transparent = 0
    while (mark := file.take(1)) != b",":
        if mark == b";":
            raise UndecodableError
        if mark == b"!":
            label = file.take(1)[0]
            blocks = file.blocks()
            if label == 0xF9 and blocks and len(blocks[0]) >= 4 and blocks[0][0] & 1:
                transparent = blocks[0][3]
    return transparent
