"""ZIP files of millions of entries in constant memory."""

import shutil
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from swsss.data.files import whole_file

_UTF8_NAMES = 0x800
_DAY = 0x21  # 1 January 1980, midnight: the same bytes whenever it is written
_MANY, _LARGE = 0xFFFF, 0xFFFFFFFF
_BLOCK = 1 << 20


class Archive:
    """A ZIP file (PKWARE APPNOTE 6.3) written front to back, its entries stored as they are.

    `zipfile` holds an object for every entry until the end: over a gigabyte for a million masks.

    Args:
        file: Gets the archive, from where it stands; `tell` must give the position within the archive.
        directory: An empty file for the table of contents until the end.
    """

    def __init__(self, file: BinaryIO, directory: BinaryIO) -> None:
        self._file = file
        self._directory = directory
        self._count = 0

    def add(self, name: str, data: bytes) -> None:
        """Add a file.

        Args:
            name: Its path in the archive.
            data: Its content.
        """
        self.add_file(name, BytesIO(data))

    def add_file(self, name: str, content: BinaryIO) -> None:
        """Add what a file that can be read twice holds."""
        for _ in self.blocks(name, content):
            pass

    def blocks(self, name: str, content: BinaryIO) -> Iterator[None]:
        """Add a file like `add_file`, and stop after every block, so that what is written can be handed on."""
        content.seek(0)
        check = size = 0
        while block := content.read(_BLOCK):
            check = zlib.crc32(block, check)
            size += len(block)
        content.seek(0)
        encoded, offset = name.encode(), self._file.tell()
        wide_size = struct.pack("<2H2Q", 1, 16, size, size) if size >= _LARGE else b""
        sizes = (min(size, _LARGE), min(size, _LARGE))
        version = 45 if size >= _LARGE or offset >= _LARGE else 20
        common = struct.pack("<5H3LH", version, _UTF8_NAMES, 0, 0, _DAY, check, *sizes, len(encoded))
        self._file.write(b"PK\x03\x04" + common + struct.pack("<H", len(wide_size)) + encoded + wide_size)
        for start in range(0, size, _BLOCK):
            # Not more than was counted, should it grow meanwhile.
            self._file.write(content.read(min(_BLOCK, size - start)))
            yield
        wide = _wide(size, offset)
        unix, mode = 3, 0o100644 << 16
        rest = struct.pack("<4H2L", len(wide), 0, 0, 0, mode, min(offset, _LARGE))
        self._directory.write(b"PK\x01\x02" + bytes([45, unix]) + common + rest + encoded + wide)
        self._count += 1

    def close(self) -> None:
        """Write the table of contents; nothing can be added after it."""
        offset, size = self._file.tell(), self._directory.tell()
        self._directory.seek(0)
        shutil.copyfileobj(self._directory, self._file, _BLOCK)
        if self._count >= _MANY or max(offset, size) >= _LARGE:
            counts = (self._count, self._count)
            self._file.write(b"PK\x06\x06" + struct.pack("<Q2H2L4Q", 44, 45, 45, 0, 0, *counts, size, offset))
            self._file.write(b"PK\x06\x07" + struct.pack("<LQL", 0, offset + size, 1))
        count = min(self._count, _MANY)
        end = struct.pack("<4H2LH", 0, 0, count, count, min(size, _LARGE), min(offset, _LARGE), 0)
        self._file.write(b"PK\x05\x06" + end)


def _wide(size: int, offset: int) -> bytes:
    """What the table of contents says of a file beyond 4 GiB, or that begins there (ZIP64)."""
    numbers = ([size, size] if size >= _LARGE else []) + ([offset] if offset >= _LARGE else [])
    return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""


@contextmanager
def whole_archive(path: Path) -> Iterator[Archive]:
    """Open an archive that takes its place only when the block ends without an error.

    Raises:
        OSError: The folder cannot be written, or the disk is full; nothing is left behind.
    """
    with whole_file(path) as file, TemporaryFile(dir=path.parent) as directory:
        archive = Archive(file.buffer, directory)
        yield archive
        archive.close()
