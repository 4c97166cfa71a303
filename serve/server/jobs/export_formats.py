"""A job's masks in other formats: within its labels folder, or one by itself."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from swsss.data.images import Pixels
from swsss.errors import UserError
from swsss.serve.convert import add_to
from swsss.serve.formats import STREAMS
from swsss.serve.formats.cvat import Cvat
from swsss.serve.formats.label_studio import interface
from swsss.serve.formats.sink import Sink
from swsss.serve.records import Failed, Labelled
from swsss.serve.server.jobs.masks import JobMasks
from swsss.serve.server.jobs.rows import Item
from swsss.serve.server.jobs.streams import Parts, StreamedArchive, blocks_of, nameless, nameless_text, streamed_archive
from swsss.serve.server.jobs.taken import TakenImages

_FAILURES = "convert-failures.csv"
_FILES = {"coco": "coco.json", "cvat": "cvat.zip", "label-studio": "label-studio.json"}


class JobFormats:
    """The formats of a job, filled while its masks are taken; each waits in a file without a name."""

    def __init__(self, masks: JobMasks, stack: ExitStack) -> None:
        self._classes = masks.classes
        self._files: dict[str, BinaryIO] = {}
        self._sinks: dict[str, Sink] = {}
        names, prefix = dict.fromkeys(masks.job.wishes.formats), masks.job.wishes.image_prefix
        for name in names:
            self._files[name] = stack.enter_context(nameless(masks.place))
        self._open = stack.enter_context(ExitStack())  # closed before the files
        for format_name, file in self._files.items():
            opened = STREAMS[format_name](file, masks.place, masks.classes, prefix)
            self._sinks[format_name] = self._open.enter_context(opened)

    def add(self, masks: JobMasks, item: Item) -> Sequence[Failed]:
        """Add an image; where it is missing, and why."""
        if not self._sinks:
            return []
        try:
            newer, pixels = masks.read(item, lambda item: masks.pixels(item, item.row))
        except UserError as error:
            return [Failed(item.image, "mask", str(error))]
        if newer.version != item.version:
            return [Failed(item.image, "mask", "It was changed while this was made.")]
        return add_to(self._sinks, item.row, pixels)

    def finish(self, archive: StreamedArchive) -> Iterator[bytes]:
        """Complete all of them, and add them to an archive."""
        self._open.close()
        for name, file in self._files.items():
            yield from archive.add_file(_FILES[name], file)
            if name == "label-studio":
                yield from archive.add("label-studio.xml", interface(self._classes).encode())


def format_export(masks: JobMasks, name: str) -> Parts:
    """One format as a file; label-studio as a ZIP file, with its interface."""
    place = masks.place
    with TakenImages() as taken, nameless(place) as file:
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
            yield from convert_failures(archive, taken, place)
            yield from archive.end()


def convert_failures(archive: StreamedArchive, taken: TakenImages, place: Path) -> Iterator[bytes]:
    """Add the list of images that are missing somewhere, if there are any."""
    if taken.has_failed:
        with nameless_text(place) as text:
            taken.write_convert_failures(text)
            yield from archive.add_file(_FAILURES, text.buffer)


def _convert(masks: JobMasks, item: Item, sinks: dict[str, Sink], taken: TakenImages) -> None:
    def read(item: Item) -> tuple[Labelled, Pixels] | None:
        row = masks.row(item)
        return None if row is None else (row, masks.pixels(item, row))

    try:
        _, found = masks.read(item, read)
        if found is not None:
            taken.add_failed(*add_to(sinks, *found))
    except UserError as error:
        taken.add_failed(Failed(item.image, "mask", str(error)))
