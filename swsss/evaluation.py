"""Evaluation: confusion matrices and what is read off them, never without the tags regime."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from swsss.checkpoint import Task
from swsss.confidence import inverse_confidence
from swsss.data.classes import IGNORE, ClassTable
from swsss.data.dataset import Sample, read_sample
from swsss.predict import Predictor, weigh
from swsss.reliability import LEVELS, THRESHOLDS, Keep, Reliability, first_kept
from swsss.threads import DEPTH, THREADS, ahead

Regime = Literal["given", "none"]
"""Whether the prediction was masked by the image's tags."""

REGIMES: tuple[Regime, Regime] = ("given", "none")


def regime_of(task: Task) -> Regime:
    """What a net of a task is made for: to choose among candidates, or among all classes."""
    return "given" if task == "conditioned" else "none"


@dataclass(frozen=True)
class Metrics:
    """Scores of one model under one tags regime.

    Args:
        tags: The regime, in full: "given (penalty 4)" where tags only weigh.
        confusion: int64 [C, C] pixel counts, rows = truth, columns = prediction.
        images: Number of images.
        reliability: Of the confidence, calibrated if the model is; None where only masks were looked at.
        uncalibrated: Of the confidence at temperature 1; None where nothing was calibrated.
        kept: int64 [T, C, C] confusion of the pixels at or above each of `THRESHOLDS`; None without a reliability.
    """

    tags: str
    confusion: npt.NDArray[np.int64]
    images: int
    reliability: Reliability | None = None
    uncalibrated: Reliability | None = None
    kept: npt.NDArray[np.int64] | None = None

    @property
    def per_class(self) -> list[float | None]:
        """IoU of each class in 0..1; None for a class that is in neither truth nor prediction."""
        return class_ious(self.confusion)

    @property
    def miou(self) -> float:
        """Mean IoU over the classes that occur, 0..1."""
        return mean_iou(self.confusion)

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels that are right, 0..1."""
        return float(np.trace(self.confusion) / max(self.confusion.sum(), 1))

    def to_json(self, classes: ClassTable) -> dict[str, Any]:
        """JSON values, IoU and accuracy in 0..1."""
        return {
            "tags": self.tags,
            "images": self.images,
            "miou": self.miou,
            "pixel_accuracy": self.pixel_accuracy,
            "iou": dict(zip(classes.names, self.per_class, strict=True)),
            **({} if self.reliability is None else {"confidence": self._confidence_json(self.reliability)}),
        }

    def _confidence_json(self, reliability: Reliability) -> dict[str, Any]:
        return {
            "ece": reliability.ece,
            "ece_uncalibrated": None if self.uncalibrated is None else self.uncalibrated.ece,
            "keep": [keep._asdict() for keep in self.keep_table()],
        }

    def keep_table(self) -> list[Keep]:
        """What each of `THRESHOLDS` would leave; nothing where only masks were looked at."""
        if self.reliability is None or self.kept is None:
            return []
        return [
            Keep(threshold, *self.reliability.kept(threshold), mean_iou(confusion) if confusion.any() else None)
            for threshold, confusion in zip(THRESHOLDS, self.kept, strict=True)
        ]


def class_ious(confusion: npt.NDArray[np.int64]) -> list[float | None]:
    """IoU of each class in 0..1 from [C, C] counts; None for a class that is in neither truth nor prediction."""
    hit = np.diag(confusion)
    union = confusion.sum(0) + confusion.sum(1) - hit
    return [float(h / u) if u else None for h, u in zip(hit, union, strict=True)]


def mean_iou(confusion: npt.NDArray[np.int64]) -> float:
    """Mean IoU over the classes that occur, 0..1."""
    present = [iou for iou in class_ious(confusion) if iou is not None]
    return sum(present) / max(len(present), 1)


def confusion_matrix(truth: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    """int64 [C, C] counts over the pixels whose truth is not 255."""
    valid = truth != IGNORE
    pairs = truth[valid].long() * num_classes + predicted[valid].long()
    return torch.bincount(pairs, minlength=num_classes**2).view(num_classes, num_classes)


def evaluate(
    predictor: Predictor,
    samples: Sequence[Sample],
    classes: ClassTable,
    *,
    temperature: tuple[float, ...] = (),
    tag_penalty: float = 0.0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[Regime, Metrics]:
    """Score a predictor on pixel-labelled samples, with and without tags, from one prediction each.

    Args:
        predictor: Its nets know exactly `classes`.
        samples: Each with a mask and with tags.
        classes: Classes of the nets and masks.
        temperature: Of the confidence, see `swsss.confidence`; empty where it is not calibrated.
        tag_penalty: Where tags are given: logits taken off the classes that they exclude; 0 excludes those.
        progress: Called with images done and in all.
    """
    device = predictor.device
    tallies = {regime: _Tally(len(classes), temperature, device) for regime in REGIMES}
    with ahead(read_sample, samples, THREADS, DEPTH) as pairs:
        for done, (sample, (image, mask)) in enumerate(zip(samples, pairs, strict=True), 1):
            scores, _ = predictor.scores(image, None)
            truth = torch.from_numpy(mask).to(device)
            tallies["none"].add(truth, scores)
            tallies["given"].add(truth, weigh(scores, sample.tags or frozenset(), tag_penalty))
            progress(done, len(samples))
    told = {"given": given_tags(tag_penalty), "none": "none"}
    return {regime: tally.metrics(told[regime], len(samples)) for regime, tally in tallies.items()}


def given_tags(penalty: float) -> str:
    """The regime "given" in full: what tags exclude is excluded, or costs `penalty` logits."""
    return f"given (penalty {penalty:g})" if penalty else "given"


def masks_confusion(predictor: Predictor, samples: Sequence[Sample], num_classes: int, regime: Regime) -> Tensor:
    """int64 [C, C] confusion of the masks alone, under one regime: what `evaluate` counts, for less."""
    total = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    with ahead(read_sample, samples, THREADS, DEPTH) as pairs:
        for sample, (image, mask) in zip(samples, pairs, strict=True):
            predicted = predictor.mask(image, (sample.tags or frozenset()) if regime == "given" else None)
            total += confusion_matrix(torch.from_numpy(mask), torch.from_numpy(predicted), num_classes)
    return total


class _Tally:
    """Pixel counts of one regime; their size does not depend on the number of images."""

    def __init__(self, num_classes: int, temperature: tuple[float, ...], device: torch.device) -> None:
        self.num_classes = num_classes
        # The uncalibrated confidence is counted beside the calibrated one, to tell what calibration brought.
        self.temperatures = [temperature, ()] if temperature else [()]
        borders = torch.tensor([first_kept(threshold) for threshold in THRESHOLDS], device=device)
        self.band_of = torch.bucketize(torch.arange(LEVELS, device=device), borders, right=True) - 1
        self.bands = torch.zeros(len(THRESHOLDS), num_classes, num_classes, dtype=torch.int64, device=device)
        self.counts = torch.zeros(len(self.temperatures), LEVELS, 2, dtype=torch.int64, device=device)

    def add(self, truth: Tensor, scores: Tensor) -> None:
        """Count one image: uint8 [H, W] truth, float [C, H, W] scores, -inf for what is not allowed."""
        valid = truth != IGNORE
        predicted = scores.argmax(0)
        right = (predicted == truth)[valid]
        for number, temperature in enumerate(self.temperatures):
            # Of a diverged net, whose scores are not finite, nothing is sure.
            sure = (1 / inverse_confidence(scores, predicted, temperature)).nan_to_num()
            written = (sure[valid] * (LEVELS - 1)).round().long()
            self.counts[number] += torch.bincount(written * 2 + right, minlength=2 * LEVELS).view(LEVELS, 2)
            if number == 0:
                pairs = truth[valid].long() * self.num_classes + predicted[valid]
                cells = self.band_of[written] * self.num_classes**2 + pairs
                self.bands += torch.bincount(cells, minlength=self.bands.numel()).view_as(self.bands)

    def metrics(self, regime: str, images: int) -> Metrics:
        """What was counted."""
        kept = self.bands.flip(0).cumsum(0).flip(0).cpu().numpy()
        reliability, *uncalibrated = (Reliability(counts) for counts in self.counts.cpu().numpy())
        return Metrics(regime, kept[0], images, reliability, next(iter(uncalibrated), None), kept)
