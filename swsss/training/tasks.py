"""What a stage computes in one step: the cross training of stage 1, and training on masks."""

from typing import Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from swsss.candidates import candidate_scores, predicted_classes
from swsss.config import PixelLoss, Stage1Config
from swsss.data.classes import IGNORE
from swsss.data.loader import Batch
from swsss.data.transforms import normalise
from swsss.nets import DeepLabV3Plus
from swsss.predict import all_classes
from swsss.training.cross_training import RunningIoU, image_weights
from swsss.training.distributed import summed
from swsss.training.losses import class_aware_cross_entropy, global_max_logits, image_level_loss


class Task(Protocol):
    """One kind of training."""

    module: nn.Module
    """Everything that has gradients; the loop wraps it for device, precision and processes."""

    memory: nn.Module
    """Everything else that must survive a resume, as buffers."""

    nets: dict[str, DeepLabV3Plus]
    """The nets by role."""

    def losses(self, module: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """The terms of one step; "loss" is what is minimised, the rest is for the log. Scalars, on the device."""
        ...


class Pair(nn.Module):
    """HybridNet and PseudoNet in one module, so that one wrapper serves both."""

    def __init__(self, hybridnet: DeepLabV3Plus, pseudonet: DeepLabV3Plus) -> None:
        super().__init__()
        self.hybridnet, self.pseudonet = hybridnet, pseudonet

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The logits of both, each net seeing the whole batch at once."""
        return self.hybridnet(images), self.pseudonet(images)


class CrossTraining:
    """Stage 1 (Wang et al. 2022, section 3): CCE, the image-level loss, and progressive cross training.

    The first half of a batch is pixel-labelled; any image of the other half may be, too.
    """

    def __init__(
        self, hybridnet: DeepLabV3Plus, pseudonet: DeepLabV3Plus, config: Stage1Config, fabric: Fabric
    ) -> None:
        self.nets = {"hybridnet": hybridnet, "pseudonet": pseudonet}
        self.module: nn.Module = Pair(hybridnet, pseudonet)
        self.iou = RunningIoU(hybridnet.num_classes, config.decay)
        self.memory: nn.Module = self.iou
        self.config = config
        self.fabric = fabric

    def losses(self, module: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """See `Task.losses`."""
        half = len(batch.names) // 2
        size = (batch.masks.shape[1], batch.masks.shape[2])
        hybrid_logits, pseudo_logits = module(normalise(batch.images))
        hybrid = candidate_scores(hybrid_logits, batch.candidates, size)
        # On the labelled half PseudoNet is only watched, so nothing of it is kept for a backward pass.
        watched = candidate_scores(pseudo_logits[:half].detach(), batch.candidates[:half], size)
        pseudo = candidate_scores(pseudo_logits[half:], batch.candidates[half:], size)

        counts = self.iou.counts(batch.masks[:half], predicted_classes(watched, batch.candidates[:half]))
        self.iou.update(summed(self.fabric, counts))
        weights = image_weights(self.iou.iou(), batch.tags[half:], self.config.exponent, self.config.zero_iou)

        from_pseudo = _cross_targets(pseudo, batch, half)
        from_hybrid = _cross_targets(hybrid[half:], batch, half)
        candidates = batch.candidates[half:]
        labelled = class_aware_cross_entropy(hybrid[:half], batch.masks[:half], batch.candidates[:half])
        crossed = class_aware_cross_entropy(hybrid[half:], from_pseudo, candidates, weights)
        taught = class_aware_cross_entropy(pseudo, from_hybrid, candidates)
        segmentation, pct, pseudonet = _means(self.fabric, [labelled, crossed, taught])
        image_level = image_level_loss(global_max_logits(hybrid_logits, size), batch.tags)
        cross = self.config.cross_loss if step >= self.config.burn_in else 0.0
        return {
            "loss": segmentation + pseudonet + self.config.image_loss * image_level + cross * pct,
            "hybridnet_cce": segmentation,
            "pseudonet_cce": pseudonet,
            "image_level": image_level,
            "pct": pct,
            "pct_iou": self.iou.iou().mean(),
            "pct_weight": weights.mean(),
        }


def _cross_targets(scores: Tensor, batch: Batch, half: int) -> Tensor:
    """The arg-max labels of the other half, the true mask where an image has one, 255 in the padding; no gradient."""
    masks = batch.masks[half:]
    known = batch.labelled[half:, None, None] | (masks == IGNORE)
    return torch.where(known, masks.long(), predicted_classes(scores, batch.candidates[half:]))


def _means(fabric: Fabric, sums: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Means over the pixels of all processes, scaled so that averaging the processes' gradients gives the true one."""
    counts = summed(fabric, torch.stack([count for _, count in sums])).clamp(min=1)
    return [total * fabric.world_size / count for (total, _), count in zip(sums, counts, strict=True)]


class Supervised:
    """One net trained on masks, with plain or class-aware cross entropy: stage 2 and the baseline."""

    def __init__(self, net: DeepLabV3Plus, role: str, loss: PixelLoss, fabric: Fabric) -> None:
        self.nets = {role: net}
        self.module: nn.Module = net
        self.memory: nn.Module = nn.Module()
        self.loss = loss
        self.fabric = fabric

    def losses(self, module: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """See `Task.losses`."""
        logits = module(normalise(batch.images))
        candidates = batch.candidates
        if self.loss == "ce":
            candidates = all_classes(len(logits), logits.shape[1], logits.device)
        scores = candidate_scores(logits, candidates, (batch.masks.shape[1], batch.masks.shape[2]))
        (mean,) = _means(self.fabric, [class_aware_cross_entropy(scores, batch.masks, candidates)])
        return {"loss": mean}
