"""The page of a report: one HTML file with its style and script, which draws the JSON object inside it.

`cpp/src/report/report.cpp` puts the same object into the same page.
"""

import json
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
        report: JSON; what it holds for each `kind` is what `page.html` draws.

    Raises:
        ValueError: It holds a number that JSON does not know (NaN, infinity).
    """
    # ASCII, and without `<`: then nothing in it can end the script element, and odd names (bytes that are not UTF-8,
    # which Python keeps as lone surrogates) need no encoding.
    text = json.dumps(report, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    page = resources.files("swsss.report").joinpath("page.html").read_text(encoding="utf-8")
    return page.replace(_PLACE, text, 1).encode()
