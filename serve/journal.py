"""The journal: what is labelled, under which model, options and tags. SQLite, safe against a kill at any moment."""

import json
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from swsss.data.classes import IGNORE
from swsss.data.files import is_plain_path
from swsss.errors import UserError
from swsss.serve.records import Failed, Labelled

N = TypeVar("N", int, float)

FORMAT = 1

_STAGES = {"decode", "infer"}
_OF_THE_DISK = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS labelled (
    image BLOB PRIMARY KEY, recipe BLOB NOT NULL, key BLOB NOT NULL, mask BLOB NOT NULL UNIQUE,
    confidence_map INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, tags TEXT NOT NULL,
    pixels TEXT NOT NULL, confidence TEXT NOT NULL, mean_confidence REAL NOT NULL, seconds REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failed (
    image BLOB PRIMARY KEY, stage TEXT NOT NULL, reason BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS suspects (
    image BLOB PRIMARY KEY, key BLOB NOT NULL, stage TEXT NOT NULL, deaths INTEGER NOT NULL
) WITHOUT ROWID;
"""
_ADD_LABELLED = """
INSERT OR REPLACE INTO labelled (
    image, recipe, key, mask, confidence_map, width, height, tags, pixels, confidence, mean_confidence, seconds
) VALUES (
    :image, :recipe, :key, :mask, :confidence_map, :width, :height, :tags, :pixels, :confidence, :mean_confidence,
    :seconds
)
"""


class Done(NamedTuple):
    """What is known of an image that is labelled: the key and name of its mask, and whether it has a confidence map."""

    key: bytes
    mask: str
    confidence_map: bool


class Journal:
    """The journal of a labels folder; only one process at a time can hold it.

    Names and reasons are stored as bytes, because a file name need not be text, and sort as bytes.

    Whoever writes or reads it can meet a full disk or damage: `sqlite3.Error`, which `explain` puts into words.

    Args:
        path: `journal.sqlite`; made when it is not there.

    Attributes:
        interrupted: Whether the process that held it before was killed, or stopped half-way.

    Raises:
        UserError: Another process holds it, it is damaged, of a newer format, or cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.database = sqlite3.connect(path, timeout=1.0, isolation_level=None)
            self.database.row_factory = sqlite3.Row
            try:
                self._take_hold()
            except BaseException:
                self.close()
                raise
        except sqlite3.Error as error:
            raise UserError(explain(path, error)) from None
        except OSError as error:
            raise UserError(f"{path.parent} cannot be made: {error.strerror}.") from None

    def _take_hold(self) -> None:
        # Held until close: two runs in one folder would write over each other.
        self.database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("PRAGMA synchronous = NORMAL")
        self.database.execute("BEGIN IMMEDIATE")
        self.database.executescript(_SCHEMA)
        self._check_format()
        self.interrupted = self.about("running") == "yes"
        self.database.execute("BEGIN")
        self.note("running", "yes")
        self.save()

    def _check_format(self) -> None:
        self.database.execute("INSERT OR IGNORE INTO about (name, value) VALUES ('format', ?)", (str(FORMAT),))
        found = self.about("format") or ""
        if not found.isdecimal():
            raise sqlite3.DatabaseError("not a journal")
        if int(found) > FORMAT:
            raise UserError(f"{self.path} has format {found}, newer than this swsss reads ({FORMAT}); upgrade swsss.")

    def about(self, name: str) -> str | None:
        """A fact stored with `note`."""
        row = self.database.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
        return row["value"] if row else None

    def note(self, name: str, value: str) -> None:
        """Store a fact."""
        self.database.execute("INSERT OR REPLACE INTO about (name, value) VALUES (?, ?)", (name, value))

    def done(self, image: str) -> Done | None:
        """What is known of an image; None when it is not labelled."""
        query = "SELECT key, mask, confidence_map FROM labelled WHERE image = ?"
        row = self.database.execute(query, (_bytes(image),)).fetchone()
        # A row of other types is not ours, and its image is due again.
        if row is None or not isinstance(row["key"], bytes) or not isinstance(row["mask"], bytes):
            return None
        return Done(row["key"], _text(row["mask"]), row["confidence_map"] == 1)

    def forget(self, image: str, mask: str) -> None:
        """Note, on disk at once, that a mask is about to be written for an image, whoever's it is now."""
        names = _bytes(image), _bytes(mask)
        if self.database.execute("DELETE FROM labelled WHERE image = ? OR mask = ?", names).rowcount:
            self.save()

    def add_labelled(self, row: Labelled, recipe: bytes, key: bytes, *, confidence_map: bool) -> None:
        """Note that a mask is written, under which recipe and key."""
        values = {
            "image": _bytes(row.image),
            "recipe": recipe,
            "key": key,
            "mask": _bytes(row.mask),
            "confidence_map": confidence_map,
            "width": row.width,
            "height": row.height,
            "tags": json.dumps(None if row.tags is None else list(row.tags)),
            "pixels": json.dumps(row.pixels),
            "confidence": json.dumps(row.confidence),
            "mean_confidence": row.mean_confidence,
            "seconds": row.seconds,
        }
        self.database.execute(_ADD_LABELLED, values)
        self.database.execute("DELETE FROM failed WHERE image = :image", values)
        self.database.execute("DELETE FROM suspects WHERE image = :image", values)

    def add_failed(self, row: Failed) -> None:
        """Note that an image could not be labelled."""
        values = (_bytes(row.image), row.stage, _bytes(row.reason))
        self.database.execute("INSERT OR REPLACE INTO failed (image, stage, reason) VALUES (?, ?, ?)", values)
        self.database.execute("DELETE FROM labelled WHERE image = ?", (_bytes(row.image),))

    def accuse(self, image: str, key: bytes, stage: str, deaths: int) -> None:
        """Note, on disk at once, of how many deaths of a process an image is suspected: once in flight, then alone."""
        self.database.execute(
            "INSERT OR REPLACE INTO suspects (image, key, stage, deaths) VALUES (?, ?, ?, ?)",
            (_bytes(image), key, stage, deaths),
        )
        self.save()

    def suspects(self) -> dict[str, tuple[bytes, str, int]]:
        """Key, stage and number of deaths of every image that is suspected of any."""
        rows = self.database.execute("SELECT image, key, stage, deaths FROM suspects")
        return {
            _text(row["image"]): (row["key"], row["stage"], row["deaths"])
            for row in rows
            if isinstance(row["image"], bytes)
            and isinstance(row["key"], bytes)
            and row["stage"] in _STAGES
            and isinstance(row["deaths"], int)
        }

    def save(self) -> None:
        """Bring what was noted to disk."""
        self.database.execute("COMMIT")
        self.database.execute("BEGIN")

    def labelled(
        self, recipe: bytes, wanted: Callable[[str], bool] = lambda image: True
    ) -> Generator[Labelled, None, None]:
        """Rows of the wanted images that were labelled under a recipe, in the order of names."""
        # Closed also when a row is damaged: what is half read would hold the journal after its end.
        with closing(self.database.cursor()) as rows:
            for row in rows.execute("SELECT * FROM labelled WHERE recipe = ? ORDER BY image", (recipe,)):
                if isinstance(row["image"], bytes) and wanted(_text(row["image"])):
                    yield _labelled(row)

    def failed(self, wanted: Callable[[str], bool] = lambda image: True) -> Iterator[Failed]:
        """Rows of the wanted images, in the order of names."""
        for row in self.database.execute("SELECT image, stage, reason FROM failed ORDER BY image"):
            if isinstance(row["image"], bytes) and wanted(_text(row["image"])):
                if not isinstance(row["stage"], str) or not isinstance(row["reason"], bytes):
                    raise sqlite3.DatabaseError(f"the row of {_text(row['image'])} is damaged")
                yield Failed(_text(row["image"]), row["stage"], _text(row["reason"]))

    def finish(self) -> None:
        """Save, and note that everything is in order."""
        self.note("running", "")
        self.save()

    def close(self) -> None:
        """Let go of the folder; what was not saved is forgotten."""
        self.database.close()


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _labelled(row: sqlite3.Row) -> Labelled:
    """A row of `labelled`, in which nothing is trusted.

    Raises:
        sqlite3.DatabaseError: It is damaged, or names a mask outside its folder.
    """
    try:
        made = Labelled(
            image=_text(row["image"]),
            mask=_text(row["mask"]),
            width=_whole(row["width"]),
            height=_whole(row["height"]),
            tags=_tags(row["tags"]),
            pixels=_by_id(row["pixels"], _whole),
            confidence=_by_id(row["confidence"], float),
            mean_confidence=float(row["mean_confidence"]),
            seconds=float(row["seconds"]),
        )
        if not is_plain_path(made.mask) or min(made.width, made.height, *made.pixels.values()) < 1:
            raise ValueError
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError, OverflowError):
        raise sqlite3.DatabaseError(f"the row of {_text(row['image'])} is damaged") from None
    return made


def _tags(text: str) -> tuple[int, ...] | None:
    tags = json.loads(text)
    return None if tags is None else tuple(_class_id(tag) for tag in tags)


def _by_id(text: str, kind: Callable[[Any], N]) -> dict[int, N]:
    return {_class_id(int(index)): kind(value) for index, value in json.loads(text).items()}


def _whole(number: object) -> int:
    if not isinstance(number, int):
        raise TypeError
    return number


def _class_id(number: int) -> int:
    if not isinstance(number, int) or not 0 <= number <= IGNORE:
        raise ValueError
    return number


def explain(path: Path, error: sqlite3.Error) -> str:
    """What an error of the journal at `path` means, and what to do."""
    kind = getattr(error, "sqlite_errorname", "")
    if kind.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"Another swsss-label is at work in {path.parent}; wait for it, or choose another --out."
    if kind.startswith(_OF_THE_DISK):
        return f"{path} cannot be written ({error}); check the rights and the free space of {path.parent}."
    return (
        f"{path} is damaged or of another program ({error}); move it away and label everything anew with --overwrite."
    )
