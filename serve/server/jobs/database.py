"""The file behind a job's index: SQLite, opened for one use at a time, migrated in place."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

_WAIT_SECONDS = 30.0
_FORMAT = 2
_TABLES = (
    """CREATE TABLE IF NOT EXISTS images (
        number INTEGER PRIMARY KEY, image TEXT NOT NULL UNIQUE, state TEXT NOT NULL, mask TEXT NOT NULL DEFAULT '',
        width INTEGER NOT NULL DEFAULT 0, height INTEGER NOT NULL DEFAULT 0,
        tags TEXT NOT NULL DEFAULT 'null', original_tags TEXT NOT NULL DEFAULT 'null',
        found TEXT NOT NULL DEFAULT '[]', not_found TEXT NOT NULL DEFAULT '[]', missing INTEGER NOT NULL DEFAULT 0,
        confidence REAL NOT NULL DEFAULT 0, pixels TEXT NOT NULL DEFAULT '{}',
        class_confidence TEXT NOT NULL DEFAULT '{}', stage TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '',
        verdict TEXT NOT NULL DEFAULT '', changed INTEGER NOT NULL DEFAULT 0, version INTEGER NOT NULL DEFAULT 1
    )""",
    """CREATE TABLE IF NOT EXISTS present (
        class INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (class, number)
    ) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS classes_of ON present (number)",
    "CREATE INDEX IF NOT EXISTS by_confidence ON images (confidence, image)",
    "CREATE INDEX IF NOT EXISTS by_missing ON images (missing, image)",
    "CREATE INDEX IF NOT EXISTS by_verdict ON images (verdict, changed)",
)
_ADDED = (
    "ALTER TABLE images ADD COLUMN revision INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE images ADD COLUMN key TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE images ADD COLUMN reviewed TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE images ADD COLUMN made TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE images ADD COLUMN gone INTEGER NOT NULL DEFAULT 0",
    "UPDATE images SET revision = version",
    # Format 1 kept the mask of an image with other tags under the name of the mask that the run made.
    "UPDATE images SET reviewed = mask WHERE changed",
)
"""What format 2 has and format 1 had not."""


@contextmanager
def to_read(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Open an index to read it, also when the disk is full; None when there is no such file.

    Raises:
        sqlite3.Error: It cannot be read.
    """
    if not path.is_file():
        yield None
        return
    with closing(_connected(path)) as database:
        if _format(database) == _FORMAT:
            yield database
            return
        try:
            _migrate(database)
            yield database
        except sqlite3.OperationalError:  # nothing can be written now: read a copy
            with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
                copy.row_factory = sqlite3.Row
                database.backup(copy)
                _migrate(copy)
                yield copy


@contextmanager
def to_change(path: Path, *, make: bool = False) -> Iterator[sqlite3.Connection]:
    """All that is done with it, or nothing.

    Args:
        path: The file.
        make: Whether to make it when it is not there.

    Raises:
        sqlite3.Error: It cannot be written, or is not there.
    """
    if make:
        path.parent.mkdir(parents=True, exist_ok=True)
    with closing(_connected(path, "rwc" if make else "rw")) as database:
        if _format(database) != _FORMAT:
            _migrate(database)
        database.execute("BEGIN IMMEDIATE")
        yield database
        database.execute("COMMIT")


def _connected(path: Path, mode: str = "rw") -> sqlite3.Connection:
    # Not kept open: there may be thousands of jobs. `rw` for reading, too: after a kill SQLite has to tidy up first.
    address = f"file:{quote(str(path))}?mode={mode}"
    database = sqlite3.connect(address, timeout=_WAIT_SECONDS, isolation_level=None, uri=True)
    database.row_factory = sqlite3.Row
    try:
        _format(database)
    except sqlite3.OperationalError:
        database.close()
        # Format 1 was in WAL mode, which needs a file beside it even to be read: not on a full disk.
        beside = path.with_name(f"{path.name}-wal")
        if mode == "rwc" or not path.is_file() or (beside.exists() and beside.stat().st_size):
            raise
        database = sqlite3.connect(f"file:{quote(str(path))}?immutable=1", isolation_level=None, uri=True)
        database.row_factory = sqlite3.Row
    return database


def read_token(database: sqlite3.Connection) -> int:
    """The mark of an index; 0 when it has none."""
    return int(database.execute("SELECT application_id AS token FROM pragma_application_id").fetchone()[0])


def _format(database: sqlite3.Connection) -> int:
    row = database.execute("SELECT user_version AS format FROM pragma_user_version").fetchone()
    return int(row["format"])


def _migrate(database: sqlite3.Connection) -> None:
    with suppress(sqlite3.OperationalError):  # somebody reads it just now
        database.execute("PRAGMA journal_mode = DELETE")
    database.execute("BEGIN IMMEDIATE")
    if _format(database) < _FORMAT:  # nobody else was faster
        for statement in (*_TABLES, *_ADDED):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {_FORMAT}")
    database.execute("COMMIT")
