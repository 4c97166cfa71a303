"""For test_cross_training.py: a batch, stand-ins for the nets, and the terms of a step as the paper writes them."""

import torch
from torch import Tensor, nn

from swsss.candidates import candidate_ids
from swsss.config import Stage1Config
from swsss.data.transforms import normalise
from swsss.training.loader import Batch

CLASSES, SIZE = 5, 12


def config(**changes: object) -> Stage1Config:
    return Stage1Config.model_validate({"steps": 10, "batch": 4, "crop": 32, "lr": 0.1, **changes})


def make_batch(seed: int = 0) -> Batch:
    """Two labelled images; then one without mask and with padding, and one with a mask."""
    generator = torch.Generator().manual_seed(seed)
    tags = torch.zeros(4, CLASSES, dtype=torch.bool)
    for row, classes in enumerate([{1}, {2, 3}, {1, 4}, {3}]):
        tags[row, [0, *classes]] = True
    candidates = candidate_ids(tags)
    slots = torch.randint(0, 2, (4, SIZE * SIZE), generator=generator)
    masks = candidates.gather(1, slots).view(4, SIZE, SIZE).to(torch.uint8)
    masks[2] = 0
    masks[0, :2], masks[2, :, 8:], masks[3, 10:] = 255, 255, 255
    labelled = torch.tensor([True, True, False, True])
    images = torch.randint(0, 256, (4, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    return Batch(images, masks, labelled, tags, candidates, ("a", "b", "c", "d"))


class Tiny(nn.Module):
    """Stride 4, with batch statistics; remembers the shapes it was asked for."""

    num_classes = CLASSES
    normalise = staticmethod(normalise)

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.net = nn.Sequential(nn.Conv2d(3, 6, 4, 4), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, CLASSES, 1))
        self.seen: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(tuple(images.shape))
        return self.net(images) * 4


class Given(nn.Module):
    """Instead of nets: logits at image size, whose gradients can be looked at image by image."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.hybrid = nn.Parameter(torch.randn(4, CLASSES, SIZE, SIZE))
        self.pseudo = nn.Parameter(torch.randn(4, CLASSES, SIZE, SIZE))

    def forward(self, _: Tensor, alone: bool) -> tuple[Tensor, Tensor | None]:
        return self.hybrid, None if alone else self.pseudo


class Reference:
    """The terms as the paper writes them: full-size logits of all classes, raw exp, loops over classes."""

    def __init__(self, settings: Stage1Config) -> None:
        self.settings = settings
        self.true, self.predicted, self.both = [1.0] * CLASSES, [0.0] * CLASSES, [0.0] * CLASSES

    def count(self, truth: list[int], predicted: list[int]) -> list[float]:
        decay = self.settings.decay
        for k in range(CLASSES):
            pairs = [(t, p) for t, p in zip(truth, predicted, strict=True) if t != 255]
            self.true[k] = decay * self.true[k] + sum(t == k for t, _ in pairs)
            self.predicted[k] = decay * self.predicted[k] + sum(p == k for _, p in pairs)
            self.both[k] = decay * self.both[k] + sum(t == k == p for t, p in pairs)
        total = zip(self.both, self.true, self.predicted, strict=True)
        return [both / (true + predicted - both) for both, true, predicted in total]

    def terms(self, hybrid: Tensor, pseudo: Tensor, batch: Batch, step: int) -> dict[str, Tensor]:
        tags, masks = batch.tags[:, :, None, None].double(), batch.masks.long()
        p_hybrid, p_pseudo = ((f.exp() * tags) / (f.exp() * tags).sum(1, keepdim=True) for f in (hybrid, pseudo))

        def cce(shares: Tensor, labels: Tensor, weights: list[float]) -> Tensor:
            valid = labels != 255
            picked = shares.gather(1, labels.clamp(max=CLASSES - 1)[:, None])[:, 0][valid]
            weight = torch.tensor(weights, dtype=torch.float64)[:, None, None].expand(labels.shape)[valid]
            return -(picked.log() * weight).sum() / valid.sum()

        def crossed(shares: Tensor) -> Tensor:
            labels = shares[2:].argmax(1).where(~batch.labelled[2:, None, None], masks[2:])
            return labels.where(masks[2:] != 255, 255)

        chance, truth = hybrid.amax((2, 3))[:, 1:].sigmoid(), batch.tags[:, 1:]
        terms = {
            "hybridnet_cce": cce(p_hybrid[:2], masks[:2], [1, 1]),
            "pseudonet_cce": torch.zeros((), dtype=torch.float64),
            "image_level": -torch.where(truth, chance.log(), (1 - chance).log()).mean(),
            "pct": torch.zeros((), dtype=torch.float64),
        }
        if step >= self.settings.burn_in:
            iou = self.count(masks[:2].flatten().tolist(), p_pseudo[:2].argmax(1).flatten().tolist())
            terms["pseudonet_cce"] = cce(p_pseudo[2:], crossed(p_hybrid), [1, 1])
            terms["pct"] = cce(p_hybrid[2:], crossed(p_pseudo), [self.weight(batch.tags[row], iou) for row in (2, 3)])
        loss = terms["hybridnet_cce"] + terms["pseudonet_cce"] + self.settings.cross_loss * terms["pct"]
        return {**terms, "loss": loss + self.settings.image_loss * terms["image_level"]}

    def weight(self, tags: Tensor, iou: list[float]) -> float:
        limits = [iou[k] for k in range(CLASSES) if tags[k]]
        if self.settings.zero_iou == "skip":
            limits = [limit for limit in limits if limit > 0]
        return min(limits, default=1.0) ** self.settings.exponent
