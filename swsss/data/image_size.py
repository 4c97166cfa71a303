"""The size of an image file, read from its header before anything of that size is made."""

import stat
import struct
from collections.abc import Callable
from pathlib import Path

from swsss.data.below import open_below
from swsss.data.headers import CUT_SHORT, MAX_PIXELS, UndecodableError, check_size, read_jpeg_header, webp_size
from swsss.data.png_chunks import PNG_SIGNATURE
from swsss.data.tiff import tiff_size
from swsss.errors import UserError

MAX_BYTES = 8 * MAX_PIXELS
"""No file of this size or more is a picture that can be decoded."""

_HEAD = 1 << 20
"""Bytes in which nearly every header lies."""

_LONGEST_HEAD = 64 << 20
"""Bytes in which every header lies, but those of TIFFs, which may be anywhere."""


def image_size(data: bytes) -> tuple[int, int]:
    """Width and height, in pixels as stored, of a JPEG, PNG, WebP, BMP, TIFF or GIF, told apart by content.

    Args:
        data: The file, or as much of its beginning as holds the header.

    Raises:
        UndecodableError: It is of another format, its header is damaged or cut short, or it is too large to be decoded.
    """
    try:
        width, height = _size_of(data)(data)
    except (struct.error, IndexError, StopIteration):
        raise UndecodableError(CUT_SHORT) from None
    check_size(width, height)
    return width, height


def read_image_size(path: Path, *, within: Path | None = None) -> tuple[int, int]:
    """Width and height, in pixels as stored, of an image file, of which no more is read than is needed.

    Args:
        path: The file.
        within: Folder that it must not lead out of, whatever links there are; None for anywhere.

    Raises:
        UserError: It cannot be read, is not a file, leads out of `within`, or is refused by `image_size`.
    """
    try:
        return _size_in(path, within)
    except UndecodableError as error:
        raise UserError(f"{path} cannot be read as an image: {error}.") from None


def check_file(path: Path) -> int:
    """The size in bytes of a file that may be a picture.

    Raises:
        UndecodableError: It is a folder, a pipe or a device, or too large.
        OSError: It cannot be looked at.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise UndecodableError("it is a folder" if stat.S_ISDIR(found.st_mode) else "it is a pipe or a device")
    if found.st_size > MAX_BYTES:
        raise UndecodableError(f"{found.st_size / 2**30:.1f} GiB are more than any picture that can be decoded")
    return found.st_size


def _size_in(path: Path, within: Path | None) -> tuple[int, int]:
    try:
        whole = check_file(path) <= _HEAD
        with path.open("rb") if within is None else open_below(path, within) as file:
            head = file.read(_HEAD)
            try:
                return image_size(head)
            except UndecodableError:
                if whole or not _has_signature(head):
                    raise
                file.seek(0)
                return image_size(file.read(-1 if head[:2] in {b"II", b"MM"} else _LONGEST_HEAD))
    except OSError as error:
        raise UndecodableError(str(error.strerror)) from None
    except ValueError as error:
        raise UndecodableError(str(error)) from None


def _jpeg_size(data: bytes) -> tuple[int, int]:
    header = read_jpeg_header(data, whole=False)
    return header.width, header.height


def _bmp_size(data: bytes) -> tuple[int, int]:
    (header,) = struct.unpack_from("<I", data, 14)
    if header == 12:  # OS/2's
        width, height = struct.unpack_from("<2H", data, 18)
    else:
        width, height = struct.unpack_from("<2i", data, 18)
    return width, abs(height)


def _gif_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<2H", data, 6)
    return width, height


def _png_size(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">2I", data, 16)
    return width, height


_SIZES: dict[bytes, Callable[[bytes], tuple[int, int]]] = {
    b"\xff\xd8": _jpeg_size,
    PNG_SIGNATURE: _png_size,
    b"BM": _bmp_size,
    b"II*\0": tiff_size,
    b"MM\0*": tiff_size,
    b"II+\0": tiff_size,
    b"MM\0+": tiff_size,
    b"GIF87a": _gif_size,
    b"GIF89a": _gif_size,
}


def _has_signature(data: bytes) -> bool:
    return data.startswith((*_SIZES, b"RIFF"))


def _size_of(data: bytes) -> Callable[[bytes], tuple[int, int]]:
    for signature, size in _SIZES.items():
        if data.startswith(signature):
            return size
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return webp_size
    raise UndecodableError("unknown format" if data else "it is empty")
