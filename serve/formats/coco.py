"""COCO: `coco.json`, one annotation an image and class, as compressed run lengths."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, TextIO

import numpy as np

from swsss.data.classes import ClassTable
from swsss.data.files import whole_file
from swsss.data.images import Pixels
from swsss.serve.formats.runs import Integers, Runs, foreground_runs
from swsss.serve.formats.sink import Rows, text_into
from swsss.serve.records import Labelled


@contextmanager
def open_coco(folder: Path, classes: ClassTable, image_prefix: str = "") -> Iterator["Coco"]:
    """Write `coco.json` into `folder`; an `Opener`.

    Args:
        folder: The labels folder.
        classes: All but background become categories, with their ids.
        image_prefix: Not used: `file_name` is the path below the image folder.
    """
    with whole_file(folder / "coco.json") as file, coco_into(file.buffer, folder, classes) as sink:
        yield sink


@contextmanager
def coco_into(file: BinaryIO, folder: Path, classes: ClassTable, image_prefix: str = "") -> Iterator["Coco"]:
    """Write COCO into a file that is open; a `StreamOpener`, otherwise as `open_coco`."""
    categories = [{"id": index, "name": name} for index, name in enumerate(classes.names) if index]
    # COCO wants all images before all annotations: the latter wait in a file without a name.
    with text_into(file) as text, TemporaryFile("w+", encoding="ascii", dir=folder) as annotations:
        text.write('{"info":{"description":"Masks by swsss-label"},"licenses":[],"categories":')
        text.write(json.dumps(categories) + ',\n"images":[')
        yield Coco(folder / "coco.json", text, annotations)
        text.write('],\n"annotations":[')
        annotations.seek(0)
        shutil.copyfileobj(annotations, text)
        text.write("]}\n")


class Coco:
    """A `Sink`: images to one file, their annotations to another.

    Args:
        path: Where it will all be.
        images: Gets the elements of the array `images`.
        annotations: Gets the elements of the array `annotations`.
    """

    def __init__(self, path: Path, images: TextIO, annotations: TextIO) -> None:
        self.files = (path,)
        self._images = Rows(images)
        self._annotations = Rows(annotations)

    def add(self, row: Labelled, mask: Pixels) -> None:
        """Add an image and an annotation for each foreground class in it."""
        image = self._images.count + 1
        self._images.add({"id": image, "file_name": row.image, "width": row.width, "height": row.height})
        for runs in foreground_runs(mask.T.ravel()):
            annotation = {
                "id": self._annotations.count + 1,
                "image_id": image,
                "category_id": runs.index,
                "segmentation": {"size": [row.height, row.width], "counts": compress_counts(runs.lengths)},
                "area": int((runs.ends - runs.starts).sum()),
                "bbox": _box(runs, row.height),
                "iscrowd": 0,
            }
            # A class somebody painted into the mask afterwards has no confidence.
            if runs.index in row.confidence:
                annotation["score"] = row.confidence[runs.index]
            self._annotations.add(annotation)


def compress_counts(lengths: Integers) -> str:
    """Encode run lengths as COCO does: from the fourth on less the one two before, 5 bits a character.

    Each number is written from its lowest 5 bits up, in two's complement; 32 is added to every character but its last,
    48 to all of them.

    Args:
        lengths: int64 [L], L >= 1: pixels outside and inside in turn, column by column.
    """
    numbers = lengths.copy()
    numbers[3:] -= lengths[1:-2]
    magnitudes = np.where(numbers < 0, ~numbers, numbers)
    place = np.arange(1 + int(magnitudes.max()).bit_length() // 5)
    digits = (numbers[:, None] >> (5 * place)) & 31
    # A digit follows as long as the bits from the sign of this one on are not all the same.
    more = (magnitudes[:, None] >> (5 * place + 4)) > 0
    written = np.ones_like(more)
    written[:, 1:] = more[:, :-1]
    characters: Pixels = (digits + 32 * more + 48)[written].astype(np.uint8)
    return characters.tobytes().decode("ascii")


def _box(runs: Runs, height: int) -> list[int]:
    """The smallest box around the runs of a mask read column by column: x, y, width, height."""
    last = runs.ends - 1
    left, right = int(runs.starts[0] // height), int(last[-1] // height)
    if (last // height > runs.starts // height).any():  # on into the next column: from the lowest row to the highest
        top, bottom = 0, height - 1
    else:
        top, bottom = int((runs.starts % height).min()), int((last % height).max())
    return [left, top, right - left + 1, bottom - top + 1]
