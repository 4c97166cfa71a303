"""The labels folder: what is in it, what is due, and what a run leaves behind."""

import hashlib
import os
import posixpath
import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from fnmatch import fnmatch
from pathlib import Path

from swsss.data.classes import IGNORE, ClassTable
from swsss.data.files import leads_inside, write_whole
from swsss.errors import UserError
from swsss.serve.convert import convert
from swsss.serve.in_flight import InFlight, Stage
from swsss.serve.journal import Journal, explain
from swsss.serve.manifest import write_failures, write_manifest
from swsss.serve.plan import Item, Plan
from swsss.serve.records import Failed, Labelled
from swsss.serve.report import Speed, summarise, write_report

JOURNAL = "journal.sqlite"
_IN_FLIGHT = f"{JOURNAL}-inflight"

_LEFTOVER = ".*.tmp"


class LabelsFolder:
    """A labels folder, held by this process as long as the block lasts.

    Args:
        path: The folder; made when it is not there.
        plan: What it is to hold.
        overwrite: Label everything anew, also where masks lie that swsss-label did not write.

    Raises:
        UserError: It holds something else, another process works in it, or it cannot be written.
    """

    def __init__(self, path: Path, plan: Plan, *, overwrite: bool) -> None:
        self.path, self.plan, self.overwrite = path, plan, overwrite
        self.recipe = hashlib.blake2b(plan.recipe.encode(), digest_size=16).digest()
        if not overwrite:
            _see_ours(path)
        _see_no_links(path)
        self.journal = Journal(path / JOURNAL)
        if self.journal.interrupted:
            _sweep(path)
        self.flight = InFlight(path / _IN_FLIGHT)
        try:
            self._suspects = {} if overwrite else self.journal.suspects()
            self._accuse_those_left(self.flight.left)
        except sqlite3.Error as error:
            self.journal.close()
            raise UserError(self.explain(error)) from None

    def __enter__(self) -> "LabelsFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self.flight.close()
        self.journal.close()

    def suspected(self, item: Item) -> tuple[str, int]:
        """At which stage, and of how many deaths of a process, an image is suspected; of none if it has changed."""
        key, stage, deaths = self._suspects.get(item.image, (b"", "", 0))
        return (stage, deaths) if key == item.key else ("", 0)

    def suspects(self, names: Iterable[str]) -> list[Item]:
        """Those of the images that are suspected of a death."""
        items = [self.plan.item(name) for name in names if name in self._suspects]
        return [item for item in items if self.suspected(item)[1]]

    def accuse(self, item: Item, stage: str, deaths: int) -> None:
        """Suspect an image of so many deaths."""
        self.journal.accuse(item.image, item.key, stage, deaths)
        self._suspects[item.image] = item.key, stage, deaths

    def _accuse_those_left(self, left: Mapping[str, Stage]) -> None:
        """Suspect the images that were in flight when a process died; one that was alone, of one death more."""
        for image, stage in left.items():
            if image in self.plan.wanted and not self.overwrite:
                item = self.plan.item(image)
                deaths = self.suspected(item)[1]
                self.accuse(item, stage, deaths + 1 if len(left) == 1 else max(1, deaths))

    def is_due(self, item: Item, *, confidence: bool) -> bool:
        """Whether an image has to be labelled: it is not, or something that decides its mask has changed."""
        done = None if self.overwrite else self.journal.done(item.image)
        if done is None:
            return True
        # The key holds the name of the mask; that of another one is not from us, and no such file is looked at.
        if done.key != item.key or done.mask != item.mask or not (self.path / "masks" / done.mask).exists():
            return True
        return confidence and not (done.confidence_map and (self.path / "confidence" / done.mask).exists())

    def begin(self, items: Iterable[Item]) -> Iterator[Item]:
        """Hand items on to be labelled. What was known of their masks is forgotten before these can be written over.

        A mask that is to get another name is removed: it would pass for a label.

        Raises:
            UserError: A link leads out of the labels folder to where a mask would be written.
        """
        inside = None
        for item in items:
            if inside != (inside := posixpath.dirname(item.mask)):
                self._check_inside(item.mask)
            before = self.journal.done(item.image)
            if before is not None and before.mask != item.mask and _may_be_its_mask(before.mask, item.image):
                self._remove(before.mask)
            self.journal.forget(item.image, item.mask)
            yield item

    def note(self, item: Item, row: Labelled | Failed, *, confidence: bool) -> None:
        """Take down what became of an image. Its files are written before; older ones that no longer hold go."""
        if isinstance(row, Failed):
            self._remove(item.mask)
            self.journal.add_failed(row)
            return
        if not confidence:
            (self.path / "confidence" / item.mask).unlink(missing_ok=True)
        self.journal.add_labelled(row, self.recipe, item.key, confidence_map=confidence)

    def labelled(self) -> Generator[Labelled, None, None]:
        """What is labelled of the images that belong here, in the order of names.

        Raises:
            sqlite3.Error: The journal cannot be read; see `explain`.
        """
        with closing(self.journal.labelled(self.recipe, self.plan.wanted.__contains__)) as rows:
            yield from rows

    def key_of(self, image: str) -> str:
        """The key of an image's mask, in hexadecimal; "" when it has none."""
        done = self.journal.done(image)
        return done.key.hex() if done else ""

    def save(self) -> None:
        """Bring what was noted to the disk."""
        self.journal.save()

    def mark(self, name: str, value: str) -> None:
        """Note a fact about the folder, on the disk at once."""
        self.journal.note(name, value)
        self.journal.save()

    def explain(self, error: sqlite3.Error) -> str:
        """What an error of the journal means, and what to do."""
        return explain(self.journal.path, error)

    def _remove(self, mask: str) -> None:
        for part in ("masks", "confidence"):
            # Also when the name is too long to exist.
            if os.path.lexists(self.path / part / mask) and leads_inside(self.path, f"{part}/{mask}"):
                (self.path / part / mask).unlink()

    def _check_inside(self, mask: str) -> None:
        for part in ("masks", "confidence"):
            if not leads_inside(self.path, f"{part}/{mask}"):
                where = self.path / part / mask
                raise UserError(f"{where} would lie outside {self.path}, where a link leads; remove the link.")

    def finish(
        self,
        classes: ClassTable,
        facts: Mapping[str, str],
        speed: Speed,
        formats: Sequence[str],
        image_prefix: str,
        *,
        progress: Callable[[int, int], None] = lambda done, total: None,
        within: Path | None = None,
    ) -> tuple[int, int]:
        """Write manifest, failures, classes, formats and report, of the images that belong here.

        `progress` is called with the number of images written in the formats, and of all. Images that the report
        shows must not lead out of `within`.

        Returns:
            Number of images that could not be labelled, and of those missing in a format.
        """
        wanted = self.plan.wanted.__contains__

        def labelled() -> Iterator[Labelled]:
            with closing(self.labelled()) as rows:
                for row in rows:
                    if not {*(row.tags or ()), *row.pixels, *row.confidence} <= known:
                        raise sqlite3.DatabaseError("a class that the model has not")
                    yield row

        known = {*range(len(classes)), IGNORE}
        write_whole(self.path / "classes.txt", "".join(f"{name}\n" for name in classes.names).encode())
        write_manifest(self.path / "manifest.csv", labelled(), classes)
        write_failures(self.path / "failures.csv", self.journal.failed(wanted))
        missing = _missing(self.path, formats, image_prefix, progress) if formats else 0
        summary = summarise(labelled(), self.journal.failed(wanted), classes)
        write_report(self.path / "report.html", summary, self.plan.folder, self.path / "masks", facts, speed, within)
        self.journal.finish()
        return summary.failed, missing


