"""The report of a training run: one self-contained page with the numbers, pictures and curves."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from swsss.data.classes import IGNORE, ClassTable
from swsss.data.files import write_whole
from swsss.reliability import Keep
from swsss.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, Curve, charts, read_curve
from swsss.report.page import colour_of, page_of
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
    columns = columns_of(pictures)
    report = {
        "kind": "training",
        "title": title,
        "facts": list(facts.items()),
        "classes": [{"name": name, "colour": colour_of(class_id)} for class_id, name in enumerate(classes.names)],
        "rows": [asdict(row) for row in rows],
        "confidence": _confidence(confidence) if confidence else None,
        "columns": columns,
        "shown": classes_shown(pictures, columns),
        "pictures": [{"stem": picture.stem, "views": _views(picture, classes)} for picture in pictures],
        "charts": [asdict(chart) for chart in charts(curves)],
        "area": {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "bottom": BOTTOM},
    }
    write_whole(path, page_of(report))


def _confidence(confidence: Confidence) -> dict[str, object]:
    return {
        "labeller": confidence.labeller,
        "ece": confidence.ece,
        "ece_uncalibrated": confidence.ece_uncalibrated,
        "keep": [kept._asdict() for kept in confidence.keep],
        "note": confidence.note,
        "charts": [asdict(chart) for chart in charts(_reliability(confidence))],
    }


def _reliability(confidence: Confidence) -> list[Curve]:
    """The reliability diagram: in percent, right pixels over confidence, and where they would lie if it were exact."""
    found = [(100 * sure, 100 * right) for sure, right in confidence.bins]
    column = "pixels that are right, by confidence, in percent, tags=given"
    return [Curve("measured", {column: found}), Curve("exact", {column: [(0, 0), (100, 100)]})]


def _views(picture: Picture, classes: ClassTable) -> dict[str, dict[str, str]]:
    small = picture.scaled(_PICTURE_SIDE)
    views = {}
    for name, mask in small.views():
        if mask is None:
            views[name] = {"alt": f"{picture.stem}: the image", "source": data_uri(small.image)}
        else:
            found = [classes.names[i] for i in np.unique(mask) if i not in {0, IGNORE}]
            alt = f"{picture.stem}, {name}: {', '.join(found) or 'background only'}"
            views[name] = {"alt": alt, "source": data_uri(overlay(small.image, mask))}
    return views
