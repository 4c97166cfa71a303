"""The folder that jobs may read: everything a client names lies in it, whatever links there are."""

import os
from collections.abc import Sequence
from pathlib import Path

from swsss.data.below import check_below
from swsss.data.listing import IMAGE_SUFFIXES
from swsss.errors import UserError
from swsss.serve.server.problems import Refused, not_found, unprocessable


class Root:
    """The server's root.

    Args:
        path: The folder, or None when no folder may be named.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = None if path is None else path.resolve()

    def find(self, name: str) -> Path:
        """The file or folder a client names by its path below the root, links followed.

        Raises:
            Refused: There is no root, or the path is absolute, leads out of it, or to nothing.
        """
        if self.path is None:
            raise unprocessable("This server was started without --root, so that no folder can be named; upload a ZIP.")
        if "\0" in name or name.startswith(("/", "\\")) or ".." in Path(name).parts:
            raise self._outside(name)
        try:
            found = (self.path / name).resolve(strict=True)
        except (OSError, RuntimeError):
            raise not_found(f"There is no '{name}' below the server's root.") from None
        if not found.is_relative_to(self.path):
            raise self._outside(name)
        return found

    def look(self, name: str) -> dict[str, object]:
        """What lies in a folder below the root: folders, tables, and how many images.

        Raises:
            Refused: There is no such folder, or no root.
        """
        found = self.find(name)
        if not found.is_dir() or self.path is None:
            raise unprocessable(f"'{name}' is no folder.")
        folders, tables, images = list[str](), list[str](), 0
        with os.scandir(found) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                elif entry.name.lower().endswith(".csv"):
                    tables.append(entry.name)
                elif os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES:
                    images += 1
        here = found.relative_to(self.path).as_posix().removeprefix(".")
        return {
            "path": here,
            "parent": None if not here else here.rpartition("/")[0],
            "folders": _named(here, folders),
            "tables": _named(here, tables),
            "images": images,
            "dataset": _dataset(found, here),
        }

    def _outside(self, name: str) -> Refused:
        return unprocessable(f"'{name}' is not a path below the server's root; write one, without '..'.")


def check_no_dataset(folder: Path, name: str) -> None:
    """See that a folder of images is not a dataset directory, whose masks would be labelled, too.

    Args:
        folder: The folder.
        name: Its path below the root, as the client wrote it.

    Raises:
        Refused: It holds `images/` and `masks/`, with images in both (422).
    """
    if _holds_images(folder / "images") and _holds_images(folder / "masks"):
        images = f"{name.strip('/')}/images".removeprefix("./").lstrip("/")
        raise unprocessable(
            f"'{name or '.'}' is a dataset directory: its masks would be labelled as images, too; name '{images}' "
            "instead."
        )


def _holds_images(folder: Path) -> bool:
    return any(
        os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith(".")
        for _, _, names in os.walk(folder)
        for name in names
    )


def _dataset(folder: Path, here: str) -> dict[str, str | None] | None:
    """The images and tags of a dataset directory, as paths below the root; None when the folder is none."""
    tags, classes = (folder / "tags.csv").is_file(), (folder / "classes.txt").is_file()
    if not (folder / "images").is_dir() or not (tags or classes or (folder / "masks").is_dir()):
        return None
    return {
        "images": f"{here}/images".lstrip("/"),
        "labels": f"{here}/tags.csv".lstrip("/") if tags else None,
    }


def check_links(folder: Path, within: Path) -> None:
    """See that no image below `folder` is a link to a file outside of `within`.

    Raises:
        UserError: One is, or the folder itself lies elsewhere by now.
    """
    inside = within.resolve()
    check_below(folder, within)
    for place, _, _ in os.walk(folder):
        with os.scandir(place) as entries:
            links = [entry.path for entry in entries if entry.is_symlink()]
        for link in links:
            if not Path(link).resolve().is_relative_to(inside):
                told = os.path.relpath(link, folder)
                raise UserError(f"'{told}' is a link that leads out of the server's root; remove it, or copy the file.")


def _named(folder: str, names: Sequence[str]) -> list[dict[str, str]]:
    """Names with their paths below the root; those that are not text are left out."""
    shown = sorted(name for name in names if name.isprintable())
    return [{"name": name, "path": f"{folder}/{name}".lstrip("/")} for name in shown]
