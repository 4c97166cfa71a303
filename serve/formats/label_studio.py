"""Label Studio: predictions as brush masks in `label-studio.json`, and the labelling interface for them."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import BinaryIO, TextIO
from urllib.parse import quote

import numpy as np

from swsss.data.classes import ClassTable, palette
from swsss.data.files import whole_file, write_whole
from swsss.data.images import Pixels
from swsss.errors import UserError
from swsss.serve.formats.runs import Integers, Runs, foreground_runs
from swsss.serve.formats.sink import Rows, text_into
from swsss.serve.records import Labelled

_CHANNELS = 4  # a brush is stored as RGBA
_LENGTH_BITS = np.array([3, 4, 8, 16])


@contextmanager
def open_label_studio(folder: Path, classes: ClassTable, image_prefix: str = "") -> Iterator["LabelStudio"]:
    """Write `label-studio.json` (tasks to import) and `label-studio.xml` (the labelling interface); an `Opener`.

    Args:
        folder: The labels folder.
        classes: All but background become brush labels in the colours of the masks.
        image_prefix: What comes before the image's path. After an `http(s)://` address or a `/path` of the server the
            path is percent-encoded; `s3://` and the like are kept as they are, as Label Studio reads them.
    """
    with whole_file(folder / "label-studio.json") as file:
        with label_studio_into(file.buffer, folder, classes, image_prefix) as sink:
            yield sink
        write_whole(folder / "label-studio.xml", interface(classes).encode())


@contextmanager
def label_studio_into(
    file: BinaryIO, folder: Path, classes: ClassTable, image_prefix: str = ""
) -> Iterator["LabelStudio"]:
    """Write the tasks, without the interface, into a file that is open; a `StreamOpener`."""
    files = (folder / "label-studio.json", folder / "label-studio.xml")
    with text_into(file) as text:
        text.write("[")
        yield LabelStudio(files, text, classes, image_prefix)
        text.write("]\n")


class LabelStudio:
    """A `Sink`: a task with one prediction an image, a brush region a class.

    Args:
        files: Where it will all be.
        file: Gets the elements of the array of tasks.
        classes: Names of the labels.
        image_prefix: As for `open_label_studio`.
    """

    def __init__(self, files: tuple[Path, Path], file: TextIO, classes: ClassTable, image_prefix: str) -> None:
        self.files = files
        self._tasks = Rows(file)
        self._classes = classes
        self._prefix = image_prefix

    def add(self, row: Labelled, mask: Pixels) -> None:
        """Add an image; one without foreground gets a prediction without regions."""
        address = image_address(self._prefix, row.image)
        regions = [self._region(row, runs) for runs in foreground_runs(mask.ravel())]
        prediction = {"model_version": "swsss", "score": row.mean_confidence, "result": regions}
        self._tasks.add({"data": {"image": address}, "predictions": [prediction]})

    def _region(self, row: Labelled, runs: Runs) -> dict[str, object]:
        name = self._classes.names[runs.index]
        unique = f"{row.image}\n{name}"
        return brush_region(runs, (row.width, row.height), unique, name, row.confidence.get(runs.index))


def brush_region(
    runs: Runs,
    size: tuple[int, int],
    unique: str,
    label: str,
    score: float | None,
    names: tuple[str, str] = ("tag", "image"),
) -> dict[str, object]:
    """Where one class is, as a region of a prediction.

    Args:
        runs: The class, in a mask read row by row.
        size: Width and height of the mask.
        unique: What tells this region from all others; its id comes of it.
        label: What the labelling interface calls the class.
        score: Mean probability (0..1), or None when it is not known.
        names: Of the brush labels and of the image in the labelling interface.
    """
    region: dict[str, object] = {
        "id": hashlib.sha256(unique.encode(errors="surrogateescape")).hexdigest()[:10],
        "type": "brushlabels",
        "from_name": names[0],
        "to_name": names[1],
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
        "value": {"format": "rle", "rle": pack_brush(runs.lengths).tolist(), "brushlabels": [label]},
    }
    if score is not None:
        region["score"] = score
    return region


def pack_brush(lengths: Integers) -> Pixels:
    """Encode a binary mask the way Label Studio stores brushes: the bit stream of @thi.ng/rle-pack over RGBA bytes.

    The header holds the number of bytes (32 bits), the word size less 1 (5 bits) and four lengths of lengths less 1
    (4 bits each). A run is a 1, which of the four (2 bits), its length less 1 in as many bits, and its byte.

    Args:
        lengths: int64 [L]: pixels outside and inside in turn, row by row; only the first may be 0.

    Returns:
        uint8 [B]: the stream, filled up with zeros.
    """
    longest = 1 << int(_LENGTH_BITS[-1])
    remaining = lengths * _CHANNELS
    pieces = -(-remaining // longest)
    run = np.repeat(np.arange(len(lengths)), pieces)
    sizes = np.full(len(run), longest)
    sizes[np.cumsum(pieces)[pieces > 0] - 1] = (remaining - (pieces - 1) * longest)[pieces > 0]
    kind = np.searchsorted(1 << _LENGTH_BITS, sizes)
    bits = _LENGTH_BITS[kind]
    tokens = ((((4 + kind) << bits) | (sizes - 1)) << 8) | np.where(run % 2, 255, 0)
    header = [(int(remaining.sum()), 32), (8 - 1, 5), *((int(width) - 1, 4) for width in _LENGTH_BITS)]
    numbers = np.concatenate(([number for number, _ in header], tokens)).astype(">u4")
    widths = np.concatenate(([width for _, width in header], bits + 3 + 8))
    stream = np.unpackbits(numbers.view(np.uint8).reshape(-1, 4), axis=1)
    return np.packbits(stream[np.arange(32) >= 32 - widths[:, None]])


def image_address(prefix: str, image: str) -> str:
    """Where Label Studio finds an image.

    Args:
        prefix: As for `open_label_studio`.
        image: Path below the image folder.

    Raises:
        UserError: The name is not UTF-8 and is not to be percent-encoded, so no task can hold it.
    """
    if prefix.startswith(("http://", "https://", "/")):
        return prefix + quote(image, errors="surrogateescape")
    try:
        image.encode()
    except UnicodeEncodeError:
        raise UserError("the file's name is not UTF-8, which Label Studio cannot hold; rename the image.") from None
    return prefix + image


def interface(classes: ClassTable) -> str:
    """The labelling interface for these classes, as Label Studio's XML."""
    colours = palette()
    labels = "".join(
        f'    <Label value="{escape(name)}" background="#{colours[index].tobytes().hex()}"/>\n'
        for index, name in enumerate(classes.names)
        if index
    )
    return (
        '<View>\n  <Image name="image" value="$image" zoom="true"/>\n'
        f'  <BrushLabels name="tag" toName="image">\n{labels}  </BrushLabels>\n</View>\n'
    )
