"""The dataset directory: which images there are, which have masks, what their tags are, and the named splits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from swsss.data.classes import VOC_NAMES, ClassTable, read_classes
from swsss.data.images import Pixels, orient, read_image, read_mask
from swsss.data.listing import list_images
from swsss.data.tags import read_tags
from swsss.data.voc import read_annotation_tags
from swsss.errors import InputError, UserError


@dataclass(frozen=True, slots=True)
class Sample:
    """One image of a dataset.

    Args:
        stem: Path relative to the image folder, without extension, with `/` between folders. Unique in a dataset.
        image: The image file.
        mask: Its mask file, or None.
        tags: Foreground class ids its tags allow, or None when `tags.csv` has no row for it.
    """

    stem: str
    image: Path
    mask: Path | None
    tags: frozenset[int] | None


@dataclass(frozen=True)
class Dataset:
    """Everything a dataset directory says, read once; no pixel has been decoded."""

    root: Path
    classes: ClassTable
    samples: Mapping[str, Sample]
    splits: Mapping[str, Path]

    def split(self, name: str) -> list[Sample]:
        """Return the samples a split names, in its order.

        Raises:
            UserError: There is no such split.
            InputError: Lines of its file name no image, or one twice; or it is empty.
        """
        if name not in self.splits:
            known = ", ".join(sorted(self.splits)) or "none"
            raise UserError(f"{self.root} has no split '{name}' (splits there: {known}).", code="no-such-split")
        path = self.splits[name]
        try:
            stems = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8.") from None
        first: dict[str, int] = {}
        problems = []
        for row, stem in enumerate(stems, 1):
            if stem and first.setdefault(stem, row) != row:
                problems.append(f"{path}, line {row}: '{stem}' already stands on line {first[stem]}.")
            elif stem and stem not in self.samples:
                hint = "; leave out the extension" if stem.rpartition(".")[0] in self.samples else ""
                problems.append(f"{path}, line {row}: no image has the stem '{stem}'{hint}.")
        if not first:
            problems.append(f"{path} names no image; write one stem per line.")
        if problems:
            raise InputError(problems)
        return [self.samples[stem] for stem in first]


def open_dataset(root: Path) -> Dataset:
    """Open a dataset directory (DESIGN §2) or a VOC tree (`VOCdevkit/VOC2012`, or the folder that holds it).

    Raises:
        UserError: It is neither, or a part of it is missing.
        InputError: Rows of `tags.csv` or names of images are wrong.
    """
    if not root.is_dir():
        raise UserError(f"There is no folder {root}.", code="not-found")
    for candidate in (root, root / "VOC2012", root / "VOCdevkit" / "VOC2012"):
        if (candidate / "JPEGImages").is_dir():
            return _open_voc(candidate)
    return _open_plain(root)


def _open_plain(root: Path) -> Dataset:
    if not (root / "images").is_dir():
        raise UserError(
            f"{root} holds neither an 'images' folder nor a VOC tree; put the images into {root / 'images'} "
            "(with classes.txt, tags.csv and masks/ beside it)."
        )
    classes = read_classes(root / "classes.txt")
    images = list_images(root / "images")
    tags_file = root / "tags.csv"
    tags = read_tags(tags_file, classes, images) if tags_file.is_file() else {}
    return Dataset(root, classes, _samples(root / "images", root / "masks", images, tags), _splits(root / "splits"))


def _open_voc(root: Path) -> Dataset:

    classes = ClassTable(tuple(VOC_NAMES))
    images = list_images(root / "JPEGImages")
    masks = root / "SegmentationClassAug"
    if not masks.is_dir():
        masks = root / "SegmentationClass"
    tags_file = root / "tags.csv"
    if tags_file.is_file():
        tags = read_tags(tags_file, classes, images)
    else:
        tags = read_annotation_tags(root / "Annotations", classes, images)
    splits = _splits(root / "ImageSets" / "Segmentation")
    return Dataset(root, classes, _samples(root / "JPEGImages", masks, images, tags), splits)


def _samples(folder: Path, masks: Path, images: Iterable[str], tags: Mapping[str, frozenset[int]]) -> dict[str, Sample]:
    mask_names = {path.relative_to(masks).as_posix() for path in masks.rglob("*.png")} if masks.is_dir() else set()
    samples: dict[str, Sample] = {}
    problems = []
    for name in images:
        stem = name.rpartition(".")[0]
        if stem in samples:
            problems.append(f"{folder / name} and {samples[stem].image} share the stem '{stem}'; rename one of them.")
            continue
        mask = masks / f"{stem}.png" if f"{stem}.png" in mask_names else None
        samples[stem] = Sample(stem, folder / name, mask, tags.get(name))
    if not samples:
        problems.append(f"{folder} holds no image (jpg, png, webp, bmp or tif).")
    if problems:
        raise InputError(problems)
    return samples


def _splits(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.txt"))} if folder.is_dir() else {}


def read_sample(sample: Sample) -> tuple[Pixels, Pixels]:
    """Upright image uint8 [H, W, 3] and mask uint8 [H, W]; the mask is all 0 where the sample has none."""
    pixels, orientation = read_image(sample.image)
    mask = np.zeros(pixels.shape[:2], np.uint8) if sample.mask is None else read_mask(sample.mask)
    return orient(pixels, orientation), orient(mask, orientation)
