"""The job list, in SQLite: what a restart, or a kill, finds again."""

import errno
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Literal

import structlog

from swsss.errors import UserError
from swsss.serve.server.jobs.data_folder import JOB_LIST, DataFolder
from swsss.serve.server.jobs.job_file import is_job_id, job_from_json, job_to_json, write_job_file
from swsss.serve.server.jobs.records import Job

Pending = Literal["upload", "new", "delete"]
"""What is begun and a kill leaves half done: a file in `uploads/`, a job's folder being filled, or deleted."""

_FORMAT = "1"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, created TEXT NOT NULL, job TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (kind TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID;
"""

log = structlog.get_logger()


class JobStore:
    """Jobs by id; one server at a time can hold them.

    Args:
        data: Where the list lies; made when it is not there.

    Raises:
        UserError: Another server holds it, it is damaged, of a newer format, or cannot be written.
    """

    def __init__(self, data: DataFolder) -> None:
        self._data, self._path = data, data.path / JOB_LIST
        self._lock = threading.Lock()
        self._owed: set[str] = set()  # deleted when the disk was too full to say so
        try:
            self._database = sqlite3.connect(self._path, timeout=1.0, isolation_level=None, check_same_thread=False)
            try:
                self._take_hold()
            except BaseException:
                self._database.close()
                raise
        except sqlite3.Error as error:
            raise UserError(self._explain(error)) from None

    def _take_hold(self) -> None:
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.execute("PRAGMA journal_mode = WAL")
        if self._database.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs'").fetchone():
            self._database.execute(
                "SELECT id, state, created, job FROM jobs LIMIT 1"
            )  # before another program's is changed
        self._database.executescript(_SCHEMA)
        self._database.execute("INSERT OR IGNORE INTO about (name, value) VALUES ('format', ?)", (_FORMAT,))
        found = self._database.execute("SELECT value FROM about WHERE name = 'format'").fetchone()["value"]
        if found != _FORMAT:
            raise UserError(
                f"{self._path} has format {found}, which this swsss does not read; upgrade it, or use another --data."
            )

    def all(self) -> Sequence[Job]:
        """All jobs that can be read, in no particular order."""
        with self._lock:
            rows = self._database.execute("SELECT id, job FROM jobs").fetchall()
        jobs = list[Job]()
        for row in rows:
            try:
                if not is_job_id(row["id"]):
                    raise ValueError("its id is not letters and digits")
                jobs.append(job_from_json(row["job"], self._data.job(row["id"])))
            except (ValueError, RecursionError) as error:
                log.warning("job in the list cannot be read", job=str(row["id"])[:64], reason=str(error))
        return jobs

    def put(self, job: Job) -> None:
        """Keep a job, new or changed; on the disk when this returns. Its `job.json` follows, if there is room.

        Raises:
            OSError: The disk is full or broken.
        """
        values = {"id": job.id, "state": job.state, "created": job.created}
        values["job"] = job_to_json(job, self._data.job(job.id))
        with self._change() as database:
            database.execute(
                "INSERT OR REPLACE INTO jobs (id, state, created, job) VALUES (:id, :state, :created, :job)", values
            )
            database.execute("DELETE FROM pending WHERE kind = 'new' AND name = ?", (job.id,))
        self.put_file(job)

    def put_file(self, job: Job) -> None:
        """Keep a job in its own folder only, if there is room."""
        write_job_file(job, self._data.job(job.id))

    def remove(self, job_id: str) -> None:
        """Forget a job whose folder is deleted; on a full disk, as soon as there is room."""
        self._owed.add(job_id)
        try:
            with self._change():
                pass  # all that is owed
        except OSError as error:
            log.warning("deleted job not taken from the list yet", job=job_id, reason=str(error))

    def begin(self, kind: Pending, name: str) -> None:
        """Note what a kill would leave half done.

        Raises:
            OSError: The disk is full or broken.
        """
        with self._change() as database:
            database.execute("INSERT OR REPLACE INTO pending (kind, name) VALUES (?, ?)", (kind, name))

    def end(self, kind: Pending, name: str) -> None:
        """Note that it is done, or undone; on a full disk the next start finds nothing to do."""
        with suppress(OSError), self._change() as database:
            database.execute("DELETE FROM pending WHERE kind = ? AND name = ?", (kind, name))

    def pending(self) -> Sequence[tuple[Pending, str]]:
        """What was begun and is not done."""
        with self._lock:
            rows = self._database.execute("SELECT kind, name FROM pending").fetchall()
        return [(row["kind"], row["name"]) for row in rows]

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """All that is done with it, or nothing."""
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                yield self._database
                owed = [(job_id,) for job_id in self._owed]
                self._database.executemany("DELETE FROM jobs WHERE id = ?", owed)
                self._database.executemany("DELETE FROM pending WHERE kind != 'upload' AND name = ?", owed)
                self._database.execute("COMMIT")
                self._owed.clear()
            except sqlite3.Error as error:
                full = getattr(error, "sqlite_errorname", "") == "SQLITE_FULL"
                code = errno.ENOSPC if full else errno.EIO
                raise OSError(code, f"the list of jobs cannot be written ({error})") from None
            finally:
                with suppress(sqlite3.Error):
                    if self._database.in_transaction:
                        self._database.execute("ROLLBACK")

    def _explain(self, error: sqlite3.Error) -> str:
        if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return f"Another swsss-serve works with --data {self._data.path}; stop it, or choose another folder."
        return f"{self._path} cannot be used ({error}); check rights and free space, or choose another --data."
