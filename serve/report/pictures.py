"""Labelled images as small pictures that stand inside the page."""

import base64
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from swsss.data.images import Pixels, orient, read_image, read_mask
from swsss.errors import UserError
from swsss.report.pictures import overlay
from swsss.serve.records import Labelled

_THREADS = 4
_LONGEST, _SHORTEST = 320, 16
_QUALITIES = (70, 55, 40)
_MAX_BYTES = 16_500


@dataclass(frozen=True)
class Card:
    """One image as the report shows it.

    Args:
        row: What is known of it.
        image: Its picture as a data URI; None when it cannot be shown any more.
        overlay: Likewise with the mask on it.
        problem: Why it cannot be shown, in one sentence; empty when it can.
    """

    row: Labelled
    image: str | None = None
    overlay: str | None = None
    problem: str = ""


def cards(rows: Iterable[Labelled], images: Path, masks: Path, within: Path | None = None) -> list[Card]:
    """Read images and masks, reduce them, lay one on the other.

    An image or a mask that has vanished or was damaged or changed since it was labelled becomes a card that says so.

    Args:
        rows: Which ones.
        images: The image folder.
        masks: The folder of the masks.
        within: Folder that no image may lead out of; None for anywhere.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda row: _card(row, images, masks, within), rows))


def classes_in(cards: Iterable[Card]) -> list[int]:
    """Foreground classes that the pictures show, ascending."""
    return sorted({index for card in cards if card.image for index in card.row.found})


def _card(row: Labelled, images: Path, masks: Path, within: Path | None) -> Card:
    try:
        stored, orientation = read_image(images / row.image, within=within)
    except UserError:
        return Card(row, problem="The image is gone or can no longer be read.")
    try:
        labels = read_mask(masks / row.mask)
    except UserError:
        return Card(row, problem="Its mask is gone or can no longer be read.")
    if stored.shape[:2] != labels.shape:
        return Card(row, problem="Image and mask differ in size: one of them was changed.")
    size = _size(labels)
    # Reduced first: at full size an overlay takes forty times the memory of the mask.
    image = orient(np.asarray(cv2.resize(stored, size, interpolation=cv2.INTER_AREA), np.uint8), orientation)
    mask = orient(np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST), np.uint8), orientation)
    return Card(row, data_uri(image), data_uri(overlay(image, mask)))


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
