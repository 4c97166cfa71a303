"""`manifest.csv` and `failures.csv`: what was labelled and what was not, a row an image, in the order of names."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

from swsss.data.classes import IGNORE, ClassTable
from swsss.data.files import is_plain_path, whole_file
from swsss.errors import UserError
from swsss.serve.records import Failed, Labelled

_COLUMNS = [
    "image",
    "mask",
    "width",
    "height",
    "tags",
    "found",
    "not_found",
    "confidence",
    "pixels",
    "class_confidence",
]


def write_manifest(path: Path, rows: Iterable[Labelled], classes: ClassTable) -> None:
    """Write `manifest.csv`, whole or not at all, without holding it in memory.

    Columns: image and mask (paths below the image folder and below `masks/`), width and height as stored, tags (empty
    for none, `*` when the image was labelled without tags), found, not_found, mean confidence over all pixels (0..1),
    pixels and mean confidence of each class as `cat=123;ignore=4`. Names within a field are separated by `;`.
    """
    with whole_file(path) as file:
        manifest_into(file, rows, classes)


def manifest_into(file: TextIO, rows: Iterable[Labelled], classes: ClassTable) -> None:
    """Write what `write_manifest` writes into a text file that is open, with newlines as written."""
    _write(file, _COLUMNS, (_row(row, classes) for row in rows))


def write_failures(path: Path, rows: Iterable[Failed]) -> None:
    """Write `failures.csv` (image, stage, reason), whole or not at all."""
    with whole_file(path) as file:
        failures_into(file, rows)


def failures_into(file: TextIO, rows: Iterable[Failed]) -> None:
    """Write what `write_failures` writes into a text file that is open, with newlines as written."""
    _write(file, ["image", "stage", "reason"], ([row.image, row.stage, row.reason] for row in rows))


def read_manifest(path: Path, classes: ClassTable) -> Iterator[Labelled]:
    """Read `manifest.csv` row by row.

    Raises:
        UserError: The file cannot be read or is no manifest of these classes.
    """
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file)
            if next(reader, None) != _COLUMNS:
                raise UserError(f"{path} is no manifest of swsss-label: its first line must be {','.join(_COLUMNS)}.")
            for row in reader:
                yield _parse(path, reader.line_num, row, classes)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None


def _write(file: TextIO, columns: list[str], rows: Iterable[list[str]]) -> None:
    plain = csv.writer(file, lineterminator="\n")
    # Python 3.11 leaves a lone carriage return unquoted, and cannot read the row back.
    quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
    plain.writerow(columns)
    for row in rows:
        (quoting if any("\r" in field for field in row) else plain).writerow(row)


def _row(row: Labelled, classes: ClassTable) -> list[str]:
    return [
        row.image,
        row.mask,
        str(row.width),
        str(row.height),
        "*" if row.tags is None else _names(row.tags, classes),
        _names(row.found, classes),
        _names(row.not_found, classes),
        f"{row.mean_confidence:.4f}",
        _pairs({index: str(count) for index, count in row.pixels.items()}, classes),
        _pairs({index: f"{value:.4f}" for index, value in row.confidence.items()}, classes),
    ]


def _names(ids: Iterable[int], classes: ClassTable) -> str:
    return ";".join(_name(index, classes) for index in ids)


def _name(index: int, classes: ClassTable) -> str:
    return "ignore" if index == IGNORE else classes.names[index]


def _pairs(values: Mapping[int, str], classes: ClassTable) -> str:
    return ";".join(f"{_name(index, classes)}={values[index]}" for index in sorted(values))


def _parse(path: Path, line: int, row: list[str], classes: ClassTable) -> Labelled:
    ids = {"ignore": IGNORE, **classes.ids}  # a class of that name is meant rather than the pixels without one

    def is_pair(text: str) -> bool:
        name, _, value = text.rpartition("=")
        return name in ids and ";" not in value

    def pairs(text: str) -> dict[int, str]:
        parts = (part.rpartition("=") for part in _parts(text, is_pair))
        return {ids[name]: value for name, _, value in parts}

    try:
        image, mask, width, height, tags, _, _, mean, pixels, confidence = row
        if not is_plain_path(image) or not is_plain_path(mask):
            raise ValueError
        return Labelled(
            image,
            mask,
            _count(width),
            _count(height),
            None if tags == "*" else tuple(ids[name] for name in _parts(tags, ids.__contains__)),
            {index: _count(value) for index, value in pairs(pixels).items()},
            {index: _probability(value) for index, value in pairs(confidence).items()},
            _probability(mean),
        )
    except (ValueError, KeyError):
        raise UserError(
            f"{path}, line {line}: this row is damaged, leads out of its folder, or names an unknown class."
        ) from None


def _count(text: str) -> int:
    if int(text) < 1:
        raise ValueError
    return int(text)


def _probability(text: str) -> float:
    if not 0 <= float(text) <= 1:  # nor NaN, which no JSON holds
        raise ValueError
    return float(text)


def _parts(text: str, known: Callable[[str], bool]) -> Iterator[str]:
    """Split a field at its `;`, but not within the name of a class: the longest that is known counts.

    Raises:
        KeyError: A part is not known.
    """
    pieces = text.split(";") if text else []
    while pieces:
        ends = (end for end in range(len(pieces), 0, -1) if known(";".join(pieces[:end])))
        end = next(ends, 0)
        if not end:
            raise KeyError(pieces[0])
        yield ";".join(pieces[:end])
        pieces = pieces[end:]
