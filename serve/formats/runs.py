"""Runs of equal pixels, which both COCO and Label Studio encode masks as."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from swsss.data.classes import IGNORE
from swsss.data.images import Pixels

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Runs:
    """Where one class is, in a mask read as one line of pixels.

    Args:
        index: Class id.
        starts: int64 [R], ascending: first pixel of each run.
        ends: int64 [R]: one past the last pixel of each run; below the next start.
        size: Number of pixels of the mask.
    """

    index: int
    starts: Integers
    ends: Integers
    size: int

    @property
    def lengths(self) -> Integers:
        """Pixels outside and inside the class in turn, outside first (0 if the first pixel is inside): int64 [L]."""
        bounds = np.zeros(2 * len(self.starts) + 2, np.int64)
        bounds[1:-1:2] = self.starts
        bounds[2:-1:2] = self.ends
        bounds[-1] = self.size
        lengths = np.diff(bounds)
        return lengths if lengths[-1] else lengths[:-1]


def foreground_runs(line: Pixels) -> Iterator[Runs]:
    """Find the runs of every foreground class in a mask, all classes in one pass over the pixels.

    Args:
        line: uint8 [P], P >= 1: class ids row by row or column by column; 0 and 255 are no foreground.
    """
    bounds = np.concatenate(([0], np.flatnonzero(line[1:] != line[:-1]) + 1, [line.size]))
    values = line[bounds[:-1]]
    for index in np.flatnonzero(np.bincount(values, minlength=256)):
        if index not in {0, IGNORE}:
            which = np.flatnonzero(values == index)
            yield Runs(int(index), bounds[which], bounds[which + 1], line.size)
