"""Pixels in: decoding, EXIF orientation, label masks.

What is wrong with a picture is told by exceptions alone: OpenCV's log, Pillow's log and its warnings are turned off.
Only libjpeg cannot be told to be silent; see `swsss.data.quiet`.
"""

import io
import logging
import stat
import warnings
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from swsss.data.headers import exif_orientation, read_jpeg_header
from swsss.errors import UserError

Pixels = npt.NDArray[np.uint8]

_MAX_PIXELS = 178_956_970  # Pillow's limit
_MAX_BYTES = 8 * _MAX_PIXELS
_FORMATS = ("PNG", "WEBP", "BMP", "TIFF", "GIF")
_PNG = b"\x89PNG\r\n\x1a\n"
_SIGNATURES = (_PNG, b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"GIF87a", b"GIF89a")
_PNG_END = b"IEND\xaeB`\x82"
_MASK_MODES = frozenset({"P", "L", "1"})
# One sentence for all damage: reasons go into failures.csv, which is to be the same whichever decoder found it.
_DAMAGED = "it is damaged, or of a kind that cannot be decoded"

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


class _Told(Exception):  # noqa: N818 - it never leaves this module
    """Why a file cannot be decoded, in words that a user is told."""


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


def read_image(path: Path) -> tuple[Pixels, int]:
    """Read an image file and decode it as `decode_image` does.

    Raises:
        UserError: It cannot be read, is no file (a folder, a pipe), is too large, or cannot be decoded.
    """
    try:
        data = _content(path)
    except _Told as error:
        raise UserError(f"{path} cannot be read as an image: {error}.") from None
    return decode_image(data, str(path))


def _content(path: Path) -> bytes:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise _Told("it is a folder" if stat.S_ISDIR(found.st_mode) else "it is a pipe or a device")
        if found.st_size > _MAX_BYTES:
            raise _Told(f"{found.st_size / 2**30:.1f} GiB are more than any picture that can be decoded")
        return path.read_bytes()
    except OSError as error:
        raise _Told(error.strerror) from None
    except ValueError as error:
        raise _Told(str(error)) from None


def decode_image(data: bytes, name: str) -> tuple[Pixels, int]:
    """Decode a JPEG, PNG, WebP, BMP, TIFF or GIF as it is stored, told apart by content.

    Grey becomes R = G = B. Alpha and transparent colours are dropped: pixels keep the RGB below. 16 bits become 8 by
    their upper byte (in a colour TIFF they are rounded). CMYK and YCCK are taken for inverted, as Adobe writes them. Of
    several pictures in a file the first counts. Colour profiles are ignored.

    OpenCV decodes. Pillow takes PNG and GIF, whose pixels are the same whoever decodes them (libpng would write to the
    terminal), TIFF with alpha, which OpenCV multiplies into the colours, and BMP in runs of 4 bits.

    Args:
        data: The whole file.
        name: What to call it in an error.

    Returns:
        uint8 RGB [H, W, 3] in the stored grid, and the EXIF orientation 1 to 8 that turns it upright, 1 when there is
        none. A TIFF is turned upright by every decoder: that is its grid, and its orientation 1.

    Raises:
        UserError: It is empty, of another format, cut short, damaged, or has more than 178 956 970 pixels. (Damage
            inside a JPEG that has its end goes unnoticed; viewers show such pictures, too.)
    """
    try:
        return _decode_jpeg(data) if data.startswith(b"\xff\xd8") else _decode_other(data)
    except UnidentifiedImageError:
        reason = "it is empty" if not data else _DAMAGED if _is_known(data) else "unknown format"
    except Exception as error:  # Pillow raises nearly anything when a file is damaged
        reason = _reason(error)
    raise UserError(f"{name} cannot be read as an image: {reason}.")


def _reason(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return f"it has more than {_MAX_PIXELS:,} pixels".replace(",", " ")
    return str(error) if isinstance(error, _Told) else _DAMAGED


def _is_known(data: bytes) -> bool:
    return data.startswith(_SIGNATURES) or (data.startswith(b"RIFF") and data[8:12] == b"WEBP")


def read_upright(path: Path) -> Pixels:
    """Decode an image the way a viewer shows it: uint8 RGB [H, W, 3], EXIF orientation applied."""
    pixels, orientation = read_image(path)
    return orient(pixels, orientation)


def _decode_jpeg(data: bytes) -> tuple[Pixels, int]:
    try:
        width, height, orientation = read_jpeg_header(data)
    except ValueError as error:
        raise _Told(str(error)) from None
    if width * height > _MAX_PIXELS:
        raise Image.DecompressionBombError
    return _by_opencv(data), orientation


def _decode_other(data: bytes) -> tuple[Pixels, int]:
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if image.format == "PNG" and data.rfind(_PNG_END) < 0:
            raise _Told("it is cut short")
        pixels = _by_pillow(image) if _is_for_pillow(image) else _by_opencv(data)
        # Asked for last, because in a PNG it may stand behind the pixels; there, a text may have the same name.
        exif = image.info.get("exif")
        return pixels, exif_orientation(exif) if isinstance(exif, bytes) else 1


def _is_for_pillow(image: Image.Image) -> bool:
    if image.format == "TIFF":
        return image.getbands()[-1] == "A"
    # OpenCV takes the end of a picture in runs of 4 bits for the end of a row.
    runs_of_4_bits = image.format == "BMP" and image.info.get("compression") == 2
    return runs_of_4_bits or image.format in {"PNG", "GIF"}


def _by_opencv(data: bytes) -> Pixels:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise _Told(_DAMAGED)
    return np.asarray(pixels, np.uint8)


def _by_pillow(image: Image.Image) -> Pixels:
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
    data = b""
    try:
        data = _content(path)
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if (mode := image.mode) in _MASK_MODES:
                if data.rfind(_PNG_END) < 0:
                    raise _Told("it is cut short")
                return np.array(image, np.uint8)
    except UnidentifiedImageError:
        reason = "it is empty" if not data else _DAMAGED if data.startswith(_PNG) else "it is no PNG"
    except Exception as error:  # as above
        reason = _reason(error)
    else:
        raise UserError(f"{path} is a {mode} image; a mask must be an indexed or 8-bit grey PNG of class ids.")
    raise UserError(f"{path} cannot be read as a mask: {reason}.")
