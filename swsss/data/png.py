"""PNG files: label masks indexed with the VOC palette, grey maps of numbers, and pictures."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from swsss.data.classes import palette
from swsss.data.files import write_whole
from swsss.data.images import Pixels

_PALETTE = palette().tobytes()
_GREY, _INDEXED = 0, 3  # colour types
_NONE, _UP = 0, 2  # filters


def encode_mask(mask: Pixels) -> bytes:
    """Encode class ids as an indexed 8-bit PNG with all 256 colours of the VOC palette.

    Args:
        mask: uint8 [H, W], at least 1×1.

    Returns:
        The file; the same mask gives the same bytes wherever zlib is the same.
    """
    rows = np.empty((mask.shape[0], mask.shape[1] + 1), np.uint8)
    rows[:, 1:] = mask
    return _encode(mask, rows, _INDEXED, _NONE)


def encode_grey(pixels: Pixels) -> bytes:
    """Encode a map that changes smoothly, like a confidence, as an 8-bit grey PNG.

    Args:
        pixels: uint8 [H, W], at least 1×1.

    Returns:
        The file; the same map gives the same bytes wherever zlib is the same.
    """
    rows = np.empty((pixels.shape[0], pixels.shape[1] + 1), np.uint8)
    rows[0, 1:] = pixels[0]
    np.subtract(pixels[1:], pixels[:-1], out=rows[1:, 1:])
    return _encode(pixels, rows, _GREY, _UP)


def write_mask(path: Path, mask: Pixels) -> None:
    """Write class ids as `encode_mask` does, whole or not at all.

    Args:
        path: Where; parent folders are made.
        mask: uint8 [H, W].
    """
    write_whole(path, encode_mask(mask))


def write_picture(path: Path, pixels: Pixels) -> None:
    """Write uint8 RGB [H, W, 3] as PNG, whole or not at all."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    write_whole(path, buffer.getvalue())


def _encode(pixels: Pixels, rows: Pixels, colour_type: int, row_filter: int) -> bytes:
    """Encode filtered `rows`, uint8 [H, 1 + W]; their first column is for the filter."""
    height, width = pixels.shape
    rows[:, 0] = row_filter
    # Runs are nearly all there is to find in these maps; looking for other repeats costs several times as long.
    compressor = zlib.compressobj(strategy=zlib.Z_RLE)
    parts = [
        b"\x89PNG\r\n\x1a\n",
        *_chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, colour_type, 0, 0, 0)),
        *(_chunk(b"PLTE", _PALETTE) if colour_type == _INDEXED else ()),
        *_chunk(b"IDAT", compressor.compress(rows.data) + compressor.flush()),
        *_chunk(b"IEND", b""),
    ]
    return b"".join(parts)


def _chunk(kind: bytes, data: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    return struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
