"""What a run works on: samples chosen by split, checked, with their final tags."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from swsss.config import DataConfig
from swsss.data.checks import check_inputs, resolve_tags
from swsss.data.classes import ClassTable
from swsss.data.dataset import Dataset, Sample
from swsss.data.folds import one_fold
from swsss.errors import UserError


@dataclass(frozen=True)
class Inputs:
    """Checked inputs.

    Args:
        classes: Class table.
        train: Training samples with tags; only those of the strong set carry a mask, so no other mask can be opened.
        val: Evaluation samples with masks and tags; may be empty.
        warnings: Sentences for the user.
    """

    classes: ClassTable
    train: list[Sample]
    val: list[Sample]
    warnings: list[str]

    @property
    def strong(self) -> list[Sample]:
        """The pixel-labelled training samples."""
        return [sample for sample in self.train if sample.mask]

    def fingerprint(self) -> str:
        """SHA-256 of which images, masks and tags are used."""
        lines = [f"{s.stem}\t{s.mask is not None}\t{sorted(s.tags or ())}" for s in [*self.train, *self.val]]
        return hashlib.sha256("\n".join([*self.classes.names, *lines]).encode()).hexdigest()


def prepare(dataset: Dataset, config: DataConfig, progress: Callable[[int, int], None] | None = None) -> Inputs:
    """Choose the samples, look at every file that will be used, and settle the tags.

    Raises:
        UserError: A split is missing, or nothing is left to train on.
        InputError: Everything that is wrong with the files, in one list.
    """
    val = _chosen(dataset, config.val, "val")
    train = _train(dataset, config.train, {sample.stem for sample in val})
    strong = _strong(dataset, config.strong, train)
    mask_classes = check_inputs(train, strong, dataset.classes, evaluate=val, progress=progress)
    kept, warnings = resolve_tags(train, strong, mask_classes, dataset.classes)
    judged, more = resolve_tags(val, {sample.stem for sample in val}, mask_classes, dataset.classes)
    kept = [sample if sample.stem in strong else replace(sample, mask=None) for sample in kept]
    inputs = Inputs(dataset.classes, kept, judged, [*warnings, *more])
    return _one_fold_aside(inputs, config.folds) if config.folds and not val else inputs


def _one_fold_aside(inputs: Inputs, folds: int) -> Inputs:
    held = one_fold(inputs.strong, folds)
    told = (
        f"There are no val images: {len(held)} of {len(inputs.strong)} labelled images take their place "
        f"(data.folds = {folds}) and are not trained on."
    )
    train = [sample for sample in inputs.train if sample.stem not in held]
    val = [sample for sample in inputs.train if sample.stem in held]
    return Inputs(inputs.classes, train, val, [*inputs.warnings, told])


def prepare_evaluation(dataset: Dataset, split: str, progress: Callable[[int, int], None] | None = None) -> Inputs:
    """The same for evaluation alone: the images of one split, each with a mask."""
    val = dataset.split(split)
    mask_classes = check_inputs([], [], dataset.classes, evaluate=val, progress=progress)
    judged, warnings = resolve_tags(val, {sample.stem for sample in val}, mask_classes, dataset.classes)
    return Inputs(dataset.classes, [], judged, warnings)


def _chosen(dataset: Dataset, name: str, default: str) -> list[Sample]:
    if name:
        return dataset.split(name)
    return dataset.split(default) if default in dataset.splits else []


def _train(dataset: Dataset, name: str, held_out: Collection[str]) -> list[Sample]:
    chosen: Sequence[Sample] = _chosen(dataset, name, "train")
    if not chosen:
        chosen = [sample for sample in dataset.samples.values() if sample.stem not in held_out]
    both = [sample.stem for sample in chosen if sample.stem in held_out]
    if both:
        raise UserError(
            f"{len(both)} images are in the training and the val split (first: {both[0]}); take them out of one."
        )
    return list(chosen)


def _strong(dataset: Dataset, name: str, train: Sequence[Sample]) -> set[str]:
    stems = {sample.stem for sample in train}
    if not name:
        strong = {sample.stem for sample in train if sample.mask}
    else:
        strong = {sample.stem for sample in dataset.split(name)}
        outside = sorted(strong - stems)
        if outside:
            raise UserError(f"{len(outside)} images of split '{name}' are not training images (first: {outside[0]}).")
    if not strong:
        raise UserError(
            f"No training image has a mask in {dataset.root}; a handful is needed, a dozen is a good start."
        )
    return strong
