"""From an engine's output to files: pixels left out, masks in the stored grid, counts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from swsss.data.classes import IGNORE
from swsss.data.files import write_whole
from swsss.data.images import Pixels, orient_back
from swsss.data.png import encode_grey, encode_mask
from swsss.serve.plan import Item
from swsss.serve.records import Labelled

_BLOCK = 1 << 20
"""Pixels counted at a time: NumPy needs eight bytes for each."""


@dataclass(frozen=True)
class Writer:
    """Writes what an engine gives.

    Args:
        out: The labels folder.
        confidence: Whether confidence maps are written as well.
        ignore_below: Pixels less sure than this (0..1) become 255.
    """

    out: Path
    confidence: bool = False
    ignore_below: float = 0.0

    def write(self, item: Item, orientation: int, mask: Pixels, confidence: Pixels) -> Labelled:
        """Write the mask of an image, and its confidence map when asked for.

        Args:
            item: The image.
            orientation: EXIF orientation its pixels were turned upright from.
            mask: uint8 [H, W] upright class ids.
            confidence: uint8 [H, W] upright, round(255 · probability).

        Raises:
            OSError: A file cannot be written.
        """
        mask = leave_out(mask, confidence, self.ignore_below)
        mask, confidence = orient_back(mask, orientation), orient_back(confidence, orientation)
        write_whole(self.out / "masks" / item.mask, encode_mask(mask))
        if self.confidence:
            write_whole(self.out / "confidence" / item.mask, encode_grey(confidence))
        return describe(item.image, item.mask, item.tags, mask, confidence)


def leave_out(mask: Pixels, confidence: Pixels, ignore_below: float) -> Pixels:
    """A uint8 [H, W] mask in which pixels less sure than `ignore_below` (0..1) are 255."""
    if ignore_below > 0:
        return np.where(confidence < 255 * ignore_below, np.uint8(IGNORE), mask)
    return mask


def describe(image: str, name: str, tags: tuple[int, ...] | None, mask: Pixels, confidence: Pixels) -> Labelled:
    """What is known of an image once it is labelled.

    Args:
        image: Path below the image folder.
        name: Path of its mask below `masks/`.
        tags: Foreground ids it was labelled with, ascending; None for every class.
        mask: uint8 [H, W] in the stored grid.
        confidence: uint8 [H, W], likewise, round(255 · probability).
    """
    pixels, means = count_pixels(mask, confidence)
    return Labelled(
        image=image,
        mask=name,
        width=mask.shape[1],
        height=mask.shape[0],
        tags=tags,
        pixels=pixels,
        confidence=means,
        mean_confidence=float(confidence.mean()) / 255,
    )


def count_pixels(mask: Pixels, confidence: Pixels) -> tuple[dict[int, int], dict[int, float]]:
    """Pixels of each class that occurs (255 included), and the mean probability (0..1) of those but 255."""
    pairs: npt.NDArray[np.int64] = np.zeros(1 << 16, np.int64)
    for start in range(0, mask.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        # One histogram of (class, confidence) pairs: three times as fast as weighing pixels in floating point.
        codes = mask.ravel()[block].astype(np.uint16) << 8 | confidence.ravel()[block]
        pairs += np.bincount(codes, minlength=1 << 16)
    table = pairs.reshape(256, 256)
    counts, sums = table.sum(1), table @ np.arange(256)
    present = np.flatnonzero(counts).tolist()
    pixels = {index: int(counts[index]) for index in present}
    return pixels, {index: float(sums[index] / counts[index]) / 255 for index in present if index != IGNORE}
