"""Progressive cross training (PCT; Wang et al. 2022): how far PseudoNet's labels can be trusted, class by class."""

import torch
from torch import Tensor, nn

from swsss.config import ZeroIoU
from swsss.data.classes import IGNORE


class RunningIoU(nn.Module):
    """Per-class IoU of PseudoNet on the pixel-labelled half, which its loss never uses, with old steps fading out.

    Args:
        num_classes: Background included.
        decay: What a step leaves of the counts before it.
    """

    true: Tensor
    predicted: Tensor
    intersection: Tensor

    def __init__(self, num_classes: int, decay: float = 0.99) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("true", torch.ones(num_classes, dtype=torch.float64))
        self.register_buffer("predicted", torch.zeros(num_classes, dtype=torch.float64))
        self.register_buffer("intersection", torch.zeros(num_classes, dtype=torch.float64))

    @torch.no_grad()
    def counts(self, target: Tensor, predicted: Tensor) -> Tensor:
        """Count a batch: float64 [3, C] of true, predicted and intersecting pixels; ignored pixels count nowhere."""
        valid = target != IGNORE
        hit = valid & (target == predicted)
        return torch.stack([self._count(target, valid), self._count(predicted, valid), self._count(target, hit)])

    def _count(self, classes: Tensor, where: Tensor) -> Tensor:
        # scatter_add instead of bincount: bincount makes the host wait for the device.
        slots = torch.where(where, classes.long(), len(self.true)).flatten()
        counts = torch.zeros(len(self.true) + 1, dtype=torch.float64, device=slots.device)
        return counts.scatter_add_(0, slots, torch.ones_like(slots, dtype=torch.float64))[:-1]

    @torch.no_grad()
    def update(self, counts: Tensor) -> None:
        """Fade the counts so far and add those of a batch (float64 [3, C], summed over processes)."""
        for total, new in zip((self.true, self.predicted, self.intersection), counts, strict=True):
            total.mul_(self.decay).add_(new)

    def iou(self) -> Tensor:
        """float64 [C] in 0..1."""
        return self.intersection / (self.true + self.predicted - self.intersection).clamp(min=1e-12)


def image_weights(iou: Tensor, tags: Tensor, exponent: float, zero_iou: ZeroIoU) -> Tensor:
    """(min over the image's candidates of IoU_k) ^ exponent.

    Args:
        iou: float [C] in 0..1.
        tags: bool [N, C], background true.
        exponent: The paper's is 8.
        zero_iou: "count" takes a candidate whose IoU is exactly 0 at its word and gives weight 0; "skip" leaves it out
            of the minimum, as the authors' code does, so that the first steps run at weight 1.

    Returns:
        float32 [N] in 0..1.
    """
    limits = iou.float().expand(len(tags), -1)
    limited = tags if zero_iou == "count" else tags & (limits > 0)
    return limits.masked_fill(~limited, 1.0).amin(1) ** exponent
