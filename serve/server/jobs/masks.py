"""The masks of a job as a run made them, or as people left them: the one place that finds their files."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from io import IOBase
from pathlib import Path
from tempfile import gettempdir
from typing import BinaryIO, Literal, TypeVar

from swsss.data.below import OutsideError, check_below, open_below
from swsss.data.classes import ClassTable
from swsss.data.images import Pixels
from swsss.errors import UserError
from swsss.serve.convert import checked_mask
from swsss.serve.records import Labelled
from swsss.serve.server.jobs.index import Index
from swsss.serve.server.jobs.records import Job
from swsss.serve.server.jobs.rows import Item
from swsss.serve.writer import count_pixels

T = TypeVar("T")

Taken = Literal["reviewed", "made", "accepted"]
"""What is taken away: everything as people left it, everything as the run made it, or what people accepted."""

_ATTEMPTS = 3
_WHERE: dict[Taken, str] = {
    "reviewed": "state = 'labelled'",
    "made": "state = 'labelled' OR changed",
    "accepted": "verdict = 'accepted' AND state = 'labelled'",
}


@dataclass(frozen=True)
class JobMasks:
    """The masks of a job.

    Args:
        job: The job.
        folder: Where its files lie.
        index: Its images.
        taken: Which of them, and in which state.
    """

    job: Job
    folder: Path
    index: Index
    taken: Taken = "reviewed"

    @property
    def where(self) -> str:
        """The condition by which the index finds the images."""
        return _WHERE[self.taken]

    @property
    def place(self) -> Path:
        """Where files without a name may lie: on the job's disk, as long as the job has a folder."""
        return self.folder if self.folder.is_dir() else Path(gettempdir())

    @property
    def classes(self) -> ClassTable:
        """The classes of the job, whatever model is loaded."""
        return self.job.class_table

    def row(self, item: Item) -> Labelled | None:
        """What the manifest says of an image; None when there is no mask to take.

        Raises:
            UserError: It has to be counted, and the mask cannot be read.
        """
        if self.taken != "made" or not item.changed:
            return item.row
        if item.made:
            return item.made_row
        return self._counted(item)  # corrected by an older version, which did not keep what the run had made

    def path(self, item: Item, part: str = "masks") -> Path:
        """Where a mask lies, or (`part` "confidence") its confidence map; links followed.

        Raises:
            UserError: The index names a path that leads out of the job's folder.
        """
        base, name = self._place(item, part)
        try:
            return check_below(base / name, base)
        except OutsideError:
            raise _outside(item) from None

    def open(self, item: Item, part: str = "masks") -> BinaryIO:
        """Open a mask, or its confidence map.

        Raises:
            UserError: It is gone, or leads out of the job's folder.
        """
        base, name = self._place(item, part)
        try:
            return open_below(base / name, base)
        except OutsideError:
            raise _outside(item) from None
        except (UserError, OSError):
            raise UserError(f"The mask of {item.image} is gone from the server's data folder.") from None

    def read(self, item: Item, how: Callable[[Item], T]) -> tuple[Item, T]:
        """Read something of an image's files that belongs to what the index says of it.

        A run may replace them any time. The index hides an image before that, so whoever asks it after reading knows.

        Args:
            item: The image, as it was a while ago.
            how: Opens or reads a file of an image.

        Returns:
            The image as it is, and what was read of it.

        Raises:
            UserError: It is being labelled again, or is not among those to take any more; or `how` raised it.
        """
        for _ in range(_ATTEMPTS):
            result: T | UserError
            try:
                result = how(item)
            except UserError as error:
                result = error
            newer = self.index.item(item.number, self.where)
            if newer is not None and self._version(newer) == self._version(item):
                if isinstance(result, UserError):
                    raise result
                return newer, result
            if isinstance(result, IOBase):
                result.close()
            if newer is None:
                break
            item = newer
        raise UserError(f"{item.image} has been changed while it was read.")

    def _version(self, item: Item) -> object:
        """What tells a mask from the one before it."""
        return item.key if self.taken == "made" else item.version

    def pixels(self, item: Item, row: Labelled) -> Pixels:
        """The mask of an image: uint8 [H, W] of class ids, as stored.

        Raises:
            UserError: It cannot be read, or is not what `row` says.
        """
        path = self.path(item)
        try:
            return checked_mask(path, row, self.classes)
        except UserError as error:
            raise UserError(str(error).replace(str(path), f"The mask of {item.image}")) from None

    def _place(self, item: Item, part: str) -> tuple[Path, str]:
        reviewed = bool(item.reviewed) and self.taken != "made"
        base = self.folder / ("reviewed" if reviewed else "labels") / part
        made = checked_name(item.mask)  # also where it is only the name in an archive
        return base, checked_name(item.reviewed) if reviewed else made

    def _counted(self, item: Item) -> Labelled:
        size = Labelled(item.image, item.mask, item.width, item.height, None)
        mask = self.pixels(item, size)
        tags = None if item.original_tags is None else tuple(item.original_tags)
        return Labelled(item.image, item.mask, item.width, item.height, tags, count_pixels(mask, mask)[0])


def checked_name(name: str) -> str:
    """A path out of a database, to be used below a folder or in an archive.

    Raises:
        UserError: It is absolute, or leads out of the folder.
    """
    parts = re.split(r"[/\\]", name)
    if not name or "\0" in name or not parts[0] or ".." in parts or re.match("[A-Za-z]:", name):
        raise UserError(f"The server's list of images names the path {name!r}, which leads out of the job's folder.")
    return name


def _outside(item: Item) -> UserError:
    return UserError(f"The mask of {item.image} leads out of the job's folder.")
