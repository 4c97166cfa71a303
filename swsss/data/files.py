"""Files that appear whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


def is_plain_path(name: str) -> bool:
    """Whether a path, told with `/`, is relative and names every folder on its way: without `..`, `.` or NUL."""
    return "\0" not in name and all(part not in {"", ".", ".."} for part in name.split("/"))


def leads_inside(folder: Path, name: str) -> bool:
    """Whether a path below a folder leads to a place in it, whatever links there are on the way.

    The last part may itself be a link: who renames a file to it, or unlinks it, does not follow it.
    """
    if not is_plain_path(name):
        return False
    try:
        return (folder / name).parent.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a loop of links
        return False


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it appears whole or not at all, also when the process is killed: beside, fsync, rename.

    Args:
        path: Where; parent folders are made. A killed process can leave a file `.*.tmp` beside it.
        data: All of it.

    Raises:
        OSError: The folder cannot be written, or the disk is full; nothing is left behind.
    """
    beside = _beside(path)
    try:
        _write(beside, data)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _beside(path: Path) -> Path:
    """A hidden name in the same folder that no other writer has, in this process or another, here or elsewhere."""
    return path.with_name(f".{secrets.token_hex(8)}.{os.getpid()}.tmp")


def _write(path: Path, data: bytes) -> None:
    try:
        file = path.open("xb")
    except FileNotFoundError:
        # Only now: asking for the folder before every file costs as much as writing a small one.
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("xb")
    with file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Open a text file that takes its place only when the block ends without an error; for what is too big for memory.

    UTF-8, newlines as written; file names that are not UTF-8 come out as the bytes they are.

    Raises:
        OSError: The folder cannot be written, or the disk is full; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = _beside(path)
    try:
        with beside.open("x", encoding="utf-8", errors="surrogateescape", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
