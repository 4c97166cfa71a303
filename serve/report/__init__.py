"""The report of a labelling run: one self-contained page that says what to look at first."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from swsss.data.files import write_whole
from swsss.report.page import colour_of, page_of
from swsss.serve.report.pictures import cards, shortened
from swsss.serve.report.summary import ClassCount, Summary, summarise

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
    report = {
        "kind": "labels",
        "images": summary.images,
        "failed": summary.failed,
        "untagged": summary.untagged,
        "pixels": summary.pixels,
        "left_out": summary.left_out,
        "mean_confidence": summary.mean_confidence,
        "classes": [_class(summary, index) for index in range(len(summary.classes))],
        "histogram": summary.histogram,
        "kinds": [
            {"stage": stage, "reason": shortened(reason), "images": count} for stage, reason, count in summary.kinds
        ],
        "failures": [
            {"image": shortened(row.image), "stage": row.stage, "reason": shortened(row.reason)}
            for row in summary.failures
        ],
        "missing": cards(summary.missing, images, masks, within),
        "least_sure": cards(summary.least_sure, images, masks, within),
        "speed": {"images": speed.images, "seconds": speed.seconds, "earlier": speed.earlier},
        "facts": list(facts.items()),
    }
    write_whole(path, page_of(report))


def _class(summary: Summary, index: int) -> dict[str, object]:
    count = summary.per_class[index]
    return {
        "name": summary.classes.names[index],
        "colour": colour_of(index),
        "tagged": count.tagged,
        "found": count.found,
        "missing": count.missing,
        "pixels": count.pixels,
        "confidence": count.confidence,
    }
