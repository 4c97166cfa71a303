"""Pixels in: decoding, EXIF orientation, label masks.

What is wrong with a picture is told by exceptions alone: OpenCV's log, Pillow's log and its warnings are turned off.
Only libjpeg cannot be told to be silent; see `swsss.data.quiet`.
"""

import io
import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from swsss.data.below import open_below
from swsss.data.gif import check_gif
from swsss.data.headers import DAMAGED, MAX_PIXELS, UndecodableError, exif_orientation, read_jpeg_header
from swsss.data.image_size import check_file, image_size
from swsss.data.png_chunks import PNG_SIGNATURE, reduced_png
from swsss.data.tiff import plain_tiff
from swsss.errors import UserError

Pixels = npt.NDArray[np.uint8]

_MASK_MODES = frozenset({"P", "L", "1"})

if hasattr(cv2.utils, "logging"):  # since OpenCV 4.13
    cv2.utils.logging.setLogLevel(0)
else:
    cv2.setLogLevel(0)
logging.getLogger("PIL").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"PIL\.")

# EXIF orientation -> (transpose, flip rows, flip columns), applied in this order, that turns stored pixels upright.
_UPRIGHT = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def orient(pixels: Pixels, orientation: int) -> Pixels:
    """Turn stored pixels upright.

    Args:
        pixels: uint8 [H, W] or [H, W, 3] in the stored grid.
        orientation: EXIF orientation 1 to 8 (EXIF 2.32, tag 0x0112); anything else counts as 1.
    """
    transpose, rows, columns = _UPRIGHT.get(orientation, _UPRIGHT[1])
    if transpose:
        pixels = pixels.swapaxes(0, 1)
    if rows:
        pixels = pixels[::-1]
    if columns:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def orient_back(pixels: Pixels, orientation: int) -> Pixels:
    """Turn upright pixels back into the stored grid: the inverse of `orient`."""
    transpose, rows, columns = _UPRIGHT.get(orientation, _UPRIGHT[1])
    if columns:
        pixels = pixels[:, ::-1]
    if rows:
        pixels = pixels[::-1]
    if transpose:
        pixels = pixels.swapaxes(0, 1)
    return np.ascontiguousarray(pixels)


def read_image(path: Path, max_pixels: int = MAX_PIXELS, *, within: Path | None = None) -> tuple[Pixels, int]:
    """Read an image file and decode it as `decode_image` does.

    Args:
        path: The file.
        max_pixels: As for `decode_image`.
        within: Folder that it must not lead out of, whatever links there are; None for anywhere.

    Raises:
        UserError: It cannot be read, is no file (a folder, a pipe), is too large, leads out of `within`, or cannot be
            decoded.
    """
    try:
        data = _content(path, within)
    except UndecodableError as error:
        raise UserError(f"{path} cannot be read as an image: {error}.") from None
    return decode_image(data, str(path), max_pixels)


def _content(path: Path, within: Path | None = None) -> bytes:
    try:
        check_file(path)
        with path.open("rb") if within is None else open_below(path, within) as file:
            return file.read()
    except OSError as error:
        raise UndecodableError(str(error.strerror)) from None
    except ValueError as error:
        raise UndecodableError(str(error)) from None


def decode_image(data: bytes, name: str, max_pixels: int = MAX_PIXELS) -> tuple[Pixels, int]:
    """Decode a JPEG, PNG, WebP, BMP, TIFF or GIF as it is stored, told apart by content.

    Grey becomes R = G = B. Alpha and transparent colours are dropped: pixels keep the RGB below. 16 bits become 8 by
    their upper byte (in a colour TIFF they are rounded). CMYK and YCCK are taken for inverted, as Adobe writes them. Of
    several pictures in a file the first counts. Colour profiles are ignored.

    OpenCV decodes. Pillow takes PNG, BMP and GIF, whose pixels are the same whoever decodes them (libpng would write to
    the terminal).

    Args:
        data: The whole file.
        name: What to call it in an error.
        max_pixels: Images with more are refused by their header, before anything of that size is made.

    Returns:
        uint8 RGB [H, W, 3] in the stored grid, and the EXIF orientation 1 to 8 that turns it upright, 1 when there is
        none. A TIFF is turned upright by every decoder: that is its grid, and its orientation 1.

    Raises:
        UserError: It is empty, of another format, cut short, damaged, or has more than `max_pixels`. (Damage
            inside a JPEG that has its end goes unnoticed; viewers show such pictures, too.)
    """
    try:
        width, height = image_size(data)
        if width * height > max_pixels:
            raise UndecodableError(f"it has {width}×{height} pixels, more than {max_pixels}")
        pixels, orientation = _decoder_of(data)(data)
        if pixels.size != 3 * width * height:
            # Another reading of the header than ours: nobody knows what the picture is.
            raise UndecodableError
        return pixels, orientation
    except UndecodableError as error:
        reason = str(error)
    except Exception:  # Pillow raises nearly anything when a file is damaged
        reason = DAMAGED
    raise UserError(f"{name} cannot be read as an image: {reason}.")


