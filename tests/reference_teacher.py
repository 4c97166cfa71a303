"""For test_teacher.py: batches, a student, and the terms of a step in float64, written out pixel by pixel."""

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swsss.candidates import candidate_ids
from swsss.config import Stage1Config
from swsss.data.transforms import normalise
from swsss.nets.net import TagHead
from swsss.training.loader import Batch

CLASSES, SIZE = 5, 12

TAGS = [{1}, {2, 3}, {1, 4}, set(), {3}, {2}]
"""Of the images of a batch; the last four are taught, and have 3, 1, 2 and 2 candidates."""

TAUGHT = 4


def config(**teacher: float) -> Stage1Config:
    values = {"method": "teacher", "steps": 10, "batch": 4, "crop": 32, "lr": 0.1, "tag_loss": teacher.pop("tags", 0.3)}
    return Stage1Config.model_validate({**values, "teacher": teacher})


def make_batch(seed: int = 0, taught: int = TAUGHT) -> Batch:
    """Two labelled images, then those to be taught: the first has padding, the third a mask, which has 255 inside."""
    generator = torch.Generator().manual_seed(seed)
    count = 2 + taught
    tags = torch.tensor([[k in {0, *TAGS[row]} for k in range(CLASSES)] for row in range(count)])
    slots = torch.randint(0, 2, (count, SIZE * SIZE), generator=generator)
    masks = candidate_ids(tags).gather(1, slots).clamp(min=0).view(count, SIZE, SIZE).to(torch.uint8)
    labelled = torch.tensor([row in {0, 1, 4} for row in range(count)])
    masks[~labelled] = 0
    masks[0, :2] = 255
    if taught:
        masks[2, :, 9:], masks[4, 4:6] = 255, 255
    images, strong = torch.randint(0, 256, (2, count, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    names = tuple("abcdef"[:count])
    return Batch(images, masks, labelled, tags, candidate_ids(tags), names, strong[2:] if taught else None)


def make_boxes() -> Tensor:
    """One inside its image, none, one over all columns, one in a corner."""
    boxes = torch.zeros(TAUGHT, SIZE, SIZE, dtype=torch.bool)
    boxes[0, 2:8, 1:7], boxes[2, :5], boxes[3, 6:, 6:] = True, True, True
    return boxes


class Student(nn.Module):
    """Stride 4, with batch statistics; remembers the shapes it was asked for."""

    num_classes = CLASSES
    normalise = staticmethod(normalise)

    def __init__(self, seed: int, tag_head: bool = True) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.features = nn.Sequential(nn.Conv2d(3, 6, 4, 4, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.classifier = nn.Conv2d(6, CLASSES, 1)
        self.tag_head = TagHead(6, CLASSES) if tag_head else None
        if self.tag_head is not None:
            nn.init.normal_(self.tag_head.places.weight)
        nn.init.normal_(self.features[1].running_mean)
        nn.init.uniform_(self.features[1].running_var, 0.5, 1.5)
        self.seen: list[tuple[int, ...]] = []

    def with_tags(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        self.seen.append(tuple(images.shape))
        features = self.features(images)
        return self.classifier(features) * 4, None if self.tag_head is None else self.tag_head(features)

    def forward(self, images: Tensor) -> Tensor:
        return self.with_tags(images)[0]


class Reference:
    """The terms of a step: logits of all classes at full size, raw exp, loops over images, pixels and classes."""

    def __init__(self, settings: Stage1Config, student: Student, teacher: Student) -> None:
        self.settings = settings
        self.student, self.teacher = copy.deepcopy(student).double().train(), copy.deepcopy(teacher).double().eval()

    def terms(self, batch: Batch, boxes: Tensor | None) -> dict[str, Tensor]:
        first = len(batch.names) - (0 if boxes is None else TAUGHT)
        rows = [(batch.images[i], batch.masks[i].long(), None, set(TAGS[i]) | {0}) for i in range(first)]
        if boxes is not None:
            rows += self.taught(batch, boxes, first)
        features = self.student.features(normal(torch.stack([image for image, _, _, _ in rows])))
        logits = full_size(self.student.classifier(features) * 4)
        shares = logits.exp() / sum(logits[:, k].exp() * inside(rows, k) for k in range(CLASSES))[:, None]
        terms = {
            "student_cce": cce(shares[:first], rows[:first]),
            "teacher_cce": cce(shares[first:], rows[first:]),
            "teacher_trust": torch.stack([row[2] for row in rows[first:]]).mean() if boxes is not None else zero(),
        }
        terms["loss"] = terms["student_cce"] + self.settings.teacher.weight * terms["teacher_cce"]
        if self.student.tag_head is not None:
            pooled = self.student.tag_head.places(features).exp().mean((2, 3)).log()
            terms["tags"] = tag_term(pooled, rows)
            terms["loss"] = terms["loss"] + self.settings.tag_loss * terms["tags"]
        return terms

    def taught(self, batch: Batch, boxes: Tensor, first: int) -> list[tuple[Tensor, Tensor, Tensor, set[int]]]:
        """Strong view, label, weight and tags of every taught image, after CutMix."""
        with torch.no_grad():
            logits = full_size(self.teacher(normal(batch.images[first:])))
        asked = [self.ask(batch, first + m, logits[m]) for m in range(TAUGHT)]
        rows = []
        for m, box in enumerate(boxes):
            image, (label, weight) = batch.strong[m].clone(), [values.clone() for values in asked[m]]
            image[:, box] = batch.strong[m - 1][:, box]
            label[box], weight[box] = asked[m - 1][0][box], asked[m - 1][1][box]
            tags = {0} | TAGS[first + m] | (TAGS[first + (m - 1) % TAUGHT] if box.any() else set())
            rows.append((image, label, weight, tags))
        return rows

    def ask(self, batch: Batch, row: int, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The teacher's label of a weak view and how much it weighs."""
        label, weight = torch.zeros(SIZE, SIZE, dtype=torch.long), torch.zeros(SIZE, SIZE, dtype=torch.float64)
        allowed = sorted({0, *TAGS[row]})
        for y in range(SIZE):
            for x in range(SIZE):
                powers = {k: math.exp(logits[k, y, x]) for k in allowed}
                best = max(powers, key=powers.__getitem__)
                chance, known = 1 / len(allowed), powers[best] / sum(powers.values())
                trust = (known - chance) / (1 - chance) if len(allowed) > 1 else 1.0
                mask = int(batch.masks[row, y, x])
                label[y, x] = mask if batch.labelled[row] or mask == 255 else best
                weight[y, x] = 1.0 if batch.labelled[row] else trust**self.settings.teacher.exponent
        return label, weight


def zero() -> Tensor:
    return torch.zeros((), dtype=torch.float64)


def normal(images: Tensor) -> Tensor:
    mean, std = torch.tensor([0.485, 0.456, 0.406]).double(), torch.tensor([0.229, 0.224, 0.225]).double()
    return (images.double() / 255 - mean[:, None, None]) / std[:, None, None]


def full_size(logits: Tensor) -> Tensor:
    return F.interpolate(logits, (SIZE, SIZE), mode="bilinear", align_corners=True)


def inside(rows: list, k: int) -> Tensor:
    return torch.tensor([k in row[3] for row in rows]).double()[:, None, None]


def cce(shares: Tensor, rows: list) -> Tensor:
    """-weight log p_y, averaged over the pixels that are not 255."""
    total, count = zero(), 0
    for share, (_, label, weight, _) in zip(shares, rows, strict=True):
        for y, x in (label != 255).nonzero().tolist():
            total = total - (1 if weight is None else weight[y, x]) * share[label[y, x], y, x].log()
            count += 1
    return total / max(count, 1)


def tag_term(logits: Tensor, rows: list) -> Tensor:
    """Cross entropy of the classes that a label shows, and of those that the tags exclude."""
    terms = []
    for values, (_, label, _, tags) in zip(logits, rows, strict=True):
        shown = set(label.flatten().tolist())
        terms += [-values[k - 1].sigmoid().log() for k in range(1, CLASSES) if k in shown]
        terms += [-(1 - values[k - 1].sigmoid()).log() for k in range(1, CLASSES) if k not in shown | tags]
    return torch.stack(terms).mean()
