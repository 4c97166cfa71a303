"""The report of a training run: one self-contained page with the numbers, pictures and curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jinja2
import numpy as np

from swsss.data.classes import IGNORE, ClassTable, palette
from swsss.data.files import write_whole
from swsss.reliability import Keep
from swsss.report import charts as charts_module
from swsss.report.charts import Curve, charts, read_curve
from swsss.report.pictures import Picture, classes_shown, columns_of, contact_sheet, data_uri, overlay

__all__ = ["Confidence", "Curve", "Picture", "Row", "contact_sheet", "overlay", "read_curve", "write_report"]

_PICTURE_SIDE = 320


@dataclass(frozen=True)
class Row:
    """One evaluation.

    Args:
        name: What was evaluated.
        tags: Whether it was given the tags of the images ("given" or "none"); numbers of the two kinds do not compare.
        miou: Mean IoU, 0 to 1.
        pixel_accuracy: Share of right pixels, 0 to 1.
        per_class: IoU of every class of the table, 0 to 1; None where a class does not occur.
    """

    name: str
    tags: str
    miou: float
    pixel_accuracy: float
    per_class: tuple[float | None, ...]


@dataclass(frozen=True)
class Confidence:
    """How far the confidence of the labels, which are made with tags, can be believed.

    Args:
        labeller: What makes the labels, and how.
        ece: Expected calibration error, 0 to 1.
        ece_uncalibrated: The same before calibration; None where there was none.
        keep: What thresholds would leave.
        bins: Mean confidence and share of right pixels, 0 to 1, of bins of confidence.
        note: What must be known to read the figures.
    """

    labeller: str
    ece: float
    ece_uncalibrated: float | None
    keep: Sequence[Keep]
    bins: Sequence[tuple[float, float]]
    note: str


class _View(NamedTuple):
    """A picture in the gallery: its column, what it shows in words, and its pixels as a data URI."""

    column: str
    alt: str
    source: str


def write_report(
    path: Path,
    *,
    title: str,
    classes: ClassTable,
    rows: Sequence[Row],
    pictures: Sequence[Picture],
    curves: Sequence[Curve],
    facts: Mapping[str, str],
    confidence: Confidence | None = None,
) -> None:
    """Write the page, whole or not at all; it needs no other file and no network.

    Args:
        path: The HTML file.
        title: Its heading.
        classes: Names of the classes.
        rows: The table of numbers; without rows there is none, and likewise for the other parts.
        pictures: Shown side by side with what was predicted about them.
        curves: One run each; every column becomes a chart.
        facts: What was done with what, in short: data, recipe, time, version.
        confidence: Of the labels.

    Raises:
        ValueError: A row has not one IoU for each class.
    """
    for row in rows:
        if len(row.per_class) != len(classes):
            raise ValueError(f"Row '{row.name}' has {len(row.per_class)} class IoUs for {len(classes)} classes.")
    page = (
        _environment()
        .get_template("report.html")
        .render(
            title=title,
            facts=facts,
            rows=rows,
            best=_best(rows),
            classes=[
                (name, _hex(class_id), [row.per_class[class_id] for row in rows])
                for class_id, name in enumerate(classes.names)
            ],
            legend=[
                (classes.names[class_id], _hex(class_id)) for class_id in classes_shown(pictures, columns_of(pictures))
            ],
            columns=columns_of(pictures),
            gallery=[(picture.stem, _views(picture, classes)) for picture in pictures],
            charts=charts(curves),
            confidence=confidence,
            diagram=charts(_reliability(confidence)) if confidence else [],
            area=charts_module,
        )
    )
    write_whole(path, page.encode())


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("swsss.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _best(rows: Sequence[Row]) -> list[bool]:
    """Which rows lead among several of the same regime."""
    leads = []
    for row in rows:
        rivals = [other.miou for other in rows if other.tags == row.tags]
        leads.append(len(rivals) > 1 and row.miou == max(rivals))
    return leads


def _reliability(confidence: Confidence) -> list[Curve]:
    """The reliability diagram: in percent, right pixels over confidence, and where they would lie if it were exact."""
    found = [(100 * sure, 100 * right) for sure, right in confidence.bins]
    column = "pixels that are right, by confidence, in percent, tags=given"
    return [Curve("measured", {column: found}), Curve("exact", {column: [(0, 0), (100, 100)]})]


def _hex(class_id: int) -> str:
    return "#" + bytes(palette()[class_id]).hex()


def _views(picture: Picture, classes: ClassTable) -> dict[str, _View]:
    small = picture.scaled(_PICTURE_SIDE)
    views = {}
    for name, mask in small.views():
        if mask is None:
            views[name] = _View(name, f"{picture.stem}: the image", data_uri(small.image))
        else:
            found = [classes.names[i] for i in np.unique(mask) if i not in {0, IGNORE}]
            alt = f"{picture.stem}, {name}: {', '.join(found) or 'background only'}"
            views[name] = _View(name, alt, data_uri(overlay(small.image, mask)))
    return views
