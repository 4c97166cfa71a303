"""Labelled images as small pictures that are part of the page."""

import base64
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from swsss.data.images import Pixels, orient, read_image, read_mask
from swsss.errors import UserError
from swsss.serve.records import Labelled

_THREADS = 4
_LONGEST, _SHORTEST = 320, 16
_QUALITIES = (70, 55, 40)
_MAX_BYTES = 16_500
_MAX_RUNS = 2000
_LONGEST_TEXT = 240

Card = dict[str, object]


def cards(rows: Iterable[Labelled], images: Path, masks: Path, within: Path | None = None) -> list[Card]:
    """What the page shows of images: their names, classes and confidences, a small picture and its mask.

    An image or a mask that has vanished or was damaged or changed since it was labelled becomes a card that says so.

    Args:
        rows: Which ones.
        images: The image folder.
        masks: The folder of the masks.
        within: Folder that no image may lead out of; None for anywhere.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda row: _card(row, images, masks, within), rows))


def shortened(text: str) -> str:
    """Text with its middle left out where it is very long, so that a page of many stays small."""
    half = _LONGEST_TEXT // 2
    return text if len(text) <= _LONGEST_TEXT else f"{text[:half]} … {text[-half:]}"


def _card(row: Labelled, images: Path, masks: Path, within: Path | None) -> Card:
    card: Card = {
        "image": shortened(row.image),
        "confidence": row.mean_confidence,
        "tagged": row.tags is not None,
        "found": row.found,
        "not_found": row.not_found,
    }
    return card | _picture(images / row.image, masks / row.mask, within)


def _picture(image: Path, mask: Path, within: Path | None) -> Card:
    try:
        stored, orientation = read_image(image, within=within)
    except UserError:
        return {"problem": "The image is gone or can no longer be read."}
    try:
        labels = read_mask(mask)
    except UserError:
        return {"problem": "Its mask is gone or can no longer be read."}
    if stored.shape[:2] != labels.shape:
        return {"problem": "Image and mask differ in size: one of them was changed."}
    size = _size(labels)
    small = np.asarray(cv2.resize(stored, size, interpolation=cv2.INTER_AREA), np.uint8)
    small_labels = np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    return {"picture": data_uri(orient(small, orientation)), "mask": _runs(orient(small_labels, orientation))}


def _size(mask: Pixels) -> tuple[int, int]:
    """Width and height of the picture of a mask; a very long image is squeezed, for its short side to be visible."""
    height, width = mask.shape
    scale = min(1.0, _LONGEST / max(height, width))
    return max(_SHORTEST, round(width * scale)), max(_SHORTEST, round(height * scale))


def data_uri(pixels: Pixels) -> str:
    """A picture as JPEG (WebP takes ten times as long); one hard to compress loses quality, then size.

    Args:
        pixels: uint8 RGB [H, W, 3].

    Returns:
        A data URI of at most 22 100 characters.
    """
    while True:
        for quality in _QUALITIES:
            done, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
            if not done:
                raise RuntimeError("OpenCV cannot encode a picture of the report.")
            if data.size <= _MAX_BYTES:
                return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
        pixels = np.ascontiguousarray(pixels[::2, ::2])


def _runs(mask: Pixels) -> Card:
    """A mask in runs: class id, count, class id, count, row by row; one of too many runs loses size."""
    flat = mask.ravel()
    starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]])
    if len(starts) > _MAX_RUNS:
        return _runs(mask[::2, ::2])
    counts = np.diff(np.r_[starts, flat.size])
    runs = np.stack([flat[starts], counts], axis=1).ravel().tolist()
    return {"height": mask.shape[0], "width": mask.shape[1], "runs": runs}
