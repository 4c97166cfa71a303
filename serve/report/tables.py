"""Classes with what is known of them, below each other."""

from swsss.serve.report import words
from swsss.serve.report.summary import Summary
from swsss.serve.report.values import View, bar, class_of, confidence_bar


def lacking(summary: Summary) -> list[int]:
    """Classes with tags without a pixel, most first."""
    counts = summary.per_class
    return sorted((index for index in range(len(counts)) if counts[index].missing), key=lambda i: -counts[i].missing)


def lacking_class(summary: Summary, index: int) -> View:
    """A class with its tags and how many of them are without a pixel."""
    count = summary.per_class[index]
    share = count.missing / count.tagged
    return class_of(index, summary.classes.names) | {
        "tagged": words.number(count.tagged),
        "missing": words.number(count.missing),
        "share": bar(share, words.percent(share)),
        "confidence": confidence_bar(count.confidence),
    }


def used_and_unused(summary: Summary) -> View:
    """Background, the classes that were found or tagged, those in most images first, and the names of the others."""
    counts = summary.per_class
    used = [index for index in range(1, len(counts)) if counts[index].tagged or counts[index].found]
    unused = [index for index in range(1, len(counts)) if index not in used]
    used.sort(key=lambda index: (-counts[index].found, -counts[index].tagged))
    return {
        "used": [_used_class(summary, index) for index in (0, *used)],
        "unused": ", ".join(summary.classes.names[index] for index in unused),
    }


def _used_class(summary: Summary, index: int) -> View:
    """A class and its bars; those of background stay empty, it would outdo all others."""
    counts = summary.per_class
    count = counts[index]
    found = count.found / (max(each.found for each in counts[1:]) or 1) if index else 0
    pixels = count.pixels / (max(each.pixels for each in counts[1:]) or 1) if index else 0
    return class_of(index, summary.classes.names) | {
        "found": bar(found, words.number(count.found)),
        "tagged": words.number(count.tagged) if index else None,
        "pixels": bar(pixels, words.percent(count.pixels / (summary.pixels or 1))),
        "confidence": confidence_bar(count.confidence),
    }
