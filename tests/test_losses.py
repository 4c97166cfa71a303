"""The losses against their formulas, written out in float64."""

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.nn import functional as F

from swsss.candidates import candidate_ids, gather_candidates
from swsss.training.losses import class_aware_cross_entropy, global_max_logits, image_level_loss, tag_loss

Array = npt.NDArray[np.float64]

CASES = [
    pytest.param(2, [{1}], id="two classes"),
    pytest.param(5, [set(), set()], id="background only"),
    pytest.param(5, [{1, 2, 3, 4}, {1}, set()], id="padded slots"),
    pytest.param(21, [{15}, {7, 9, 20}, {1}], id="21 classes"),
    pytest.param(171, [{170, 3, 44}, {1, 2, 3, 4, 5, 6}], id="171 classes"),
]


def case(classes: int, images: list[set[int]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, targets with ignored pixels and with classes outside the tags, and tags."""
    torch.manual_seed(classes)
    tags = torch.zeros(len(images), classes, dtype=torch.bool)
    target = torch.zeros(len(images), 6, 7, dtype=torch.uint8)
    for row, image in enumerate(images):
        allowed = torch.tensor([0, *image])
        tags[row, allowed] = True
        target[row] = allowed[torch.randint(len(allowed), (6, 7))].to(torch.uint8)
    target[:, 0] = 255
    target[:, 1, :3] = int((~tags[-1]).nonzero()[0]) if not tags[-1].all() else 255
    return torch.randn(len(images), classes, 6, 7) * 3, target, tags


def pixel_losses(logits: Array, target: npt.NDArray[np.uint8], tags: npt.NDArray[np.bool_]) -> Array:
    """-log of exp f_y / sum over the candidates of exp f_j; nan where the pixel does not count."""
    losses = np.full(target.shape, np.nan)
    for place in np.ndindex(*target.shape):
        image, row, column = place
        label = target[place]
        if label != 255 and tags[image, label]:
            powers = np.exp(logits[image, :, row, column])
            losses[place] = -np.log(powers[label] / powers[tags[image]].sum())
    return losses


def raw_formula(logits: torch.Tensor, target: torch.Tensor, tags: torch.Tensor) -> torch.Tensor:
    """The same as a differentiable sum."""
    powers = logits.exp()
    share = powers / (powers * tags[:, :, None, None]).sum(1, keepdim=True)
    known = target.long().clamp(max=tags.shape[1] - 1)
    valid = (target != 255) & tags.gather(1, known.flatten(1)).view_as(known)
    picked: torch.Tensor = -share.gather(1, known[:, None])[:, 0].log()[valid].sum()
    return picked


@pytest.mark.parametrize(("classes", "images"), CASES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_class_aware_cross_entropy(classes: int, images: list[set[int]], weighted: bool, dtype: torch.dtype) -> None:
    logits, target, tags = case(classes, images)
    expected = pixel_losses(logits.double().numpy(), target.numpy(), tags.numpy())
    weight = torch.linspace(0.1, 0.9, len(images)) if weighted else None
    candidates = candidate_ids(tags)
    total, count = class_aware_cross_entropy(
        gather_candidates(logits, candidates), target.to(dtype), candidates, weight
    )
    share = np.ones(len(images)) if weight is None else weight.double().numpy()
    np.testing.assert_allclose(total.item(), np.nansum(expected * share[:, None, None]), rtol=1e-5)
    assert count.item() == np.isfinite(expected).sum()


@pytest.mark.parametrize(("classes", "images"), CASES)
def test_class_aware_cross_entropy__gradient(classes: int, images: list[set[int]]) -> None:
    logits, target, tags = case(classes, images)
    exact = logits.double().requires_grad_()
    (expected,) = torch.autograd.grad(raw_formula(exact, target, tags), exact)
    ours = logits.clone().requires_grad_()
    candidates = candidate_ids(tags)
    total, _ = class_aware_cross_entropy(gather_candidates(ours, candidates), target, candidates)
    (found,) = torch.autograd.grad(total, ours)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-6)
    assert (found[~tags] == 0).all()


@pytest.mark.parametrize(("classes", "images"), CASES)
def test_class_aware_cross_entropy__pixel_weights(classes: int, images: list[set[int]]) -> None:
    """Every pixel's loss times its weight; what is counted are pixels, whatever they weigh."""
    logits, target, tags = case(classes, images)
    weight = torch.rand(target.shape)
    expected = pixel_losses(logits.double().numpy(), target.numpy(), tags.numpy()) * weight.double().numpy()
    candidates = candidate_ids(tags)
    total, count = class_aware_cross_entropy(gather_candidates(logits, candidates), target, candidates, weight)
    np.testing.assert_allclose(total.item(), np.nansum(expected), rtol=1e-5)
    assert count.item() == np.isfinite(expected).sum()


def test_class_aware_cross_entropy__no_image() -> None:
    """As of a burn-in, whose batches have no taught half."""
    scores, candidates = torch.zeros(0, 2, 3, 3, requires_grad=True), torch.zeros(0, 2, dtype=torch.int64)
    target = torch.zeros(0, 3, 3, dtype=torch.uint8)
    for weight in (None, torch.zeros(0, 1, 1), torch.zeros(0)):
        total, count = class_aware_cross_entropy(scores, target, candidates, weight)
        assert (total.item(), count.item()) == (0.0, 0.0)


def test_class_aware_cross_entropy__nothing_to_learn_from() -> None:
    scores = torch.randn(2, 2, 3, 3, requires_grad=True)
    target = torch.full((2, 3, 3), 255, dtype=torch.uint8)
    total, count = class_aware_cross_entropy(scores, target, torch.tensor([[0, 1], [0, 1]]))
    total.backward()
    assert (total.item(), count.item()) == (0.0, 0.0)
    assert scores.grad is not None
    assert (scores.grad == 0).all()


@pytest.mark.parametrize(
    ("dtype", "size"), [(torch.float16, 1e4), (torch.float16, 6e4), (torch.bfloat16, 1e4), (torch.bfloat16, 1e30)]
)
def test_class_aware_cross_entropy__half_precision(dtype: torch.dtype, size: float) -> None:
    """Where exp overflows, as in the authors' code, the loss is still -log p, and so is its gradient."""
    torch.manual_seed(3)
    candidates = torch.tensor([[0, 2, 3]])
    logits = (torch.randn(1, 4, 5, 5).sign() * size).to(dtype).requires_grad_()
    assert logits.exp().isinf().any()
    target = torch.randint(0, 3, (1, 5, 5), dtype=torch.uint8) + torch.tensor(1, dtype=torch.uint8)
    target[target == 1] = 0
    total, _ = class_aware_cross_entropy(gather_candidates(logits, candidates), target, candidates)
    exact = logits.detach().double().numpy()[0, [0, 2, 3]]
    powers = np.exp(exact - exact.max(0))
    slot = np.searchsorted([0, 2, 3], target[0].numpy())
    loss = exact.max(0) + np.log(powers.sum(0)) - np.take_along_axis(exact, slot[None], 0)[0]
    np.testing.assert_allclose(total.item(), loss.sum(), rtol=1e-5)
    (gradient,) = torch.autograd.grad(total, logits)
    hot = np.stack([slot == index for index in range(3)])
    np.testing.assert_allclose(gradient.double().numpy()[0, [0, 2, 3]], powers / powers.sum(0) - hot, atol=2e-3)


@pytest.mark.parametrize(
    ("low", "size"),
    [
        ((5, 7), (17, 25)),
        ((13, 9), (50, 33)),
        ((6, 6), (24, 24)),
        ((4, 5), (4, 5)),
        ((1, 1), (4, 3)),
        ((3, 2), (7, 1)),
        ((2, 3), (1, 1)),
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_global_max_logits(low: tuple[int, int], size: tuple[int, int], last: bool) -> None:
    torch.manual_seed(sum(low))
    memory = torch.channels_last if last else torch.contiguous_format
    logits = torch.randn(3, 6, *low).contiguous(memory_format=memory).requires_grad_()
    share = torch.randn(3, 6)
    upsampled = F.interpolate(logits, size, mode="bilinear", align_corners=True)
    pooled = global_max_logits(logits, size)
    torch.testing.assert_close(pooled, upsampled.amax((2, 3)), rtol=1e-5, atol=1e-5)
    (expected,) = torch.autograd.grad((upsampled.flatten(2).max(2).values * share).sum(), logits)
    (found,) = torch.autograd.grad((pooled * share).sum(), logits)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_global_max_logits__half_precision(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    logits = (torch.randn(2, 3, 4, 6) * 100).to(dtype)
    pooled = global_max_logits(logits, (15, 22))
    assert pooled.dtype == torch.float32
    every = F.interpolate(logits.float(), (15, 22), mode="bilinear", align_corners=True)
    torch.testing.assert_close(pooled, every.amax((2, 3)), rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("classes", [2, 3, 21])
def test_image_level_loss(classes: int) -> None:
    torch.manual_seed(classes)
    pooled, tags = torch.randn(4, classes) * 4, torch.rand(4, classes) < 0.4
    scores, truth = pooled[:, 1:].double().numpy(), tags[:, 1:].numpy()
    chance = 1 / (1 + np.exp(-scores))
    expected = -np.where(truth, np.log(chance), np.log(1 - chance)).mean()
    np.testing.assert_allclose(image_level_loss(pooled, tags).item(), expected, rtol=1e-5)


def test_image_level_loss__background_takes_no_part() -> None:
    pooled, tags = torch.randn(2, 3), torch.tensor([[True, False, True], [True, True, False]])
    other = torch.cat([torch.full((2, 1), 50.0), pooled[:, 1:]], 1)
    assert image_level_loss(pooled, tags) == image_level_loss(other, tags)


def tag_case(seed: int, classes: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Tag logits, labels in which tagged classes may be missing, with ignored pixels, and tags."""
    torch.manual_seed(seed)
    tags = torch.rand(4, classes) < 0.5
    tags[:, 0] = True
    labels = torch.full((4, 5, 6), 255)
    for row, allowed in enumerate(tags):
        shown = allowed.nonzero().flatten()
        labels[row, 1:] = shown[torch.randint(max(1, len(shown) - 1), (4, 6))]
    return torch.randn(4, classes - 1) * 4, labels, tags


@pytest.mark.parametrize("classes", [2, 3, 21])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_tag_loss(classes: int, seed: int, dtype: torch.dtype) -> None:
    logits, labels, tags = tag_case(seed, classes)
    wanted, count, slopes = 0.0, 0, np.zeros(logits.shape)
    for row in range(len(labels)):
        shown = set(labels[row].flatten().tolist())
        for k in range(1, classes):
            chance = 1 / (1 + math.exp(-logits[row, k - 1].item()))
            if k in shown:
                wanted, count, slopes[row, k - 1] = wanted - math.log(chance), count + 1, chance - 1
            elif not tags[row, k]:
                wanted, count, slopes[row, k - 1] = wanted - math.log1p(-chance), count + 1, chance
    ours = logits.clone().requires_grad_()
    total, known = tag_loss(ours, labels.to(dtype), tags)
    assert total.item() == pytest.approx(wanted, rel=1e-5)
    assert known.item() == count
    (found,) = torch.autograd.grad(total, ours)
    np.testing.assert_allclose(found.double().numpy(), slopes, atol=1e-5)


@pytest.mark.parametrize(
    ("labels", "tags", "known"),
    [
        ([0, 1, 1, 2], {1, 2}, {1: True, 2: True, 3: False}),
        ([0, 1, 0, 0], {1, 2}, {1: True, 3: False}),
        ([0, 0, 0, 0], {1, 2, 3}, {}),
        ([0, 0, 0, 0], set(), {1: False, 2: False, 3: False}),
        ([255, 255, 255, 255], {1}, {2: False, 3: False}),
        ([255, 3, 255, 0], {3}, {1: False, 2: False, 3: True}),
        # After CutMix of labels: the class is seen, though its tag is another image's.
        ([2, 2, 2, 2], {1}, {2: True, 3: False}),
    ],
)
def test_tag_loss__who_learns_what(labels: list[int], tags: set[int], known: dict[int, bool]) -> None:
    """A class that is shown pulls its logit up, one that is excluded pushes it down, any other has no gradient."""
    logits = torch.zeros(1, 3, requires_grad=True)
    tagged = torch.tensor([[index in {0, *tags} for index in range(4)]])
    total, count = tag_loss(logits, torch.tensor([labels]).view(1, 2, 2), tagged)
    (found,) = torch.autograd.grad(total, logits)
    expected = [0.0 if k not in known else -0.5 if known[k] else 0.5 for k in (1, 2, 3)]
    assert found[0].tolist() == expected
    assert count.item() == len(known)
    assert total.item() == pytest.approx(len(known) * math.log(2))
