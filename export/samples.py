"""Inputs nobody trained on, to compare runtimes with: smooth, colourful, the same every time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from swsss.data.images import Pixels


@dataclass(frozen=True)
class Case:
    """A batch.

    Args:
        image: uint8 RGB [N, H, W, 3].
        candidates: int64 [N, K], padded with -1.
    """

    image: Pixels
    candidates: npt.NDArray[np.int64]

    def feed(self, names: Sequence[str]) -> dict[str, npt.NDArray[np.generic]]:
        """Those of the inputs that a graph has, by name."""
        values: dict[str, npt.NDArray[np.generic]] = {"image": self.image, "candidates": self.candidates}
        return {name: values[name] for name in names}


def synthetic_images(count: int, height: int, width: int, seed: int) -> Pixels:
    """uint8 RGB [count, height, width, 3]: blurred noise at two scales, with edges."""
    generator = np.random.default_rng(seed)
    images = np.empty((count, height, width, 3), np.uint8)
    for image in images:
        coarse = generator.integers(0, 256, (4, 5, 3)).astype(np.float32)
        fine = generator.integers(-40, 41, (24, 30, 3)).astype(np.float32)
        blobs = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        detail = cv2.resize(fine, (width, height), interpolation=cv2.INTER_NEAREST)
        image[:] = np.clip(blobs + detail, 0, 255)
    return images


def proof_cases(num_classes: int, max_side: int) -> Iterator[Case]:
    """Batches as real images come: of real size, odd sides, N > 1, several K, empty slots, one beyond `max_side`."""
    everything = np.arange(num_classes, dtype=np.int64)
    pair = np.full((2, min(4, num_classes)), -1, np.int64)
    pair[0] = everything[-pair.shape[1] :]
    pair[:, 0] = 0
    pair[1, 1] = 1
    yield Case(synthetic_images(2, 375, 500, 1), pair)
    yield Case(synthetic_images(1, 333, 251, 2), everything[None])
    yield Case(synthetic_images(3, 67, 33, 3), np.repeat(everything[None, :2], 3, 0))
    yield Case(synthetic_images(1, 41, max_side + 37, 4), everything[None, : min(3, num_classes)])
