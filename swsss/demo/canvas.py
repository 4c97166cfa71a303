"""A small oversampled canvas: shapes with relief and shadow, and the exact mask of what stays visible."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from swsss.data.images import Pixels

Floats = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
Paint = Callable[[Floats, Floats], Floats]

OVERSAMPLE = 2
"""Canvas pixels per picture pixel."""


class Part(NamedTuple):
    """An outline [N, 2] in the unit square of a thing, and what colour it has at local coordinates."""

    outline: Points
    paint: Paint


@dataclass(frozen=True)
class Pose:
    """Where a thing lies: centre and radius in canvas pixels, angle in radians, height relative to width."""

    x: float
    y: float
    radius: float
    angle: float
    squash: float = 1.0

    @property
    def matrix(self) -> Points:
        """Local coordinates to canvas offsets: float64 [2, 2]."""
        cos, sin = math.cos(self.angle) * self.radius, math.sin(self.angle) * self.radius
        return np.array([[cos, -sin * self.squash], [sin, cos * self.squash]])


class Canvas:
    """RGB float32 [S, S, 3] in 0..1 and the class ids uint8 [S, S] of what is visible, both oversampled."""

    def __init__(self, pixels: Floats) -> None:
        self.pixels = pixels
        self.mask: Pixels = np.zeros(pixels.shape[:2], np.uint8)

    def stamp(self, pose: Pose, parts: Sequence[Part], class_id: int, lift: float) -> None:
        """Paint a thing over what is there; `lift`, in radii, is how far its shadow falls."""
        outlines = [(part.outline @ pose.matrix.T + (pose.x, pose.y)).astype(np.float32) for part in parts]
        self._shadow(outlines, lift * pose.radius)
        for part, outline in zip(parts, outlines, strict=True):
            self._fill(pose, part, outline, class_id)

    def _shadow(self, outlines: Sequence[Floats], offset: float) -> None:
        blur = max(2.0, offset * 0.7)
        window = self._window(np.concatenate(outlines) + offset, 3 * blur)
        if window is None:
            return
        rows, columns = window
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        shade = np.zeros(shape, np.uint8)
        for outline in outlines:
            cv2.fillPoly(shade, [_fixed(outline + offset - (columns.start, rows.start))], 255, shift=4)
        soft = cv2.GaussianBlur(shade, (0, 0), blur).astype(np.float32) / 255
        self.pixels[rows, columns] *= 1 - 0.5 * soft[..., None]

    def _fill(self, pose: Pose, part: Part, outline: Floats, class_id: int) -> None:
        window = self._window(outline, 3)
        if window is None:
            return
        rows, columns = window
        inside = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
        cv2.fillPoly(inside, [_fixed(outline - (columns.start, rows.start))], 1, shift=4)
        y, x = np.mgrid[rows, columns].astype(np.float32)
        (a, b), (c, d) = np.linalg.inv(pose.matrix).astype(np.float32)
        x, y = x - np.float32(pose.x), y - np.float32(pose.y)
        colour = part.paint(a * x + b * y, c * x + d * y) * _relief(inside, pose.radius)[..., None]
        seen = inside.astype(bool)
        self.pixels[rows, columns][seen] = np.clip(colour[seen], 0, 1)
        self.mask[rows, columns][seen] = class_id

    def _window(self, points: Floats, margin: float) -> tuple[slice, slice] | None:
        side = len(self.mask)
        low = np.clip(np.floor(points.min(0) - margin), 0, side).astype(int)
        high = np.clip(np.ceil(points.max(0) + margin), 0, side).astype(int)
        return (slice(low[1], high[1]), slice(low[0], high[0])) if (high > low).all() else None

    def developed(self) -> tuple[Pixels, Pixels]:
        """The picture uint8 [H, W, 3] and its mask uint8 [H, W] at the final size."""
        size = (self.mask.shape[1] // OVERSAMPLE, self.mask.shape[0] // OVERSAMPLE)
        picture = cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA)
        ids = np.unique(self.mask)
        cover = [cv2.resize((self.mask == i).astype(np.float32), size, interpolation=cv2.INTER_AREA) for i in ids]
        return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8), ids[np.argmax(cover, axis=0)].astype(np.uint8)


def _fixed(points: Floats) -> npt.NDArray[np.int32]:
    """OpenCV's fixed point coordinates with 4 fractional bits, so that outlines do not snap to whole pixels."""
    return np.rint(points * 16).astype(np.int32)


def _relief(inside: Pixels, radius: float) -> Floats:
    """Brightness [H, W] that makes a flat shape look round and lit from the upper left, with a dark rim."""
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3) / np.float32(radius)
    height = np.sqrt(np.minimum(depth / 0.3, 1))
    step = max(2, round(radius / 18))
    light = height - np.roll(height, (step, step), (0, 1))
    rim = np.clip(depth / 0.035, 0, 1)
    return np.asarray((0.8 + 0.22 * height + 0.3 * light) * (0.6 + 0.4 * rim), np.float32)
