"""What is checked before the first training step, so that no run dies on its last image; and the final tags."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

import numpy as np

from swsss.data.classes import IGNORE, ClassTable
from swsss.data.dataset import Sample
from swsss.data.images import Pixels, read_image, read_mask
from swsss.errors import InputError, UserError

Progress = Callable[[int, int], None]
"""Called with how many images are done, and of how many."""

_NAMED = 5
_Checked = tuple[frozenset[int], list[str]]


def check_inputs(
    samples: Sequence[Sample],
    strong: Collection[str],
    classes: ClassTable,
    *,
    evaluate: Sequence[Sample] = (),
    workers: int = 4,
    progress: Progress | None = None,
) -> dict[str, frozenset[int]]:
    """Decode every image, and open every mask that training or evaluation will use.

    Args:
        samples: Training images. Of those not in `strong`, masks are never opened.
        strong: Stems of the pixel-labelled ones.
        classes: Classes the masks may hold.
        evaluate: Images to evaluate on; all need masks.
        workers: Threads.
        progress: Called after each image, from the calling thread.

    Returns:
        Foreground class ids by stem, of every mask that was opened.

    Raises:
        InputError: Images or masks are damaged, missing, of different size, or hold class ids there are not.
    """
    labelled = set(strong)
    jobs = {sample.image: (sample, True) for sample in evaluate}
    # After those to evaluate on: should another dataset's image share a stem, the mask of the training image counts.
    jobs |= {sample.image: (sample, sample.stem in labelled or sample.image in jobs) for sample in samples}
    checked = _check_all(list(jobs.values()), classes, workers, progress)
    problems = [problem for _, found in checked for problem in found]
    if problems:
        raise InputError(problems)
    pairs = zip(jobs.values(), checked, strict=True)
    return {sample.stem: ids for (sample, with_mask), (ids, _) in pairs if with_mask}


def _check_all(
    jobs: Sequence[tuple[Sample, bool]], classes: ClassTable, workers: int, progress: Progress | None
) -> list[_Checked]:
    with ThreadPoolExecutor(workers) as executor:
        futures: list[Future[_Checked]] = []
        try:
            futures += [executor.submit(_check, sample, with_mask, classes) for sample, with_mask in jobs]
            for done, _ in enumerate(as_completed(futures), 1):
                if progress:
                    progress(done, len(futures))
        except BaseException:
            # Otherwise Ctrl-C would wait until everything queued is decoded.
            executor.shutdown(cancel_futures=True)
            raise
        return [future.result() for future in futures]


def _check(sample: Sample, with_mask: bool, classes: ClassTable) -> _Checked:
    problems: list[str] = []
    image = mask = None
    try:
        image = read_image(sample.image)
    except UserError as error:
        problems.append(f"{error} Replace the file or remove it.")
    if with_mask and sample.mask is None:
        problems.append(
            f"{sample.image} has no mask, and needs one to train or evaluate on; add masks/{sample.stem}.png."
        )
    elif with_mask and sample.mask:
        try:
            mask = read_mask(sample.mask)
        except UserError as error:
            problems.append(f"{error} Export it again.")
    if mask is None or sample.mask is None:
        return frozenset(), problems
    ids = set(np.flatnonzero(np.bincount(mask.ravel(), minlength=256)).tolist()) - {IGNORE}
    if image:
        problems += _wrong_size(sample.mask, mask, *image)
    problems += _wrong_ids(sample.mask, ids, classes)
    return frozenset(ids - {0}), problems


def _wrong_size(path: Path, mask: Pixels, image: Pixels, orientation: int) -> list[str]:
    height, width = image.shape[:2]
    if mask.shape == (height, width):
        return []
    wrong = f"{path} is {mask.shape[1]}×{mask.shape[0]}, its image {width}×{height}; "
    if mask.shape == (width, height) and orientation > 4:
        return [wrong + "the image is stored lying down (EXIF orientation), and its mask must lie the same way."]
    return [wrong + "export the mask in the size of the image."]


def _wrong_ids(path: Path, ids: Collection[int], classes: ClassTable) -> list[str]:
    unknown = ", ".join(str(index) for index in sorted(ids) if index >= len(classes))
    if not unknown:
        return []
    return [
        f"{path} holds class ids that do not exist: {unknown}; pixels must be 0 to {len(classes) - 1}, or {IGNORE} for "
        "ignore. Correct the mask, or add the classes to classes.txt."
    ]


def resolve_tags(
    samples: Sequence[Sample],
    strong: Collection[str],
    mask_classes: Mapping[str, frozenset[int]],
    classes: ClassTable,
) -> tuple[list[Sample], list[str]]:
    """Give every training image its final tags.

    Pixel-labelled images without a row get the classes of their mask, and classes of the mask that the row lacks are
    added. Other images without a row are dropped.

    Args:
        samples: Training images.
        strong: Stems of the pixel-labelled ones.
        mask_classes: What `check_inputs` returned.
        classes: Names for the warnings.

    Returns:
        The samples left, in their order, and warnings, one sentence each.
    """
    labelled = set(strong)
    kept: list[Sample] = []
    untagged: list[str] = []
    warnings: list[str] = []
    for sample in samples:
        if sample.stem in labelled:
            found = mask_classes.get(sample.stem, frozenset())
            if sample.tags is not None and found - sample.tags:
                names = ", ".join(classes.names[index] for index in sorted(found - sample.tags))
                warnings.append(f"The mask of '{sample.stem}' holds {names}, its tags do not; added to its tags.")
            kept.append(replace(sample, tags=(sample.tags or frozenset()) | found))
        elif sample.tags is None:
            untagged.append(sample.stem)
        else:
            kept.append(sample)
    if untagged:
        warnings.append(_dropped(untagged))
    return kept, warnings


def _dropped(stems: Sequence[str]) -> str:
    named = ", ".join(stems[:_NAMED]) + (", ..." if len(stems) > _NAMED else "")
    count = "1 image has" if len(stems) == 1 else f"{len(stems)} images have"
    return f"{count} neither tags nor a mask to train on and will not be used: {named}"
