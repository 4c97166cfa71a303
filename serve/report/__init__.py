"""The report of a labelling run: one self-contained page that says what to look at first."""

from collections.abc import Mapping
from pathlib import Path

import jinja2

from swsss.data.files import write_whole
from swsss.serve.report import words
from swsss.serve.report.pictures import cards
from swsss.serve.report.summary import ClassCount, Summary, summarise
from swsss.serve.report.view import Speed, view

__all__ = ["ClassCount", "Speed", "Summary", "summarise", "write_report"]


def write_report(
    path: Path,
    summary: Summary,
    images: Path,
    masks: Path,
    facts: Mapping[str, str],
    speed: Speed,
    within: Path | None = None,
) -> None:
    """Write the page, whole or not at all; it needs no other file and no network, and stays below 2 MB.

    Args:
        path: The HTML file.
        summary: What to report.
        images: The image folder, read for the few images that are shown.
        masks: The folder of the masks, likewise.
        facts: Model, engine, options: labels and values, shown word for word.
        speed: How fast the last start was.
        within: Folder that no image may lead out of; None for anywhere.

    Raises:
        OSError: The folder cannot be written, or the disk is full; nothing is left behind.
    """
    missing = cards(summary.missing, images, masks, within)
    least_sure = cards(summary.least_sure, images, masks, within)
    page = _environment().get_template("labels.html").render(view(summary, missing, least_sure, facts, speed))
    write_whole(path, page.encode())


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("swsss.serve.report", ""),
        autoescape=True,
        finalize=lambda value: words.plain(value) if isinstance(value, str) else value,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
