"""`tags.csv`: which classes each image holds, read from either of its two shapes with every mistake found at once."""

import csv
import io
import itertools
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from swsss.data.classes import ClassTable
from swsss.data.images import write_whole
from swsss.data.tag_labels import SEPARATORS, Labels, Tags, row_parser
from swsss.data.tag_rows import ImageNames, RowProblems
from swsss.errors import UserError

if TYPE_CHECKING:
    from _csv import Reader


def read_tags(path: Path, classes: ClassTable, images: Sequence[str]) -> dict[str, Tags]:
    """Read `tags.csv` in the shape `image,labels` or as a wide 0/1 table `image,cat,dog,...`.

    Args:
        path: The file; UTF-8, any line ending, separated by commas, or by semicolons as European Excel does.
        classes: Classes the labels may name; 'background' is allowed and says nothing.
        images: Relative paths of the images there are, with `/` and extension. Rows may leave the extension out.

    Returns:
        Foreground class ids by image, as spelled in `images`; images without a row are not in it.

    Raises:
        UserError: The file cannot be opened.
        InputError: Anything in it is wrong; all of it is told at once.
    """
    problems = RowProblems(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = _read(file, classes, ImageNames(images), problems)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        problems.add(_first_undecodable(path), "the text is not UTF-8; save the file as UTF-8.")
    problems.raise_any()
    return found


def write_tags(path: Path, rows: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Write `tags.csv` in the shape `image,labels`, whole or not at all.

    Args:
        path: Where.
        rows: Image paths relative to the image folder, each with its class names.

    Raises:
        UserError: A class name holds a label separator, so that it could not be read back.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", "labels"])
    for image, labels in rows:
        names = list(labels)
        for name in names:
            if SEPARATORS.search(name):
                raise UserError(f"Class '{name}' holds one of ; | , which separate labels in {path}; rename the class.")
        writer.writerow([image, ";".join(names)])
    write_whole(path, text.getvalue().encode())


def _without_nul(lines: Iterable[str]) -> Iterator[str]:
    # The csv module of Python 3.11 takes NUL for text, so a UTF-16 file would give nothing but unknown names.
    for line in lines:
        if "\0" in line:
            raise csv.Error("it holds a NUL byte")
        yield line


def _first_undecodable(path: Path) -> int:
    """Line of the first bytes that are not UTF-8; the text layer decodes in blocks and cannot say."""
    with path.open("rb") as file:
        for line, raw in enumerate(file, 1):
            try:
                raw.decode()
            except UnicodeDecodeError:
                return line
    return 1


def _read(file: TextIO, classes: ClassTable, images: ImageNames, problems: RowProblems) -> dict[str, Tags]:
    first = file.readline()
    delimiter = ";" if ";" in first and "," not in first else ","
    # Strict, because a quote that is never closed would otherwise swallow the rest of the file as one label.
    reader = csv.reader(_without_nul(itertools.chain([first], file)), delimiter=delimiter, strict=True)
    rows = _rows(reader, problems)
    header = [field.strip() for field in next(rows, [])]
    parse = None if problems.lines else row_parser(header, classes, problems)
    return _read_rows(rows, reader, parse, len(header), images, problems) if parse else {}


def _rows(reader: "Reader", problems: RowProblems) -> Iterator[list[str]]:
    line = 0
    try:
        for row in reader:
            line = reader.line_num
            yield row
    except csv.Error as error:
        problems.add(line + 1, f"this row is not valid CSV ({error}); check its quotes and save the file as UTF-8.")


def _read_rows(
    rows: Iterator[list[str]],
    reader: "Reader",
    parse: Callable[[list[str]], Labels],
    width: int,
    images: ImageNames,
    problems: RowProblems,
) -> dict[str, Tags]:
    found: dict[str, Tags] = {}
    lines = array("Q")  # of the images in `found`, in its order: a second dict would double the memory
    conflicts: list[tuple[int, str]] = []
    try:
        for row in rows:
            line = reader.line_num
            if len(row) != width:
                if any(field.strip() for field in row):
                    problems.add(line, _wrong_width(row, width))
                continue
            image = images.exact.get(row[0]) or images.find(row[0])
            if image is None and not any(field.strip() for field in row):
                continue
            tags, wrong = parse(row)
            if image is None or wrong:
                _tell(line, wrong if image else (images.why_not(row[0]), *wrong), problems)
            elif found.setdefault(image, tags) != tags:
                conflicts.append((line, image))
            elif len(found) > len(lines):
                lines.append(line)
    finally:
        _tell_conflicts(found, lines, conflicts, problems)
    return found


def _tell(line: int, wrong: Iterable[str], problems: RowProblems) -> None:
    for text in wrong:
        problems.add(line, text)


def _wrong_width(row: list[str], width: int) -> str:
    if len(row) < width:
        return f"{len(row)} of {width} fields; an image with no class still has all of them, the last empty or 0."
    return f"{len(row)} fields instead of {width}; put several labels into one field, with '|' between them."


def _tell_conflicts(
    found: dict[str, Tags], lines: "array[int]", conflicts: list[tuple[int, str]], problems: RowProblems
) -> None:
    if not conflicts:
        return
    first = dict(zip(found, lines, strict=True))
    for line, image in conflicts:
        problems.add(line, f"'{image}' already stands on line {first[image]} with other labels; keep one row.")
