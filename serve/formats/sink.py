"""What every output format is: a place that images are added to one by one, complete when its block ends."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TextIO

from swsss.data.classes import ClassTable
from swsss.data.images import Pixels
from swsss.serve.records import Labelled


class Sink(Protocol):
    """An output being written; memory does not grow with the images added."""

    @property
    def files(self) -> Sequence[Path]:
        """What there is to be found once the block has ended."""
        ...

    def add(self, row: Labelled, mask: Pixels) -> None:
        """Add an image.

        Args:
            row: What the manifest says of it.
            mask: uint8 [H, W] of class ids, 255 = ignored, in the grid of `row`.

        Raises:
            UserError: The format cannot hold this image; nothing of it was written, the next one may be added.
            OSError: The output cannot be written.
        """
        ...


Opener = Callable[[Path, ClassTable, str], AbstractContextManager[Sink]]
"""Opens a format: folder to write into, classes, what image paths are prefixed with where a format wants URLs.

Its files appear when the block ends without an error, whole or not at all. Opening raises UserError for class names
that the format cannot hold.
"""

StreamOpener = Callable[[BinaryIO, Path, ClassTable, str], AbstractContextManager[Sink]]
"""Opens a format within a file that is open: that file, a folder for files without a name, then as for an `Opener`.

What was written is complete when the block ends without an error.
"""


@contextmanager
def text_into(file: BinaryIO) -> Iterator[TextIO]:
    """Write ASCII text into a binary file; all of it is there when the block ends."""
    text = io.TextIOWrapper(file, "ascii", newline="", write_through=True)
    try:
        yield text
    finally:
        text.detach()


class Rows:
    """The elements of a JSON array, written one a line as they come; the brackets are the caller's."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._separator = "\n"
        self.count = 0

    def add(self, value: dict[str, Any]) -> None:
        """Write one element."""
        # ASCII with escapes: the only way a file name that is not UTF-8 survives in JSON.
        self._file.write(self._separator + json.dumps(value, separators=(",", ":")))
        self._separator = ",\n"
        self.count += 1
