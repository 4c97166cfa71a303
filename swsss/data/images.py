"""Pixels in and out: decoding, EXIF orientation, indexed PNG masks, and files that appear whole or not at all."""

import contextlib
import io
import os
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from swsss.data.classes import palette
from swsss.errors import UserError

Pixels = npt.NDArray[np.uint8]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})

_ORIENTATION = 0x0112
_PALETTE = palette().tobytes()

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


def read_image(path: Path) -> tuple[Pixels, int]:
    """Decode an image as it is stored.

    Returns:
        uint8 RGB [H, W, 3] in the stored grid, and its EXIF orientation (1 when there is none).

    Raises:
        UserError: The file cannot be read or holds no image that can be decoded.
    """
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as header:
            orientation = int(header.getexif().get(_ORIENTATION, 1))
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        # Pillow's own words for it would name the buffer.
        reason = "unknown format" if isinstance(error, UnidentifiedImageError) else error or "unknown format"
        raise UserError(f"{path} cannot be read as an image: {reason}.") from None
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    with contextlib.suppress(cv2.error):
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        if pixels is not None:
            return np.asarray(pixels, np.uint8), orientation
    raise UserError(f"{path} is damaged or of a kind that cannot be decoded.")


def read_upright(path: Path) -> Pixels:
    """Decode an image the way a viewer shows it: uint8 RGB [H, W, 3], EXIF orientation applied."""
    pixels, orientation = read_image(path)
    return orient(pixels, orientation)


def read_mask(path: Path) -> Pixels:
    """Read a label mask: uint8 [H, W] of class ids, from an indexed or grey PNG, in the stored grid.

    Raises:
        UserError: The file cannot be read, or is a colour image instead of an indexed or grey one.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in {"P", "L", "1"}:
                raise UserError(
                    f"{path} is a {image.mode} image; a mask must be an indexed or 8-bit grey PNG of class ids."
                )
            return np.array(image, np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} cannot be read as a mask: {error}.") from None


def write_mask(path: Path, mask: Pixels) -> None:
    """Write class ids as an indexed PNG with the VOC palette, whole or not at all.

    Args:
        path: Where; parent folders are made.
        mask: uint8 [H, W].
    """
    image = Image.fromarray(mask, "L")
    image.putpalette(_PALETTE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    write_whole(path, buffer.getvalue())


def write_picture(path: Path, pixels: Pixels) -> None:
    """Write uint8 RGB [H, W, 3] as PNG, whole or not at all."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    write_whole(path, buffer.getvalue())


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it appears whole or not at all, also when the process is killed: beside, fsync, rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def list_images(folder: Path) -> list[str]:
    """List the image files below `folder`: sorted relative paths with `/`, links to folders not followed.

    Raises:
        UserError: The folder, or one in it, cannot be read.
    """

    def unreadable(error: OSError) -> None:
        raise UserError(f"The folder {error.filename} cannot be read: {error.strerror}.")

    found = []
    for here, _, names in os.walk(folder, onerror=unreadable):
        for name in names:
            if Path(name).suffix.lower() in IMAGE_SUFFIXES:
                found.append((Path(here) / name).relative_to(folder).as_posix())
    return sorted(found)
