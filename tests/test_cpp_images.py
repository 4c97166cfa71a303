"""The native decoders against `swsss.data.images`: the same pixels, the same orientation, the same refusals."""

import hashlib
import io
import json
import os
import struct
import subprocess
from pathlib import Path

import cv2
import numpy as np
import odd_images as odd
import pytest
import test_damaged_images
import test_images
import test_odd_images
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
    whole = encoded(noisy(33, 20), "JPEG")
    for name, marker in {"without Huffman tables": 0xC4, "without quantization": 0xDB}.items():
        yield f"{name}.jpg", without_segments(whole, marker)
    frame = whole.index(b"\xff\xc0") + 1
    for code in (0xC1, 0xC2, 0xC3, 0xC5, 0xC9):
        yield f"frame {code}.jpg", whole[:frame] + bytes([code]) + whole[frame + 1 :]
    yield "grey.jpg", encoded(noisy(33, 20).convert("L"), "JPEG")


def without_segments(data, marker):
    """A JPEG that lacks all segments of a kind before its pixels."""
    kept, at = data[:2], 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        kept += data[at:end] if data[at + 1] != marker else b""
        at = end
    return kept + data[at:]


def pngs():
    """Depths, palettes, interlace."""
    grey = noisy(13, 17).convert("L")
    values = np.asarray(grey)
    for bits in (1, 2, 4):
        yield f"indexed {bits}.png", encoded(grey.quantize(1 << bits), "PNG", bits=bits)
        rows = np.packbits(np.unpackbits(values[..., None], axis=2)[..., :bits].reshape(13, -1), axis=1)
        yield f"grey {bits}.png", odd.png(odd.png_header(17, 13, bits, 0), odd.png_pixels(rows), odd.PNG_END)
    yield "interlaced.png", odd.interlaced_png(np.asarray(noisy(13, 17)))
    for colours in (1, 2, 256):
        palette = odd.png_chunk(b"PLTE", bytes(range(3)) * colours)
        rows = odd.png_pixels(values)
        yield f"{colours} colours.png", odd.png(odd.png_header(17, 13, 8, 3), palette, rows, odd.PNG_END)
    wide = np.random.default_rng(0).integers(0, 256, (5, 48), np.uint8)
    for colour_type, width in {0: 24, 2: 8, 4: 12, 6: 6}.items():
        header = odd.png_header(width, 5, 16, colour_type)
        yield f"16 bits {colour_type}.png", odd.png(header, odd.png_pixels(wide), odd.PNG_END)


def bmps():
    noise = np.random.default_rng(0)
    colours = noise.integers(0, 256, (256, 4), np.uint8)
    colours[:, 3] = 0
    pixels = noise.integers(0, 256, 4096, np.uint8).tobytes()
    for bits in (1, 4, 8):
        for height in (7, -7):
            yield f"{bits} bits {height}.bmp", odd.bmp(13, height, bits, 0, pixels, colours[: 1 << bits].tobytes())
        yield f"core {bits}.bmp", odd.core_bmp(13, 7, bits, pixels, colours[: 1 << bits, :3].tobytes())
    yield "few colours.bmp", odd.bmp(8, 2, 8, 0, bytes([0, 1, 2, 1, 0, 2, 2, 1] * 2), colours[:3].tobytes())
    for bits in (16, 24, 32):
        yield f"{bits} bits.bmp", odd.bmp(13, 7, bits, 0, pixels)
    for name, (bits, masks) in test_odd_images.MASKS.items():
        for size in (40, 52, 56, 108, 124):
            packed = struct.pack("<3I", *masks)
            yield f"{name} {size}.bmp", odd.bmp(13, 7, bits, 3, pixels, masks=packed, size=size)
    palette = colours.tobytes()
    for name, bits, runs in (("8", 8, test_odd_images.RUNS_8), ("4", 4, test_odd_images.RUNS_4)):
        for end in (len(runs), -2, -9):
            data = bytes(runs[:end])
            yield f"runs {name} {end}.bmp", odd.bmp(5, 4, bits, 3 - bits // 4 + 1, data, palette[: 4 << bits])


def refused():
    """What Python's tests refuse."""
    for test in (
        test_odd_images.test_bmp__refused,
        test_odd_images.test_gif__refused,
        test_odd_images.test_tiff__refused,
    ):
        for number, (data, _) in enumerate(test.pytestmark[0].args[1]):
            yield f"{test.__name__} {number}", data
    for number, (chunks, _) in enumerate(test_odd_images.test_png__refused.pytestmark[0].args[1]):
        yield f"png {number}", odd.png(*chunks)


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
    for tile in (None, (16, 32)):
        for order in "<>":
            for orientation in (1, 2, 7):
                data = odd.tiff(test_images.RGBA, order, orientation == 2, tile, t274=orientation)
                yield f"{order} {orientation} {tile}.tif", data
    for rows in (0, 12, 13, 14, (1 << 31) - 1, (1 << 32) - 1):
        yield f"{rows} rows.tif", odd.tiff(test_images.RGB, t278=rows)
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
    yield "transparent.gif", encoded(indexed, "GIF", transparency=7)
    yield "noise.gif", encoded(Image.effect_noise((200, 150), 90), "GIF")
    indices, colours = test_images.GREY, test_images.COLOURS
    for name, options in {
        "palette": {"palette": colours.tobytes()},
        "own palette": {"own": colours[:32].tobytes()},
        "no palette": {},
        "interlaced": {"interlace": True},
        "transparent": {"palette": colours.tobytes(), "before": odd.transparent_gif(9)},
    }.items():
        for screen in ((9, 9), (17, 13), (40, 30)):
            yield f"{name} {screen[0]}.gif", odd.gif(screen, (3, 2), indices, **options)


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


def changed():
    """Bytes changed at random, before the pixels and in them."""
    chance = np.random.default_rng(3)
    kinds = [
        data for make in (pngs, bmps, tiffs, gifs, webps, turned) for name, data in make() if "deflate" not in name
    ]
    for number in range(1500):
        data = bytearray(kinds[int(chance.integers(len(kinds)))])
        for _ in range(int(chance.integers(1, 4))):
            at = int(chance.integers(0, min(len(data), 120) if chance.integers(2) else len(data)))
            data[at] = chance.choice(
                [0, 1, 127, 255, int(chance.integers(256)), data[at] ^ 1 << int(chance.integers(8))]
            )
        # Where the pixels of a JPEG are damaged, versions of libjpeg-turbo differ.
        if data[:2] != b"\xff\xd8":
            yield str(number), bytes(data)


SETS = {
    "special": lambda: ((name, data) for name, (data, _) in test_images.SPECIAL.items()),
    **{each.__name__: each for each in (jpegs, pngs, bmps, tiffs, gifs, webps, turned, refused, damages, changed)},
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
