"""Training curves as drawings the report can inline: one chart for each column, one line for each run."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from swsss.errors import UserError

WIDTH, HEIGHT = 460, 240
"""Size of a chart in SVG units."""

LEFT, RIGHT, TOP, BOTTOM = 52, 448, 12, 208
"""Where its plot area lies."""

_MAX_POINTS = 300

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Curve:
    """What one run logged.

    Args:
        name: The run.
        values: Step (or whatever runs along the x axis) and value, in its order, by column.
    """

    name: str
    values: Mapping[str, Points]


@dataclass(frozen=True)
class Line:
    """One run in a chart: its number among the runs (for colour), SVG path, and last value as text."""

    name: str
    index: int
    path: str
    last: str


@dataclass(frozen=True)
class Chart:
    """One column of the logs, ready to draw: ticks are a position in SVG units and a label."""

    title: str
    lines: Sequence[Line]
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]


def read_curve(name: str, csv_path: Path, columns: Sequence[str]) -> Curve:
    """Read columns of a CSV log; empty cells are steps at which a column was not logged.

    Raises:
        UserError: The file is missing, or lacks the column `step` or one of `columns`, or a cell is no number.
    """
    try:
        with csv_path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in ("step", *columns) if column not in (reader.fieldnames or ())]
            if missing:
                raise UserError(
                    f"{csv_path} has no column '{missing[0]}' (columns there: {', '.join(reader.fieldnames or ())})."
                )
            values: dict[str, list[tuple[float, float]]] = {column: [] for column in columns}
            for row in reader:
                for column in columns:
                    if row[column]:
                        values[column].append(_point(row, column, f"{csv_path}, line {reader.line_num}"))
    except OSError as error:
        raise UserError(f"{csv_path} cannot be read: {error.strerror}.") from None
    return Curve(name, values)


def _point(row: Mapping[str, str], column: str, where: str) -> tuple[int, float]:
    try:
        return int(row["step"]), float(row[column])
    except (TypeError, ValueError):
        raise UserError(f"{where}: step '{row['step']}' or {column} '{row[column]}' is not a number.") from None


def charts(curves: Sequence[Curve]) -> list[Chart]:
    """A chart for every column that any of the curves has values in."""
    columns = dict.fromkeys(column for curve in curves for column in curve.values)
    drawn = [_chart(column, curves) for column in columns]
    return [chart for chart in drawn if chart.lines]


def _chart(column: str, curves: Sequence[Curve]) -> Chart:
    runs = [(index, curve.name, _finite(curve.values.get(column, ()))) for index, curve in enumerate(curves)]
    runs = [run for run in runs if run[2]]
    if not runs:
        return Chart(column, (), (), ())
    # The ends of the axes are those of all points, also of those that thinning averages away.
    x_low, x_high = _ends([step for _, _, points in runs for step, _ in points])
    y_ticks = _ticks(*_ends([value for _, _, points in runs for _, value in points]))
    y_low, y_high = y_ticks[0], y_ticks[-1]

    def x(step: float) -> float:
        return round(LEFT + (step - x_low) / (x_high - x_low) * (RIGHT - LEFT), 1)

    def y(value: float) -> float:
        return round(BOTTOM - (value - y_low) / (y_high - y_low) * (BOTTOM - TOP), 1)

    lines = []
    for index, name, points in runs:
        path = "M" + " L".join(f"{x(step)} {y(value)}" for step, value in _thinned(points))
        # Without a stroke of length 0 a single point would not be drawn at all.
        lines.append(Line(name, index, path + " h0", f"{points[-1][1]:.4g}"))
    x_ticks = [(x(t), f"{t:.0f}") for t in _ticks(x_low, x_high) if x_low <= t <= x_high and t == round(t)]
    return Chart(column, lines, x_ticks, [(y(tick), f"{tick:g}") for tick in y_ticks])


def _finite(points: Points) -> list[tuple[float, float]]:
    return [(step, value) for step, value in points if math.isfinite(value)]


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    largest = max(abs(low), abs(high))
    if high - low > 1e-9 * largest:
        return low, high
    margin = 0.1 * largest or 0.5  # a constant runs through the middle
    return low - margin, high + margin


def _ticks(low: float, high: float) -> list[float]:
    """Four to eight round numbers, the first at or below `low` and the last at or above `high`."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def _thinned(points: Points) -> list[tuple[float, float]]:
    """At most `_MAX_POINTS` points: the means of equal groups, so that a page stays small however long the run."""
    size = math.ceil(len(points) / _MAX_POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(s for s, _ in group) / len(group), sum(v for _, v in group) / len(group)) for group in groups]
