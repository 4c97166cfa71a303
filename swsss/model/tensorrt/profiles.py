"""Optimisation profiles: the sizes an engine is tuned for, and those it takes."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from swsss.errors import UserError

_STEP = 64
_SLOTS = 4


@dataclass(frozen=True)
class Size:
    """Batch, height and width to tune for."""

    batch: int
    height: int
    width: int


class Range(BaseModel):
    """Shapes of an input: the smallest and the largest that are taken, and the one that is tuned for."""

    model_config = ConfigDict(frozen=True)

    min: tuple[int, ...]
    opt: tuple[int, ...]
    max: tuple[int, ...]

    def holds(self, shape: Sequence[int]) -> bool:
        """Whether a shape is taken."""
        return all(low <= side <= high for low, side, high in zip(self.min, shape, self.max, strict=True))


class Profile(BaseModel):
    """One optimisation profile; `candidates` is absent in a plain model."""

    model_config = ConfigDict(frozen=True)

    image: Range
    candidates: Range | None = None

    @property
    def ranges(self) -> dict[str, Range]:
        """The range of each input, by name."""
        return {"image": self.image} | ({"candidates": self.candidates} if self.candidates else {})

    @property
    def size(self) -> str:
        """What is tuned for, as `parse_sizes` reads it."""
        return "x".join(map(str, self.image.opt[:3]))

    @property
    def taken(self) -> str:
        """What is taken, in words."""
        batch, height, width, _ = self.image.max
        images = "1 image" if batch == 1 else f"1 to {batch} images"
        return f"{images} of up to {height}×{width} pixels"


def parse_sizes(text: str) -> tuple[Size, ...]:
    """Read sizes as `1x375x500,8x512x512`.

    Raises:
        UserError: One cannot be read, or is not positive.
    """
    sizes = []
    for part in text.split(","):
        found = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})[x×](\d{1,5})", part.strip().lower(), re.ASCII)
        numbers = [int(group) for group in found.groups()] if found else [0]
        if min(numbers) < 1:
            raise UserError(
                f"--sizes: {part.strip()!r} is no size NxHxW; give images at a time, height and width in pixels, "
                "like 8x375x500, several separated by commas."
            )
        sizes.append(Size(*numbers))
    return tuple(dict.fromkeys(sizes))


def make_profile(size: Size, num_classes: int, *, conditioned: bool) -> Profile:
    """A profile tuned for one size, taking every smaller image, upright or lying.

    The largest side is rounded up to a multiple of 64: the engine reserves memory for the largest shape it takes.

    Args:
        size: Tuned for.
        num_classes: Most candidates an image can have; four are tuned for.
        conditioned: Whether there is an input `candidates`.
    """
    side = math.ceil(max(size.height, size.width) / _STEP) * _STEP
    slots = min(_SLOTS, num_classes)
    return Profile(
        image=Range(min=(1, 1, 1, 3), opt=(size.batch, size.height, size.width, 3), max=(size.batch, side, side, 3)),
        candidates=Range(min=(1, 1), opt=(size.batch, slots), max=(size.batch, num_classes)) if conditioned else None,
    )


@dataclass(frozen=True)
class Choice:
    """The profile for a batch, and how many of its images the profile takes at a time."""

    index: int
    batch: int


def choose_profile(profiles: Sequence[Profile], shape: tuple[int, int, int]) -> Choice | None:
    """The profile that takes most of a batch at a time, and of several the one tuned for the nearest size.

    Args:
        profiles: Of the engine.
        shape: (N, H, W) of the batch.

    Returns:
        None when the images are too large for every profile.
    """
    choices: list[tuple[int, float, int]] = []
    for index, profile in enumerate(profiles):
        batch = min(shape[0], profile.image.max[0])
        image = (batch, *shape[1:], 3)
        if profile.image.holds(image):
            distance = sum(abs(math.log(side / best)) for side, best in zip(image, profile.image.opt, strict=True))
            choices.append((-batch, distance, index))
    if not choices:
        return None
    batch, _, index = min(choices)
    return Choice(index, -batch)