def _missing(path: Path, formats: Sequence[str], image_prefix: str, progress: Callable[[int, int], None]) -> int:
    converted = convert(path, formats, image_prefix=image_prefix, progress=progress)
    return len({row.image for row in converted.failed})


def _may_be_its_mask(mask: str, image: str) -> bool:
    """Whether a mask may be that of an image, under the name it has or had: whatever a journal says, no other goes."""
    return mask in {f"{image}.png", f"{posixpath.splitext(image)[0]}.png"}


def _see_ours(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise UserError(f"--out {path} is a file; name a folder.")
    if (path / JOURNAL).is_file() or not path.is_dir():
        return
    try:
        entries = os.listdir(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; choose another --out.") from None
    if any(not fnmatch(name, _LEFTOVER) for name in entries):
        raise UserError(
            f"{path} is not empty and was not written by swsss-label; choose another --out, or --overwrite to write "
            "into it."
        )


def _see_no_links(path: Path) -> None:
    """SQLite would write to where a link leads."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        link = path / f"{JOURNAL}{suffix}"
        if link.is_symlink():
            raise UserError(f"{link} is a link, and what it leads to would be written to; remove it.")


def _sweep(path: Path) -> None:
    """Remove what a killed process was just writing."""
    for leftover in path.rglob(_LEFTOVER):
        if not leftover.is_dir():
            leftover.unlink(missing_ok=True)
