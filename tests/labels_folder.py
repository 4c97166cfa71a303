"""Labels folders as `swsss-label` leaves them, and masks that are hard to encode."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from swsss.data.classes import ClassTable
from swsss.data.png import write_mask
from swsss.serve.manifest import write_manifest
from swsss.serve.records import Labelled

CLASSES = ClassTable(("background", "cat", "dog", "potted plant", "a & <b> \"c\" 'd'", "猫"))


def hard_masks() -> dict[str, np.ndarray]:
    """By what is hard about them."""
    one = np.zeros((7, 9), np.uint8)
    one[3, 4] = 2
    corners = np.zeros((6, 5), np.uint8)
    corners[0, 0], corners[0, -1], corners[-1, 0], corners[-1, -1] = 1, 2, 3, 4
    frame = np.full((8, 11), 3, np.uint8)
    frame[1:-1, 1:-1] = 0
    border = np.zeros((9, 9), np.uint8)
    border[2:7, 2:7] = 255
    border[3:6, 3:6] = 5
    return {
        "1x1 background": np.zeros((1, 1), np.uint8),
        "1x1 class": np.full((1, 1), 5, np.uint8),
        "1x1 ignored": np.full((1, 1), 255, np.uint8),
        "one row": np.array([[1, 1, 0, 2, 255, 2]], np.uint8),
        "one column": np.array([[0], [4], [4], [0], [4]], np.uint8),
        "all background": np.zeros((5, 8), np.uint8),
        "all one class": np.full((5, 8), 2, np.uint8),
        "all ignored": np.full((4, 4), 255, np.uint8),
        "one pixel": one,
        "corners": corners,
        "frame": frame,
        "ignored border": border,
        "checkerboard": (np.indices((10, 13)).sum(0) % 2).astype(np.uint8),
        "long runs": np.repeat(np.array([0, 1, 0, 2, 1], np.uint8), 70_000).reshape(500, 700),
    }


def random_masks(count: int) -> dict[str, np.ndarray]:
    """Blocks of classes of any size, and noise, in images of any size; ignored pixels among them."""
    rng = np.random.default_rng(7)
    values = np.array([0, 0, 1, 2, 3, 4, 5, 255], np.uint8)
    masks = {}
    for number in range(count):
        height, width, block = rng.integers(1, 90), rng.integers(1, 90), rng.integers(1, 20)
        coarse = values[rng.integers(0, len(values), (height // block + 1, width // block + 1))]
        masks[f"random {number}"] = np.kron(coarse, np.ones((block, block), np.uint8))[:height, :width]
    return masks


def row_of(image: str, mask: np.ndarray, file: str = "") -> Labelled:
    """What the manifest says of an image; the confidence of class c is 0.9 - c/10."""
    pixels = dict(sorted(Counter(mask.ravel().tolist()).items()))
    confidence = {index: round(0.9 - index / 10, 4) for index in pixels if index != 255}
    file = file or PurePosixPath(image).with_suffix(".png").as_posix()
    return Labelled(image, file, mask.shape[1], mask.shape[0], None, pixels, confidence, 0.75)


def write_folder(folder: Path, masks: Mapping[str, np.ndarray], files: Mapping[str, str] | None = None) -> Path:
    """Write a labels folder.

    Args:
        folder: Where.
        masks: By image.
        files: The file below `masks/` of those images whose stem is taken twice.
    """
    rows = [row_of(image, mask, (files or {}).get(image, "")) for image, mask in masks.items()]
    for row, mask in zip(rows, masks.values(), strict=True):
        write_mask(folder / "masks" / row.mask, mask)
    write_manifest(folder / "manifest.csv", rows, CLASSES)
    (folder / "classes.txt").write_text("\n".join(CLASSES.names) + "\n", encoding="utf-8")
    return folder
