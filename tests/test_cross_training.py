"""Progressive cross training: the running IoU, the weights, and every term of a step against its formula."""

import pytest
import torch
from lightning_fabric import Fabric
from reference_cross_training import CLASSES, SIZE, Given, Reference, Tiny, config, make_batch
from torch import Tensor
from torch.nn import functional as F

from swsss.training.cross_training import RunningIoU, image_weights
from swsss.training.loader import Batch
from swsss.training.tasks import CrossTraining


def make_task(**changes: object) -> CrossTraining:
    return CrossTraining(Tiny(1), Tiny(2), config(**changes), Fabric(accelerator="cpu", devices=1))


@pytest.mark.parametrize(
    "changes",
    [
        {"exponent": 1.0, "zero_iou": "count"},
        {"exponent": 1.0, "zero_iou": "skip"},
        {"exponent": 8.0, "decay": 0.5, "zero_iou": "skip"},
        {"exponent": 2.0, "image_loss": 0.3, "cross_loss": 0.7, "burn_in": 2},
    ],
)
def test_losses__formulas(changes: dict[str, object]) -> None:
    """Several steps, because the running IoU carries over; terms and gradients of both nets."""
    task, reference = make_task(**changes), Reference(config(**changes))
    nets = [Tiny(1).double(), Tiny(2).double()]
    for step in range(4):
        batch = make_batch(step)
        ours = task.losses(task.module, batch, step)
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        normal = (batch.images.double() / 255 - mean[:, None, None]) / std[:, None, None]
        size = (SIZE, SIZE)
        logits = [F.interpolate(net(normal), size, mode="bilinear", align_corners=True) for net in nets]
        expected = reference.terms(logits[0], logits[1], batch, step)
        for name, value in expected.items():
            torch.testing.assert_close(ours[name].double(), value, rtol=1e-4, atol=1e-6, msg=f"{name}, step {step}")
        found = torch.autograd.grad(ours["loss"], list(task.module.parameters()), materialize_grads=True)
        parameters = [value for net in nets for value in net.parameters()]
        wanted = torch.autograd.grad(expected["loss"], parameters, materialize_grads=True)
        for one, other in zip(found, wanted, strict=True):
            torch.testing.assert_close(one.double(), other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("decay", [0.99, 0.5, 0.0])
def test_running_iou(decay: float) -> None:
    iou, reference = RunningIoU(CLASSES, decay), Reference(config(decay=decay))
    torch.testing.assert_close(iou.iou(), torch.zeros(CLASSES, dtype=torch.float64))
    for step in range(5):
        torch.manual_seed(step)
        target = torch.randint(0, CLASSES - 1, (2, 7, 9), dtype=torch.uint8)
        predicted = torch.where(torch.rand(2, 7, 9) < 0.5, target, torch.randint(0, CLASSES, (2, 7, 9)))
        target[torch.rand(2, 7, 9) < 0.2] = 255
        iou.update(iou.counts(target, predicted))
        expected = reference.count(target.flatten().tolist(), predicted.flatten().tolist())
        torch.testing.assert_close(iou.iou(), torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=0)


def test_counts__table() -> None:
    target, predicted = torch.tensor([[0, 1, 1, 255, 2, 255]]), torch.tensor([[0, 1, 2, 2, 0, 1]])
    assert RunningIoU(3).counts(target, predicted).tolist() == [[1, 2, 1], [2, 1, 1], [1, 1, 0]]


@pytest.mark.parametrize(
    ("tags", "exponent", "count", "skip"),
    [
        ([1, 1, 0, 0], 8, 0.5**8, 0.5**8),
        ([1, 1, 0, 0], 1, 0.5, 0.5),
        ([1, 0, 0, 1], 2, 0.9**2, 0.9**2),
        ([1, 1, 1, 1], 8, 0.0, 0.5**8),
        ([1, 0, 1, 0], 1, 0.0, 0.9),
        ([0, 0, 1, 0], 8, 0.0, 1.0),
        ([1, 1, 0, 0], 0, 1.0, 1.0),
    ],
)
def test_image_weights(tags: list[int], exponent: float, count: float, skip: float) -> None:
    iou = torch.tensor([0.9, 0.5, 0.0, 1.0], dtype=torch.float64)
    several = torch.tensor([tags, [1, 0, 0, 0]]).bool()
    for reading, expected in (("count", count), ("skip", skip)):
        weights = image_weights(iou, several, exponent, reading)
        torch.testing.assert_close(weights, torch.tensor([expected, 0.9**exponent]))


def gradients(term: str, batch: Batch, step: int = 5, given: Given | None = None, **changes: object) -> list[Tensor]:
    """Of one term, on HybridNet's and on PseudoNet's logits."""
    given = given or Given()
    value = make_task(**{"exponent": 1, "zero_iou": "skip", **changes}).losses(given, batch, step)[term]
    return list(torch.autograd.grad(value, [given.hybrid, given.pseudo], materialize_grads=True))


def images_reached(gradient: Tensor) -> list[bool]:
    return (gradient != 0).flatten(1).any(1).tolist()


@pytest.mark.parametrize(
    ("term", "hybrid", "pseudo"),
    [
        ("hybridnet_cce", [True, True, False, False], [False] * 4),
        ("pseudonet_cce", [False] * 4, [False, False, True, True]),
        ("image_level", [True] * 4, [False] * 4),
        ("pct", [False, False, True, True], [False] * 4),
        ("loss", [True] * 4, [False, False, True, True]),
    ],
)
def test_losses__who_learns_from_what(term: str, hybrid: list[bool], pseudo: list[bool]) -> None:
    """The labelled half never trains PseudoNet, and no gradient flows through a pseudo label."""
    found = gradients(term, make_batch())
    assert [images_reached(gradient) for gradient in found] == [hybrid, pseudo]


def test_losses__terms_of_one_net_leave_the_other_alone() -> None:
    both = gradients("loss", make_batch())
    without = gradients("loss", make_batch(), cross_loss=0, image_loss=0)
    assert torch.equal(both[1], without[1])
    assert not torch.equal(both[0], without[0])
    given = Given()
    # Other scores, the same arg-max: the labels it gives, and so all that HybridNet learns, stay.
    given.pseudo.data *= 3
    assert torch.equal(gradients("loss", make_batch(), given=given)[0], both[0])


def test_losses__only_candidates_learn() -> None:
    batch = make_batch()
    for gradient in gradients("loss", batch, image_loss=0):
        reached = (gradient != 0).flatten(2).any(2)
        assert not (reached & ~batch.tags).any()
        assert (reached[2:] == batch.tags[2:]).all()


def test_losses__true_mask_instead_of_pseudo_label() -> None:
    """Of the other half, the last image has a mask and the one before has none."""
    before, batch = Given(), make_batch()
    expected = gradients("pseudonet_cce", batch)[1]
    changed = Given()
    changed.hybrid.data[2:] = -before.hybrid.data[2:]
    found = gradients("pseudonet_cce", batch, given=changed)[1]
    assert torch.equal(found[3], expected[3])
    assert not torch.equal(found[2], expected[2])
    # Of a candidate that is right, the gradient pulls the logit up, and nowhere else.
    truth = F.one_hot(batch.masks[3].long().clamp(max=CLASSES), CLASSES + 1)[..., :CLASSES].permute(2, 0, 1).bool()
    assert torch.equal(expected[3] < 0, truth)


@pytest.mark.parametrize("term", ["hybridnet_cce", "pseudonet_cce", "pct"])
def test_losses__padding_teaches_nothing(term: str) -> None:
    batch = make_batch()
    padding = (batch.masks == 255)[:, None].expand(-1, CLASSES, -1, -1)
    assert padding.flatten(1).any(1).tolist() == [True, False, True, True]
    for gradient in gradients(term, batch):
        assert (gradient[padding] == 0).all()


@pytest.mark.parametrize(("step", "acts"), [(0, False), (2, False), (3, True), (9, True)])
def test_losses__burn_in(step: int, acts: bool) -> None:
    hybrid, pseudo = gradients("loss", make_batch(), step, burn_in=3, image_loss=0)
    assert images_reached(hybrid) == [True, True, acts, acts]
    assert images_reached(pseudo) == [False, False, acts, acts]


@pytest.mark.parametrize(("step", "calls"), [(0, 0), (1, 1)])
def test_losses__each_net_sees_the_whole_batch_once(step: int, calls: int) -> None:
    """And PseudoNet none of it during the burn-in, in which its IoU says nothing either."""
    task = make_task(burn_in=1)
    task.losses(task.module, make_batch(), step)
    assert task.nets["hybridnet"].seen == [(4, 3, SIZE, SIZE)]
    assert task.nets["pseudonet"].seen == [(4, 3, SIZE, SIZE)] * calls
    assert bool(task.iou.predicted.any()) == bool(calls)


@pytest.mark.parametrize(
    ("warm", "step", "same"), [(True, 2, True), (True, 1, False), (True, 3, False), (False, 2, False)]
)
def test_losses__warm_start(warm: bool, step: int, same: bool) -> None:
    task = make_task(burn_in=2, warm_start=warm)
    task.losses(task.module, make_batch(), step)
    pairs = zip(*(net.parameters() for net in task.nets.values()), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs if one.dim() == 4) == same


@pytest.mark.parametrize("seed", range(3))
def test_losses__a_diverging_net_gives_a_loss(seed: int) -> None:
    given = Given(seed)
    given.hybrid.data -= 1e6
    given.pseudo.data -= 1e6
    values = make_task().losses(given, make_batch(seed), 0)
    assert not values["loss"].isnan()
