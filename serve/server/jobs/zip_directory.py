"""The directory of a ZIP file, walked before anything builds objects of it: how many files does it list?

Layout: PKWARE APPNOTE 6.3, sections 4.3.12 (central directory), 4.3.14 and 4.3.15 (ZIP64), 4.3.16 (end record).
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO

from swsss.errors import UserError

_END, _END_SIGNATURE = struct.Struct("<4s4H2LH"), b"PK\5\6"
_LOCATOR, _LOCATOR_SIGNATURE = struct.Struct("<4sLQL"), b"PK\6\7"
_END_64, _END_64_SIGNATURE = struct.Struct("<4sQ2H2L4Q"), b"PK\6\6"
_HEADER, _HEADER_SIGNATURE = struct.Struct("<4s24x3H12x"), b"PK\1\2"
_LONGEST_COMMENT = 1 << 16
_BYTES_A_FILE = 512
_BLOCK = 1 << 20


def check_directory(archive: Path, most: int) -> None:
    """See that a ZIP file lists at most so many files, in constant memory and no longer than it takes to count these.

    Raises:
        UserError: It lists more, its directory is larger than so many names need, or it is not a ZIP file.
        OSError: It cannot be read.
    """
    with archive.open("rb") as file:
        start, size = _place(file)
        if size > max(1 << 20, most * _BYTES_A_FILE):
            raise UserError(f"The archive's table of contents takes {size} bytes, far more than names need; pack anew.")
        file.seek(start)
        _count(file, size, most)


def _place(file: BinaryIO) -> tuple[int, int]:
    """Where the directory begins, and its size: right before the end record, whatever stands before it."""
    length = file.seek(0, os.SEEK_END)
    tail_start = max(0, length - _END.size - _LONGEST_COMMENT)
    file.seek(tail_start)
    tail = file.read(_END.size + _LONGEST_COMMENT)
    found = len(tail) - _END.size
    if found < 0 or tail[found : found + 4] != _END_SIGNATURE or tail[-2:] != b"\0\0":
        found = tail.rfind(_END_SIGNATURE)
    if found < 0 or found + _END.size > len(tail):
        raise _damaged("it has no table of contents")
    end = tail_start + found
    size: int = _END.unpack_from(tail, found)[5]
    before = _size_64(file, end)
    if before is not None:
        size, end = before, end - _LOCATOR.size - _END_64.size
    if size > end:
        raise _damaged("its table of contents is cut off")
    return end - size, size


def _size_64(file: BinaryIO, end: int) -> int | None:
    """The size of the directory by the ZIP64 records in front of the end record; None when there are none."""
    start = end - _LOCATOR.size - _END_64.size
    if start < 0:
        return None
    file.seek(start)
    data = file.read(_END_64.size + _LOCATOR.size)
    if _LOCATOR.unpack_from(data, _END_64.size)[0] != _LOCATOR_SIGNATURE:
        return None
    if data[:4] != _END_64_SIGNATURE or _LOCATOR.unpack_from(data, _END_64.size)[2] != start:
        raise _damaged("its ZIP64 record is not where it should be")
    size: int = _END_64.unpack_from(data)[8]
    return size


def _count(file: BinaryIO, size: int, most: int) -> None:
    data, at, count = b"", 0, 0
    while size or at < len(data):
        if len(data) - at < _HEADER.size + 3 * 0xFFFF and size:
            part = file.read(min(_BLOCK, size))
            size = size - len(part) if part else 0
            data, at = data[at:] + part, 0
        if len(data) - at < _HEADER.size or not data.startswith(_HEADER_SIGNATURE, at):
            raise _damaged("its table of contents is damaged")
        _, name, extra, comment = _HEADER.unpack_from(data, at)
        at += _HEADER.size + name + extra + comment
        count += 1
        if count > most:
            raise UserError(
                f"The archive holds more than the {most} files taken here (--max-archive-files); send it in parts."
            )
    if at != len(data):
        raise _damaged("its table of contents is cut off")


def _damaged(reason: str) -> UserError:
    return UserError(f"The upload is no ZIP file that can be read ({reason}); make it anew.")
