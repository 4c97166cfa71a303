"""The jobs there are, in SQLite: what a restart, or a kill, finds again."""

import errno
import json
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

from swsss.errors import UserError
from swsss.serve.server.jobs.records import Job, Wishes

_FORMAT = "1"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, created TEXT NOT NULL, job TEXT NOT NULL
) WITHOUT ROWID;
"""


class JobStore:
    """Jobs by id; one server at a time can hold them.

    Args:
        path: The database; made when it is not there.

    Raises:
        UserError: Another server holds it, it is damaged, of a newer format, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.executescript(_SCHEMA)
            self._database.execute("INSERT OR IGNORE INTO about VALUES ('format', ?)", (_FORMAT,))
            (found,) = self._database.execute("SELECT value FROM about WHERE name = 'format'").fetchone()
        except sqlite3.Error as error:
            raise UserError(_explain(path, error)) from None
        except OSError as error:
            raise UserError(f"--data {path.parent} cannot be made: {error.strerror}.") from None
        if found != _FORMAT:
            raise UserError(
                f"{path} has format {found}, which this swsss does not read; upgrade it, or use another --data."
            )

    def all(self) -> Sequence[Job]:
        """All jobs, the newest first."""
        with self._lock:
            rows = self._database.execute("SELECT job FROM jobs ORDER BY created DESC, id").fetchall()
        return [_read(text) for (text,) in rows]

    def put(self, job: Job) -> None:
        """Keep a job, new or changed; on the disk when this returns.

        Raises:
            OSError: The disk is full or broken.
        """
        values = (job.id, job.state, job.created, _write(job))
        try:
            with self._lock:
                self._database.execute("INSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?)", values)
        except sqlite3.Error as error:
            raise OSError(errno.EIO, f"the list of jobs cannot be written ({error})") from None

    def remove(self, job_id: str) -> None:
        """Forget a job."""
        with self._lock:
            self._database.execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()


def _write(job: Job) -> str:
    fields = {name: value for name, value in vars(job).items() if name not in {"wishes", "images", "labels"}}
    paths = {"images": str(job.images), "labels": None if job.labels is None else str(job.labels)}
    return json.dumps(fields | paths | {"wishes": job.wishes.model_dump()})


def _read(text: str) -> Job:
    fields = json.loads(text)
    fields["wishes"] = Wishes.model_validate(fields["wishes"])
    fields["images"] = Path(fields["images"])
    fields["labels"] = None if fields["labels"] is None else Path(fields["labels"])
    fields["classes"] = tuple((name, colour) for name, colour in fields["classes"])
    return Job(**fields)


def _explain(path: Path, error: sqlite3.Error) -> str:
    if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"Another swsss-serve works with --data {path.parent}; stop it, or choose another folder."
    return f"{path} cannot be used ({error}); check rights and free space, or choose another --data."
