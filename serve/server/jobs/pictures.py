"""Images and masks for browsers: reduced, encoded, and the last ones kept."""

import base64
import zlib
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

import cv2
import numpy as np

from swsss.data.images import Pixels
from swsss.report.pictures import overlay

K = TypeVar("K")
V = TypeVar("V")

_PICTURE, _THUMBNAIL = 2048, 240
_QUALITY = 85


def picture(image: Pixels) -> bytes:
    """An image, uint8 RGB [H, W, 3], as a JPEG that screens can show."""
    return _jpeg(_reduced(image, _PICTURE))


def thumbnail(image: Pixels, mask: Pixels | None) -> bytes:
    """A small JPEG of an image, uint8 RGB [H, W, 3], with its mask, uint8 [H, W], laid over it."""
    small = _reduced(image, _THUMBNAIL)
    if mask is None:
        return _jpeg(small)
    size = (small.shape[1], small.shape[0])
    return _jpeg(overlay(small, np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)))


def deflated(mask: Pixels) -> dict[str, object]:
    """A mask for a script in a browser: its size, and its ids row by row, deflated (zlib), base64."""
    packed = zlib.compress(np.ascontiguousarray(mask).tobytes(), 1)
    return {"width": mask.shape[1], "height": mask.shape[0], "ids": base64.b64encode(packed).decode()}


class Recent(Generic[K, V]):
    """The last values, by key; threads may share it.

    Args:
        most: How many bytes are kept.
        size_of: How many bytes a value takes.
    """

    def __init__(self, most: int, size_of: Callable[[V], int]) -> None:
        self._most, self._size_of, self._lock = most, size_of, Lock()
        self._values: OrderedDict[K, V] = OrderedDict()
        self._bytes = 0

    def get(self, key: K) -> V | None:
        """The value of a key, if it is still kept."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key]

    def put(self, key: K, value: V) -> None:
        """Keep a value, unless it is too large; forget those used longest ago if it is too much."""
        size = self._size_of(value)
        with self._lock:
            if key in self._values:
                self._bytes -= self._size_of(self._values.pop(key))
            if size > self._most:
                return
            self._values[key] = value
            self._bytes += size
            while self._bytes > self._most:
                self._bytes -= self._size_of(self._values.popitem(last=False)[1])


def _reduced(pixels: Pixels, side: int) -> Pixels:
    scale = side / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(pixels: Pixels) -> bytes:
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(pixels[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done
    return data.tobytes()
