"""Tide pools for the demo dataset: sea bed, pebbles, weed and coral, and the creatures among them."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

from swsss.data.images import Pixels
from swsss.demo.canvas import OVERSAMPLE, Canvas, Floats, Paint, Part, Pose
from swsss.demo.creatures import creature, dots, flat, mix, ramp, rgb, rounded

# Dark and light colour of the bed as hue, saturation, value: warm sand, lagoon, slate, deep blue.
_BEDS = (
    ((0.09, 0.42, 0.62), (0.115, 0.26, 0.92)),
    ((0.49, 0.55, 0.45), (0.46, 0.28, 0.85)),
    ((0.58, 0.22, 0.36), (0.55, 0.12, 0.68)),
    ((0.58, 0.68, 0.4), (0.54, 0.45, 0.75)),
)


def paint_pool(rng: np.random.Generator, size: int, creatures: Sequence[int]) -> tuple[Pixels, Pixels]:
    """Paint one picture.

    Args:
        rng: Everything that varies is drawn from it.
        size: Side of the picture in pixels.
        creatures: Class ids (1 to 6), one for each creature; one that finds no room is left out, never the first.

    Returns:
        RGB uint8 [size, size, 3] and its class ids uint8 [size, size].
    """
    side = size * OVERSAMPLE
    canvas = Canvas(cv2.resize(_bed(rng, size), (side, side), interpolation=cv2.INTER_LINEAR).astype(np.float32))
    _litter(rng, canvas)
    placed: list[Pose] = []
    for class_id in creatures:
        pose = _free_place(rng, side, placed, len(creatures), _heading(rng, class_id))
        if pose is not None:
            placed.append(pose)
            canvas.stamp(pose, creature(rng, class_id), class_id, 0.25 if class_id <= 2 else 0.08)
    if rng.random() < 0.3:
        _weed(rng, canvas, blades=1)
    return canvas.developed()


def _heading(rng: np.random.Generator, class_id: int) -> tuple[float, float]:
    """Angle and squash of a creature: fish swim level to either side, shells lie hinge down, stars as they fall."""
    squash, tilt = rng.uniform(0.85, 1.1), rng.normal(0, 0.3)
    if class_id in {3, 4}:
        return rng.uniform(0, 2 * math.pi), squash
    if class_id <= 2 and rng.random() < 0.5:
        return math.pi + tilt, -squash  # half a turn and mirrored: swims to the left with its back up
    return tilt, squash


def _free_place(
    rng: np.random.Generator, side: int, placed: Sequence[Pose], count: int, heading: tuple[float, float]
) -> Pose | None:
    """A pose that covers no more than the rim of the others, or None when the dice find none."""
    low, high = ((0.27, 0.38), (0.22, 0.3), (0.18, 0.24))[count - 1]
    for _ in range(40):
        radius = rng.uniform(low, high)
        x, y = rng.uniform(0.8 * radius, 1 - 0.8 * radius, 2)
        if all(math.hypot(x - p.x / side, y - p.y / side) > 0.85 * (radius + p.radius / side) for p in placed):
            return Pose(x * side, y * side, radius * side, *heading)
    return None


def _noise(rng: np.random.Generator, size: int, cells: Sequence[int]) -> Floats:
    """Smooth noise float32 [size, size] in 0..1: one octave for each number of cells, each half as strong."""
    total = np.zeros((size, size), np.float32)
    for octave, count in enumerate(cells):
        grid = rng.random((count + 1, count + 1), np.float32)
        total += cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC).astype(np.float32) / 2**octave
    low, high = float(total.min()), float(total.max())
    return np.asarray((total - low) / max(high - low, 1e-6), np.float32)


def _bed(rng: np.random.Generator, size: int) -> Floats:
    """Rippled sand under moving light: float32 [size, size, 3]."""
    dark, light = (
        rgb(h + rng.normal(0, 0.01), s, v * rng.uniform(0.94, 1.06)) for h, s, v in _BEDS[rng.integers(len(_BEDS))]
    )
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    drift = _noise(rng, size, (3, 6))
    angle = rng.uniform(-0.6, 0.6)
    ripples = 0.5 + 0.5 * np.sin(
        2 * math.pi * (rng.uniform(6, 9) * (y * math.cos(angle) + x * math.sin(angle)) + 2.2 * drift)
    )
    tone = 0.5 * _noise(rng, size, (2, 5, 11, 23)) + 0.18 * ripples + 0.2 * (1 - y) + rng.normal(0, 0.045, (size, size))
    net = np.abs(_noise(rng, size, (5, 9)) - _noise(rng, size, (5, 9)))
    glints = np.clip(1 - net / 0.07, 0, 1) ** 2 * rng.uniform(0.08, 0.2)
    bed = dark + (light - dark) * np.clip(tone, 0, 1)[..., None].astype(np.float32)
    return np.asarray(np.clip(bed + glints[..., None].astype(np.float32), 0, 1), np.float32)


def _litter(rng: np.random.Generator, canvas: Canvas) -> None:
    """Things that are no creature though they share their colours and sizes: they belong to the background."""
    for _ in range(rng.integers(3, 9)):
        _pebble(rng, canvas)
    if rng.random() < 0.55:
        _coral(rng, canvas)
    if rng.random() < 0.6:
        _weed(rng, canvas, blades=int(rng.integers(3, 7)))


def _pebble(rng: np.random.Generator, canvas: Canvas) -> None:
    side = len(canvas.mask)
    angle = np.linspace(0, 2 * math.pi, 10, endpoint=False)
    radius = rng.uniform(0.78, 1.0, len(angle))
    outline = rounded(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1))
    hue, saturation = (
        (rng.uniform(0.04, 0.12), rng.uniform(0.1, 0.4)) if rng.random() < 0.6 else (0.58, rng.uniform(0.05, 0.2))
    )
    colour = rgb(hue, saturation, rng.uniform(0.35, 0.85))
    x, y = rng.uniform(0, side, 2)
    size = side * rng.uniform(0.025, 0.05) * rng.choice((1.0, 1.0, 2.2))
    pose = Pose(x, y, size, rng.uniform(0, 2 * math.pi), rng.uniform(0.6, 0.95))
    canvas.stamp(pose, [Part(outline, _veined(rng, colour))], 0, 0.15)


def _veined(rng: np.random.Generator, colour: Floats) -> Paint:
    waves, phase = rng.uniform(2, 6), rng.uniform(0, 2 * math.pi)
    strength = rng.choice((0.0, 0.05, 0.16))
    return lambda u, v: (
        colour * (1 + strength * np.cos(waves * (u + 0.4 * v * v) + phase))[..., None].astype(np.float32)
    )


def _weed(rng: np.random.Generator, canvas: Canvas, blades: int) -> None:
    """Wavy blades that grow inwards from one point near the rim."""
    side = len(canvas.mask)
    around = rng.uniform(0, 2 * math.pi)
    root = side * (0.5 + 0.62 * np.array([math.cos(around), math.sin(around)]))
    hue = rng.choice((0.27, 0.33, 0.4, 0.02)) + rng.normal(0, 0.015)
    t = np.linspace(0, 1, 24)
    for _ in range(blades):
        sway = rng.uniform(0.05, 0.12) * np.sin(rng.uniform(3, 7) * t + rng.uniform(0, 6)) * t
        width = 0.07 * np.sin(np.pi * t**0.7) + 0.004
        outline = np.concatenate([np.stack([t, sway - width], 1), np.stack([t, sway + width], 1)[::-1]])
        length = side * rng.uniform(0.3, 0.6)
        heading = around + math.pi + rng.normal(0, 0.4)
        colour = rgb(hue, rng.uniform(0.45, 0.7), rng.uniform(0.35, 0.62))
        canvas.stamp(Pose(root[0], root[1], length, heading), [Part(outline, flat(colour))], 0, 0.04)


def _coral(rng: np.random.Generator, canvas: Canvas) -> None:
    """A knobbly cushion, in the colours and sizes of the stars and shells."""
    side = len(canvas.mask)
    angle = np.linspace(0, 2 * math.pi, 120, endpoint=False)
    radius = 0.86 + 0.1 * np.cos(rng.integers(6, 10) * angle) + 0.05 * np.cos(3 * angle + rng.uniform(0, 6))
    outline = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    hue = rng.choice((0.02, 0.08, 0.16, 0.8, 0.93))
    base, knob = rgb(hue, rng.uniform(0.3, 0.6), rng.uniform(0.5, 0.75)), rgb(hue + 0.02, 0.3, 0.95)
    waves = rng.uniform(2.2, 3.2)
    start = rng.uniform(0, 2 * math.pi)
    x, y = side * (0.5 + 0.52 * np.array([math.cos(start), math.sin(start)])) + rng.normal(0, 0.05 * side, 2)
    part = Part(outline, lambda u, v: mix(base, knob, 0.75 * ramp(dots(u, v, waves), 0.2, 0.7)))
    canvas.stamp(Pose(x, y, side * rng.uniform(0.12, 0.22), start), [part], 0, 0.12)
