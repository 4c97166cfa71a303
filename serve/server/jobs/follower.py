"""Follows the run of a job: fills its index, counts, tells."""

import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from swsss.errors import Unfinished
from swsss.serve.folder import LabelsFolder
from swsss.serve.plan import Item
from swsss.serve.records import Failed, Labelled
from swsss.serve.server.jobs.index import Index

INDEX = "index"
"""What the journal calls the mark of the index that belongs to it."""
_TOLD_SECONDS = 0.25


class Told(Protocol):
    """Takes what has changed of a job."""

    def __call__(self, **changes: object) -> None:
        """Fields of the job by name."""
        ...


class JobFollower:
    """A `Follower` that belongs to a job.

    Args:
        index: Gets a row an image.
        stop: Whether the job is to stop.
        told: Called with total, done, failed and rate now and then.
        count: Called with every image.
    """

    def __init__(
        self, index: Index, stop: Callable[[], bool], told: Told, count: Callable[[Labelled | Failed], None]
    ) -> None:
        self.stop, self._index, self._told_of, self._count = stop, index, told, count
        self._folder: LabelsFolder | None = None
        self._rows: list[Labelled | Failed] = []
        self._keys: dict[str, str] = {}
        self._earlier = self._done = self._failed = 0
        self._started = self._last = 0.0

    def tell(self, line: str) -> None:
        """Lines are for terminals."""

    def begin(self, folder: LabelsFolder, todo: int, earlier: int) -> None:
        """See `Follower`. What the journal knows and the index does not, as after a kill, gets into the index."""

        def kept(image: str, key: str | None) -> bool:
            return image in wanted and (key is None or folder.plan.item(image).key.hex() == key)

        wanted = folder.plan.wanted
        self._folder = folder
        self._mark()
        self._index.add(_labelled(folder), folder.key_of)
        self._index.keep_only(kept)
        self._earlier = earlier
        self._started = self._last = time.monotonic()
        self._told_of(total=todo + earlier)
        self._tell()

    def done(self, item: Item, row: Labelled | Failed) -> None:
        """See `Follower`."""
        self._rows.append(row)
        self._keys[row.image] = item.key.hex()
        self._count(row)
        self._done += 1
        self._failed += isinstance(row, Failed)
        if time.monotonic() - self._last > _TOLD_SECONDS:
            self.saved()

    def saved(self) -> None:
        """See `Follower`."""
        self._index.add(self._rows, self._keys.__getitem__)
        self._rows.clear()
        self._keys.clear()
        self._tell()

    def finishing(self) -> None:
        """Manifest, formats and report are part of the job."""
        self._mark()

    def converting(self, done: int, total: int) -> None:
        """The formats are part of finishing."""

    def _mark(self) -> None:
        """Mark index and journal as two of a kind; one of them out of a backup has another mark."""
        token = 1 + secrets.randbelow(2**31 - 1)
        assert self._folder is not None
        self._folder.mark(INDEX, str(token))
        self._index.set_token(token)

    def _tell(self) -> None:
        self._last = time.monotonic()
        rate = self._done / max(self._last - self._started, 1e-3)
        self._told_of(done=self._earlier + self._done, failed=self._failed, rate=rate)


def _labelled(folder: LabelsFolder) -> Iterator[Labelled]:
    """What is labelled already; damage of the journal must not pass for damage of the index."""
    try:
        yield from folder.labelled()
    except sqlite3.Error as error:
        raise Unfinished(folder.explain(error)) from None
