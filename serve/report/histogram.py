"""The histogram of confidence, as numbers for an inline drawing."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 800, 214
"""Size of the drawing in SVG units."""

BASE = 180
"""Where the columns stand."""

MARGIN = 20
"""Left and right of them."""

_TALLEST = 154


@dataclass(frozen=True)
class Column:
    """One bin: where its column stands and how tall it is, in SVG units, and what it counts.

    Args:
        left: Left edge.
        width: Width.
        height: Height; at least 2 where there is anything to count.
        low: Lower bound of the bin, in percent.
        high: Upper bound.
        count: Images in it.
        share: Share (0..1) of all images.
    """

    left: float
    width: float
    height: float
    low: int
    high: int
    count: int
    share: float


def columns(counts: Sequence[int]) -> list[Column]:
    """A column for each bin of equal width over 0 to 1; none without images.

    Args:
        counts: Images by bin, lowest first.
    """
    total, most = sum(counts), max(counts)
    if not total:
        return []
    step = (WIDTH - 2 * MARGIN) / len(counts)
    return [
        Column(
            left=round(MARGIN + index * step + 2, 1),
            width=round(step - 4, 1),
            height=max(2.0, round(_TALLEST * count / most, 1)) if count else 0.0,
            low=round(100 * index / len(counts)),
            high=round(100 * (index + 1) / len(counts)),
            count=count,
            share=count / total,
        )
        for index, count in enumerate(counts)
    ]


def ticks() -> list[tuple[float, str]]:
    """Positions in SVG units below the columns, and the percentages that belong there."""
    return [(MARGIN + (WIDTH - 2 * MARGIN) * tenth / 10, f"{10 * tenth}") for tenth in range(11)]
