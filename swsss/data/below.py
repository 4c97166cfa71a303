"""Files below a folder that they must not lead out of: checked when they are opened, not before."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from swsss.errors import UserError

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW


class OutsideError(UserError):
    """A path that leads out of the folder it must lie in."""


def check_below(path: Path, within: Path) -> Path:
    """The path with all links followed, which lies below `within`.

    Raises:
        OutsideError: It does not.
    """
    found, inside = Path(os.path.realpath(path)), Path(os.path.realpath(within))
    if not found.is_relative_to(inside):
        raise OutsideError(f"{path} leads out of the folder it must lie in; copy the file instead of linking it.")
    return found


def open_below(path: Path, within: Path) -> BinaryIO:
    """Open a file that lies below `within`, links followed as long as they stay there.

    Between looking at a path and opening it somebody may swap a part of it for a link: every part is opened by itself,
    without following any, so that what is opened is what was looked at.

    Raises:
        OutsideError: It lies elsewhere, or has just been swapped for a link.
        UserError: It is not a regular file: a directory, a pipe, a device.
        OSError: It is gone, or cannot be opened.
    """
    found = check_below(path, within)
    *folders, name = found.parts[1:] or (".",)
    folder = os.open(found.anchor, _READ | os.O_DIRECTORY)
    try:
        for part in folders:
            inner = _open_part(part, path, folder, os.O_DIRECTORY)
            os.close(folder)
            folder = inner
        # Looked at first: to open a device may already do something.
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise UserError(f"{path} is not a regular file.")
        file = os.fdopen(_open_part(name, path, folder, os.O_NONBLOCK), "rb")
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UserError(f"{path} is not a regular file.")
    return file


def _open_part(name: str, path: Path, folder: int, flags: int) -> int:
    try:
        return os.open(name, _READ | flags, dir_fd=folder)
    except OSError:
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise OutsideError(f"{path} was swapped for a link while it was opened.") from None
        raise
