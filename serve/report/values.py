"""What the template is filled with: text, lists, yes or no. No numbers, for how they are written is decided before."""

from collections.abc import Sequence
from typing import TypeAlias

from swsss.data.classes import palette
from swsss.serve.report import words

View: TypeAlias = dict[str, "Value"]
Value: TypeAlias = "str | bool | Sequence[Value] | View | None"

_COLOURS = tuple("#" + bytes(colour).hex() for colour in palette())


def class_of(index: int, names: Sequence[str]) -> View:
    """A class by name, with its colour."""
    return {"colour": _COLOURS[index], "name": names[index]}


def bar(share: float, told: str) -> View:
    """A bar that is filled to a share (0..1), with something written on it."""
    return {"width": f"{min(100 * share, 100):.2f}", "told": told}


def confidence_bar(confidence: float | None) -> View | None:
    """The bar of a mean probability (0..1), if there is one."""
    return None if confidence is None else bar(confidence, words.percent(confidence))
