"""The native decoders against `swsss.data.images`: the same pixels, the same orientation, the same refusals."""

import hashlib
import io
import json
import os
import struct
import subprocess
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import test_damaged_images
import test_images
from native import tool
from PIL import Image

from swsss.data.images import read_image
from swsss.errors import UserError

SMOOTH = test_images.SMOOTH


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noisy(height, width, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return Image.fromarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def jpegs():
    """Subsampling, sizes, progressive, restarts, grey, and CMYK of three kinds."""
    ways = {"444": 0x111111, "422": 0x211111, "420": 0x221111, "440": 0x121111, "411": 0x411111}
    for name, factor in ways.items():
        for height, width in ((1, 1), (1, 9), (7, 1), (3, 5), (17, 33), (64, 64)):
            bgr = np.asarray(noisy(height, width))[..., ::-1]
            for progressive in (0, 1):
                options = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
                data = cv2.imencode(".jpg", bgr, [*options, cv2.IMWRITE_JPEG_RST_INTERVAL, 2])[1].tobytes()
                yield f"{name} {height}x{width} {progressive}.jpg", data
    for quality in (1, 30, 95, 100):
        yield f"quality {quality}.jpg", encoded(noisy(50, 61), "JPEG", quality=quality)
    for adobe in (None, 0, 2):
        yield f"cmyk {adobe}.jpg", test_images.cmyk(adobe)
    for seed in range(3):
        inks = np.random.default_rng(seed).integers(0, 256, (40, 40, 4), np.uint8)
        yield f"inks {seed}.jpg", encoded(Image.fromarray(inks, "CMYK"), "JPEG", quality=100)
    yield "grey.jpg", encoded(noisy(33, 20).convert("L"), "JPEG")


def pngs():
    """Depths, palettes, interlace."""
    grey = noisy(13, 17).convert("L")
    for bits in (1, 2, 4):
        few = grey.quantize(1 << bits)
        yield f"indexed {bits}.png", encoded(few, "PNG", bits=bits)
        rows = np.packbits(np.unpackbits(np.asarray(grey)[:, :, None], axis=2)[:, :, :bits].reshape(13, -1), axis=1)
        yield f"grey {bits}.png", raw_png(17, 13, bits, 0, rows)
    yield "interlaced.png", interlaced(np.asarray(noisy(13, 17)))
    yield "short palette.png", raw_png(4, 1, 8, 3, np.array([[0, 1, 2, 200]], np.uint8), palette=bytes(range(6)))


def raw_png(width, height, bits, colour, rows, palette=b"", interlace=0):
    body = rows if isinstance(rows, bytes) else b"".join(b"\0" + row.tobytes() for row in rows)
    chunks = [(b"IHDR", struct.pack(">2I5B", width, height, bits, colour, 0, 0, interlace))]
    chunks += [(b"PLTE", palette)] if palette else []
    chunks += [(b"IDAT", zlib.compress(body)), (b"IEND", b"")]
    packed = (struct.pack(">I", len(data)) + kind + data + crc(kind + data) for kind, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def crc(data):
    return struct.pack(">I", zlib.crc32(data))


def interlaced(pixels):
    """Adam7 (PNG specification, 8.2)."""
    body = b""
    for y, x, down, across in (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ):
        part = pixels[y::down, x::across]
        body += b"".join(b"\0" + row.tobytes() for row in part) if part.size else b""
    return raw_png(pixels.shape[1], pixels.shape[0], 8, 2, body, interlace=1)


def bmp(width, height, bits, packing, pixels, palette=b"", masks=b"", used=0):
    """BITMAPINFOHEADER, palette or masks, pixels."""
    start = 54 + len(palette) + len(masks)
    head = struct.pack("<2sI2HI", b"BM", start + len(pixels), 0, 0, start)
    info = struct.pack("<I2i2H6I", 40, width, height, 1, bits, packing, len(pixels), 0, 0, used, 0)
    return head + info + masks + palette + pixels


def bmps():
    noise = np.random.default_rng(0)
    colours = noise.integers(0, 256, (256, 4), np.uint8)
    colours[:, 3] = 0
    pixels = noise.integers(0, 256, 4096, np.uint8).tobytes()
    for bits in (1, 4, 8):
        for height in (7, -7):
            yield f"{bits} bits {height}.bmp", bmp(13, height, bits, 0, pixels, colours[: 1 << bits].tobytes())
    yield "few colours.bmp", bmp(8, 2, 8, 0, bytes([0, 1, 2, 1, 0, 2, 2, 1] * 2), colours[:3].tobytes(), used=3)
    for bits in (16, 24, 32):
        yield f"{bits} bits.bmp", bmp(13, 7, bits, 0, pixels)
    for name, masks in {"565": (0xF800, 0x7E0, 0x1F), "555": (0x7C00, 0x3E0, 0x1F)}.items():
        yield f"{name}.bmp", bmp(13, 7, 16, 3, pixels, masks=struct.pack("<3I", *masks))
    for name, masks in {"bgrx": (0xFF0000, 0xFF00, 0xFF), "rgbx": (0xFF, 0xFF00, 0xFF0000)}.items():
        yield f"{name}.bmp", bmp(13, 7, 32, 3, pixels, masks=struct.pack("<3I", *masks))
    palette = colours.tobytes()
    runs = bytes([5, 1, 0, 3, 7, 8, 9, 0, 0, 0, 8, 3, 0, 0, 0, 2, 2, 1, 3, 4, 0, 0, 8, 200, 0, 1])
    yield "runs 8.bmp", bmp(8, 5, 8, 1, runs, palette)
    yield "runs 8 cut.bmp", bmp(8, 5, 8, 1, runs[:-9], palette)
    runs = bytes([5, 0x12, 0, 3, 0x78, 0x90, 0, 0, 8, 0x34, 0, 0, 0, 2, 2, 1, 3, 0x45, 0, 0, 8, 0x67, 0, 1, *bytes(20)])
    yield "runs 4.bmp", bmp(8, 5, 4, 2, runs, palette[:64])
    yield "run too long.bmp", bmp(8, 5, 8, 1, bytes([9, 1, 0, 1]), palette)
    core = struct.pack("<2sI2HIIHHHH", b"BM", 0, 0, 0, 26 + 6, 12, 13, 7, 1, 1) + colours[:2, :3].tobytes() + pixels
    yield "os2.bmp", core
    for size in (52, 56, 108, 124):
        info = struct.pack("<I2i2H6I", size, 13, 7, 1, 32, 3, 0, 0, 0, 0, 0) + struct.pack(
            "<4I", 0xFF0000, 0xFF00, 0xFF, 0
        )
        data = info.ljust(size, b"\0")[:size]
        yield f"header {size}.bmp", struct.pack("<2sI2HI", b"BM", 0, 0, 0, 14 + size) + data + pixels


def tiffs():
    rgb, grey = noisy(31, 45), noisy(31, 45).convert("L")
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        for name, image in {"rgb": rgb, "grey": grey, "indexed": rgb.quantize(40), "cmyk": rgb.convert("CMYK")}.items():
            if compression == "jpeg" and name == "indexed":
                continue
            yield f"{name} {compression}.tif", encoded(image, "TIFF", compression=compression)
    for compression in ("group4", "group3", "raw"):
        yield f"bits {compression}.tif", encoded(grey.convert("1"), "TIFF", compression=compression)
    for orientation in range(1, 9):
        yield f"turned {orientation}.tif", encoded(rgb, "TIFF", tiffinfo={0x0112: orientation})
    yield "alpha.tif", encoded(Image.fromarray(test_images.RGBA), "TIFF")
    yield "grey alpha.tif", encoded(Image.fromarray(test_images.RGBA[..., :2], "LA"), "TIFF")
    yield "multiplied.tif", multiplied()
    yield "many strips.tif", encoded(noisy(300, 200), "TIFF", compression="tiff_lzw", tiffinfo={278: 7})
    yield "float.tif", cv2.imencode(".tif", np.ones((4, 5), np.float32))[1].tobytes()
    yield "grey 32.tif", encoded(Image.fromarray(np.arange(20, dtype=np.int32).reshape(4, 5)), "TIFF")


def multiplied():
    """A TIFF that says its alpha is multiplied into the colours (TIFF 6.0, ExtraSamples 1)."""
    data = bytearray(encoded(Image.fromarray(test_images.RGBA), "TIFF"))
    at = data.index(struct.pack("<2HI", 338, 3, 1)) + 8
    assert data[at] == 2
    data[at] = 1
    return bytes(data)


def gifs():
    indexed = noisy(20, 30).quantize(50)
    yield "plain.gif", encoded(indexed, "GIF")
    yield "interlaced.gif", encoded(indexed, "GIF", interlace=1)
    yield "flat.gif", encoded(indexed, "GIF", interlace=0)
    data = bytearray(encoded(indexed, "GIF", interlace=0))
    data[6:10] = struct.pack("<2H", 50, 40)
    yield "part of the screen.gif", bytes(data)
    yield "transparent.gif", encoded(indexed, "GIF", transparency=7)


def webps():
    for quality in (0, 50, 100):
        yield f"quality {quality}.webp", encoded(noisy(37, 51), "WEBP", quality=quality)
    yield "alpha.webp", encoded(Image.fromarray(test_images.RGBA), "WEBP", quality=80)
    frames = [noisy(40, 40, seed) for seed in range(3)]
    yield "animated.webp", encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], quality=70)


