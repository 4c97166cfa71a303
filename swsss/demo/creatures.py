"""The creatures of the demo's tide pools.

Three pairs. A pair shares build, size and colours and differs in details: stripes or spots and the cut of the fins,
five arms or eight, ribs or rings and the rim. A tag that names the creature says at once what a few masks hardly teach.
"""

import colorsys
import math
from collections.abc import Callable

import numpy as np

from swsss.demo.canvas import Floats, Paint, Part, Points

CREATURES = ("stripefish", "spotfish", "starfish", "sunstar", "scallop", "clam")
"""Foreground classes in the order of their ids, from 1; neighbours 1-2, 3-4 and 5-6 are the confusable pairs."""

Pattern = Callable[[Floats, Floats], Floats]

_FAN_BEND = 0.22  # how much shorter a shell is at its sides than in the middle
_HINGE = 0.78  # where the rays of a shell meet, below its middle
_HUES = {
    "fish": (0.02, 0.08, 0.13, 0.55, 0.62, 0.9),
    "star": (0.0, 0.04, 0.08, 0.78, 0.93),
    "shell": (0.02, 0.07, 0.11, 0.85, 0.97),
}


def creature(rng: np.random.Generator, class_id: int) -> list[Part]:
    """The parts of one creature of a class, from back to front."""
    family = (_fish, _star, _shell)[(class_id - 1) // 2]
    return family(rng, class_id % 2 == 1)


def rgb(hue: float, saturation: float, value: float) -> Floats:
    """One colour: float32 [3] in 0..1."""
    return np.array(colorsys.hsv_to_rgb(hue % 1, min(saturation, 1), min(value, 1)), np.float32)


def flat(colour: Floats) -> Paint:
    """Paint of one colour."""
    return lambda u, v: np.broadcast_to(colour, (*u.shape, 3))


def rounded(corners: object, rounds: int = 3) -> Points:
    """A closed outline with its corners cut (Chaikin): float64 [N * 2 ** rounds, 2]."""
    points = np.asarray(corners, np.float64)
    for _ in range(rounds):
        following = np.roll(points, -1, 0)
        points = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], 1).reshape(-1, 2)
    return points


def ramp(value: Floats, edge: float | Floats, width: float) -> Floats:
    """0 below an edge and 1 above it, with a soft passage of `width`."""
    return np.asarray(np.clip((value - edge) / width + 0.5, 0, 1), np.float32)


def mix(first: Floats, second: Floats, share: Floats) -> Floats:
    """From the first colour [3] or [H, W, 3] to the second by a share [H, W]."""
    mixed: Floats = first + (second - first) * share[..., None]
    return mixed


def dots(u: Floats, v: Floats, waves: float) -> Floats:
    """Round bumps on a hexagonal lattice, `waves` to a unit: about -0.5 to 1."""
    k = np.float32(2 * math.pi * waves)
    waved = np.cos(k * u) + np.cos(k * (0.5 * u + 0.866 * v)) + np.cos(k * (0.5 * u - 0.866 * v))
    return np.asarray(waved / 3, np.float32)


def _colours(rng: np.random.Generator, family: str, saturation: float) -> tuple[Floats, Floats]:
    """A base colour and the colour of the pattern on it, lighter or darker, at a contrast that varies."""
    hue = rng.choice(_HUES[family]) + rng.normal(0, 0.012)
    saturation += rng.uniform(-0.12, 0.12)
    base = rgb(hue, saturation, rng.uniform(0.82, 0.98))
    if rng.random() < 0.5:
        other = rgb(hue + 0.02, saturation * 0.25, 1.0)
    else:
        other = rgb(hue - 0.02, saturation + 0.12, rng.uniform(0.35, 0.5))
    return base, base + (other - base) * np.float32(rng.uniform(0.75, 1.0))


def _fish(rng: np.random.Generator, striped: bool) -> list[Part]:
    base, other = _colours(rng, "fish", 0.7)
    fin = (base * np.float32(0.85)).astype(np.float32)
    t = np.linspace(0, 1, 40)
    back = np.stack([1.57 * t - 0.62, -0.07 * (1 - t) - 0.45 * np.sin(np.pi * t**1.3) ** 0.8], 1)
    belly = np.stack([1.57 * t - 0.62, 0.07 * (1 - t) + 0.42 * np.sin(np.pi * t**1.25) ** 0.8], 1)
    tip, notch, crest = ((-1.1, 0.62), -0.72, -0.95) if striped else ((-0.98, 0.42), -1.14, -0.66)
    half = np.array([(-0.5, 0.08), (-0.78, 0.32), tip])
    tail = rounded([*half, (notch, 0), *(half * (1, -1))[::-1]])
    dorsal = rounded([(-0.5, -0.1), (-0.42, -0.6), (-0.1, crest), (0.45, -0.5), (0.5, -0.1)])
    anal = rounded([(-0.45, 0.1), (-0.4, 0.62), (-0.15, 0.68), (0.15, 0.2)])
    pectoral = rounded([(0.34, 0.12), (0.05, 0.04), (-0.16, 0.2), (0.02, 0.36), (0.24, 0.28)])
    pattern = _stripes(rng) if striped else _spots(rng)
    return [
        *(Part(outline, _rays(fin)) for outline in (tail, dorsal, anal)),
        Part(np.concatenate([back, belly[::-1]]), _skin(base, other, pattern)),
        Part(pectoral, _rays(fin)),
        *_eye(0.62, -0.12),
    ]


