"""Stage 1 by an EMA teacher: it labels the tagged images within their tags, and the student learns the labels.

docs/teacher.md explains the rule, formula by formula.
"""

import copy

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from swsss.candidates import candidate_ids, candidate_scores
from swsss.config import Stage1Config
from swsss.data.classes import IGNORE
from swsss.nets import SegmentationNet
from swsss.training.loader import Batch
from swsss.training.losses import class_aware_cross_entropy, tag_loss
from swsss.training.tasks import WithTags, means

CUT_AREA = (0.1, 0.5)
"""Least and largest share of the image that a box of CutMix covers."""


class Average(nn.Module):
    """An exponential moving average (EMA) of a net, batch-norm statistics included.

    Tarvainen and Valpola, Mean teachers are better role models, NeurIPS 2017. In the first steps the average follows
    faster, so that the random start is forgotten.

    Args:
        net: Copied; the average starts there.
        decay: What a step leaves of the average before it.
    """

    steps: Tensor

    def __init__(self, net: SegmentationNet, decay: float) -> None:
        super().__init__()
        self.net = copy.deepcopy(net).requires_grad_(False).eval()
        self.decay = decay
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def follow(self, net: nn.Module) -> None:
        """Move towards `net` by one step."""
        self.steps += 1
        share = 1 - (self.steps / (self.steps + 9.0)).clamp(max=self.decay)
        theirs = net.state_dict()
        for key, value in self.net.state_dict().items():
            if value.is_floating_point():
                value.lerp_(theirs[key], share)
            else:
                value.copy_(theirs[key])


class TeacherTraining:
    """A student trained on the masks, and on what its own moving average sees in the other images within their tags.

    The images of a batch that have a strong view come last; they are labelled by the teacher from the weak view.
    """

    def __init__(self, student: SegmentationNet, config: Stage1Config, fabric: Fabric) -> None:
        self.average = Average(student, config.teacher.decay)
        self.nets = {"teacher": self.average.net}
        self.module: nn.Module = WithTags(student)
        self.memory: nn.Module = self.average
        self.config, self.tag_loss = config.teacher, config.tag_loss
        self.student = student
        self.fabric = fabric

    def losses(self, module: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        """See `Task.losses`."""
        taught = 0 if batch.strong is None else len(batch.strong)
        labelled = len(batch.names) - taught
        masks, weights, tags, images = self._targets(batch, labelled)
        logits, tag_logits = module(self.average.net.normalise(images))
        # Of two images together: no more than both have, so that nobody has to ask the device how many there are.
        most = min(tags.shape[1], 2 * batch.candidates.shape[1] - 1)
        candidates = candidate_ids(tags, most) if taught else batch.candidates
        scores = candidate_scores(logits, candidates, (masks.shape[1], masks.shape[2]))
        supervised = class_aware_cross_entropy(scores[:labelled], masks[:labelled], candidates[:labelled])
        learnt = class_aware_cross_entropy(scores[labelled:], masks[labelled:], candidates[labelled:], weights)
        segmentation, teacher = means(self.fabric, [supervised, learnt])
        terms = {
            "loss": segmentation + self.config.weight * teacher,
            "student_cce": segmentation,
            "teacher_cce": teacher,
            "teacher_trust": weights.mean() if taught else weights.sum(),
        }
        if tag_logits is not None:
            (terms["tags"],) = means(self.fabric, [tag_loss(tag_logits, masks, tags)])
            terms["loss"] = terms["loss"] + self.tag_loss * terms["tags"]
        return terms

    def _targets(self, batch: Batch, labelled: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Masks, pixel weights of the taught images, tags and images, after CutMix."""
        if batch.strong is None:
            return batch.masks, batch.masks.new_zeros((0, 1, 1)).float(), batch.tags, batch.images
        labels, trust = self._ask(batch, labelled)
        tags, strong = batch.tags[labelled:], batch.strong
        boxes = draw_boxes(len(strong), labels.shape[1], self.config.cutmix).to(labels.device)
        return (
            torch.cat([batch.masks[:labelled].long(), pasted(labels, boxes)]),
            pasted(trust, boxes),
            torch.cat([batch.tags[:labelled], tags | (tags.roll(1, 0) & boxes.flatten(1).any(1)[:, None])]),
            torch.cat([batch.images[:labelled], pasted(strong, boxes[:, None])]),
        )

    @torch.no_grad()
    def _ask(self, batch: Batch, labelled: int) -> tuple[Tensor, Tensor]:
        """The teacher's labels of the weak views, int64 [M, H, W] with 255 in the padding, and their weights."""
        masks, candidates = batch.masks[labelled:], batch.candidates[labelled:]
        # In evaluation mode: the loop puts only the student into training mode, but a preview may have passed.
        with self.fabric.autocast():
            logits = self.average.net.eval()(self.average.net.normalise(batch.images[labelled:]))
        scores = candidate_scores(logits, candidates, (masks.shape[1], masks.shape[2]))
        confidence, place = scores.softmax(1).max(1)
        classes = candidates.clamp(min=0).gather(1, place.flatten(1)).view_as(place)
        counts = (candidates >= 0).sum(1)[:, None, None]
        # A tagged image may have a mask as well: then that is its label.
        known = batch.labelled[labelled:, None, None]
        labels = torch.where(known | (masks == IGNORE), masks.long(), classes)
        return labels, trust(confidence, counts).masked_fill(known, 1.0) ** self.config.exponent

    def after_step(self) -> None:
        """See `Task.after_step`."""
        self.average.follow(self.student)


def trust(confidence: Tensor, candidates: Tensor) -> Tensor:
    """How far a label is above chance: (K p - 1) / (K - 1) in 0..1, for the probability p of the best of K candidates.

    Args:
        confidence: float, in 1/K..1.
        candidates: int, K of each pixel, broadcast; where K is 1 there is nothing to choose, and the trust is 1.
    """
    share = (candidates * confidence - 1) / (candidates - 1).clamp(min=1)
    # Rounding takes the best of equal probabilities a little below chance, where a power may not exist.
    return torch.where(candidates > 1, share.clamp(min=0), 1.0)


def draw_boxes(count: int, side: int, probability: float) -> Tensor:
    """CutMix's boxes (Yun et al. 2019): bool [count, side, side], true inside; empty where none is drawn.

    Randomness comes from torch's global generator, on the CPU, which the loop seeds for every step.
    """
    boxes = torch.zeros(count, side, side, dtype=torch.bool)
    low, high = CUT_AREA
    for box, (chance, height, width, top, left) in zip(boxes, torch.rand(count, 5).tolist(), strict=True):
        if chance < probability:
            rows, columns = (round(side * (low + (high - low) * share) ** 0.5) for share in (height, width))
            row, column = int(top * (side - rows + 1)), int(left * (side - columns + 1))
            box[row : row + rows, column : column + columns] = True
    return boxes


def pasted(values: Tensor, boxes: Tensor) -> Tensor:
    """Inside its box every row of `values` [M, ...] shows the row before it, the first one the last."""
    return torch.where(boxes, values.roll(1, 0), values)
