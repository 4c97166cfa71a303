"""From a labels folder to other formats, without inference."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from swsss.data.classes import IGNORE, ClassTable, read_classes
from swsss.data.files import leads_inside
from swsss.data.images import Pixels, read_mask
from swsss.errors import UserError
from swsss.serve.formats import FORMATS
from swsss.serve.formats.sink import Sink
from swsss.serve.manifest import read_manifest, write_failures
from swsss.serve.records import Failed, Labelled
from swsss.threads import DEPTH, THREADS, ahead


@dataclass(frozen=True)
class Converted:
    """What a conversion left.

    Args:
        files: What was written, in the order of the formats.
        failed: Images that are missing in a format, in the manifest's order; `stage` is the format, or `mask` when
            the image is missing in all of them.
    """

    files: list[Path]
    failed: list[Failed] = field(default_factory=list)

    @property
    def complaint(self) -> str:
        """What is missing, in one sentence; "" when nothing is."""
        if not self.failed:
            return ""
        count, first = len({row.image for row in self.failed}), self.failed[0]
        images = "1 image is" if count == 1 else f"{count} images are"
        return (
            f"{images} missing in some format, e.g. {first.image} ({first.stage}): {first.reason} "
            "convert-failures.csv lists them all."
        )


def convert(
    labels: Path,
    formats: Sequence[str],
    *,
    image_prefix: str = "",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Converted:
    """Write the masks of a labels folder in other formats, beside them.

    All formats are written in one pass. An image that a format cannot hold, or whose mask is missing or damaged, is
    left out and told; `convert-failures.csv` lists them all, and is removed when there are none.

    Args:
        labels: A folder with `masks/`, `manifest.csv` and `classes.txt`.
        formats: Keys of `FORMATS`.
        image_prefix: What Label Studio is to find before the path of an image.
        progress: Called with the number of images done and of all.

    Raises:
        UserError: The folder is no labels folder, its manifest is damaged, a format is unknown or cannot hold a class,
            or an output cannot be written; every file is then whole or as it was.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        told = f"There is no format '{unknown[0]}'; the formats are {', '.join(FORMATS)}."
        raise UserError(told, code="unknown-format", field="formats")
    classes, total = _survey(labels)
    try:
        with ExitStack() as stack:
            sinks = {
                name: stack.enter_context(FORMATS[name](labels, classes, image_prefix))
                for name in dict.fromkeys(formats)
            }
            failed = _fill(sinks, labels, classes, lambda done: progress(done, total))
        _list_failures(labels / "convert-failures.csv", failed)
    except OSError as error:
        raise UserError(f"{labels} cannot be written to: {error.strerror or error}.") from None
    return Converted([file for sink in sinks.values() for file in sink.files], failed)


def _survey(labels: Path) -> tuple[ClassTable, int]:
    """The classes and the number of images; reading all of the manifest finds its mistakes before anything is done."""
    for name in ["manifest.csv", "classes.txt"]:
        if not (labels / name).exists():
            told = f"{labels} is no labels folder: it has no {name}; let swsss-label finish it first."
            raise UserError(told, code="no-labels-folder", field="labels")
    classes = read_classes(labels / "classes.txt")
    total = sum(1 for _ in read_manifest(labels / "manifest.csv", classes))
    if total and not (labels / "masks").is_dir():
        raise UserError(f"{labels} has no folder masks, but its manifest lists {total} images; label them again.")
    return classes, total


def _fill(sinks: dict[str, Sink], labels: Path, classes: ClassTable, progress: Callable[[int], None]) -> list[Failed]:
    def load(row: Labelled) -> tuple[Labelled, Pixels | UserError]:
        try:
            path = labels / "masks" / row.mask
            if path.is_symlink() or not leads_inside(labels, f"masks/{row.mask}"):
                raise UserError(f"{path} is a link, or lies behind one that leads out of the labels folder.")
            return row, checked_mask(path, row, classes)
        except UserError as error:
            # No machine's paths in the list of failures.
            return row, UserError(str(error).replace(f"{labels / 'masks'}{os.sep}", ""))

    failed = []
    rows = read_manifest(labels / "manifest.csv", classes)
    with ahead(load, rows, THREADS, DEPTH) as loaded:
        for done, (row, mask) in enumerate(loaded, 1):
            if isinstance(mask, UserError):
                failed.append(Failed(row.image, "mask", str(mask)))
            else:
                failed += add_to(sinks, row, mask)
            progress(done)
    return failed


def add_to(sinks: Mapping[str, Sink], row: Labelled, mask: Pixels) -> Sequence[Failed]:
    """Add an image to all formats; what cannot hold it, and why."""
    failed = []
    for name, sink in sinks.items():
        try:
            sink.add(row, mask)
        except UserError as error:
            failed.append(Failed(row.image, name, str(error)))
    return failed


def checked_mask(path: Path, row: Labelled, classes: ClassTable) -> Pixels:
    """Read the mask of an image: uint8 [H, W] of class ids.

    Raises:
        UserError: It cannot be read, is not of the size of `row`, or holds an id that is no class.
    """
    mask = read_mask(path)
    height, width = mask.shape
    if (width, height) != (row.width, row.height):
        raise UserError(f"{path} has {width}×{height} pixels, but its image has {row.width}×{row.height}.")
    unknown = mask[(mask >= len(classes)) & (mask != IGNORE)]
    if unknown.size:
        raise UserError(f"{path} holds the class id {unknown[0]}, but classes.txt ends with {len(classes) - 1}.")
    return mask


def _list_failures(path: Path, failed: Sequence[Failed]) -> None:
    if failed:
        write_failures(path, failed)
    else:
        path.unlink(missing_ok=True)
