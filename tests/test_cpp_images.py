"""The native decoders against `swsss.data.images`: of sound files the same pixels, of damaged ones never others."""

import hashlib
import io
import json
import os
import struct
import subprocess

import cv2
import numpy as np
import odd_images as odd
import pytest
import test_damaged_images
import test_images
from native import tool
from PIL import Image

from swsss.data.images import read_image
from swsss.errors import UserError


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
    for height in (7, -7):
        yield f"indexed {height}.bmp", odd.bmp(13, height, 8, 0, pixels, colours.tobytes())
        for bits in (24, 32):
            yield f"{bits} bits {height}.bmp", odd.bmp(13, height, bits, 0, pixels)
    yield "few colours.bmp", odd.bmp(8, 2, 8, 0, bytes([0, 1, 2, 1, 0, 2, 2, 1] * 2), colours[:3].tobytes())
    for size in (40, 56, 108, 124):
        masks = struct.pack("<3I", 0xFF0000, 0xFF00, 0xFF)
        data = odd.bmp(13, 7, 32, 3, pixels, masks=masks, size=size)
        yield f"fields {size}.bmp", data if size > 40 else data[:10] + struct.pack("<I", 66) + data[14:]


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
    for rows in (13, 14, (1 << 31) - 1, (1 << 32) - 1):
        yield f"{rows} rows.tif", odd.tiff(test_images.RGB, t278=rows)


def multiplied():
    """A TIFF that says its alpha is multiplied into the colours (TIFF 6.0, ExtraSamples 1)."""
    data = bytearray(encoded(Image.fromarray(test_images.RGBA), "TIFF"))
    at = data.index(struct.pack("<2HI", 338, 3, 1)) + 8
    assert data[at] == 2
    data[at] = 1
    return bytes(data)


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


def cut():
    """Files that are not whole: both programs refuse them."""
    for kind, data in test_damaged_images.KINDS.items():
        for kept in (-20, 0.99, 0.9, 0.5, 0.2, 700, 100, 30, 12, 3):
            yield f"{kind} {kept}", data[: int(len(data) * kept) if isinstance(kept, float) else kept]
    yield "bomb.jpg", test_damaged_images.bomb_jpeg()
    yield "bomb.png", test_damaged_images.bomb_png()
    yield "float.tif", cv2.imencode(".tif", np.ones((4, 5), np.float32))[1].tobytes()
    yield "empty", b""
    yield "text", b"<html>404</html>"


def changed():
    """Bytes changed at random, before the pixels and in them, and junk after the end."""
    chance = np.random.default_rng(3)
    kinds = [data for make in (pngs, bmps, tiffs, webps, turned) for name, data in make() if "deflate" not in name]
    for number in range(600):
        data = bytearray(kinds[int(chance.integers(len(kinds)))])
        for _ in range(int(chance.integers(1, 4))):
            at = int(chance.integers(0, min(len(data), 120) if chance.integers(2) else len(data)))
            data[at] = chance.choice(
                [0, 1, 127, 255, int(chance.integers(256)), data[at] ^ 1 << int(chance.integers(8))]
            )
        # Where the pixels of a JPEG are damaged, versions of libjpeg-turbo differ.
        if data[:2] != b"\xff\xd8":
            yield str(number), bytes(data)
    for kind, data in test_damaged_images.KINDS.items():
        yield f"{kind} and junk", data + bytes(5000)


SOUND = {
    # A GIF is a listed failure of the native program.
    "special": lambda: ((name, data) for name, (data, _) in test_images.SPECIAL.items() if not name.endswith(".gif")),
    **{each.__name__: each for each in (jpegs, pngs, bmps, tiffs, webps, turned)},
}


def by_python(path):
    try:
        pixels, orientation = read_image(path)
    except UserError:
        return None
    height, width, _ = pixels.shape
    return {
        "height": height,
        "width": width,
        "orientation": orientation,
        "sha256": hashlib.sha256(pixels.tobytes()).hexdigest(),
    }


def decoded(paths):
    """What the native program and Python make of files, None where they refuse one: pairs by name."""
    names = "".join(f"{path}\n" for path in paths)
    ended = subprocess.run([tool("decode_tool")], input=names, capture_output=True, text=True, check=True)
    assert ended.stderr == "", "a decoder wrote to the terminal"
    native = {
        told.pop("path"): None if "error" in told else told for told in map(json.loads, ended.stdout.splitlines())
    }
    return {path.name: (native[str(path)], by_python(path)) for path in paths}


def written(tmp_path, files):
    paths = []
    for number, (name, data) in enumerate(files):
        paths.append(tmp_path / f"{number} {name}")
        paths[-1].write_bytes(data)
    return paths


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", SOUND)
def test_decode_image__sound_files_as_python(kind, tmp_path):
    found = decoded(written(tmp_path, SOUND[kind]()))
    assert len(found) > 4
    assert {name: pair for name, pair in found.items() if pair[0] is None or pair[0] != pair[1]} == {}


@pytest.mark.filterwarnings("ignore")
def test_decode_image__cut_files_are_refused(tmp_path):
    found = decoded(written(tmp_path, cut()))
    assert {name for name, pair in found.items() if pair != (None, None)} == set()


@pytest.mark.filterwarnings("ignore")
def test_decode_image__damaged_files_never_differ(tmp_path):
    """Whatever both programs take for an image is the same image."""
    found = decoded(written(tmp_path, changed()))
    both = [pair for pair in found.values() if None not in pair]
    assert len(both) > 50
    assert [pair for pair in both if pair[0] != pair[1]] == []


def test_read_image__no_file(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "nowhere.jpg").symlink_to("nothing")
    (tmp_path / "itself.jpg").symlink_to("itself.jpg")
    (tmp_path / "huge.jpg").touch()
    os.truncate(tmp_path / "huge.jpg", 5 << 30)
    found = decoded([*tmp_path.iterdir(), tmp_path / "gone.jpg"])
    assert set(found.values()) == {(None, None)}
