"""How many images of a job people accepted, rejected, flagged and changed, without opening every index every time."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock

from swsss.serve.server.jobs.index import Index

Stamp = tuple[tuple[int, int, int] | None, ...]

_SETTLED_NS = 50_000_000
"""Times of change are coarse: an index that changed just now may do so again under the same time."""
_NOTHING = {"accepted": 0, "rejected": 0, "flagged": 0, "changed": 0}


class ReviewCounts:
    """Counts by job, read again only when the job's index has changed.

    Args:
        folder_of: The folder of a job, by its id.
    """

    def __init__(self, folder_of: Callable[[str], Path]) -> None:
        self._folder_of = folder_of
        self._lock = Lock()
        self._known: dict[str, tuple[Stamp, Mapping[str, int]]] = {}

    def of(self, job_id: str) -> Mapping[str, int]:
        """Numbers of images accepted, rejected, flagged and changed; those last known when the index cannot be read."""
        path = self._folder_of(job_id) / "index.sqlite"
        stamp = _stamp(path)
        with self._lock:
            known = self._known.get(job_id)
        if known is not None and known[0] == stamp:
            return known[1]
        counts = _read(path, stamp)
        if counts is None:
            return known[1] if known is not None else _NOTHING
        with self._lock:
            self._known[job_id] = (stamp if _is_settled(stamp) else (), counts)
        return counts

    def forget(self, job_id: str) -> None:
        """Forget a job that was deleted."""
        with self._lock:
            self._known.pop(job_id, None)


def _stamp(path: Path) -> Stamp:
    found = list[tuple[int, int, int] | None]()
    for one in (path, path.with_name(f"{path.name}-wal")):
        try:
            status = os.stat(one)
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
        except OSError:
            found.append(None)
    return tuple(found)


def _is_settled(stamp: Stamp) -> bool:
    return all(one is None or one[2] < time.time_ns() - _SETTLED_NS for one in stamp)


def _read(path: Path, stamp: Stamp) -> Mapping[str, int] | None:
    """The counts of an index; None when it cannot be read."""
    if stamp[0] is None:
        return _NOTHING
    try:
        return vars(Index(path).counts())
    except OSError:
        return None
