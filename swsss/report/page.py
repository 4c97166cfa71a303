"""The page of a report: one HTML file with its style and script, which draws the JSON object inside it.

`cpp/src/report/report.cpp` puts the same object into the same page.
"""

import json
import math
from collections.abc import Mapping
from importlib import resources

from swsss.data.classes import palette

_PLACE = "__REPORT__"
_COLOURS = tuple("#" + bytes(colour).hex() for colour in palette())


def colour_of(class_id: int) -> str:
    """The colour of a class in masks and legends, as CSS has it: `#80c000`."""
    return _COLOURS[class_id]


def page_of(report: Mapping[str, object]) -> bytes:
    """The page that draws a report; it needs no other file and no network.

    Args:
        report: JSON; what it holds for each `kind` is what `page.html` draws. Numbers that are not finite become null.
    """
    # ASCII, and without `<`: then nothing in it can end the script element, and odd names (bytes that are not UTF-8,
    # which Python keeps as lone surrogates) need no encoding.
    text = json.dumps(_finite(report), separators=(",", ":")).replace("<", "\\u003c")
    page = resources.files("swsss.report").joinpath("page.html").read_text(encoding="utf-8")
    return page.replace(_PLACE, text, 1).encode()


def _finite(value: object) -> object:
    """The same with null for numbers that JSON does not know."""
    if isinstance(value, Mapping):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