def read_upright(path: Path) -> Pixels:
    """Decode an image the way a viewer shows it: uint8 RGB [H, W, 3], EXIF orientation applied."""
    pixels, orientation = read_image(path)
    return orient(pixels, orientation)


def _decode_jpeg(data: bytes) -> tuple[Pixels, int]:
    orientation = read_jpeg_header(data).orientation  # before: it refuses what is cut short
    return _by_opencv(data), orientation


def _decode_png(data: bytes) -> tuple[Pixels, int]:
    reduced = reduced_png(data)
    return _by_pillow(reduced.file, "PNG"), reduced.orientation


def _decode_webp(data: bytes) -> tuple[Pixels, int]:
    with Image.open(io.BytesIO(data), formats=["WEBP"]) as image:
        exif = image.info.get("exif", b"")
    # OpenCV wants at least 32 bytes; what stands behind the end is nobody's business.
    return _by_opencv(data.ljust(32, b"\0")), exif_orientation(exif)


def _decode_bmp(data: bytes) -> tuple[Pixels, int]:
    return _by_pillow(data, "BMP"), 1


def _decode_tiff(data: bytes) -> tuple[Pixels, int]:
    plain, orientation = plain_tiff(data)
    return orient(_by_opencv(plain), orientation), 1


def _decode_gif(data: bytes) -> tuple[Pixels, int]:
    check_gif(data)
    return _by_pillow(data, "GIF"), 1


_DECODERS = {
    b"\xff\xd8": _decode_jpeg,
    PNG_SIGNATURE: _decode_png,
    b"BM": _decode_bmp,
    b"II*\0": _decode_tiff,
    b"MM\0*": _decode_tiff,
    b"II+\0": _decode_tiff,
    b"MM\0+": _decode_tiff,
    b"GIF87a": _decode_gif,
    b"GIF89a": _decode_gif,
}


def _decoder_of(data: bytes) -> Callable[[bytes], tuple[Pixels, int]]:
    for signature, decoder in _DECODERS.items():
        if data.startswith(signature):
            return decoder
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _decode_webp
    raise UndecodableError("unknown format" if data else "it is empty")


def _by_opencv(data: bytes) -> Pixels:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise UndecodableError
    return np.asarray(pixels, np.uint8)


def _by_pillow(data: bytes, kind: str) -> Pixels:
    with Image.open(io.BytesIO(data), formats=[kind]) as image:
        if image.mode.startswith("I;16"):
            upper = (np.asarray(image) >> 8).astype(np.uint8)
            return np.repeat(upper[..., None], 3, axis=2)
        return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def read_mask(path: Path) -> Pixels:
    """Read a label mask: uint8 [H, W] of class ids, from an indexed or grey PNG, in the stored grid.

    Grey of 2 or 4 bits becomes 0 to 255, as viewers show it; grey of 1 bit is 0 or 1.

    Raises:
        UserError: The file cannot be read, or is a colour image instead of an indexed or grey one.
    """
    try:
        data = _content(path)
        if not data.startswith(PNG_SIGNATURE):
            raise UndecodableError("it is no PNG" if data else "it is empty")
        with Image.open(io.BytesIO(reduced_png(data).file), formats=["PNG"]) as image:
            if (mode := image.mode) in _MASK_MODES:
                return np.array(image, np.uint8)
    except UndecodableError as error:
        reason = str(error)
    except Exception:  # as above
        reason = DAMAGED
    else:
        raise UserError(f"{path} is a {mode} image; a mask must be an indexed or 8-bit grey PNG of class ids.")
    raise UserError(f"{path} cannot be read as a mask: {reason}.")
