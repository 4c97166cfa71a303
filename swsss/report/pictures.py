"""Pictures for people: masks laid over images, and sheets that show image, truth and labels side by side."""

import base64
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from swsss.data.classes import IGNORE, ClassTable, palette
from swsss.data.images import Pixels

_PALETTE = palette()
_HATCH = np.array((235, 235, 235), np.float32)
_INK, _PAPER, _GAP = (34, 40, 49), (255, 255, 255), 8

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Picture:
    """One image with what is known and what was predicted about it.

    Args:
        stem: Its name in the dataset.
        image: RGB uint8 [H, W, 3].
        truth: Class ids uint8 [H, W], or None.
        labels: Class ids uint8 [H, W] by the name of what made them.
    """

    stem: str
    image: Pixels
    truth: Pixels | None = None
    labels: Mapping[str, Pixels] = field(default_factory=dict)

    def views(self) -> Iterator[tuple[str, Pixels | None]]:
        """What to show of it: a heading, and the mask to lay over the image or None."""
        yield "image", None
        if self.truth is not None:
            yield "truth", self.truth
        yield from self.labels.items()

    def scaled(self, side: int) -> "Picture":
        """The same picture with its longer side at `side` pixels."""
        scale = side / max(self.image.shape[:2])
        size = (max(1, round(self.image.shape[1] * scale)), max(1, round(self.image.shape[0] * scale)))
        image = cv2.resize(self.image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        truth = None if self.truth is None else _resized_mask(self.truth, size)
        labels = {name: _resized_mask(mask, size) for name, mask in self.labels.items()}
        return Picture(self.stem, np.asarray(image, np.uint8), truth, labels)


def _resized_mask(mask: Pixels, size: tuple[int, int]) -> Pixels:
    return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)


def columns_of(pictures: Sequence[Picture]) -> list[str]:
    """Every heading that a view of these pictures has, in the order of first sight, image and truth first."""
    names = dict.fromkeys(name for picture in pictures for name, _ in picture.views())
    return sorted(names, key=lambda name: ("image", "truth").index(name) if name in {"image", "truth"} else 2)


def overlay(image: Pixels, mask: Pixels, opacity: float = 0.55) -> Pixels:
    """Lay the colours of a mask over its image.

    Background stays as it is, ignored pixels are hatched, and every class has an opaque rim. Under a class the image is
    grey, so that its own colours cannot be mistaken for those of a class.

    Args:
        image: RGB uint8 [H, W, 3].
        mask: Class ids uint8 [H, W]; 255 is ignored.
        opacity: Share of the class colour, 0 to 1.

    Returns:
        RGB uint8 [H, W, 3].

    Raises:
        ValueError: Image and mask differ in size.
    """
    if image.shape[:2] != mask.shape:
        raise ValueError(
            f"The image is {image.shape[:2]} and its mask {mask.shape}; they must have the same height and width."
        )
    share = np.where((mask != 0) & (mask != IGNORE), np.float32(opacity), np.float32(0))
    share[_rim(mask)] = 1
    y, x = np.indices(mask.shape, np.int32)
    hatched = (mask == IGNORE) & ((x + y) % 6 < 2)
    share[hatched] = 0.6
    colours = _PALETTE[mask].astype(np.float32)
    colours[hatched] = _HATCH
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    below = np.where((share > 0)[..., None], grey, image)
    return np.asarray(np.rint(below * (1 - share[..., None]) + colours * share[..., None]), np.uint8)


def _rim(mask: Pixels) -> npt.NDArray[np.bool_]:
    """Pixels of a foreground class that touch another class on one of four sides: bool [H, W]."""
    padded = np.pad(mask, 1, mode="edge")
    sides = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    touches = np.logical_or.reduce([side != mask for side in sides])
    return np.asarray(touches & (mask != 0) & (mask != IGNORE), np.bool_)


def data_uri(pixels: Pixels) -> str:
    """RGB uint8 [H, W, 3] as a JPEG that stands inside a page."""
    done, data = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    if not done:
        raise RuntimeError("OpenCV cannot encode a picture of the report.")
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def contact_sheet(
    pictures: Sequence[Picture], classes: ClassTable, columns: Sequence[str] | None = None, *, side: int = 192
) -> Pixels:
    """Draw pictures as rows and their views as columns, with headings above and a legend below.

    Args:
        pictures: One row each.
        classes: Names for the legend, which lists the foreground classes that occur.
        columns: Which views to show ("image", "truth", names of labels); by default all there are.
        side: Longer side of a picture on the sheet, in pixels.

    Returns:
        RGB uint8 [H, W, 3].
    """
    columns = columns_of(pictures) if columns is None else columns
    scaled = [picture.scaled(side) for picture in pictures]
    letters = max(11, side // 12)
    font = ImageFont.load_default(letters)
    line = round(1.8 * letters)
    width = _GAP + len(columns) * (side + _GAP)
    legend = _legend_rows(classes_shown(pictures, columns), classes, font, width - 2 * _GAP)
    height = line + sum(len(picture.image) + _GAP for picture in scaled) + line * len(legend)
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, name in enumerate(columns):
        draw.text((_GAP + index * (side + _GAP) + side / 2, line / 2), name, _INK, font, anchor="mm")
    top = line
    for picture in scaled:
        views = dict(picture.views())
        for index, name in enumerate(columns):
            if name in views:
                _paste(sheet, picture.image, views[name], (_GAP + index * (side + _GAP), top))
        top += len(picture.image) + _GAP
    for row, entries in enumerate(legend):
        _draw_legend(draw, entries, classes, font, top + row * line + line // 2 - _GAP // 2)
    return np.array(sheet, np.uint8)


def _paste(sheet: Image.Image, image: Pixels, mask: Pixels | None, corner: tuple[int, int]) -> None:
    sheet.paste(Image.fromarray(image if mask is None else overlay(image, mask)), corner)


def classes_shown(pictures: Sequence[Picture], columns: Sequence[str]) -> list[int]:
    """Foreground classes that occur in these columns, in the order of their ids."""
    masks = [mask for picture in pictures for name, mask in picture.views() if mask is not None and name in columns]
    return sorted({int(i) for mask in masks for i in np.unique(mask)} - {0, IGNORE})


def _entry_width(name: str, font: Font) -> int:
    return math.ceil(font.getlength(name)) + 40


def _legend_rows(ids: Sequence[int], classes: ClassTable, font: Font, width: int) -> list[list[int]]:
    """The class ids of the legend, broken into rows that fit."""
    rows: list[list[int]] = []
    used = width + 1
    for class_id in ids:
        needed = _entry_width(classes.names[class_id], font)
        if used + needed > width:
            rows.append([])
            used = 0
        rows[-1].append(class_id)
        used += needed
    return rows


def _draw_legend(
    draw: ImageDraw.ImageDraw,
    ids: Sequence[int],
    classes: ClassTable,
    font: Font,
    middle: int,
) -> None:
    x = _GAP
    for class_id in ids:
        draw.rounded_rectangle((x, middle - 7, x + 14, middle + 7), 3, tuple(_PALETTE[class_id].tolist()))
        draw.text((x + 20, middle), classes.names[class_id], _INK, font, anchor="lm")
        x += _entry_width(classes.names[class_id], font)
