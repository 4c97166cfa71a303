"""Files that no library writes: BMP, PNG and TIFF put together by hand."""

import struct
import zlib

import numpy as np


def png_chunk(kind, data, damaged=False):
    checksum = zlib.crc32(data, zlib.crc32(kind)) ^ damaged
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png(*chunks):
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_header(width, height, bits=8, colour_type=2, interlace=0):
    return png_chunk(b"IHDR", struct.pack(">2I5B", width, height, bits, colour_type, 0, 0, interlace))


def png_pixels(rows):
    """Rows without filter, as one chunk."""
    return png_chunk(b"IDAT", zlib.compress(b"".join(b"\0" + bytes(row) for row in rows)))


PNG_END = png_chunk(b"IEND", b"")


def interlaced_png(pixels):
    """Adam7 (PNG specification, 8.2) of uint8 [H, W, 3]."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = []
    for row, column, down, across in passes:
        part = pixels[row::down, column::across]
        rows += [line.tobytes() for line in part] if part.size else []
    return png(png_header(pixels.shape[1], pixels.shape[0], interlace=1), png_pixels(rows), PNG_END)


def bmp(width, height, bits, packing, pixels, palette=b"", masks=b"", size=40):
    """A header of 40 bytes or more, masks in it or behind it, palette, pixels."""
    info = struct.pack("<I2i2H6I", size, width, height, 1, bits, packing, len(pixels), 0, 0, len(palette) // 4, 0)
    info = (info + masks).ljust(size, b"\0")
    start = 14 + len(info) + len(palette)
    return struct.pack("<2sI2HI", b"BM", start + len(pixels), 0, 0, start) + info + palette + pixels


def core_bmp(width, height, bits, pixels, palette):
    """OS/2's header of 12 bytes; palette of 3 bytes an entry."""
    start = 26 + len(palette)
    header = struct.pack("<2sI2HI", b"BM", start + len(pixels), 0, 0, start)
    return header + struct.pack("<I4H", 12, width, height, 1, bits) + palette + pixels


def tiff(pixels, order="<", big=False, tile=None, **tags):
    """Uncompressed, one strip, or tiles: uint8 or uint16 [H, W] or [H, W, C]; `tags` like t274=6 replace ours."""
    height, width = pixels.shape[:2]
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    values = {256: width, 257: height, 258: pixels.itemsize * 8, 259: 1, 262: 2 if samples > 2 else 1, 277: samples}
    raw = pixels.astype(pixels.dtype.newbyteorder(order))
    if tile:
        rows, columns = tile
        padded = np.zeros((-(-height // rows) * rows, -(-width // columns) * columns, *raw.shape[2:]), raw.dtype)
        padded[:height, :width] = raw
        blocks = [
            padded[top : top + rows, left : left + columns].tobytes()
            for top in range(0, height, rows)
            for left in range(0, width, columns)
        ]
        values |= {322: columns, 323: rows, 324: 0, 325: len(blocks[0])}
    else:
        blocks = [raw.tobytes()]
        values |= {273: 0, 278: height, 279: len(blocks[0])}
    if samples in {2, 4}:
        values[338] = 2
    values |= {int(name[1:]): value for name, value in tags.items()}
    return _tiff_file(order, big, dict(sorted(values.items())), blocks)


def _tiff_file(order, big, values, blocks):
    head, word, count = (16, "Q", "Q") if big else (8, "I", "H")
    size = struct.calcsize("<" + word)
    end = head + struct.calcsize("<" + count) + len(values) * (4 + 2 * size) + size
    starts = [end + sum(map(len, blocks[:number])) for number in range(len(blocks))]
    tables = end + sum(map(len, blocks))
    entries, table = b"", b""
    for tag, value in values.items():
        numbers = starts if tag in {273, 324} else [value] * len(blocks) if tag in {279, 325} else [value]
        packed = struct.pack(f"{order}{len(numbers)}{'H' if tag in {338, 274} else 'I'}", *numbers)
        if len(packed) > size:
            packed, table = struct.pack(order + word, tables + len(table)), table + packed
        kind = 3 if tag in {338, 274} else 4
        entries += struct.pack(order + "2H" + word, tag, kind, len(numbers)) + packed.ljust(size, b"\0")
    mark = b"II" if order == "<" else b"MM"
    start = struct.pack(order + "3HQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8)
    directory = struct.pack(order + count, len(values)) + entries + bytes(size)
    return mark + start + directory + b"".join(blocks) + table
