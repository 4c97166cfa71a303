"""The histogram of confidence, as numbers for an inline drawing."""

from collections.abc import Sequence

from swsss.serve.report import words
from swsss.serve.report.values import View

# In SVG units; the drawing itself, 800 wide, and the line the columns stand on are in labels.html.
_WIDTH, _BASE, _MARGIN, _TALLEST = 800, 180, 20, 154


def histogram(counts: Sequence[int]) -> View:
    """A column for each bin that holds something, of bins of equal width over 0 to 1.

    Args:
        counts: Images by bin, lowest first; at least one is not 0.
    """
    columns = [_column(counts, index) for index, count in enumerate(counts) if count]
    ticks = [(_MARGIN + (_WIDTH - 2 * _MARGIN) * tenth / 10, f"{10 * tenth}") for tenth in range(11)]
    return {
        "told": "Histogram: " + "; ".join(str(column["told"]) for column in columns),
        "columns": columns,
        "ticks": [{"at": f"{at:.1f}", "told": told} for at, told in ticks],
    }


def _column(counts: Sequence[int], index: int) -> View:
    step = (_WIDTH - 2 * _MARGIN) / len(counts)
    left = _MARGIN + index * step
    height = max(2.0, _TALLEST * counts[index] / max(counts))
    low, high = (round(100 * edge / len(counts)) for edge in (index, index + 1))
    return {
        "left": f"{left + 2:.1f}",
        "middle": f"{left + step / 2:.1f}",
        "width": f"{step - 4:.1f}",
        "top": f"{_BASE - height:.1f}",
        "above": f"{_BASE - height - 6:.1f}",
        "height": f"{height:.1f}",
        "share": words.percent(counts[index] / sum(counts)),
        "told": f"{low} to {high}{words.SPACE}%: {words.many(counts[index], 'image')}",
    }
