"""CVAT: "Segmentation mask 1.1", a VOC tree in `cvat.zip` to be uploaded to the task that holds the images."""

import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from swsss.data.classes import IGNORE, ClassTable, palette
from swsss.data.images import Pixels
from swsss.data.png import encode_mask
from swsss.errors import UserError
from swsss.serve.formats.archive import Archive, whole_archive
from swsss.serve.records import Labelled


@contextmanager
def open_cvat(folder: Path, classes: ClassTable, image_prefix: str = "") -> Iterator["Cvat"]:
    """Write `cvat.zip` into `folder`; an `Opener`.

    Args:
        folder: The labels folder.
        classes: What `labelmap.txt` declares, with the colours of the masks.
        image_prefix: Not used: CVAT finds an image by its path without extension.

    Raises:
        UserError: `labelmap.txt` cannot hold the name of a class.
    """
    label_map(classes)
    with whole_archive(folder / "cvat.zip") as archive, _tree(archive, folder, classes) as sink:
        yield sink


@contextmanager
def cvat_into(file: BinaryIO, folder: Path, classes: ClassTable, image_prefix: str = "") -> Iterator["Cvat"]:
    """Write the archive into a file that is open; a `StreamOpener`, otherwise as `open_cvat`."""
    with TemporaryFile(dir=folder) as directory:
        archive = Archive(file, directory)
        with _tree(archive, folder, classes) as sink:
            yield sink
        archive.close()


@contextmanager
def _tree(archive: Archive, folder: Path, classes: ClassTable) -> Iterator["Cvat"]:
    labels = label_map(classes)
    with TemporaryFile(dir=folder) as names:
        archive.add("labelmap.txt", labels.encode())
        yield Cvat(folder / "cvat.zip", archive, names)
        archive.add_file("ImageSets/Segmentation/default.txt", names)


class Cvat:
    """A `Sink`: two masks an image, one of classes and one of instances.

    CVAT annotates an instance for each colour of the second but black, and there are as many as there are classes: the
    two are the same file. Ignored pixels are black like background, for CVAT knows only pixels with a label and
    without, and refuses an archive that annotates a label its task lacks.

    Args:
        path: Where it will all be.
        archive: Gets the masks.
        names: Gets the list of images.
    """

    def __init__(self, path: Path, archive: Archive, names: BinaryIO) -> None:
        self.files = (path,)
        self.archive = archive
        self._names = names

    def add(self, row: Labelled, mask: Pixels) -> None:
        """Add an image.

        Raises:
            UserError: CVAT could not tell which image is meant.
        """
        name = _frame(row)
        data = encode_mask(mask * (mask != IGNORE))
        self.archive.add(f"SegmentationClass/{name}.png", data)
        self.archive.add(f"SegmentationObject/{name}.png", data)
        self._names.write(f"{name}\n".encode())


def _frame(row: Labelled) -> str:
    """What CVAT calls an image: its path without extension, on a line of a list."""
    name = posixpath.splitext(row.image)[0]
    if row.mask != f"{name}.png":
        raise UserError("another image differs only in the extension, and CVAT cannot tell them apart; rename one.")
    if name != name.strip() or name.startswith("#") or "\n" in name or "\r" in name:
        raise UserError("CVAT's list of images cannot hold its name (line break, outer space or leading #); rename it.")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UserError("the file's name is not UTF-8, which CVAT cannot hold; rename the image.") from None
    return name


def label_map(classes: ClassTable) -> str:
    """The text of `labelmap.txt`.

    Raises:
        UserError: It cannot hold the name of a class.
    """
    refused = [f"'{name}'" for name in classes.names if ":" in name or name.startswith("#")]
    if refused:
        raise UserError(
            f"CVAT's labelmap.txt cannot hold the class names {', '.join(refused)} (a : or a # in front); "
            "use another format."
        )
    colours = zip(classes.names, palette().tolist(), strict=False)
    lines = [f"{name}:{red},{green},{blue}::" for name, (red, green, blue) in colours]
    return "\n".join(["# label:color_rgb:parts:actions", *lines, ""])
