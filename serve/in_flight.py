"""Which images are being decoded or labelled, so that the next start knows what a process may have died of."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

Stage = Literal["decode", "infer"]

_STAGES: dict[bytes, Stage] = {b"d": "decode", b"i": "infer"}
_LONGEST = 1 << 20
"""Bytes of the file, after which it is written anew."""


class InFlight:
    """A file that names the images in flight. It survives the process, not the machine: nothing is synced.

    Where it cannot be written, work goes on without.

    Args:
        path: The file; read, removed, and made anew with the first image.

    Attributes:
        left: Images that a process left here when it died, and what it did with them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.left: Mapping[str, Stage] = _read(path)
        # At once: what is read twice would be counted twice.
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        self._now: dict[str, bytes] = {}
        self._file: int | None = None
        self._length = 0

    @contextmanager
    def during(self, stage: Stage, images: Sequence[str]) -> Iterator[None]:
        """These images are in flight while the block lasts; for any thread."""
        records = {image: stage[:1].encode() + os.fsencode(image) + b"\0" for image in images}
        self._now.update(records)
        self._write(b"".join(records.values()))
        try:
            yield
        finally:
            for image in images:
                del self._now[image]
            self._write(b"".join(b"-" + record[1:] for record in records.values()))

    def close(self) -> None:
        """Remove the file: this process did not die."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _write(self, records: bytes) -> None:
        with contextlib.suppress(OSError):
            if self._file is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
                self._file = os.open(self._path, flags, 0o666)
            if self._length > _LONGEST:
                records, self._length = b"".join(list(self._now.values())), 0
                os.ftruncate(self._file, 0)
            self._length += os.write(self._file, records)


def _read(path: Path) -> dict[str, Stage]:
    left: dict[str, Stage] = {}
    try:
        if path.is_symlink() or not path.is_file():
            return {}
        with path.open("rb") as file:
            records = file.read(4 * _LONGEST).split(b"\0")
    except OSError:
        return {}
    for record in records[:-1]:  # what follows the last NUL was cut short
        kind, image = record[:1], os.fsdecode(record[1:])
        left.pop(image, None)
        if kind in _STAGES:
            left[image] = _STAGES[kind]
    return left
