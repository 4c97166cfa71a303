"""Which image files a folder holds."""

import os
from pathlib import Path

from swsss.errors import InputError, UserError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


def list_images(folder: Path) -> list[str]:
    """List the image files below `folder`, by suffix in any case.

    Links to files are taken, links to folders are not followed. What is hidden is passed over: files and folders whose
    name starts with a dot (macOS' `._a.jpg` too), and the thumbnails that Synology keeps in `@eaDir`. A pipe or a
    dangling link with an image's suffix is listed, so that reading it can say what is wrong.

    Returns:
        Paths relative to `folder`, with `/`, in the order of their code points.

    Raises:
        UserError: The folder, or one in it, cannot be read.
        InputError: File names are not UTF-8; no tags and no list could name them.
    """
    found: list[str] = []
    waiting = [""]
    try:
        while waiting:
            inside = waiting.pop()
            with os.scandir(folder / inside) as entries:
                for entry in entries:
                    if entry.name.startswith(".") or entry.name == "@eaDir":
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(f"{inside}{entry.name}/")
                    elif _is_image(entry):
                        found.append(inside + entry.name)
    except OSError as error:
        raise UserError(f"The folder {error.filename} cannot be read: {error.strerror}.") from None
    _refuse_undecodable(folder, found)
    return sorted(found)


def _is_image(entry: os.DirEntry[str]) -> bool:
    suffix = entry.name[entry.name.rfind(".") :].lower()
    return suffix in IMAGE_SUFFIXES and not (entry.is_symlink() and os.path.isdir(entry))


def _refuse_undecodable(folder: Path, names: list[str]) -> None:
    # Bytes that are not UTF-8 come from the file system as lone surrogates.
    wrong = sorted(os.fsencode(name) for name in names if not name.isascii() and not _is_text(name))
    if wrong:
        raise InputError([f"The name {name!r} in {folder} is not UTF-8; rename the file." for name in wrong])


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
