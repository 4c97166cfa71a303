"""The class table: names, ids and colours, one object for every part that needs them."""

import difflib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from swsss.errors import InputError, UserError

IGNORE = 255
"""Pixel value that stands for "no class": void borders, padding, dropped pseudo labels."""

MAX_CLASSES = 255

VOC_NAMES = [
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
]


@dataclass(frozen=True)
class ClassTable:
    """Class names in the order of their ids; id 0 is background.

    Args:
        names: 2 to 255 distinct names.

    Raises:
        UserError: The number of names is out of range or a name occurs twice.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 2 <= len(self.names) <= MAX_CLASSES:
            raise UserError(
                f"A class table needs 2 to {MAX_CLASSES} names, background first; this one has {len(self)}."
            )
        for name in self.names:
            if self.names.count(name) > 1:
                raise UserError(f"Class '{name}' occurs twice in the class table; every name must be different.")

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Class id by name."""
        return {name: index for index, name in enumerate(self.names)}

    def suggestion(self, name: str) -> str:
        """A "did you mean" for an unknown `name`, or a list of the classes there are."""
        lowered = {known.lower(): known for known in self.names}
        close = difflib.get_close_matches(name.lower(), lowered, n=1)
        if close:
            return f"did you mean '{lowered[close[0]]}'?"
        return "the classes are " + ", ".join(self.names[:30]) + ("." if len(self) <= 30 else ", ...")


def palette() -> npt.NDArray[np.uint8]:
    """The VOC colour map (VOCdevkit, `VOClabelcolormap.m`): uint8 [256, 3], RGB by class id; id 255 is near white."""
    ids = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= (((ids >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return colours


def read_classes(path: Path) -> ClassTable:
    """Read `classes.txt`: one name per line, background first; blank lines at the end are allowed.

    Raises:
        UserError: The file is missing or not UTF-8 text.
        InputError: Lines are blank or repeat a name.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except FileNotFoundError:
        raise UserError(f"{path} is missing; write one class name per line, 'background' on the first.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8.") from None
    names = [line.strip() for line in lines]
    problems = [f"{path}, line {row}: the line is blank." for row, name in enumerate(names, 1) if not name]
    problems += [
        f"{path}, line {row}: class '{name}' already stands on line {names.index(name) + 1}."
        for row, name in enumerate(names, 1)
        if name and names.index(name) + 1 != row
    ]
    if problems:
        raise InputError(problems)
    return ClassTable(tuple(names))
