"""A stage-1 step as the authors' public loop does it, in our own words, for train_step.py to compare with.

What makes it the baseline: both nets' logits of all classes at full size, softmax over the candidates by raw exp with
1e-5 added, arg-max of those, pixel counts by `unique`, contiguous tensors, float32 on the CPU and float16 autocast
with loss scaling on CUDA, two optimizers, and the loss fetched every step. Their deterministic cuDNN, copying of
one-hot masks and sleeping between steps are left out, which favours them.
"""

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import SGD

from swsss.data.classes import IGNORE
from swsss.data.transforms import normalise
from swsss.nets import DeepLabV3Plus
from swsss.training.loader import Batch

DECAY, EXPONENT, SMALL = 0.99, 8, 1e-5


def _upsampled(net: DeepLabV3Plus, images: Tensor) -> Tensor:
    return F.interpolate(net(images), size=images.shape[2:], mode="bilinear", align_corners=True)


def _class_softmax(logits: Tensor, tags: Tensor) -> tuple[Tensor, Tensor]:
    """Shares of the candidates, and their logarithm, for all classes."""
    powers = torch.exp(logits)
    shares = powers / ((powers * tags).sum(1, keepdim=True) + SMALL)
    return shares * tags, torch.log(shares + SMALL)


class AuthorsStep:
    """One step on a given batch."""

    def __init__(self, nets: tuple[DeepLabV3Plus, DeepLabV3Plus], batch: Batch, device: torch.device) -> None:
        self.device = device
        self.hybridnet, self.pseudonet = (net.to(device).train() for net in nets)
        self.optimizers = [SGD(net.parameters(), lr=1e-3, momentum=0.9, weight_decay=4e-5) for net in nets]
        self.scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
        self.counts = torch.zeros(3, len(batch.tags[0]), device=device)
        self.counts[0] = 1
        # Their loader normalises, so that is not part of the step.
        self.images = normalise(batch.images).contiguous()
        self.masks = batch.masks.long()
        self.tags = batch.tags[:, :, None, None].float()
        self.known = batch.labelled.long()[:, None, None]

    def __call__(self) -> Tensor:
        """The loss, fetched once as their progress bar does."""
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        images, masks, tags, known = (
            value.to(self.device) for value in (self.images, self.masks, self.tags, self.known)
        )
        with torch.autocast(self.device.type, torch.float16, enabled=self.device.type == "cuda"):
            loss = self._loss(images, masks, tags, known)
        self.scaler.scale(loss).backward()
        for optimizer in self.optimizers:
            self.scaler.step(optimizer)
        self.scaler.update()
        loss.item()
        return loss.detach()

    def _loss(self, images: Tensor, masks: Tensor, tags: Tensor, known: Tensor) -> Tensor:
        half = len(images) // 2
        hybrid, pseudo = _upsampled(self.hybridnet, images), _upsampled(self.pseudonet, images)
        pooled = F.adaptive_max_pool2d(hybrid, (1, 1))
        hybrid_shares, hybrid_logs = _class_softmax(hybrid, tags)
        pseudo_shares, pseudo_logs = _class_softmax(pseudo, tags)
        from_hybrid = hybrid_shares.argmax(1).detach()
        from_hybrid[half:] = from_hybrid[half:] * (1 - known[half:]) + masks[half:] * known[half:]
        from_pseudo = pseudo_shares.argmax(1).detach()
        from_pseudo[half:] = from_pseudo[half:] * (1 - known[half:]) + masks[half:] * known[half:]

        image_level = F.multilabel_soft_margin_loss(pooled[:, 1:], tags[:, 1:])
        labelled = F.nll_loss(hybrid_logs[:half], masks[:half], ignore_index=IGNORE)
        taught = F.nll_loss(pseudo_logs[half:], from_hybrid[half:], ignore_index=IGNORE)
        iou = self._iou(masks[:half], from_pseudo[:half])
        limits = tags[half:] * iou.repeat(len(images) - half, 1)[:, :, None, None]
        limits[limits == 0] = 1
        weights = limits.min(1).values ** EXPONENT
        crossed = F.nll_loss(hybrid_logs[half:], from_pseudo[half:], ignore_index=IGNORE, reduction="none")
        return labelled + taught + image_level + (crossed * weights).mean()

    def _iou(self, masks: Tensor, predicted: Tensor) -> Tensor:
        hits = masks.clone()
        hits[masks != predicted] = IGNORE
        self.counts *= DECAY
        for row, labels in enumerate((masks, predicted, hits)):
            classes, pixels = torch.unique(labels, sorted=True, return_counts=True)
            if classes[-1] == IGNORE:
                classes, pixels = classes[:-1], pixels[:-1]
            self.counts[row][classes] += pixels
        true, guessed, both = self.counts
        return both / (true + guessed - both)
