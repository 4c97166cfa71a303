"""What a job's browser shows: a row an image, sorted and filtered by SQLite; and what people said of it."""

import errno
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swsss.serve.records import Failed, Labelled
from swsss.serve.server.jobs.rows import Item, Query, item_of, labelled_values

_WAIT_SECONDS = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS images (
    number INTEGER PRIMARY KEY, image TEXT NOT NULL UNIQUE, state TEXT NOT NULL, mask TEXT NOT NULL DEFAULT '',
    width INTEGER NOT NULL DEFAULT 0, height INTEGER NOT NULL DEFAULT 0,
    tags TEXT NOT NULL DEFAULT 'null', original_tags TEXT NOT NULL DEFAULT 'null',
    found TEXT NOT NULL DEFAULT '[]', not_found TEXT NOT NULL DEFAULT '[]', missing INTEGER NOT NULL DEFAULT 0,
    confidence REAL NOT NULL DEFAULT 0, pixels TEXT NOT NULL DEFAULT '{}', class_confidence TEXT NOT NULL DEFAULT '{}',
    stage TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
    verdict TEXT NOT NULL DEFAULT '', changed INTEGER NOT NULL DEFAULT 0, version INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE IF NOT EXISTS present (
    class INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (class, number)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS classes_of ON present (number);
CREATE INDEX IF NOT EXISTS by_confidence ON images (confidence, image);
CREATE INDEX IF NOT EXISTS by_missing ON images (missing, image);
CREATE INDEX IF NOT EXISTS by_verdict ON images (verdict, changed);
"""
_COLUMNS = (
    "number, image, state, mask, width, height, tags, original_tags, found, not_found, confidence, pixels, "
    "class_confidence, stage, reason, verdict, changed, version"
)
_LABELLED = """
INSERT INTO images (image, state, mask, width, height, tags, original_tags, found, not_found, missing, confidence,
    pixels, class_confidence)
VALUES (:image, 'labelled', :mask, :width, :height, :tags, :tags, :found, :not_found, :missing, :confidence, :pixels,
    :class_confidence)
ON CONFLICT (image) DO UPDATE SET state = 'labelled', mask = :mask, width = :width, height = :height, tags = :tags,
    original_tags = :tags, found = :found, not_found = :not_found, missing = :missing, confidence = :confidence,
    pixels = :pixels, class_confidence = :class_confidence, stage = '', reason = '', version = version + 1
WHERE changed = 0
"""
_FAILED = """
INSERT INTO images (image, state, stage, reason) VALUES (:image, 'failed', :stage, :reason)
ON CONFLICT (image) DO UPDATE SET state = 'failed', stage = :stage, reason = :reason, version = version + 1
"""
_RESET = """
UPDATE images SET state = 'failed', stage = 'waiting', reason = :reason, mask = '', tags = 'null',
    original_tags = 'null', found = '[]', not_found = '[]', missing = 0, confidence = 0, pixels = '{}',
    class_confidence = '{}', verdict = '', changed = 0, version = version + 1
"""
_REVIEWED = """
UPDATE images SET tags = :tags, found = :found, not_found = :not_found, missing = :missing, confidence = :confidence,
    pixels = :pixels, class_confidence = :class_confidence, changed = (:tags IS NOT original_tags),
    version = version + 1
WHERE number = :number
"""


@dataclass(frozen=True)
class Counts:
    """How many images people accepted, rejected, flagged, and gave other tags."""

    accepted: int = 0
    rejected: int = 0
    flagged: int = 0
    changed: int = 0


class Index:
    """The images of a job. May be used from several threads, and costs nothing while it is not used.

    Args:
        path: The database; made when it is not there.

    Raises:
        OSError: It cannot be opened, read or written; so do all methods.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._opened() as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(_SCHEMA)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        # Not kept open: there may be thousands of jobs.
        try:
            with closing(sqlite3.connect(self._path, timeout=_WAIT_SECONDS, isolation_level=None)) as database:
                database.execute("PRAGMA synchronous = NORMAL")
                yield database
        except sqlite3.Error as error:
            raise OSError(errno.EIO, f"the list of the job's images cannot be used ({error})") from None

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """All that is done with it, or nothing."""
        with self._opened() as database:
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")

    def add(self, rows: Iterable[Labelled | Failed]) -> None:
        """Take in what became of images. What people changed stays as they left it."""
        with self._change() as database:
            for row in rows:
                _add(database, row)

    def reset(self) -> None:
        """Forget what is known of every image: all of them are to be labelled anew, with other classes.

        Rows and numbers stay and versions grow, for nobody to take an old picture for the new one.
        """
        with self._change() as database:
            database.execute(_RESET, {"reason": "It is to be labelled again, with another model."})
            database.execute("DELETE FROM present")

    def review(self, number: int, row: Labelled) -> None:
        """Take in an image's label under other tags than the job's."""
        with self._change() as database:
            database.execute(_REVIEWED, labelled_values(row) | {"number": number})
            _set_present(database, number, row)

    def judge(self, number: int, verdict: str) -> None:
        """Note what somebody thinks of an image: accepted, rejected, flagged, or "" for nothing."""
        with self._change() as database:
            database.execute("UPDATE images SET verdict = ? WHERE number = ?", (verdict, number))

    def item(self, number: int) -> Item | None:
        """One image, or None when there is none of that number."""
        row = self._rows(f"SELECT {_COLUMNS} FROM images WHERE number = ?", [number])  # noqa: S608 - our own columns
        return item_of(row[0]) if row else None

    def items(self, query: Query) -> tuple[int, Sequence[Item]]:
        """How many images a query matches, and a page of them."""
        where, values = query.where()
        ((total,),) = self._rows(f"SELECT count(*) FROM images WHERE {where}", values)  # noqa: S608 - as above
        text = f"SELECT {_COLUMNS} FROM images WHERE {where} ORDER BY {query.ordering()} LIMIT ? OFFSET ?"  # noqa: S608
        return total, [item_of(row) for row in self._rows(text, [*values, query.limit, query.offset])]

    def page_after(self, number: int, where: str = "1", limit: int = 500) -> Sequence[Item]:
        """Images with higher numbers, in their order: for walking through all of them."""
        text = f"SELECT {_COLUMNS} FROM images WHERE number > ? AND ({where}) ORDER BY number LIMIT ?"  # noqa: S608
        return [item_of(row) for row in self._rows(text, [number, limit])]

    def changed_tags(self) -> Mapping[str, Sequence[int] | None]:
        """The tags of the images that people changed."""
        rows = self._rows("SELECT image, tags FROM images WHERE changed", [])
        return {image: json.loads(tags) for image, tags in rows}

    def counts(self) -> Counts:
        """What people have said so far."""
        query = "SELECT verdict, changed, count(*) FROM images WHERE verdict != '' OR changed GROUP BY 1, 2"
        found = dict.fromkeys(("accepted", "rejected", "flagged", "changed"), 0)
        for verdict, changed, count in self._rows(query, []):
            if verdict:
                found[verdict] += count
            found["changed"] += count if changed else 0
        return Counts(**found)

    def _rows(self, text: str, values: Sequence[object]) -> list[Any]:
        with self._opened() as database:
            return database.execute(text, values).fetchall()


def _add(database: sqlite3.Connection, row: Labelled | Failed) -> None:
    if isinstance(row, Failed):
        database.execute(_FAILED, {"image": row.image, "stage": row.stage, "reason": row.reason})
    elif database.execute(_LABELLED, labelled_values(row)).rowcount:
        (number,) = database.execute("SELECT number FROM images WHERE image = ?", (row.image,)).fetchone()
        _set_present(database, number, row)


def _set_present(database: sqlite3.Connection, number: int, row: Labelled) -> None:
    database.execute("DELETE FROM present WHERE number = ?", (number,))
    database.executemany("INSERT INTO present VALUES (?, ?)", [(index, number) for index in row.found])
