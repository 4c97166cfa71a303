"""What may stand in place of a mask: masks of other kinds, pictures that are none, damage."""

import io
import random
import struct
import zlib

import numpy as np
from PIL import Image

from swsss.data.png import encode_mask

MASK = (np.indices((9, 13)).sum(0) % 6).astype(np.uint8)
GOOD = encode_mask(MASK)
GREY = Image.fromarray(MASK)


def png(width, height, depth, colour, pixels, *, interlace=0, palette=True):
    """A PNG with right checksums, whatever it holds: `pixels` in lines, each behind its filter."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    colours = chunk(b"PLTE", bytes(range(256)) * 3) if colour == 3 and palette else b""
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">2I5B", width, height, depth, colour, 0, 0, interlace)),
            colours,
            chunk(b"IDAT", zlib.compress(pixels)),
            chunk(b"IEND", b""),
        ]
    )


def saved(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def replaced():
    """What may stand in place of a mask of 13×9 pixels, by name: some of it is a mask, too."""
    rng = np.random.default_rng(4)
    for depth in (1, 2, 4, 8):
        size = -(-13 * depth // 8)
        lines = b"".join(bytes([0]) + rng.integers(0, 256, size, np.uint8).tobytes() for _ in range(9))
        for colour in (0, 3):
            yield f"depth {depth} colour {colour}", png(13, 9, depth, colour, lines)
        yield f"dark {depth}", png(13, 9, depth, 3, bytes((size + 1) * 9))
        yield f"few colours {depth}", png(13, 9, depth, 3, lines, palette=False)
    yield "interlaced", saved_interlaced()
    yield "grey", saved(GREY)
    yield "bits", saved(Image.fromarray(MASK > 2))
    yield "transparent", saved(GREY, transparency=3)
    for mode in ("RGB", "RGBA", "LA", "I;16"):
        yield f"mode {mode}", saved(GREY.convert(mode))
    for depth, colour, size in [(16, 2, 6), (16, 6, 8), (16, 4, 4), (3, 0, 1), (16, 3, 2), (8, 5, 1), (8, 1, 3)]:
        yield f"depth {depth} colour {colour}", png(13, 9, depth, colour, bytes(13 * size + 1) * 9)
    yield "filters", png(13, 9, 8, 3, b"".join(bytes([row % 5]) + MASK[row].tobytes() for row in range(9)))
    yield "unknown filter", png(13, 9, 8, 3, bytes([7, *bytes(13)]) * 9)
    yield "too many rows", png(13, 9, 8, 3, bytes(14 * 12))
    yield "no rows", png(13, 9, 8, 3, b"")
    yield "no width", png(0, 9, 8, 3, b"")
    yield "negative height", png(13, 2**31 + 9, 8, 3, b"")
    yield "too large", png(60_000, 60_000, 8, 3, b"")
    yield "largest side", png(2**31 - 1, 1, 8, 3, b"")
    yield "turned", encode_mask(MASK.T)
    yield "bad id", encode_mask(np.where(MASK == 5, 6, MASK).astype(np.uint8))
    yield "empty", b""
    yield "signature", GOOD[:8]
    for kind in ("JPEG", "BMP", "TIFF", "WEBP", "GIF"):
        yield f"kind {kind}", saved(GREY.convert("L"), kind)
    yield "text", b"<html>"
    yield "anything after it", GOOD + b"more"
    for size in range(9, len(GOOD), 7):
        yield f"cut {size}", GOOD[:size]


def saved_interlaced():
    """Pillow writes none: the seven passes of Adam7, by hand."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    lines = [
        bytes([0]) + line.tobytes()
        for top, left, down, right in passes
        for line in MASK[top::down, left::right]
        if line.size
    ]
    return png(13, 9, 8, 3, b"".join(lines), interlace=1)


def spoiled(count):
    """A mask with some bytes changed, the checksums made right again for some."""
    rng = random.Random(9)
    for number in range(count):
        data = bytearray(GOOD)
        for _ in range(rng.choice([1, 1, 3])):
            data[rng.randrange(8, len(data))] = rng.randrange(256)
        yield f"spoiled {number}", bytes(data)
    start = GOOD.index(b"IDAT")
    for number in range(count):
        data = bytearray(GOOD)
        data[rng.randrange(start + 4, len(data) - 16)] ^= 1 << rng.randrange(8)
        yield f"spoiled pixels {number}", bytes(data)
