"""What a labelling run is to do: every image with its tags, its mask's name and a key of all that decides its mask."""

import hashlib
import os
import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from swsss.data.classes import ClassTable
from swsss.data.listing import list_images
from swsss.data.tag_rows import ImageNames, RowProblems
from swsss.data.tags import read_tags
from swsss.errors import InputError, UserError, concerning


@dataclass(frozen=True)
class Item:
    """An image to label.

    Args:
        image: Path below the image folder.
        mask: Path of its mask below `masks/`.
        tags: Foreground ids, ascending; None for every class.
        key: Digest of all that decides its mask, the file's size and time of change included.
    """

    image: str
    mask: str
    tags: tuple[int, ...] | None
    key: bytes


@dataclass(frozen=True)
class Plan:
    """The images of a run.

    Args:
        folder: The image folder.
        names: Images to label, sorted.
        masks: Mask of each image in the folder whose stem is not its own; the others take theirs from the stem.
        tags: Foreground ids of the tagged images.
        untagged: Images that have no row in the tags file.
        recipe: What decides masks besides image and tags: model and options.
        wanted: Images that belong into the manifest: `names` without --limit and --only.
    """

    folder: Path
    names: Sequence[str]
    masks: Mapping[str, str]
    tags: Mapping[str, frozenset[int]]
    untagged: Sequence[str]
    recipe: str
    wanted: frozenset[str]

    def item(self, name: str) -> Item:
        """Everything about one image, as its file is now."""
        found = self.tags.get(name)
        tags = None if found is None else tuple(sorted(found))
        mask = self.masks.get(name) or f"{posixpath.splitext(name)[0]}.png"
        return Item(name, mask, tags, self._key(name, mask, tags))

    def _key(self, name: str, mask: str, tags: tuple[int, ...] | None) -> bytes:
        try:
            status = os.stat(self.folder / name)
            state = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:
            state = "gone"  # decoding will say so
        text = f"{self.recipe}\n{state}\n{tags}\n{mask}"
        return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=16).digest()


@dataclass(frozen=True)
class Selection:
    """Which images of the folder are labelled.

    Args:
        labels: `tags.csv`; None for a plain model.
        untagged: Whether images without a row are labelled with every class allowed; otherwise they are left out.
        only: File with one image a line.
        limit: At most so many, in the order of names; 0 for all.
    """

    labels: Path | None = None
    untagged: bool = False
    only: Path | None = None
    limit: int = 0


def make_plan(folder: Path, selection: Selection, classes: ClassTable, recipe: str) -> Plan:
    """List the images, read the tags and see that everything fits together, before any work starts.

    Raises:
        UserError: A folder or file is missing or cannot be read, or there is nothing to label.
        InputError: Everything that is wrong with tags and names, all at once.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder} with images.", code="not-found", field="images")
    images = list_images(folder)
    if not images:
        raise UserError(f"{folder} holds no image (jpg, png, webp, bmp, tif).", code="no-images", field="images")
    with concerning("labels", "invalid-tags"):
        tags = read_tags(selection.labels, classes, images) if selection.labels else {}
    wanted = images if selection.untagged or selection.labels is None else [name for name in images if name in tags]
    with concerning("only"):
        names = wanted if selection.only is None else _only(selection.only, images, frozenset(wanted))
    names = names[: selection.limit] if selection.limit else names
    if not names:
        field = "labels" if selection.only is None else "only"
        raise UserError(_nothing(folder, selection), code="nothing-to-label", field=field)
    untagged = [name for name in images if name not in tags] if selection.labels else []
    return Plan(folder, names, _shared_stems(images), tags, untagged, recipe, frozenset(wanted))


def _nothing(folder: Path, selection: Selection) -> str:
    if selection.only is not None:
        return f"--only {selection.only} names no image that is to be labelled."
    where = f"None of the images in {folder} has a row in {selection.labels}"
    return f"{where}; add rows, or label without tags with --untagged all."


def _only(path: Path, images: Sequence[str], wanted: frozenset[str]) -> list[str]:
    """The images a list names, sorted."""
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").split("\n")
    except OSError as error:
        raise UserError(f"--only {path} cannot be read: {error.strerror}.", code="not-found") from None
    problems, known, found = RowProblems(path), ImageNames(images), set()
    for number, line in enumerate(lines, 1):
        image = known.find(line)
        if image is not None:
            found.add(image)
        elif "\0" in line:
            problems.add(number, "the line holds a NUL byte; save the file as UTF-8.")
        elif line.strip():
            problems.add(number, known.why_not(line))
    problems.raise_any()
    return sorted(found & wanted)


def _shared_stems(images: Sequence[str]) -> dict[str, str]:
    """Masks of images whose stem is shared: they keep the extension, `a.jpg.png` beside `a.png.png`."""
    stems = Counter(posixpath.splitext(name)[0] for name in images)
    shared = {name: f"{name}.png" for name in images if stems[posixpath.splitext(name)[0]] > 1}
    taken = {f"{stem}.png" for stem, count in stems.items() if count == 1}
    clashes = [name for name, mask in shared.items() if mask in taken]
    if clashes:
        told = "'{0}' and another image would share the mask {0}.png; rename one."
        raise InputError([told.format(name) for name in clashes])
    return shared
