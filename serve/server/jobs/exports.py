"""What can be taken away from a job: the labels folder, one format, accepted masks as a dataset, the tags."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from swsss.data.below import open_below
from swsss.errors import UserError
from swsss.serve.convert import add_to
from swsss.serve.folder import JOURNAL
from swsss.serve.formats import STREAMS
from swsss.serve.formats.cvat import Cvat, label_map
from swsss.serve.formats.label_studio import interface
from swsss.serve.formats.sink import Sink
from swsss.serve.records import Failed, Labelled
from swsss.serve.server.jobs.corrected_tags import write_corrected_tags
from swsss.serve.server.jobs.masks import JobMasks
from swsss.serve.server.jobs.rows import Item
from swsss.serve.server.jobs.streams import StreamedArchive, blocks_of, nameless_text, streamed_archive
from swsss.serve.server.jobs.taken import TakenImages

_FAILURES = "convert-failures.csv"
_FILES = {"coco": "coco.json", "cvat": "cvat.zip", "label-studio": "label-studio.json"}

Parts = Iterator[bytes | None]
"""Parts of a file, some of them empty; None when the next has to be waited for."""


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

    Args:
        masks: What to take.
        follow: Whether more masks are to come; as long as it says so, they are taken in as they are made.
    """
    place, classes = masks.folder, masks.classes
    with streamed_archive(place) as archive, TakenImages() as taken, ExitStack() as stack:
        formats = _Formats(masks, stack)
        for item in _followed(masks, taken, follow):
            if item is None:
                yield None
                continue
            try:
                item, row, file = _opened(masks, item)
            except UserError as error:
                taken.add_failed(Failed(item.image, "mask", str(error)))
                yield b""
                continue
            with file:
                yield from archive.add_file(f"masks/{row.mask}", file)
            yield from _confidence(archive, masks, item)
            taken.add(row)
            taken.add_failed(*formats.add(masks, item, row))
        yield from archive.add("classes.txt", "".join(f"{name}\n" for name in classes.names).encode())
        with nameless_text(place) as text:
            taken.write_manifest(text, classes)
            yield from archive.add_file("manifest.csv", text.buffer)
        if masks.taken != "accepted":
            with nameless_text(place) as text:
                taken.write_failures(text, masks.index.walk("state = 'failed'", "image"))
                yield from archive.add_file("failures.csv", text.buffer)
        yield from formats.finish(archive)
        yield from _convert_failures(archive, taken, place)
        yield from archive.end()


def made_archive(masks: JobMasks, follow: Callable[[], bool]) -> Parts:
    """A ZIP file of the labels folder as the run left it, report and formats included."""
    labels = masks.folder / "labels"
    with streamed_archive(masks.folder) as archive, TakenImages() as taken:
        for item in _followed(masks, taken, follow):
            if item is None:
                yield None
                continue
            taken.add(item.row)
            for part in ("masks", "confidence"):
                try:
                    file = masks.open(item, part)
                except UserError:
                    continue
                with file:
                    yield from archive.add_file(f"{part}/{item.mask}", file)
        for name in sorted(os.listdir(labels)) if labels.is_dir() else []:
            if not name.startswith((".", JOURNAL)) and (labels / name).is_file():
                with open_below(labels / name, labels) as file:
                    yield from archive.add_file(name, file)
        yield from archive.end()


def format_export(masks: JobMasks, name: str) -> Parts:
    """One format as a file; label-studio as a ZIP file, with its interface."""
    place = masks.folder
    with TakenImages() as taken, TemporaryFile(dir=place) as file:
        with STREAMS[name](file, place, masks.classes, masks.job.wishes.image_prefix) as sink:
            for item in masks.index.walk(masks.where, "image"):
                _convert(masks, item, {name: sink}, taken)
                yield b""
            if isinstance(sink, Cvat) and taken.has_failed:
                with nameless_text(place) as text:
                    taken.write_convert_failures(text)
                    sink.archive.add_file(_FAILURES, text.buffer)
        if name != "label-studio":
            yield from blocks_of(file)
            return
        with streamed_archive(place) as archive:
            yield from archive.add("label-studio.xml", interface(masks.classes).encode())
            yield from archive.add_file("label-studio.json", file)
            yield from _convert_failures(archive, taken, place)
            yield from archive.end()


