"""What a person has to know of a labelling run, gathered in one pass whose memory does not grow with the images."""

import bisect
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from swsss.data.classes import IGNORE, ClassTable
from swsss.serve.records import Failed, Labelled

SHOWN = 24
"""How many images of a kind are kept to be looked at."""

FAILURES = 200
"""How many failures are kept word for word."""

BINS = 20
"""Bins of the confidence histogram, of equal width over 0 to 1."""

_KINDS = 50

_Key = Callable[[Labelled], tuple[float, str]]


@dataclass(frozen=True)
class ClassCount:
    """One class over all images.

    Args:
        tagged: Images with its tag.
        found: Images in which it has pixels, tagged or not.
        missing: Images with its tag in which it has none.
        pixels: Its pixels.
        confidence: Mean probability (0..1) of its pixels; None when it has none.
    """

    tagged: int
    found: int
    missing: int
    pixels: int
    confidence: float | None


@dataclass(frozen=True)
class Summary:
    """A labelling run.

    Args:
        classes: The class table.
        images: Labelled images.
        failed: Images that could not be labelled.
        untagged: Labelled images that had no row of tags.
        pixels: Pixels of all masks, those left out included.
        left_out: Pixels of value 255: what `--ignore-below` left out.
        mean_confidence: Mean (0..1) of the images' mean confidence; None without images.
        per_class: By class id.
        histogram: Images by mean confidence, `BINS` bins; 1.0 counts in the last.
        least_sure: The `SHOWN` images of lowest mean confidence, lowest first, then by name.
        missing: `SHOWN` images that have a tag without pixels, taken from the classes in turn, those with most such
            images first; within a class a sample in which every image has the same chance, and always the same.
        kinds: Stage, reason without the image's name and with N for every number, and how many, most first.
        failures: The first `FAILURES` of them, as they came.
    """

    classes: ClassTable
    images: int
    failed: int
    untagged: int
    pixels: int
    left_out: int
    mean_confidence: float | None
    per_class: tuple[ClassCount, ...]
    histogram: tuple[int, ...]
    least_sure: tuple[Labelled, ...]
    missing: tuple[Labelled, ...]
    kinds: tuple[tuple[str, str, int], ...]
    failures: tuple[Failed, ...]

    @property
    def tags(self) -> int:
        """Tags of all labelled images."""
        return sum(count.tagged for count in self.per_class)


def summarise(labelled: Iterable[Labelled], failed: Iterable[Failed], classes: ClassTable) -> Summary:
    """Summarise a run; every row is looked at once and only the few to be shown are kept."""
    images = _Images(classes)
    for row in labelled:
        images.add(row)
    failures: list[Failed] = []
    kinds: Counter[tuple[str, str]] = Counter()
    for failure in failed:
        kind = (failure.stage, _kind(failure))
        kinds[kind if kind in kinds or len(kinds) < _KINDS else (failure.stage, "other reasons")] += 1
        if len(failures) < FAILURES:
            failures.append(failure)
    return Summary(
        classes=classes,
        images=images.images,
        failed=kinds.total(),
        untagged=images.untagged,
        pixels=images.left_out + sum(each.pixels for each in images.per_class),
        left_out=images.left_out,
        mean_confidence=images.confidence / images.images if images.images else None,
        per_class=tuple(each.count() for each in images.per_class),
        histogram=tuple(images.histogram),
        least_sure=tuple(images.least_sure.rows),
        missing=_in_turn(images.per_class),
        kinds=tuple((*kind, count) for kind, count in sorted(kinds.items(), key=lambda item: (-item[1], item[0]))),
        failures=tuple(failures),
    )


class _Least:
    """The `SHOWN` rows of least key, in the order of keys, whatever the order they come in."""

    def __init__(self, key: _Key) -> None:
        self.rows: list[Labelled] = []
        self._key = key

    def add(self, row: Labelled) -> None:
        if len(self.rows) < SHOWN or self._key(row) < self._key(self.rows[-1]):
            bisect.insort(self.rows, row, key=self._key)
            del self.rows[SHOWN:]


def _sureness(row: Labelled) -> tuple[float, str]:
    return row.mean_confidence, row.image


def _lot(row: Labelled) -> tuple[float, str]:
    """Draws images evenly, yet the same ones every time."""
    return zlib.crc32(row.image.encode("utf-8", "surrogatepass")), row.image


@dataclass(slots=True)
class _Class:
    """The running `ClassCount` of a class, and images in which it is missing."""

    tagged: int = 0
    found: int = 0
    missing: int = 0
    pixels: int = 0
    confidence: float = 0.0
    examples: _Least = field(default_factory=lambda: _Least(_lot))

    def count(self) -> ClassCount:
        confidence = self.confidence / self.pixels if self.pixels else None
        return ClassCount(self.tagged, self.found, self.missing, self.pixels, confidence)


class _Images:
    """Running sums over labelled images."""

    def __init__(self, classes: ClassTable) -> None:
        self.images = self.untagged = self.left_out = 0
        self.confidence = 0.0
        self.per_class = [_Class() for _ in classes.names]
        self.histogram = [0] * BINS
        self.least_sure = _Least(_sureness)

    def add(self, row: Labelled) -> None:
        self.images += 1
        self.untagged += row.tags is None
        self.confidence += row.mean_confidence
        self.histogram[min(int(row.mean_confidence * BINS), BINS - 1)] += 1
        self.least_sure.add(row)
        for index in row.tags or ():
            tagged = self.per_class[index]
            tagged.tagged += 1
            if index not in row.pixels:
                tagged.missing += 1
                tagged.examples.add(row)
        for index, pixels in row.pixels.items():
            if index == IGNORE:
                self.left_out += pixels
                continue
            found = self.per_class[index]
            found.found += 1
            found.pixels += pixels
            found.confidence += pixels * row.confidence[index]


def _in_turn(per_class: list[_Class]) -> tuple[Labelled, ...]:
    """One example of each class, then a second of each, and so on, until there are `SHOWN`; no image twice."""
    lists = [each.examples.rows for each in sorted(per_class, key=lambda each: -each.missing)]
    turns = (rows[turn] for turn in range(SHOWN) for rows in lists if turn < len(rows))
    return tuple({row.image: row for row in turns}.values())[:SHOWN]


def _kind(failure: Failed) -> str:
    _, _, rest = failure.reason.partition(failure.image)
    return re.sub(r"\d+", "N", rest.strip() or failure.reason)
