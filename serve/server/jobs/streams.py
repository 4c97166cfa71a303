"""Archives that are handed on while they are written, in constant memory."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, TextIO

from swsss.serve.formats.archive import Archive

_BLOCK = 1 << 20

Parts = Iterator[bytes | None]
"""Parts of a file, some of them empty; None when the next has to be waited for."""


class Drained(io.BytesIO):
    """A file that forgets what was taken from it, and still knows where it stands."""

    def __init__(self) -> None:
        super().__init__()
        self._before = 0

    def tell(self) -> int:
        """How much was written."""
        return self._before + super().tell()

    def drain(self) -> Iterator[bytes]:
        """What was written since the last time, if anything was."""
        data = self.getvalue()
        self._before += len(data)
        self.seek(0)
        self.truncate()
        if data:
            yield data


class StreamedArchive:
    """A ZIP file whose bytes are handed on as they come.

    Args:
        directory: An empty file for the table of contents until the end.
    """

    def __init__(self, directory: BinaryIO) -> None:
        self._file = Drained()
        self._archive = Archive(self._file, directory)

    def add(self, name: str, data: bytes) -> Iterator[bytes]:
        """Add a file's content."""
        return self.add_file(name, io.BytesIO(data))

    def add_file(self, name: str, content: BinaryIO) -> Iterator[bytes]:
        """Add what a file that can be read twice holds."""
        for _ in self._archive.blocks(name, content):
            yield from self._file.drain()
        yield from self._file.drain()

    def end(self) -> Iterator[bytes]:
        """The table of contents."""
        self._archive.close()
        yield from self._file.drain()


@contextmanager
def streamed_archive(place: Path) -> Iterator[StreamedArchive]:
    """A new archive; its table of contents waits in a file without a name in `place`."""
    with nameless(place) as directory:
        yield StreamedArchive(directory)


@contextmanager
def nameless(place: Path) -> Iterator[BinaryIO]:
    """A file without a name in `place`, gone when the block ends, or the process is killed."""
    with TemporaryFile(dir=place) as file:
        yield file


@contextmanager
def nameless_text(place: Path) -> Iterator[TextIO]:
    """A text file without a name in `place`.

    UTF-8 with newlines as written, as tables are; its `buffer` is what it holds, once it is flushed.
    """
    with TemporaryFile("w+", encoding="utf-8", errors="surrogateescape", newline="", dir=place) as file:
        yield file


def blocks_of(file: BinaryIO) -> Iterator[bytes]:
    """All that a file holds, in parts."""
    file.seek(0)
    while block := file.read(_BLOCK):
        yield block
