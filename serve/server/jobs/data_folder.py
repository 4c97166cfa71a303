"""The server's data folder: marked as ours, and nothing deleted in it but what was recorded."""

import json
import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from fnmatch import fnmatch
from pathlib import Path

import structlog

from swsss.data.files import write_whole
from swsss.errors import UserError
from swsss.serve.server.jobs.job_file import is_job_id, read_job_file, read_small_file

MARKER = "swsss-serve.json"
JOB_LIST = "jobs.sqlite"

_FORMAT = 1
_NOTHING = ("lost+found", ".*.tmp")
"""Entries of a folder that is new: what file systems make by themselves, and what a kill leaves of the marker."""
_ATTEMPTS, _PAUSE_SECONDS = 5, 0.02

log = structlog.get_logger()


class DataFolder:
    """Where jobs, uploads and the job list lie.

    Args:
        path: The folder; made and marked when it is new.

    Attributes:
        path: The folder, links followed.
        jobs: Its folder of jobs, each in one named by its id.
        uploads: Its folder of archives that are being received.

    Raises:
        UserError: It holds something else, is of a newer format, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.jobs, self.uploads = self.path / "jobs", self.path / "uploads"
        try:
            self._open()
        except OSError as error:
            raise UserError(f"--data {path} cannot be used: {error.strerror}; choose another directory.") from None

    def _open(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"--data {self.path} is not a directory.")
        marker = self.path / MARKER
        if not os.path.lexists(marker):
            if not self._is_new() and not self._is_of_an_older_version():
                raise UserError(
                    f"--data {self.path} is not empty and was not made by swsss-serve, so nothing in it is touched; "
                    "name a new or empty directory."
                )
            write_whole(marker, json.dumps({"program": "swsss-serve", "format": _FORMAT}).encode())
        self._check(marker)
        for folder in (self.jobs, self.uploads):
            if folder.is_symlink():
                raise UserError(f"{folder} is a link; mount the other place there, or name it with --data.")
            if os.path.lexists(folder) and not folder.is_dir():
                raise UserError(f"{folder} is not a directory; move it away.")

    def _is_new(self) -> bool:
        if not self.path.is_dir():
            return True
        names = os.listdir(self.path)
        return all(any(fnmatch(name, pattern) for pattern in _NOTHING) for name in names)

    def _is_of_an_older_version(self) -> bool:
        """Whether it was made before folders were marked, or restored without its marker."""
        return _is_job_list(self.path / JOB_LIST) or any(read_job_file(folder) for folder in self.folders())

    def _check(self, marker: Path) -> None:
        try:
            found = json.loads(read_small_file(marker))
            ours, newest = found["program"] == "swsss-serve", int(found["format"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            ours, newest = False, 0
        if not ours:
            raise UserError(f"{marker} was not written by swsss-serve; choose another --data.")
        if newest > _FORMAT:
            raise UserError(f"{marker} has format {newest}, newer than this swsss reads ({_FORMAT}); upgrade swsss.")

    def job(self, job_id: str) -> Path:
        """The folder of a job: its labels, index, reviews and `job.json`."""
        return self.jobs / job_id

    def folders(self) -> Iterator[Path]:
        """The directories in `jobs/` that could be those of jobs; links are none."""
        if not self.jobs.is_dir():
            return
        with os.scandir(self.jobs) as entries:
            for entry in entries:
                if is_job_id(entry.name) and entry.is_dir(follow_symlinks=False):
                    yield self.jobs / entry.name

    def make_job(self, job_id: str) -> Path:
        """Make the folder of a job; it is there after a power failure, too."""
        folder = self.job(job_id)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.jobs, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return folder

    def remove_job(self, job_id: str) -> bool:
        """Delete the folder of a job; whether nothing is left of it."""
        return remove_below(self.jobs, job_id)

    def remove_upload(self, name: str) -> bool:
        """Delete an upload; whether nothing is left of it."""
        return remove_below(self.uploads, name)


def remove_below(parent: Path, name: str) -> bool:
    """Delete a file, a link, or a directory with all that is in it; no link is followed, `parent` neither.

    Returns:
        Whether there is nothing of that name now.
    """
    if not is_job_id(name.partition(".")[0]) or "/" in name:
        return False
    try:
        folder = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return not os.path.lexists(parent)
    try:
        for attempt in range(_ATTEMPTS):
            if _remove_once(name, folder):
                return True
            time.sleep(_PAUSE_SECONDS * attempt)  # somebody is just writing into it
    finally:
        os.close(folder)
    log.warning("not deleted", folder=str(parent), name=name)
    return False


def _remove_once(name: str, folder: int) -> bool:
    try:
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            shutil.rmtree(name, ignore_errors=True, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return False


def _is_job_list(path: Path) -> bool:
    """Whether a file is a job list of ours. It is looked at without a lock first, so that nothing is made beside it."""
    if not path.is_file():
        return False
    modes = ["immutable=1"] + ["mode=ro"] * path.with_name(f"{path.name}-wal").is_file()
    for mode in modes:
        try:
            with closing(sqlite3.connect(f"{path.as_uri()}?{mode}", uri=True, timeout=0.5)) as database:
                database.execute("SELECT id, state, created, job FROM jobs LIMIT 1")
                return database.execute("SELECT 1 FROM about WHERE name = 'format'").fetchone() is not None
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                return True  # held by another server, which `JobStore` says
    return False