def accepted_archive(masks: JobMasks) -> Parts:
    """A ZIP file in the layout of a dataset directory: the accepted masks as pixel labels for the next training.

    It holds `classes.txt`, `masks/`, `tags.csv` and `splits/accepted.txt`; the images belong beside them.
    """
    place = masks.folder
    with streamed_archive(place) as archive, nameless_text(place) as stems, nameless_text(place) as tags:
        yield from archive.add("classes.txt", "".join(f"{name}\n" for name in masks.classes.names).encode())
        for item in masks.index.walk(masks.where, "image"):
            try:
                item, row, file = _opened(masks, item)
            except UserError:
                continue
            with file:
                yield from archive.add_file(f"masks/{row.mask}", file)
            stems.write(f"{row.mask.removesuffix('.png')}\n")
        stems.flush()
        yield from archive.add_file("splits/accepted.txt", stems.buffer)
        write_corrected_tags(tags, masks)
        yield from archive.add_file("tags.csv", tags.buffer)
        yield from archive.end()


class _Formats:
    """The formats of a job, filled while its masks are taken; each waits in a file without a name."""

    def __init__(self, masks: JobMasks, stack: ExitStack) -> None:
        self._classes = masks.classes
        self._files: dict[str, BinaryIO] = {}
        self._sinks: dict[str, Sink] = {}
        self._open = stack.enter_context(ExitStack())
        for name in dict.fromkeys(masks.job.wishes.formats):
            self._files[name] = stack.enter_context(TemporaryFile(dir=masks.folder))
            opened = STREAMS[name](self._files[name], masks.folder, masks.classes, masks.job.wishes.image_prefix)
            self._sinks[name] = self._open.enter_context(opened)

    def add(self, masks: JobMasks, item: Item, row: Labelled) -> Sequence[Failed]:
        """Add an image; where it is missing, and why."""
        if not self._sinks:
            return []
        try:
            return add_to(self._sinks, row, masks.pixels(item, row))
        except UserError as error:
            return [Failed(row.image, "mask", str(error))]

    def finish(self, archive: StreamedArchive) -> Iterator[bytes]:
        """Complete all of them, and add them to an archive."""
        self._open.close()
        for name, file in self._files.items():
            yield from archive.add_file(_FILES[name], file)
            if name == "label-studio":
                yield from archive.add("label-studio.xml", interface(self._classes).encode())


def _convert(masks: JobMasks, item: Item, sinks: dict[str, Sink], taken: TakenImages) -> None:
    try:
        row = masks.row(item)
        if row is not None:
            taken.add_failed(*add_to(sinks, row, masks.pixels(item, row)))
    except UserError as error:
        taken.add_failed(Failed(item.image, "mask", str(error)))


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


def _opened(masks: JobMasks, item: Item) -> tuple[Item, Labelled, BinaryIO]:
    """The mask of an image, and what is known of it; somebody may have corrected it since the item was read."""
    try:
        return item, item.row, masks.open(item)
    except UserError:
        newer = masks.index.item(item.number)
        if newer is None or newer.revision == item.revision or newer.state != "labelled":
            raise
        return newer, newer.row, masks.open(newer)


def _confidence(archive: StreamedArchive, masks: JobMasks, item: Item) -> Iterator[bytes]:
    try:
        file = masks.open(item, "confidence")
    except UserError:  # there is none, as of most jobs
        return
    with file:
        yield from archive.add_file(f"confidence/{item.mask}", file)


def _convert_failures(archive: StreamedArchive, taken: TakenImages, place: Path) -> Iterator[bytes]:
    if taken.has_failed:
        with nameless_text(place) as text:
            taken.write_convert_failures(text)
            yield from archive.add_file(_FAILURES, text.buffer)
