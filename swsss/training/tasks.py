"""What a stage computes in one step: the cross training of stage 1, and training on masks."""

from typing import Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from swsss.candidates import all_classes, candidate_scores, predicted_classes
from swsss.config import Stage1Config, SupervisedConfig
from swsss.data.classes import IGNORE
from swsss.nets import SegmentationNet
from swsss.training.cross_training import RunningIoU, image_weights
from swsss.training.distributed import summed
from swsss.training.loader import Batch
from swsss.training.losses import class_aware_cross_entropy, global_max_logits, image_level_loss, tag_loss

Sum = tuple[Tensor, Tensor]
"""A sum of losses and how many are in it."""


class Task(Protocol):
    """One kind of training."""

    module: nn.Module
    """Everything that has gradients; the loop wraps it for device, precision and processes."""

    memory: nn.Module
    """Everything else that must survive a resume, as buffers."""

    nets: dict[str, SegmentationNet]
    """The nets by role."""

    def losses(self, module: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """The terms of one step; "loss" is what is minimised, the rest is for the log. Scalars, on the device."""
        ...

    def after_step(self) -> None:
        """Called when the optimizer has changed the nets."""
        ...


class Pair(nn.Module):
    """HybridNet and PseudoNet in one module, so that one wrapper serves both."""

    def __init__(self, hybridnet: SegmentationNet, pseudonet: SegmentationNet) -> None:
        super().__init__()
        self.hybridnet, self.pseudonet = hybridnet, pseudonet

    def forward(self, images: Tensor, alone: bool) -> tuple[Tensor, Tensor | None]:
        """The logits of both, each net seeing the whole batch at once; of HybridNet only when it trains `alone`."""
        return self.hybridnet(images), None if alone else self.pseudonet(images)


class CrossTraining:
    """Stage 1 (Wang et al. 2022, section 3): CCE, the image-level loss, and progressive cross training.

    The first half of a batch is pixel-labelled; any image of the other half may be, too.
    """

    def __init__(
        self, hybridnet: SegmentationNet, pseudonet: SegmentationNet, config: Stage1Config, fabric: Fabric
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
        if self.config.warm_start and step == self.config.burn_in:
            self.nets["pseudonet"].load_state_dict(self.nets["hybridnet"].state_dict())
        hybrid_logits, pseudo_logits = module(
            self.nets["hybridnet"].normalise(batch.images), step < self.config.burn_in
        )
        hybrid = candidate_scores(hybrid_logits, batch.candidates, size)
        labelled = class_aware_cross_entropy(hybrid[:half], batch.masks[:half], batch.candidates[:half])
        crossed, taught, weight = self._cross(hybrid[half:], pseudo_logits, batch, size)
        segmentation, pct, pseudonet = means(self.fabric, [labelled, crossed, taught])
        image_level = image_level_loss(global_max_logits(hybrid_logits, size), batch.tags)
        supervised = segmentation + self.config.image_loss * image_level
        return {
            "loss": supervised + pseudonet + self.config.cross_loss * pct,
            "hybridnet_cce": segmentation,
            "pseudonet_cce": pseudonet,
            "image_level": image_level,
            "pct": pct,
            "pct_iou": self.iou.iou().mean(),
            "pct_weight": weight,
        }

    def after_step(self) -> None:
        """Nothing follows the nets."""

    def _cross(
        self, hybrid: Tensor, pseudo_logits: Tensor | None, batch: Batch, size: tuple[int, int]
    ) -> tuple[Sum, Sum, Tensor]:
        """HybridNet's and PseudoNet's loss on each other's labels of the other half, and PCT's mean image weight."""
        if pseudo_logits is None:
            none = hybrid.new_zeros(())
            return (none, none), (none, none), none
        half = len(hybrid)
        candidates = batch.candidates[half:]
        pseudo = candidate_scores(pseudo_logits[half:], candidates, size)
        self._watch(pseudo_logits[:half].detach(), batch, size)
        weights = image_weights(self.iou.iou(), batch.tags[half:], self.config.exponent, self.config.zero_iou)
        crossed = class_aware_cross_entropy(hybrid, _cross_targets(pseudo, batch), candidates, weights)
        taught = class_aware_cross_entropy(pseudo, _cross_targets(hybrid, batch), candidates)
        return crossed, taught, weights.mean()

    def _watch(self, pseudo_logits: Tensor, batch: Batch, size: tuple[int, int]) -> None:
        """Follow PseudoNet's IoU on the labelled half, where it is not trained."""
        half = len(pseudo_logits)
        scores = candidate_scores(pseudo_logits, batch.candidates[:half], size)
        counts = self.iou.counts(batch.masks[:half], predicted_classes(scores, batch.candidates[:half]))
        self.iou.update(summed(self.fabric, counts))


def _cross_targets(scores: Tensor, batch: Batch) -> Tensor:
    """The arg-max labels of the other half, the true mask where an image has one, 255 in the padding; no gradient."""
    half = len(batch.names) - len(scores)
    masks = batch.masks[half:]
    known = batch.labelled[half:, None, None] | (masks == IGNORE)
    return torch.where(known, masks.long(), predicted_classes(scores, batch.candidates[half:]))


def means(fabric: Fabric, sums: list[Sum]) -> list[Tensor]:
    """Means over what all processes counted, scaled so that averaging the processes' gradients gives the true one."""
    counts = summed(fabric, torch.stack([count for _, count in sums])).clamp(min=1)
    return [total * fabric.world_size / count for (total, _), count in zip(sums, counts, strict=True)]


class WithTags(nn.Module):
    """A net whose forward gives the tag logits as well, or None without a tag head; so that one wrapper serves both."""

    def __init__(self, net: SegmentationNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """See `SegmentationNet.with_tags`."""
        return self.net.with_tags(images)


class Supervised:
    """One net trained on masks, with plain or class-aware cross entropy: stage 2 and the baseline.

    Args:
        net: Trained in place.
        role: What it is called.
        config: Which loss.
        fabric: Launched.
    """

    def __init__(self, net: SegmentationNet, role: str, config: SupervisedConfig, fabric: Fabric) -> None:
        self.nets = {role: net}
        self.module: nn.Module = WithTags(net)
        self.memory: nn.Module = nn.Module()
        self.config = config
        self.fabric = fabric

    def losses(self, module: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """See `Task.losses`."""
        (net,) = self.nets.values()
        logits, tag_logits = module(net.normalise(batch.images))
        candidates = batch.candidates
        if self.config.loss == "ce":
            candidates = all_classes(len(logits), logits.shape[1], logits.device)
        scores = candidate_scores(logits, candidates, (batch.masks.shape[1], batch.masks.shape[2]))
        (mean,) = means(self.fabric, [class_aware_cross_entropy(scores, batch.masks, candidates)])
        if tag_logits is None:
            return {"loss": mean}
        (tags,) = means(self.fabric, [tag_loss(tag_logits, batch.masks, batch.tags)])
        return {"loss": mean + self.config.tag_loss * tags, "segmentation": mean, "tags": tags}

    def after_step(self) -> None:
        """Nothing follows the net."""
