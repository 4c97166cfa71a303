"""After a partial restore: brings a job's index in line with its journal, which lies beside the masks."""

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import structlog

from swsss.errors import UserError
from swsss.serve.folder import JOURNAL
from swsss.serve.journal import Journal
from swsss.serve.records import Failed, Labelled
from swsss.serve.server.jobs.follower import INDEX
from swsss.serve.server.jobs.index import Index
from swsss.serve.server.jobs.records import Job

log = structlog.get_logger()


def see_index(job: Job, folder: Path) -> None:
    """See that a job's index is the one of its masks: none is missing, and no verdict is on another mask.

    Both are marked by every run. Where the marks differ, one of them is gone or out of a backup: then the index gets
    what only the journal knows, and hides what it says of masks that the journal does not know.

    Args:
        job: The job, which does not run.
        folder: Its folder.
    """
    index, journal = Index(folder / "index.sqlite"), folder / "labels" / JOURNAL
    try:
        _set_aside_if_damaged(job, folder / "index.sqlite")
        if job.fresh and not index.reset():
            log.warning("job with reviews of other classes", job=job.id)
        if journal.is_symlink() or not journal.is_file():
            return
        token = _token(journal)
        if index.token() != token:
            log.warning("index brought in line with the journal", job=job.id)
            _bring_in_line(job, index, journal)
            index.set_token(token)
    except (OSError, UserError, sqlite3.Error) as error:
        log.warning("index not compared with the journal", job=job.id, reason=str(error))


def _set_aside_if_damaged(job: Job, path: Path) -> None:
    """Keep an index that SQLite cannot read under another name; it is made anew of what the journal knows."""
    if path.is_symlink() or not path.is_file():
        return
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=1.0)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "") in {"SQLITE_NOTADB", "SQLITE_CORRUPT"}:
            aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
            path.rename(aside)
            log.warning("damaged index set aside", job=job.id, as_file=str(aside), reason=str(error))


def _token(journal: Path) -> int:
    with closing(sqlite3.connect(f"file:{quote(str(journal))}?mode=rw", uri=True, timeout=1.0)) as database:
        row = database.execute("SELECT value FROM about WHERE name = ?", (INDEX,)).fetchone()
    return int(row[0]) if row and str(row[0]).isdecimal() else 0


def _bring_in_line(job: Job, index: Index, path: Path) -> None:
    journal = Journal(path)
    try:

        def key_of(image: str) -> str:
            done = journal.done(image)
            return done[0].hex() if done else ""

        index.add(_rows(job, journal), key_of)
        index.keep_only(lambda image, key: not key or key_of(image) == key)
        if not journal.interrupted:
            journal.finish()
    finally:
        journal.close()


def _rows(job: Job, journal: Journal) -> Iterator[Labelled | Failed]:
    known = {*range(len(job.classes)), 255}
    for recipe in _recipes(job, journal):
        for row in journal.labelled(recipe):
            if {*(row.tags or ()), *row.pixels} <= known:
                yield row
    yield from journal.failed()


def _recipes(job: Job, journal: Journal) -> list[bytes]:
    """The recipe of a job's masks; of a job that does not know its model, the only one there is."""
    if job.model_identity:
        text = f"{job.model_identity} {job.wishes.ignore_below}"
        return [hashlib.blake2b(text.encode(), digest_size=16).digest()]
    rows = journal.database.execute("SELECT DISTINCT recipe FROM labelled LIMIT 2").fetchall()
    return [row[0] for row in rows] if len(rows) == 1 else []
