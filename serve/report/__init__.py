"""The report of a labelling run: one self-contained page that says what to look at first."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2

from swsss.data.classes import palette
from swsss.data.files import write_whole
from swsss.serve.report import histogram, words
from swsss.serve.report.pictures import cards, classes_in
from swsss.serve.report.summary import SHOWN, ClassCount, Summary, summarise

__all__ = ["ClassCount", "Speed", "Summary", "summarise", "write_report"]


@dataclass(frozen=True)
class Speed:
    """How fast the last start was.

    Args:
        images: Images labelled in it.
        seconds: What that took.
        earlier: Images that earlier starts had labelled.
    """

    images: int
    seconds: float
    earlier: int = 0


def write_report(
    path: Path, summary: Summary, images: Path, masks: Path, facts: Mapping[str, str], speed: Speed
) -> None:
    """Write the page, whole or not at all; it needs no other file and no network, and stays below 2 MB.

    Args:
        path: The HTML file.
        summary: What to report.
        images: The image folder, read for the few images that are shown.
        masks: The folder of the masks, likewise.
        facts: Model, engine, options: labels and values, shown word for word.
        speed: How fast the last start was.

    Raises:
        OSError: The folder cannot be written, or the disk is full; nothing is left behind.
    """
    counts = summary.per_class
    missing = cards(summary.missing, images, masks)
    least_sure = cards(summary.least_sure, images, masks)
    page = (
        _environment()
        .get_template("labels.html")
        .render(
            summary=summary,
            names=summary.classes.names,
            colours=["#" + bytes(colour).hex() for colour in palette()],
            used=_by_images(summary),
            unused=[index for index, each in enumerate(counts) if index and not each.tagged and not each.found],
            lacking=_by_missing(summary),
            most_found=max(each.found for each in counts[1:]),
            most_pixels=max(each.pixels for each in counts[1:]),
            galleries={"missing": (missing, classes_in(missing)), "least": (least_sure, classes_in(least_sure))},
            most_shown=SHOWN,
            columns=histogram.columns(summary.histogram),
            drawing=histogram,
            facts=facts,
            speed=speed,
        )
    )
    write_whole(path, page.encode())


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("swsss.serve.report", ""),
        autoescape=True,
        finalize=_printable,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for word in (words.duration, words.in_words, words.many, words.number, words.percent, words.rate, words.shortened):
        environment.filters[word.__name__] = word
    return environment


def _printable(value: object) -> object:
    """What the page shows of a value: text as `plain` has it, but for what macros have already made HTML of."""
    return words.plain(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _by_images(summary: Summary) -> list[int]:
    """Foreground classes that were found or tagged, those in most images first."""
    counts = summary.per_class
    used = [index for index in range(1, len(counts)) if counts[index].tagged or counts[index].found]
    return sorted(used, key=lambda index: (-counts[index].found, -counts[index].tagged))


def _by_missing(summary: Summary) -> list[int]:
    """Classes with tags without a pixel, most first."""
    counts = summary.per_class
    return sorted((index for index in range(len(counts)) if counts[index].missing), key=lambda i: -counts[i].missing)
