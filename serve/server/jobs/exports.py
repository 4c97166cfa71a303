"""What can be taken away from a job: the labels folder, or accepted masks as a dataset."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from swsss.data.below import open_below
from swsss.errors import UserError
from swsss.serve.folder import JOURNAL
from swsss.serve.formats.cvat import label_map
from swsss.serve.records import Failed
from swsss.serve.server.jobs.corrected_tags import write_corrected_tags
from swsss.serve.server.jobs.export_formats import JobFormats, convert_failures
from swsss.serve.server.jobs.masks import JobMasks
from swsss.serve.server.jobs.rows import Item
from swsss.serve.server.jobs.streams import Parts, StreamedArchive, nameless_text, streamed_archive
from swsss.serve.server.jobs.taken import TakenImages


def check_names(masks: JobMasks, formats: Sequence[str]) -> None:
    """See that everything that is to be written can hold the names of the classes.

    Raises:
        UserError: Something cannot.
    """
    names = masks.classes.names
    for name in names:
        if not name.strip() or len(name.strip().splitlines()) > 1:
            raise UserError(f"classes.txt cannot hold the class name {name!r} (blank, or a line break); rename it.")
    if len({name.strip() for name in names}) < len(names):
        raise UserError("classes.txt cannot hold class names that differ only in outer spaces; rename one.")
    if "cvat" in formats:
        label_map(masks.classes)


def result_archive(masks: JobMasks, follow: Callable[[], bool]) -> Parts:
    """A ZIP file of the labels folder, its tables and formats written anew from what people left.

    The report is in it as long as it is true: of masks as the run made them.

    Args:
        masks: What to take.
        follow: Whether more masks are to come; as long as it says so, they are taken in as they are made.
    """
    place = masks.place
    with streamed_archive(place) as archive, TakenImages() as taken, ExitStack() as stack:
        formats = JobFormats(masks, stack)
        for found in _followed(masks, taken, follow):
            if found is None:
                yield None
                continue
            try:
                item, file = masks.read(found, masks.open)
            except UserError as error:
                taken.add_failed(Failed(found.image, "mask", str(error)))
                yield b""
                continue
            with file:
                yield from archive.add_file(f"masks/{item.mask}", file)
            yield from _confidence(archive, masks, item)
            taken.add(item.row)
            taken.add_failed(*formats.add(masks, item))
        if _has_tables(masks):
            yield from _tables(archive, masks, taken)
            yield from formats.finish(archive)
        yield from convert_failures(archive, taken, place)
        yield from archive.end()


def made_archive(masks: JobMasks, follow: Callable[[], bool]) -> Parts:
    """A ZIP file of the labels folder as the run left it, report and formats included."""
    labels = masks.folder / "labels"
    with streamed_archive(masks.place) as archive, TakenImages() as taken:
        for item in _followed(masks, taken, follow):
            if item is None:
                yield None
                continue
            taken.add(item.row)
            try:
                item, file = masks.read(item, masks.open)  # noqa: PLW2901 - as it is by now
            except UserError:
                continue
            with file:
                yield from archive.add_file(f"masks/{item.mask}", file)
            yield from _confidence(archive, masks, item)
        for name in sorted(os.listdir(labels)) if labels.is_dir() else []:
            if not name.startswith((".", JOURNAL)):
                yield from _beside(archive, labels, name)
        yield from archive.end()


def accepted_archive(masks: JobMasks) -> Parts:
    """A ZIP file in the layout of a dataset directory: the accepted masks as pixel labels for the next training.

    It holds `classes.txt`, `masks/`, `tags.csv` and `splits/accepted.txt`; the images belong beside them.
    """
    place = masks.place
    with streamed_archive(place) as archive, nameless_text(place) as stems, nameless_text(place) as tags:
        yield from archive.add("classes.txt", "".join(f"{name}\n" for name in masks.classes.names).encode())
        for item in masks.index.walk(masks.where, "image"):
            try:
                _, file = masks.read(item, masks.open)
            except UserError:
                continue
            with file:
                yield from archive.add_file(f"masks/{item.mask}", file)
            stems.write(f"{item.mask.removesuffix('.png')}\n")
        stems.flush()
        yield from archive.add_file("splits/accepted.txt", stems.buffer)
        write_corrected_tags(tags, masks)
        yield from archive.add_file("tags.csv", tags.buffer)
        yield from archive.end()


def _has_tables(masks: JobMasks) -> bool:
    """Whether the run got as far as to write some, or people have said something: else they would be of no use yet."""
    counts = masks.index.counts()
    return (masks.folder / "labels" / "manifest.csv").is_file() or any(vars(counts).values())


def _tables(archive: StreamedArchive, masks: JobMasks, taken: TakenImages) -> Iterator[bytes]:
    classes, place, labels = masks.classes, masks.place, masks.folder / "labels"
    yield from archive.add("classes.txt", "".join(f"{name}\n" for name in classes.names).encode())
    with nameless_text(place) as text:
        taken.write_manifest(text, classes)
        yield from archive.add_file("manifest.csv", text.buffer)
    if masks.taken == "accepted":
        return
    with nameless_text(place) as text:
        taken.write_failures(text, masks.index.walk("state = 'failed'", "image"))
        yield from archive.add_file("failures.csv", text.buffer)
    if not masks.index.counts().changed:
        yield from _beside(archive, labels, "report.html")  # which shows the masks as made


def _followed(masks: JobMasks, taken: TakenImages, follow: Callable[[], bool]) -> Iterator[Item | None]:
    """The images to take: as they are made while the job runs, then what is left in the order of names."""
    last: Item | None = None
    while follow():
        items = masks.index.page_after(last, masks.where)
        for item in items:
            last = item
            if item.image not in taken:
                yield item
        if not items:
            yield None
    for item in masks.index.walk(masks.where, "image"):
        if item.image not in taken:
            yield item


def _confidence(archive: StreamedArchive, masks: JobMasks, item: Item) -> Iterator[bytes]:
    try:
        newer, file = masks.read(item, lambda item: masks.open(item, "confidence"))
    except UserError:  # there is none, as of most jobs
        return
    with file:
        if newer.version == item.version:
            yield from archive.add_file(f"confidence/{item.mask}", file)


def _beside(archive: StreamedArchive, labels: Path, name: str) -> Iterator[bytes]:
    """Add a file that lies beside the masks, if it is there."""
    try:
        file = open_below(labels / name, labels)
    except (UserError, OSError):
        return
    with file:
        yield from archive.add_file(name, file)