def _stripes(rng: np.random.Generator) -> Pattern:
    phase, bend = rng.uniform(0, 2 * math.pi), rng.uniform(0.3, 0.8)
    waves = 2 * math.pi * rng.uniform(1.6, 2.1)
    return lambda u, v: ramp(np.cos(waves * (u + bend * v * v) + phase), 0.2, 0.5)


def _spots(rng: np.random.Generator) -> Pattern:
    du, dv = rng.uniform(0, 1, 2)
    waves = rng.uniform(1.6, 2.0)
    return lambda u, v: ramp(dots(u + du, v + dv, waves), 0.08, 0.25)


def _skin(base: Floats, other: Floats, pattern: Pattern) -> Paint:
    """Darker on the back, pale on the belly, and the face free of the pattern."""

    def paint(u: Floats, v: Floats) -> Floats:
        colour = mix(base, other, pattern(u, v) * ramp(-u, -0.42, 0.06))
        pale = mix(colour, np.ones(3, np.float32), 0.35 * ramp(v, 0.25, 0.5))
        return pale * (0.95 - 0.18 * ramp(-v, 0.2, 0.5))[..., None]

    return paint


def _rays(colour: Floats) -> Paint:
    return lambda u, v: colour * (1 + 0.12 * np.cos(34 * v + 12 * u))[..., None]


def _eye(x: float, y: float) -> list[Part]:
    angle = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    rings = ((0.115, 0, (0.98, 0.98, 0.94)), (0.07, 0.015, (0.05, 0.06, 0.1)), (0.026, 0.04, (1, 1, 1)))
    return [Part(circle * r + (x + dx, y - dx), flat(np.array(colour, np.float32))) for r, dx, colour in rings]


def _star(rng: np.random.Generator, five: bool) -> list[Part]:
    base, other = _colours(rng, "star", 0.7)
    arms, core = (5, 0.36) if five else (8, 0.5)
    angle = np.linspace(0, 2 * math.pi, 240, endpoint=False)
    ends = np.linspace(0, 2 * math.pi, arms, endpoint=False)
    length = np.interp(angle, ends, rng.uniform(0.86, 1.0, arms), period=2 * math.pi)
    radius = core + (length - core) * ((1 + np.cos(arms * angle)) / 2) ** 1.15
    curl = rng.uniform(-0.2, 0.2)
    outline = np.stack([radius * np.cos(angle + curl * radius), radius * np.sin(angle + curl * radius)], 1)

    def paint(u: Floats, v: Floats) -> Floats:
        distance = np.hypot(u, v)
        along = np.cos(arms * (np.arctan2(v, u) - curl * distance)).astype(np.float32)
        middle = (1 - 0.09 / np.maximum(distance, 0.2) ** 2).astype(np.float32)
        ridge = ramp(along, middle, 0.25) * ramp(distance, 0.14, 0.1)
        return mix(mix(base, other, 0.8 * ramp(dots(u, v, 4.6), 0.45, 0.3)), other, 0.8 * ridge)

    return [Part(outline, paint)]


def _shell(rng: np.random.Generator, ribbed: bool) -> list[Part]:
    base, other = _colours(rng, "shell", 0.33)
    angle = np.linspace(-1.15, 1.15, 60)
    waves = rng.uniform(4.5, 5.5)
    phase = rng.uniform(0, 2 * math.pi)
    reach = 1.62 * (1 - _FAN_BEND * angle**2)
    if ribbed:
        reach *= 1 + 0.035 * np.cos(2 * math.pi * waves * angle / 1.75 + phase)  # every rib ends in a lobe
    fan = np.stack([reach * np.sin(angle), _HINGE - reach * np.cos(angle)], 1)
    ears = (
        [(-0.46, 0.4), (-0.4, 0.94), (0.4, 0.94), (0.46, 0.4)] if ribbed else [(-0.34, 0.45), (0.0, 1.04), (0.34, 0.45)]
    )

    def paint(u: Floats, v: Floats) -> Floats:
        ray = np.arctan2(u, _HINGE - v)
        ring = np.hypot(u, _HINGE - v) / (1.62 * (1 - _FAN_BEND * ray**2))
        wave = np.cos(2 * math.pi * waves * (ray / 1.75 if ribbed else ring) + phase).astype(np.float32)
        blush = ramp(ring, 0.35, 0.8)
        return mix(mix(base, other, ramp(wave, 0.1, 0.9)), base, 0.3 * blush) * (0.88 + 0.12 * blush)[..., None]

    return [Part(rounded(ears, 2), flat(base * np.float32(0.9))), Part(rounded([*fan, (0.0, _HINGE + 0.04)], 1), paint)]
