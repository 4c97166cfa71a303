"""Uploaded archives: unpacked with nothing trusted."""

import posixpath
import shutil
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from swsss.data.listing import IMAGE_SUFFIXES
from swsss.errors import UserError
from swsss.serve.server.settings import Limits

_BLOCK = 1 << 20
_TAGS = "tags.csv"


@dataclass(frozen=True)
class Unpacked:
    """What was in an archive: its image folder, and its tags if there were any."""

    images: Path
    labels: Path | None


def unpack(archive: Path, folder: Path, limits: Limits) -> Unpacked:
    """Unpack the images of a ZIP file, and its `tags.csv`; everything else in it is left out.

    The image folder is the one that holds `tags.csv`, or the folder `images` beside it; without tags, all of the
    archive.

    Args:
        archive: The file.
        folder: Where to; made.
        limits: How many files and bytes it may hold.

    Raises:
        UserError: It is no ZIP file, is damaged or encrypted, holds paths that lead elsewhere, links, too much, no
            image, or several `tags.csv`.
        OSError: The disk is full.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            wanted = _wanted(opened, limits)
            left = 4 * limits.archive_bytes
            for name, entry in wanted.items():
                left -= _extract(opened, entry, folder / name, left)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise UserError(f"The upload is no ZIP file that can be read ({error}); make it anew.") from None
    return _laid_out(folder, list(wanted))


def _wanted(opened: zipfile.ZipFile, limits: Limits) -> dict[str, zipfile.ZipInfo]:
    """The entries to unpack, by a path below the folder."""
    entries = opened.infolist()
    if len(entries) > limits.archive_members:
        raise UserError(f"The archive holds {len(entries)} files, more than the {limits.archive_members} taken here.")
    wanted: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        name = _safe_name(entry)
        if not entry.is_dir() and _is_ours(name):
            if name in wanted:
                raise UserError(f"The archive holds '{name}' twice; keep one of them.")
            wanted[name] = entry
    if not any(posixpath.basename(name) != _TAGS for name in wanted):
        raise UserError("The archive holds no image (jpg, png, webp, bmp, tif).")
    return wanted


def _safe_name(entry: zipfile.ZipInfo) -> str:
    name = entry.filename.replace("\\", "/")
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\0" in name or ":" in parts[0]:
        raise UserError(f"The archive holds the path '{name}', which leads out of it; pack relative paths.")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise UserError(f"The archive holds the link '{name}'; pack the file itself.")
    if entry.flag_bits & 1:
        raise UserError("The archive is encrypted; pack it without a password.")
    return posixpath.normpath(name)


def _is_ours(name: str) -> bool:
    if any(part.startswith(".") or part == "__MACOSX" for part in name.split("/")):
        return False
    return posixpath.basename(name) == _TAGS or posixpath.splitext(name)[1].lower() in IMAGE_SUFFIXES


def _extract(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, most: int) -> int:
    """Unpack an entry; what it says of its size is not believed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as source, path.open("xb") as target:
        return _copy(source, target, most)


def _copy(source: IO[bytes], target: BinaryIO, most: int) -> int:
    size = 0
    while block := source.read(_BLOCK):
        size += len(block)
        if size > most:
            raise UserError("The archive unpacks to more than this server takes (--max-archive); send it in parts.")
        target.write(block)
    return size


def _laid_out(folder: Path, names: list[str]) -> Unpacked:
    tables = [name for name in names if posixpath.basename(name) == _TAGS]
    if len(tables) > 1:
        raise UserError(f"The archive holds several tags.csv ({', '.join(sorted(tables)[:3])}); keep one.")
    if not tables:
        return Unpacked(folder, None)
    home = (folder / tables[0]).parent
    images = home / "images"
    return Unpacked(images if images.is_dir() else home, folder / tables[0])


def remove(folder: Path) -> None:
    """Delete a folder and all that is in it; it need not be there."""
    shutil.rmtree(folder, ignore_errors=True)
