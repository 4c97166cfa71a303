"""The two ways a row of `tags.csv` says which classes its image holds: a field of labels, or a 0/1 column per class."""

import itertools
import re
from collections.abc import Callable, Sequence

from swsss.data.classes import ClassTable
from swsss.data.tag_rows import RowProblems

Tags = frozenset[int]
"""Foreground class ids."""

Labels = tuple[Tags, tuple[str, ...]]
"""The tags of a row, and what is wrong with the text they were read from."""

SEPARATORS = re.compile(r"[;|,]")

_HEADER = "the first line must be 'image,labels' or 'image,' and one column per class"


class LabelsOfFields(dict[tuple[str, ...], Labels]):
    """What the fields behind an image's name say, parsed once for all rows that say the same.

    Args:
        parse: Turns fields into class ids.
    """

    kept = 100_000

    def __init__(self, parse: Callable[[Sequence[str]], Labels]) -> None:
        super().__init__()
        self.parse = parse
        self.shared: dict[Tags, Tags] = {}

    def __missing__(self, fields: tuple[str, ...]) -> Labels:
        if len(self) >= self.kept:
            self.clear()
        tags, wrong = self.parse(fields)
        labels = self[fields] = self.shared.setdefault(tags, tags), wrong
        return labels


def read_header(header: list[str], classes: ClassTable, problems: RowProblems) -> LabelsOfFields | None:
    """Return what turns the fields of a row into class ids; None when the header is wrong, and `problems` say why."""
    if not any(header):
        problems.add(1, f"there is no header; {_HEADER}.")
    elif header[0].lower() != "image" or len(header) == 1:
        problems.add(1, f"the header starts with '{header[0]}'; {_HEADER}.")
    elif [name.lower() for name in header] == ["image", "labels"]:
        return LabelsOfFields(lambda fields: parse_labels(fields[0], classes))
    else:
        return _wide_table(header[1:], classes, problems)
    return None


def parse_labels(field: str, classes: ClassTable) -> Labels:
    """Read class names separated by `;`, `|`, `,` or spaces; 'background' is allowed and says nothing."""
    field = field.strip()
    separated = SEPARATORS.search(field) is not None
    names = [field] if field in classes.ids else SEPARATORS.split(field) if separated else field.split()
    wanted = {name.strip() for name in names} - {"", "background"}
    unknown = sorted(wanted - classes.ids.keys())
    wrong = [f"unknown class '{name}'; {classes.suggestion(name)}" for name in unknown]
    if unknown and not separated and len(names) > 1 and any(" " in name for name in classes.names):
        wrong.append("spaces separate labels here; write ';' between labels when class names hold spaces.")
    return frozenset(classes.ids[name] for name in wanted if name in classes.ids) - {0}, tuple(wrong)


def _wide_table(names: list[str], classes: ClassTable, problems: RowProblems) -> LabelsOfFields | None:
    for name in dict.fromkeys(names):
        if name not in classes.ids and name != "background":
            hint = "did you mean 'labels'?" if len(names) == 1 else classes.suggestion(name)
            problems.add(1, f"column '{name}' is no class; {hint}")
        elif names.count(name) > 1:
            problems.add(1, f"column '{name}' occurs twice; keep one of them.")
    if problems.lines:
        return None
    ids = [classes.ids.get(name, 0) for name in names]

    def parse(fields: Sequence[str]) -> Labels:
        values = [value.strip() for value in fields]
        wrong = [
            f"'{value}' under '{name}' is neither 0 nor 1; write 1 where the image holds the class, else 0."
            for name, value in zip(names, values, strict=True)
            if value not in {"0", "1"}
        ]
        return frozenset(itertools.compress(ids, (value == "1" for value in values))) - {0}, tuple(wrong)

    return LabelsOfFields(parse)
