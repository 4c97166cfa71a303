"""What a job's browser shows: a row an image, sorted and filtered by SQLite; and what people said of it."""

import errno
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from swsss.serve.records import Failed, Labelled
from swsss.serve.server.jobs.changes import Correction, Outdated, is_reviewed, relabel, reset, restore, take_in
from swsss.serve.server.jobs.database import read_token, to_change, to_read
from swsss.serve.server.jobs.rows import Counts, Item, Query, failed_values, item_of, labelled_values

_ROWS_AT_A_TIME = 5000


class Index:
    """The images of a job. May be used from several threads, and costs nothing while it is not used.

    Reading one that is not there finds no images, and makes nothing.

    Args:
        path: The database; made when images are added.

    Raises:
        OSError: It cannot be read or written; so do all methods.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def _change(self, *, make: bool = False) -> Iterator[sqlite3.Connection]:
        with _explained(), to_change(self._path, make=make) as database:
            yield database

    def add(self, rows: Iterable[Labelled | Failed], key_of: Callable[[str], str] = lambda image: "") -> None:
        """Take in what a run made of images.

        Nothing changes where it is the same mask as before. Where it is another, the verdict on the old one goes.
        What people gave other tags keeps their mask and verdict.

        Args:
            rows: What became of the images.
            key_of: The journal's key of an image's mask, in hexadecimal; "" when it is not known.
        """
        remaining = iter(rows)
        # Nobody can read while much is written at once.
        while some := list(islice(remaining, _ROWS_AT_A_TIME)):
            with self._change(make=True) as database:
                for row in some:
                    key = "" if isinstance(row, Failed) else key_of(row.image)
                    values = failed_values(row) if isinstance(row, Failed) else labelled_values(row)
                    take_in(database, row.image, values | {"key": key})

    def keep_only(self, kept: Callable[[str, str | None], bool]) -> None:
        """Prepare for a run: hide what does not belong to it, and what it will replace, until it has.

        Nobody can accept a mask that is about to be replaced, or take it for one of this run. What comes back as it
        was has its verdict still.

        Args:
            kept: Whether an image stays as it is, by its path and the key of its mask; None for one without a mask,
                or with one under other tags, which the run does not replace.
        """
        with self._change(make=True) as database:
            rows = database.execute("SELECT image, state, changed, key FROM images WHERE NOT gone")
            gone = [(row["image"],) for row in rows if not kept(row["image"], _key(row))]
            database.executemany("UPDATE images SET gone = 1, revision = revision + 1 WHERE image = ?", gone)

    def reset(self) -> bool:
        """Forget what is known of every image: all of them are to be labelled anew, with other classes.

        Rows and numbers stay and versions grow, for nobody to take an old picture for the new one.

        Returns:
            Whether that was done: nothing is forgotten once people have said something.
        """
        if not self._path.is_file():
            return True
        with self._change() as database:
            return reset(database, "It is to be labelled again, with another model.")

    def reviewed(self) -> bool:
        """Whether people have said something, be it of an image that is hidden."""
        with _explained(), to_read(self._path) as database:
            return database is not None and is_reviewed(database)

    def token(self) -> int | None:
        """The mark that `set_token` left, 0 when none did; None when there is no index."""
        with _explained(), to_read(self._path) as database:
            return None if database is None else read_token(database)

    def set_token(self, token: int) -> None:
        """Mark it as the one that belongs to a journal with the same mark."""
        with self._change(make=True) as database:
            database.execute(f"PRAGMA application_id = {int(token)}")

    def correct(
        self,
        number: int,
        correction: Correction,
        expected: int | None = None,
        check: Callable[[Item], None] = lambda item: None,
    ) -> Item | None:
        """Change an image, whole or not at all.

        Args:
            number: The image.
            correction: What changes. With another label the verdict on the old one goes, if none is given.
            expected: The revision it must still have; None for any.
            check: Called with the image as it is before, and nothing is changed if it raises.

        Returns:
            The image as it is then, or None when there is none of that number.

        Raises:
            Outdated: It has another revision; nothing was changed.
        """
        if not self._path.is_file():
            return None
        with self._change() as database:
            item = _item(database, number)
            if item is None:
                return None
            if expected is not None and item.revision != expected:
                raise Outdated(item)
            check(item)
            if correction.restored:
                restore(database, item)
            elif correction.label is not None:
                relabel(database, number, correction.label, correction.reviewed)
            if correction.verdict is not None:
                database.execute(
                    "UPDATE images SET verdict = :verdict, revision = revision + (verdict != :verdict) "
                    "WHERE number = :number",
                    {"verdict": correction.verdict, "number": number},
                )
            return _item(database, number)

    def item(self, number: int, where: str = "1") -> Item | None:
        """One image, or None when there is none of that number that meets a condition."""
        with _explained(), to_read(self._path) as database:
            return None if database is None else _item(database, number, where)

    def items(self, query: Query) -> tuple[int, Sequence[Item]]:
        """How many images a query matches, and a page of them."""
        where, values = query.where()
        count = self._rows(f"SELECT count(*) AS total FROM images WHERE NOT gone AND {where}", values)  # noqa: S608
        text = f"SELECT * FROM images WHERE NOT gone AND {where} ORDER BY {query.ordering()} LIMIT ? OFFSET ?"  # noqa: S608
        return count[0]["total"] if count else 0, self._items(text, [*values, query.limit, query.offset])

    def page_after(self, last: Item | None, where: str = "1", by: str = "number", limit: int = 500) -> Sequence[Item]:
        """The images that follow one, by number or by image: for walking through all of them."""
        after = (0 if by == "number" else "") if last is None else getattr(last, by)
        text = f"SELECT * FROM images WHERE {by} > ? AND NOT gone AND ({where}) ORDER BY {by} LIMIT ?"  # noqa: S608
        return self._items(text, [after, limit])

    def walk(self, where: str = "1", by: str = "number") -> Iterator[Item]:
        """All images that meet a condition, by number or by image; memory does not grow with them."""
        last: Item | None = None
        while items := self.page_after(last, where, by):
            yield from items
            last = items[-1]

    def counts(self) -> Counts:
        """What people have said so far."""
        return Counts.of(self._rows(Counts.QUERY, []))

    def _items(self, text: str, values: Sequence[object]) -> Sequence[Item]:
        with _explained():
            return [item_of(row) for row in self._rows(text, values)]

    def _rows(self, text: str, values: Sequence[object]) -> list[sqlite3.Row]:
        with _explained(), to_read(self._path) as database:
            return [] if database is None else database.execute(text, values).fetchall()


def _key(row: sqlite3.Row) -> str | None:
    return row["key"] if row["state"] == "labelled" and not row["changed"] else None


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, ValueError, KeyError) as error:
        raise OSError(errno.EIO, f"the list of the job's images cannot be used ({error})") from None


def _item(database: sqlite3.Connection, number: int, where: str = "1") -> Item | None:
    if not 0 < number < 1 << 63:  # SQLite has no greater numbers
        return None
    query = f"SELECT * FROM images WHERE number = ? AND NOT gone AND ({where})"  # noqa: S608 - our own conditions
    row = database.execute(query, (number,)).fetchone()
    return None if row is None else item_of(row)
