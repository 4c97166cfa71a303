"""The two ways a row of `tags.csv` says which classes its image holds: a field of labels, or a 0/1 column per class."""

import itertools
import re
from collections.abc import Callable

from swsss.data.classes import ClassTable
from swsss.data.tag_rows import RowProblems

Tags = frozenset[int]
"""Foreground class ids."""

Labels = tuple[Tags, tuple[str, ...]]
"""The tags of a row, and what is wrong with the text they were read from."""

SEPARATORS = re.compile(r"[;|,]")

_HEADER = "the first line must be 'image,labels' or 'image,' and one column per class"
_CACHED = 100_000


def row_parser(header: list[str], classes: ClassTable, problems: RowProblems) -> Callable[[list[str]], Labels] | None:
    """Return what turns a row into class ids, or None when the header does not say (then `problems` does)."""
    if not any(header):
        problems.add(1, f"there is no header; {_HEADER}.")
    elif header[0].lower() != "image" or len(header) == 1:
        problems.add(1, f"the header starts with '{header[0]}'; {_HEADER}.")
    elif [name.lower() for name in header] == ["image", "labels"]:
        return _label_parser(classes)
    else:
        return _wide_parser(header[1:], classes, problems)
    return None


def _label_parser(classes: ClassTable) -> Callable[[list[str]], Labels]:
    cache: dict[str, Labels] = {}

    def parse(row: list[str]) -> Labels:
        labels = cache.get(row[1])
        if labels is None:
            if len(cache) >= _CACHED:
                cache.clear()
            labels = cache[row[1]] = _parse_labels(row[1], classes)
        return labels

    return parse


def _parse_labels(field: str, classes: ClassTable) -> Labels:
    field = field.strip()
    separated = SEPARATORS.search(field) is not None
    names = [field] if field in classes.ids else SEPARATORS.split(field) if separated else field.split()
    wanted = {name.strip() for name in names} - {"", "background"}
    unknown = sorted(wanted - classes.ids.keys())
    wrong = [f"unknown class '{name}'; {classes.suggestion(name)}" for name in unknown]
    if unknown and not separated and len(names) > 1 and any(" " in name for name in classes.names):
        wrong.append("spaces separate labels here; write ';' between labels when class names hold spaces.")
    return frozenset(classes.ids[name] for name in wanted if name in classes.ids) - {0}, tuple(wrong)


def _wide_parser(names: list[str], classes: ClassTable, problems: RowProblems) -> Callable[[list[str]], Labels] | None:
    for name in dict.fromkeys(names):
        if name not in classes.ids and name != "background":
            hint = "did you mean 'labels'?" if len(names) == 1 else classes.suggestion(name)
            problems.add(1, f"column '{name}' is no class; {hint}")
        elif names.count(name) > 1:
            problems.add(1, f"column '{name}' occurs twice; keep one of them.")
    if problems.lines:
        return None
    ids = [classes.ids.get(name, 0) for name in names]
    shared: dict[Tags, Tags] = {}

    def parse(row: list[str]) -> Labels:
        values = [value.strip() for value in row[1:]]
        wrong = [
            f"'{value}' under '{name}' is neither 0 nor 1; write 1 where the image holds the class, else 0."
            for name, value in zip(names, values, strict=True)
            if value not in {"0", "1"}
        ]
        tags = frozenset(itertools.compress(ids, (value == "1" for value in values))) - {0}
        return shared.setdefault(tags, tags), tuple(wrong)

    return parse
