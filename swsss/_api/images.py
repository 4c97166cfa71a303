"""Images as programs have them: a file, a Pillow image or an array."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from swsss.data.headers import MAX_PIXELS
from swsss.data.image_size import read_image_size
from swsss.data.images import Pixels, orient, read_image
from swsss.errors import UserError

ImageLike: TypeAlias = str | os.PathLike[str] | Image.Image | npt.NDArray[np.uint8]
"""A file, a Pillow image, or RGB [H, W, 3] or grey [H, W] pixels."""

_ORIENTATION = 0x0112


def read_upright(image: ImageLike, check_size: Callable[[int, int], None]) -> tuple[Pixels, int]:
    """Pixels for the net: uint8 RGB [H, W, 3], upright, and the EXIF orientation 1 to 8 they were stored with.

    Args:
        image: An array counts as upright; a Pillow image has the orientation of its EXIF data.
        check_size: Called with height and width before anything of that size is made; raises when it is too large.

    Raises:
        UserError: It cannot be read, or is of a kind that is not taken.
    """
    if isinstance(image, str | os.PathLike):
        path = Path(image)
        width, height = read_image_size(path)
        check_size(height, width)
        pixels, orientation = read_image(path, width * height)
    elif isinstance(image, Image.Image):
        check_size(image.height, image.width)
        pixels, orientation = _of_pillow(image)
    elif isinstance(image, np.ndarray):
        pixels, orientation = _of_array(image), 1
        check_size(*pixels.shape[:2])
    else:
        raise _unsupported(f"a {type(image).__name__}", "give a path, a Pillow image or a NumPy array")
    return orient(pixels, orientation), orientation


def _of_pillow(image: Image.Image) -> tuple[Pixels, int]:
    if image.width * image.height > MAX_PIXELS:
        raise UserError(f"The image has more than {MAX_PIXELS} pixels.", code="image-too-large")
    try:
        image.load()  # first: it turns a TIFF upright
        orientation = int(image.getexif().get(_ORIENTATION, 1))
        if image.mode.startswith("I;16"):
            upper = (np.asarray(image) >> 8).astype(np.uint8)
            return np.repeat(upper[..., None], 3, axis=2), orientation
        if image.mode in {"I", "F"}:
            raise _unsupported(f"of Pillow's mode {image.mode}", "convert it to 8 bits")
        return np.array(image if image.mode == "RGB" else image.convert("RGB")), orientation
    except (OSError, ValueError, SyntaxError) as error:  # what Pillow raises for damaged files and odd modes
        raise UserError(f"The image cannot be read: {error}.", code="unreadable-image") from None


def _of_array(array: npt.NDArray[np.uint8]) -> Pixels:
    if array.dtype != np.uint8:
        raise _unsupported(f"an array of {array.dtype}", "give uint8 from 0 to 255")
    grey = array.ndim == 2
    if not (grey or (array.ndim == 3 and array.shape[2] == 3)) or not array.size:
        raise _unsupported(f"an array of shape {array.shape}", "give RGB [H, W, 3] or grey [H, W], with pixels")
    return np.ascontiguousarray(np.repeat(array[..., None], 3, axis=2) if grey else array)


def _unsupported(what: str, advice: str) -> UserError:
    return UserError(f"The image is {what}; {advice}.", code="unsupported-image")
