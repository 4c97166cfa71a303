"""Evaluation: confusion matrices and what is read off them, never without the tags regime."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from swsss.data.classes import IGNORE, ClassTable
from swsss.data.dataset import Sample, read_sample
from swsss.predict import Predictor, weigh
from swsss.threads import DEPTH, THREADS, ahead

Regime = Literal["given", "none"]
"""Whether the prediction was masked by the image's tags."""

REGIMES: tuple[Regime, Regime] = ("given", "none")


@dataclass(frozen=True)
class Metrics:
    """Scores of one model under one tags regime.

    Args:
        tags: The regime, in full: "given (penalty 4)" where tags only weigh.
        confusion: int64 [C, C] pixel counts, rows = truth, columns = prediction.
        images: Number of images.
    """

    tags: str
    confusion: npt.NDArray[np.int64]
    images: int

    @property
    def per_class(self) -> list[float | None]:
        """IoU of each class in 0..1; None for a class that is in neither truth nor prediction."""
        hit = np.diag(self.confusion)
        union = self.confusion.sum(0) + self.confusion.sum(1) - hit
        return [float(h / u) if u else None for h, u in zip(hit, union, strict=True)]

    @property
    def miou(self) -> float:
        """Mean IoU over the classes that occur, 0..1."""
        present = [iou for iou in self.per_class if iou is not None]
        return sum(present) / max(len(present), 1)

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
        }


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
    tag_penalty: float = 0.0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[Regime, Metrics]:
    """Score a predictor on pixel-labelled samples, with and without tags, from one prediction each.

    Args:
        predictor: Its nets know exactly `classes`.
        samples: Each with a mask and with tags.
        classes: Classes of the nets and masks.
        tag_penalty: Where tags are given: logits taken off the classes that they exclude; 0 excludes those.
        progress: Called with images done and in all.
    """
    device = predictor.device
    totals = {regime: torch.zeros(len(classes), len(classes), dtype=torch.int64, device=device) for regime in REGIMES}
    with ahead(read_sample, samples, THREADS, DEPTH) as pairs:
        for done, (sample, (image, mask)) in enumerate(zip(samples, pairs, strict=True), 1):
            scores, _ = predictor.scores(image, None)
            truth = torch.from_numpy(mask).to(device)
            totals["none"] += confusion_matrix(truth, scores.argmax(0), len(classes))
            given = weigh(scores, sample.tags or frozenset(), tag_penalty)
            totals["given"] += confusion_matrix(truth, given.argmax(0), len(classes))
            progress(done, len(samples))
    told = {"given": given_tags(tag_penalty), "none": "none"}
    return {regime: Metrics(told[regime], total.cpu().numpy(), len(samples)) for regime, total in totals.items()}


def given_tags(penalty: float) -> str:
    """The regime "given" in full: what tags exclude is excluded, or costs `penalty` logits."""
    return f"given (penalty {penalty:g})" if penalty else "given"
