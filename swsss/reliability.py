"""How far a confidence can be believed, read off counts of right and wrong pixels."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LEVELS = 256
"""Confidences are counted as they are written: round(255 * p)."""

BINS = 15
"""Equal-width bins of the calibration error (Guo et al., ICML 2017)."""

THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""What the table of kept pixels offers for `--ignore-below`."""


class Bin(NamedTuple):
    """Pixels of like confidence: their share of all, mean confidence, and share that is right; all 0..1."""

    share: float
    confidence: float
    right: float


class Keep(NamedTuple):
    """What is left of the pixels when those less sure than `above` are left out; all 0..1, None of no pixels."""

    above: float
    share: float
    right: float | None
    miou: float | None


@dataclass(frozen=True)
class Reliability:
    """Pixels by confidence.

    Args:
        counts: int64 [256, 2] wrong and right pixels at each written confidence.
    """

    counts: npt.NDArray[np.int64]

    def bins(self) -> list[Bin]:
        """The `BINS` bins that hold pixels, in ascending order; 1.0 belongs to the last."""
        written = np.arange(LEVELS) / (LEVELS - 1)
        # 15 divides 255: in integers, so that no border moves by rounding.
        number = np.minimum(np.arange(LEVELS) * BINS // (LEVELS - 1), BINS - 1)
        everything = self.counts.sum()
        found = []
        for index in range(BINS):
            wrong, right = self.counts[number == index].sum(0)
            if total := wrong + right:
                mean = (self.counts.sum(1) * written)[number == index].sum() / total
                found.append(Bin(float(total / everything), float(mean), float(right / total)))
        return found

    @property
    def ece(self) -> float:
        """Expected calibration error, 0..1: the mean distance of confidence and share right over the bins."""
        return sum(one.share * abs(one.confidence - one.right) for one in self.bins())

    def kept(self, threshold: float) -> tuple[float, float | None]:
        """The share of the pixels that `--ignore-below` keeps, and of those the share that is right (None of none)."""
        wrong, right = self.counts[first_kept(threshold) :].sum(0)
        kept = wrong + right
        return float(kept / max(self.counts.sum(), 1)), float(right / kept) if kept else None


def first_kept(threshold: float) -> int:
    """The lowest written confidence (0..255) that `--ignore-below threshold` keeps."""
    return int(np.ceil(255 * threshold))
