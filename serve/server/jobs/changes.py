"""How a row of a job's index changes: by a run, or by somebody who corrects it. Within the caller's transaction."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swsss.serve.records import Failed, Labelled
from swsss.serve.server.jobs.rows import Item, failed_values, labelled_values

_MADE = frozenset(failed_values(Failed("", "", ""))) | {"width", "height", "tags"}
"""The columns that a run gives an image and that other tags replace."""
_AS_MADE = {"changed": 0, "reviewed": "", "made": ""}


@dataclass(frozen=True)
class Correction:
    """What somebody changes of an image. What is None stays.

    Args:
        verdict: accepted, rejected, flagged or "" for nothing.
        label: Its label under other tags.
        reviewed: Path below `reviewed/masks` of the mask of `label`; "" for the one the run made.
        restored: Whether it gets back the tags and the label of the run.
    """

    verdict: str | None = None
    label: Labelled | None = None
    reviewed: str = ""
    restored: bool = False


class Outdated(Exception):  # noqa: N818 - it is an answer
    """Somebody else has changed the image since; `item` is what it is now."""

    def __init__(self, item: Item) -> None:
        super().__init__(f"revision {item.revision}")
        self.item = item


def take_in(database: sqlite3.Connection, image: str, values: Mapping[str, Any]) -> None:
    """Note what a run made of an image.

    Args:
        database: The index.
        image: Its path.
        values: `labelled_values` or `failed_values`, and the journal's `key`.
    """
    original = {"original_tags": values["tags"]} if "tags" in values else {}
    if _insert(database, {"image": image, **values, **original}):
        return
    row = database.execute("SELECT * FROM images WHERE image = ?", (image,)).fetchone()
    if row["changed"] and values.get("tags") != row["tags"]:
        made = json.dumps({name: value for name, value in values.items() if name in _MADE})
        kept = {"made": made, "key": values["key"], "mask": values.get("mask", row["mask"]), "gone": 0}
        _note(database, row, {**kept, **original})
    elif _same(row, values):
        _note(database, row, {"key": values["key"] or row["key"], "gone": 0})
    else:
        _replace(database, row["number"], {**values, **original, **_AS_MADE, "gone": 0})


def relabel(database: sqlite3.Connection, number: int, label: Labelled, reviewed: str) -> None:
    """Give an image its label under other tags, whose mask is `reviewed`; what the run made is kept beside it."""
    row = database.execute("SELECT * FROM images WHERE number = ?", (number,)).fetchone()
    values = labelled_values(label)
    if values["tags"] == row["original_tags"]:
        _replace(database, number, {**values, **_AS_MADE})
        return
    made = row["made"] if row["changed"] else json.dumps({name: row[name] for name in sorted(_MADE)})
    _replace(database, number, {**values, "changed": 1, "reviewed": reviewed, "made": made})


def restore(database: sqlite3.Connection, item: Item) -> None:
    """Give an image back what the run made of it."""
    made = {name: value for name, value in json.loads(item.made).items() if name in _MADE}
    _replace(database, item.number, {"found": "[]", **made, "tags": json.dumps(item.original_tags), **_AS_MADE})


def is_reviewed(database: sqlite3.Connection) -> bool:
    """Whether people have said something of an image."""
    return database.execute("SELECT 1 FROM images WHERE verdict != '' OR changed LIMIT 1").fetchone() is not None


def reset(database: sqlite3.Connection, reason: str) -> bool:
    """Make every image one that was not labelled yet, for this reason, unless people have said something of one.

    Returns:
        Whether that was done.
    """
    if is_reviewed(database):
        return False
    values = {**failed_values(Failed("", "waiting", reason)), **_AS_MADE, "verdict": "", "key": "", "mask": ""}
    values |= {"tags": "null", "original_tags": "null"}
    columns = ", ".join(f"{name} = :{name}" for name in values)
    database.execute(f"UPDATE images SET {columns}, version = version + 1, revision = revision + 1", values)  # noqa: S608
    database.execute("DELETE FROM present")
    return True


def _same(row: sqlite3.Row, values: Mapping[str, Any]) -> bool:
    """Whether it is what the index holds: the same key, or where that is not known, the same in all there is."""
    if row["changed"] or row["state"] != values["state"]:
        return False
    if row["key"] and values["key"]:
        return bool(row["key"] == values["key"])
    return all(row[name] == value for name, value in values.items() if name != "key")


def _insert(database: sqlite3.Connection, values: Mapping[str, Any]) -> bool:
    """Add an image, if it is not there; whether it was not."""
    marks = ", ".join(f":{name}" for name in values)
    statement = f"INSERT OR IGNORE INTO images ({', '.join(values)}) VALUES ({marks})"  # noqa: S608 - our own columns
    inserted = database.execute(statement, values)
    if not inserted.rowcount:
        return False
    rows = [(index, inserted.lastrowid) for index in json.loads(values["found"])]
    database.executemany("INSERT INTO present (class, number) VALUES (?, ?)", rows)
    return True


def _replace(database: sqlite3.Connection, number: int, values: Mapping[str, Any]) -> None:
    """Give an image another mask, or none: what was said of the one before does not hold for it."""
    _set(database, number, {**values, "verdict": ""}, "version = version + 1, revision = revision + 1")
    _set_present(database, number, values["found"])


def _note(database: sqlite3.Connection, row: sqlite3.Row, values: Mapping[str, Any]) -> None:
    """Note something about an image whose mask stays; the revision grows when people can see it."""
    if all(row[name] == value for name, value in values.items()):
        return
    seen = any(row[name] != values[name] for name in ("original_tags", "gone") if name in values)
    _set(database, row["number"], values, f"revision = revision + {int(seen)}")


def _set(database: sqlite3.Connection, number: int, values: Mapping[str, Any], also: str) -> None:
    columns = ", ".join(f"{name} = :{name}" for name in values)
    statement = f"UPDATE images SET {columns}, {also} WHERE number = :number"  # noqa: S608 - our own columns
    database.execute(statement, {**values, "number": number})


def _set_present(database: sqlite3.Connection, number: int, found: str) -> None:
    database.execute("DELETE FROM present WHERE number = ?", (number,))
    rows = [(index, number) for index in json.loads(found)]
    database.executemany("INSERT OR IGNORE INTO present (class, number) VALUES (?, ?)", rows)
