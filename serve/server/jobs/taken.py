"""Which images a download holds already, and what its tables will say of them: on disk, for there may be millions."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from typing import TextIO

from swsss.data.classes import ClassTable
from swsss.serve.manifest import failures_into, manifest_into
from swsss.serve.records import Failed, Labelled
from swsss.serve.server.jobs.rows import Item


class TakenImages:
    """Rows of images, in a database without a name that is gone when the block ends."""

    def __init__(self) -> None:
        # Parts of a download are made in several threads, one after the other.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.row_factory = sqlite3.Row
        for statement in (
            "PRAGMA journal_mode = OFF",
            "PRAGMA synchronous = OFF",
            "CREATE TABLE taken (image TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID",
            "CREATE TABLE failed (image TEXT NOT NULL, stage TEXT NOT NULL, reason TEXT NOT NULL)",
        ):
            self._database.execute(statement)

    def __enter__(self) -> "TakenImages":
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def __contains__(self, image: str) -> bool:
        return self._database.execute("SELECT 1 FROM taken WHERE image = ?", (image,)).fetchone() is not None

    @property
    def has_failed(self) -> bool:
        """Whether an image is missing somewhere."""
        return self._database.execute("SELECT 1 FROM failed").fetchone() is not None

    def add(self, row: Labelled) -> None:
        """Note an image that the download holds."""
        fields = {name: value for name, value in vars(row).items() if name != "seconds"}
        self._database.execute(
            "INSERT OR REPLACE INTO taken (image, row) VALUES (?, ?)", (row.image, json.dumps(fields))
        )

    def add_failed(self, *rows: Failed) -> None:
        """Note where images are missing."""
        insert = "INSERT INTO failed (image, stage, reason) VALUES (:image, :stage, :reason)"
        self._database.executemany(insert, [vars(row) for row in rows])

    def write_manifest(self, file: TextIO, classes: ClassTable) -> None:
        """Write `manifest.csv`, in the order of names."""
        rows = self._database.execute("SELECT row FROM taken ORDER BY image")
        manifest_into(file, (_labelled(row["row"]) for row in rows), classes)
        file.flush()

    def write_failures(self, file: TextIO, items: Iterable[Item]) -> None:
        """Write `failures.csv` of images that could not be labelled."""
        failures_into(file, (Failed(item.image, item.stage, item.reason) for item in items))
        file.flush()

    def write_convert_failures(self, file: TextIO) -> None:
        """Write `convert-failures.csv`, in the order of names."""
        failures_into(file, self._failed())
        file.flush()

    def _failed(self) -> Iterator[Failed]:
        for row in self._database.execute("SELECT image, stage, reason FROM failed ORDER BY image, stage"):
            yield Failed(row["image"], row["stage"], row["reason"])


def _labelled(text: str) -> Labelled:
    fields = json.loads(text)
    fields["tags"] = None if fields["tags"] is None else tuple(fields["tags"])
    for name in ("pixels", "confidence"):
        fields[name] = {int(index): value for index, value in fields[name].items()}
    return Labelled(**fields)
