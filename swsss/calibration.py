"""Temperature scaling: the temperatures of `swsss.confidence`, fitted on images that the net was not trained on.

Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), with one temperature for each predicted class.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from swsss.data.classes import IGNORE
from swsss.data.dataset import Sample, read_sample
from swsss.predict import Predictor
from swsss.threads import DEPTH, THREADS, ahead

Temperature = tuple[float, ...]
"""One positive number for each class, background first; empty where nothing was calibrated."""

LOWEST, HIGHEST = 0.25, 8.0
"""Range of the search."""

PER_CLASS = 100
"""Pixels taken of each class an image is predicted to show: neighbours say the same, so more of them add little."""

FEWEST = 5 * PER_CLASS
"""Pixels below which a class takes the temperature of all classes together; they come from five images or more."""

_GRID, _ROUNDS, _GOLDEN = 9, 14, (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Pixels:
    """A sample of predicted pixels.

    Args:
        classes: int64 [P] predicted class.
        gaps: float32 [P, K] logits of the other candidates minus the winner's; -inf in empty places.
        right: bool [P] whether the prediction is right.
        weight: float32 [P] how many pixels each stands for.
    """

    classes: Tensor
    gaps: Tensor
    right: Tensor
    weight: Tensor

    def of(self, class_id: int) -> "Pixels":
        """Those predicted to be of one class."""
        mine = self.classes == class_id
        return Pixels(self.classes[mine], self.gaps[mine], self.right[mine], self.weight[mine])


def sample_pixels(scores: Tensor, candidates: Tensor, truth: Tensor, generator: torch.Generator) -> Pixels:
    """At most `PER_CLASS` random pixels of each class predicted in one image.

    Args:
        scores: float [K, H, W] logits of the candidates.
        candidates: int64 [K] their class ids.
        truth: uint8 [H, W] class ids, 255 = ignore.
        generator: On the CPU.

    Returns:
        The sample, on the CPU; empty where there is one candidate only, whose confidence is 1 at any temperature.
    """
    predicted = candidates[scores.argmax(0)].flatten().cpu()
    answers = truth.flatten().cpu()
    known = answers != IGNORE
    chosen, weights = [torch.empty(0, dtype=torch.int64)], [torch.empty(0)]
    for class_id in candidates.tolist() if len(candidates) > 1 else []:
        places = (known & (predicted == class_id)).nonzero().flatten()
        taken = places[torch.randperm(len(places), generator=generator)[:PER_CLASS]]
        chosen.append(taken)
        weights.append(torch.full((len(taken),), len(places) / max(len(taken), 1)))
    places = torch.cat(chosen)
    found = scores.flatten(1)[:, places.to(scores.device)].float().T.cpu()
    best, winner = found.max(1, keepdim=True)
    gaps = (found - best).scatter(1, winner, -torch.inf)
    return Pixels(predicted[places], gaps, predicted[places] == answers[places], torch.cat(weights))


def joined(parts: Sequence[Pixels]) -> Pixels:
    """Samples of several images as one."""
    widest = max(part.gaps.shape[1] for part in parts)
    gaps = [F.pad(part.gaps, (0, widest - part.gaps.shape[1]), value=-torch.inf) for part in parts]
    return Pixels(
        torch.cat([part.classes for part in parts]),
        torch.cat(gaps),
        torch.cat([part.right for part in parts]),
        torch.cat([part.weight for part in parts]),
    )


def fit_temperature(pixels: Pixels, num_classes: int) -> Temperature:
    """The temperature of each class that minimises the log loss of "the prediction is right" at the confidence.

    Returns:
        One for each class, rounded to four decimals; empty when there are too few pixels altogether.
    """
    if len(pixels.classes) < FEWEST:
        return ()
    pooled = _best(pixels)
    own = [pixels.of(class_id) for class_id in range(num_classes)]
    return tuple(_best(part) if len(part.classes) >= FEWEST else pooled for part in own)


def log_loss(pixels: Pixels, temperature: float) -> float:
    """Mean of -log p over the right pixels and -log(1 - p) over the wrong ones, p the confidence at `temperature`."""
    others = (pixels.gaps.double() / temperature).logsumexp(1)  # p = 1 / (1 + exp(others))
    losses = F.softplus(torch.where(pixels.right, others, -others))
    weight = pixels.weight.double()
    return float((losses * weight).sum() / weight.sum())


def _best(pixels: Pixels) -> float:
    """The best point of a coarse grid over log T, refined by golden section between its neighbours."""
    low, high = math.log(LOWEST), math.log(HIGHEST)
    step = (high - low) / (_GRID - 1)
    coarse = min((low + step * index for index in range(_GRID)), key=lambda at: log_loss(pixels, math.exp(at)))
    found = _golden(lambda at: log_loss(pixels, math.exp(at)), max(low, coarse - step), min(high, coarse + step))
    return round(math.exp(found), 4)


def _golden(value: Callable[[float], float], low: float, high: float) -> float:
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = value(left), value(right)
    for _ in range(_ROUNDS):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = value(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = value(right)
    return (low + high) / 2


def calibrate(
    predictor: Predictor,
    samples: Sequence[Sample],
    num_classes: int,
    *,
    given: bool,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Temperature:
    """Fit the temperatures of a predictor on images it was not trained on.

    Args:
        predictor: How the net will be asked: nets, precision, test-time augmentation.
        samples: Each with a mask and tags.
        num_classes: Background included.
        given: Whether predictions are limited to the tags.
        progress: Called with images done and in all.

    Returns:
        See `fit_temperature`; the same for the same samples, since the choice of pixels is seeded.
    """
    generator = torch.Generator().manual_seed(0)
    parts = []
    with ahead(read_sample, samples, THREADS, DEPTH) as pairs:
        for done, (sample, (image, mask)) in enumerate(zip(samples, pairs, strict=True), 1):
            scores, candidates = predictor.scores(image, (sample.tags or frozenset()) if given else None)
            parts.append(sample_pixels(scores, candidates, torch.from_numpy(mask), generator))
            progress(done, len(samples))
    return fit_temperature(joined(parts), num_classes) if parts else ()