def turned():
    for orientation in range(1, 9):
        for kind in ("JPEG", "PNG", "WEBP"):
            yield f"{orientation}.{kind}", encoded(noisy(21, 34), kind, exif=test_images.exif(orientation))


def damages():
    for kind, data in test_damaged_images.KINDS.items():
        for kept in (-1, -2, -3, -20, 0.99, 0.9, 0.5, 0.2, 700, 100, 30, 12, 3):
            yield f"{kind} {kept}", data[: int(len(data) * kept) if isinstance(kept, float) else kept]
        for junk in (bytes(5000), b"\r\n", test_damaged_images.KINDS["bmp"], test_damaged_images.KINDS["jpeg"][:900]):
            yield f"{kind} and {len(junk)}", data + junk
    data = bytearray(test_damaged_images.KINDS["png"])
    for at in (0.3, 0.6, 0.9):
        flipped = bytearray(data)
        flipped[int(len(data) * at)] ^= 1
        yield f"png flipped {at}", bytes(flipped)
    yield "bomb.jpg", test_damaged_images.bomb_jpeg()
    yield "bomb.png", test_damaged_images.bomb_png()
    yield "empty", b""
    yield "text", b"<html>404</html>"


def flipped():
    """Bytes changed at random, before the pixels and in them."""
    chance = np.random.default_rng(3)
    for kind in ("png", "bmp", "lzw tiff", "lossless webp", "jpeg"):
        data = test_damaged_images.KINDS[kind]
        for number in range(40):
            changed = bytearray(data)
            at = int(chance.integers(0, 200 if number % 2 else len(data)))
            changed[at] = int(chance.integers(0, 256))
            yield f"{kind} {number}", bytes(changed)


