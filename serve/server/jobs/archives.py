"""Uploaded archives: unpacked with nothing trusted."""

import errno
import posixpath
import stat
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from swsss.data.listing import IMAGE_SUFFIXES
from swsss.errors import UserError
from swsss.serve.server.jobs.zip_directory import check_directory
from swsss.serve.server.settings import Limits

_BLOCK = 1 << 20
_TAGS = "tags.csv"
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2})
"""Others are unknown to Python, or let an archive say how much memory unpacking it takes (LZMA)."""
_MOST_PARTS = 64
_NO_FILES = {
    stat.S_IFLNK: "link",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
}
_OF_THE_NAME = frozenset(
    {None, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOENT}
)
"""Errors of a file system that come from what an archive holds; bzip2 has none of its own."""


@dataclass(frozen=True)
class Unpacked:
    """What was in an archive: its image folder, and its tags if there were any."""

    images: Path
    labels: Path | None


def unpack(archive: Path, folder: Path, limits: Limits) -> Unpacked:
    """Unpack the images of a ZIP file, and its `tags.csv`; everything else in it is left out.

    The image folder is the one that holds `tags.csv`, or the folder `images` beside it; without tags, all of the
    archive. The masks of a dataset directory (`masks/` beside `images/`) are left out.

    Args:
        archive: The file.
        folder: Where to; made.
        limits: How many files and bytes it may hold.

    Raises:
        UserError: It is not a ZIP file, is damaged or encrypted, holds paths that lead elsewhere, links, too much, no
            image, or several `tags.csv`.
        OSError: The disk is full.
    """
    try:
        check_directory(archive, limits.archive_members)
        with zipfile.ZipFile(archive) as opened:
            found = _found(opened.infolist())
            homes = _datasets(found)
            wanted = _wanted(found, homes, limits)
            left = 4 * limits.archive_bytes
            for name, entry in wanted.items():
                left -= _extract(opened, entry, folder / name, left)
    except UserError:
        raise
    except OSError as error:
        if error.errno not in _OF_THE_NAME:
            raise
        raise _unreadable(error) from None
    except Exception as error:  # zipfile raises nearly anything when a file is damaged
        raise _unreadable(error) from None
    return _laid_out(folder, list(wanted), homes)


def _unreadable(error: Exception) -> UserError:
    told = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return UserError(f"The upload is no ZIP file that can be read ({told[:200]}); make it anew.")


def _found(entries: Sequence[zipfile.ZipInfo]) -> Mapping[str, zipfile.ZipInfo]:
    """The images and tables of an archive, by their paths below the folder."""
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        name = _safe_name(entry)
        if not entry.is_dir() and _is_ours(name):
            if name in found:
                raise UserError(f"The archive holds '{name[:200]}' twice; keep one of them.")
            found[name] = entry
    return found


def _wanted(
    found: Mapping[str, zipfile.ZipInfo], homes: Collection[str], limits: Limits
) -> Mapping[str, zipfile.ZipInfo]:
    """The entries to unpack: all but the masks of dataset directories."""
    masks = tuple(f"{home}masks/" for home in homes)
    wanted = {name: entry for name, entry in found.items() if not name.startswith(masks)}
    if not any(posixpath.basename(name) != _TAGS for name in wanted):
        raise UserError("The archive holds no image (jpg, png, webp, bmp, tif).")
    for name, entry in wanted.items():
        _check_entry(name, entry, wanted)
    if sum(entry.file_size for entry in wanted.values()) > 4 * limits.archive_bytes:
        raise _too_much()
    return wanted


def _safe_name(entry: zipfile.ZipInfo) -> str:
    name = entry.filename.replace("\\", "/")
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or "\0" in entry.orig_filename or ":" in parts[0]:
        raise UserError(f"The archive holds the path '{name[:200]}', which leads out of it; pack relative paths.")
    if len(parts) > _MOST_PARTS:
        raise UserError(f"The archive holds folders in folders, more than {_MOST_PARTS} deep; pack them flatter.")
    if kind := _NO_FILES.get(stat.S_IFMT(entry.external_attr >> 16)):
        raise UserError(f"The archive holds the {kind} '{name[:200]}'; pack the file itself.")
    if entry.flag_bits & 1:
        raise UserError("The archive is encrypted; pack it without a password.")
    return posixpath.normpath(name)


def _check_entry(name: str, entry: zipfile.ZipInfo, wanted: Mapping[str, zipfile.ZipInfo]) -> None:
    if entry.compress_type not in _METHODS:
        raise UserError(
            f"'{name[:200]}' in the archive is packed by method {entry.compress_type}, which is not read here; pack "
            "it with Deflate, the usual one."
        )
    for parent in _parents(name):
        if parent in wanted:
            raise UserError(f"The archive holds '{parent[:200]}' as a file and as a folder; rename one.")


def _parents(name: str) -> Iterator[str]:
    while name := posixpath.dirname(name):
        yield name


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
            raise _too_much()
        target.write(block)
    return size


def _too_much() -> UserError:
    return UserError("The archive unpacks to more than this server takes (--max-archive); send it in parts.")


def _datasets(names: Iterable[str]) -> Collection[str]:
    """Folders that hold `images/` and `masks/` with images in both: "" or paths that end with `/`."""
    homes: dict[str, set[str]] = {"images": set(), "masks": set()}
    for name in names:
        parts = name.split("/")[:-1]
        for depth, part in enumerate(parts):
            if part in homes and posixpath.basename(name) != _TAGS:
                homes[part].add("".join(f"{one}/" for one in parts[:depth]))
    return homes["images"] & homes["masks"]


def _laid_out(folder: Path, names: Sequence[str], homes: Collection[str]) -> Unpacked:
    tables = [name for name in names if posixpath.basename(name) == _TAGS]
    if len(tables) > 1:
        raise UserError(f"The archive holds several tags.csv ({', '.join(sorted(tables)[:3])}); keep one.")
    labels = folder / tables[0] if tables else None
    home = labels.parent if labels else folder
    if labels and (home / "images").is_dir():
        home /= "images"
    elif len(homes) == 1:
        home = folder / next(iter(homes)) / "images"
    return Unpacked(home, labels)
