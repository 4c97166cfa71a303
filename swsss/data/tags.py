"""`tags.csv`: which classes each image holds, read from either of its two shapes with every mistake found at once."""

import csv
import io
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TextIO

from swsss.data.classes import ClassTable
from swsss.data.files import write_whole
from swsss.data.tag_labels import SEPARATORS, LabelsOfFields, Tags, read_header
from swsss.data.tag_rows import ImageNames, RowProblems
from swsss.errors import UserError


def read_tags(
    path: Path,
    classes: ClassTable,
    images: Sequence[str],
    *,
    missing_images: Literal["refuse", "skip"] = "refuse",
) -> dict[str, Tags]:
    """Read `tags.csv` in the shape `image,labels` or as a wide 0/1 table `image,cat,dog,...`.

    Args:
        path: The file; UTF-8, any line ending, separated by commas, or by semicolons as European Excel does.
        classes: Classes the labels may name; 'background' is allowed and says nothing.
        images: Relative paths of the images there are, with `/` and extension. Rows may leave the extension out.
        missing_images: Whether rows of images that are not there are a mistake, or left out.

    Returns:
        Foreground class ids by image, as spelled in `images`; images without a row are not in it.

    Raises:
        UserError: The file cannot be opened.
        InputError: Anything in it is wrong; all of it is told at once.
    """
    problems = RowProblems(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = _read(file, classes, ImageNames(images, strict=missing_images == "refuse"), problems)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", code="not-found") from None
    except UnicodeDecodeError:
        # Alone: how many rows were judged before depends on the blocks the file is read in.
        problems = RowProblems(path)
        problems.add(_first_undecodable(path), "the text is not UTF-8; save the file as UTF-8.")
    problems.raise_any()
    return found


def write_tags(path: Path, rows: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Write `tags.csv`, whole or not at all.

    Args:
        path: Where.
        rows: Image paths relative to the image folder, each with its class names.

    Raises:
        UserError: A name cannot stand in a CSV file of UTF-8 text.
    """
    kept = [(image, [name for name in labels if name]) for image, labels in rows]
    used = sorted({name for _, labels in kept for name in labels})
    text = io.StringIO()
    write_tag_rows(text, kept, used)
    write_whole(path, text.getvalue().encode())


def write_tag_rows(file: TextIO, rows: Iterable[tuple[str, Iterable[str]]], classes: Sequence[str]) -> None:
    """Write what `read_tags` reads back, a row at a time.

    The shape is `image,labels`, or where a class name cannot stand in a field of labels, `image,cat,dog,...` with 0
    and 1.

    Args:
        file: Text with newlines as written.
        rows: Image paths relative to the image folder, each with its class names.
        classes: The names there are, but background.

    Raises:
        UserError: A name cannot stand in a CSV file of UTF-8 text.
    """
    wide = not all(_fits_a_list(name) for name in classes)
    for name in classes:
        _check_text(name, f"The class name {name!r}")
    lines = _Lines(file)
    lines.write(["image", *classes] if wide else ["image", "labels"])
    for image, labels in rows:
        _check_text(image, f"The file name {image!r}")
        names = list(labels)
        lines.write([image, *("01"[name in names] for name in classes)] if wide else [image, ";".join(names)])


def _fits_a_list(name: str) -> bool:
    """Whether a class name among others in a field of labels is read as it is."""
    return name == name.strip() and name not in {"", "background"} and not SEPARATORS.search(name)


def _check_text(name: str, what: str) -> None:
    if "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name):
        raise UserError(f"{what} is not UTF-8 text, which tags.csv cannot hold; rename it.")


class _Lines:
    """Writes rows of a CSV file."""

    def __init__(self, file: TextIO) -> None:
        self._plain = csv.writer(file, lineterminator="\n")
        # Before Python 3.13, csv leaves a carriage return unquoted, which then ends the row.
        self._quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def write(self, row: list[str]) -> None:
        writer = self._quoting if any("\r" in field for field in row) else self._plain
        writer.writerow(row)


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
    fields = _Fields(file, ";" if ";" in first and "," not in first else ",", problems)
    # A class name that begins or ends with a space is taken as it is.
    header = [field if field in classes.ids else field.strip() for field in fields.split(first, 1)[0]]
    labels = None if problems.lines else read_header(header, classes, problems)
    if labels is None:
        for _ in file:
            pass  # text that is not UTF-8 is told wherever it stands
        return {}
    return _read_rows(fields, labels, len(header), images, problems)


class _Fields:
    """Splits lines of a CSV file into fields."""

    def __init__(self, file: TextIO, delimiter: str, problems: RowProblems) -> None:
        self.file = file
        self.delimiter = delimiter
        self.problems = problems
        self.given: list[str] = []
        lines = iter(lambda: self.given.pop() if self.given else next(file, ""), "")
        # Strict, because a quote that is never closed would otherwise swallow the rest of the file as one label.
        self.reader = csv.reader(lines, delimiter=delimiter, strict=True)

    def split(self, text: str, line: int) -> tuple[list[str], int]:
        """Return the fields of the row that starts with `text`, and how many more lines of the file it takes."""
        self.given.append(text)
        before = self.reader.line_num + 1
        row: list[str] = []
        try:
            row = next(self.reader, row)
            # The csv module takes NUL for text, so a UTF-16 file would give nothing but unknown names.
            if any("\0" in field for field in row):
                raise csv.Error("it holds a NUL byte")
        except csv.Error as error:
            row = []
            self.problems.add(
                line, f"this row is not valid CSV ({error}); check its quotes and save the file as UTF-8."
            )
        return row, self.reader.line_num - before


def _read_rows(
    fields: _Fields, labels: LabelsOfFields, width: int, images: ImageNames, problems: RowProblems
) -> dict[str, Tags]:
    found: dict[str, Tags] = {}
    lines = array("Q")  # of the images in `found`, in its order: a second dict would double the memory
    conflicts: list[tuple[int, str]] = []
    known: dict[str, Tags] = {}  # by all that stands behind the name, so that most rows need not be split
    line = 1
    try:
        for text in fields.file:
            line += 1
            name, _, rest = text.partition(fields.delimiter)
            image = None if '"' in name else images.exact.get(name) or images.find(name)
            tags, more = known.get(rest), 0
            if image is None or tags is None:
                row, more = fields.split(text, line)
                image, tags = _check(row, line, labels, width, images, problems)
                if tags is not None and not more and '"' not in name and len(known) < labels.kept:
                    known[rest] = tags
            if image is not None and tags is not None:
                if found.setdefault(image, tags) != tags:
                    conflicts.append((line, image))
                elif len(found) > len(lines):
                    lines.append(line)
            line += more
    finally:
        _tell_conflicts(found, lines, conflicts, problems)
    return found


def _check(
    row: list[str], line: int, labels: LabelsOfFields, width: int, images: ImageNames, problems: RowProblems
) -> tuple[str | None, Tags | None]:
    """The image of a row and its tags, each None where it is wrong or the row is blank."""
    if not any(field.strip() for field in row):
        return None, None
    if len(row) != width:
        problems.add(line, _wrong_width(row, width))
        return None, None
    image = images.find(row[0])
    if image is None and images.strict:
        problems.add(line, images.why_not(row[0]))
    tags, wrong = labels[tuple(row[1:])]
    for problem in wrong:
        problems.add(line, problem)
    return image, None if wrong else tags


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