SETS = {
    "special": lambda: ((name, data) for name, (data, _) in test_images.SPECIAL.items()),
    **{each.__name__: each for each in (jpegs, pngs, bmps, tiffs, gifs, webps, turned, damages, flipped)},
}


def by_python(path):
    try:
        pixels, orientation = read_image(path)
    except UserError as error:
        return {"error": str(error)}
    height, width, _ = pixels.shape
    return {
        "height": height,
        "width": width,
        "orientation": orientation,
        "sha256": hashlib.sha256(pixels.tobytes()).hexdigest(),
    }


def compare(paths):
    """Decode with both; what differs, by name."""
    names = "".join(f"{path}\n" for path in paths)
    ended = subprocess.run([tool("decode_tool")], input=names, capture_output=True, text=True, check=True)
    assert ended.stderr == "", "a decoder wrote to the terminal"
    native = {told.pop("path"): told for told in map(json.loads, ended.stdout.splitlines())}
    python = {str(path): by_python(path) for path in paths}
    return {Path(path).name: (native[path], python[path]) for path in python if native[path] != python[path]}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", SETS)
def test_decode_image__as_python(kind, tmp_path):
    paths = []
    for number, (name, data) in enumerate(SETS[kind]()):
        paths.append(tmp_path / f"{number} {name}")
        paths[-1].write_bytes(data)
    assert len(paths) > 4
    assert compare(paths) == {}


def test_read_image__no_file(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "nowhere.jpg").symlink_to("nothing")
    (tmp_path / "itself.jpg").symlink_to("itself.jpg")
    (tmp_path / "huge.jpg").touch()
    os.truncate(tmp_path / "huge.jpg", 5 << 30)
    paths = [*tmp_path.iterdir(), tmp_path / "gone.jpg"]
    assert compare(sorted(paths)) == {}
