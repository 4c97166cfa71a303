"""Confidence: the probability of the class a mask holds, softened or sharpened by that class's temperature.

Temperature scaling (Guo et al., On Calibration of Modern Neural Networks, ICML 2017) with one temperature a class: the
class with the highest score wins, and its probability is the softmax of the scores divided by its own temperature. So
calibration changes no mask.
"""

from collections.abc import Sequence
from statistics import geometric_mean

import torch
from torch import Tensor


def inverse_confidence(scores: Tensor, classes: Tensor, temperature: Sequence[float] = ()) -> Tensor:
    """1 / probability of the winning class.

    Args:
        scores: float32 [..., K, H, W], -inf for what is no candidate.
        classes: int64 [..., H, W], the id of the class with the highest score.
        temperature: Of each class id, above 0; empty when the scores are not calibrated.

    Returns:
        float32 [..., H, W]: the sum over the candidates of exp((score - highest) / temperature); 1 without candidates.
    """
    below = scores - scores.amax(-3, keepdim=True).clamp(min=torch.finfo(scores.dtype).min)
    if temperature:
        below = below / torch.tensor(temperature, device=scores.device)[classes].unsqueeze(-3)
    return below.exp().sum(-3).clamp(min=1)


def mean_temperature(temperatures: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """The temperature of averaged nets: the geometric mean, class by class; a net without counts as 1.

    Args:
        temperatures: Of each net, empty when it is not calibrated.
    """
    calibrated = [temperature for temperature in temperatures if temperature]
    if len(temperatures) < 2 or not calibrated:
        return calibrated[0] if calibrated else ()
    ones = (1.0,) * len(calibrated[0])
    return tuple(map(geometric_mean, zip(*(temperature or ones for temperature in temperatures), strict=True)))
