"""The EMA teacher: every term of a step against its formula, its labels, CutMix, and the average itself."""

import copy
import dataclasses

import pytest
import torch
from lightning_fabric import Fabric
from reference_teacher import CLASSES, SIZE, TAGS, TAUGHT, Reference, Student, config, make_batch, make_boxes
from torch import Tensor
from torch.nn import functional as F

from swsss.training import teacher
from swsss.training.teacher import Average, TeacherTraining, draw_boxes, pasted, trust


def make_task(tag_head: bool = True, **settings: float) -> TeacherTraining:
    """A student in training, and a teacher with other weights and statistics."""
    task = TeacherTraining(Student(1, tag_head), config(**settings), Fabric(accelerator="cpu", devices=1))
    task.average.net.load_state_dict(Student(2, tag_head).state_dict())
    task.module.train()
    return task


@pytest.fixture
def boxes(monkeypatch: pytest.MonkeyPatch) -> Tensor:
    monkeypatch.setattr(teacher, "draw_boxes", lambda count, side, probability: make_boxes())
    return make_boxes()


def assert_formulas(task: TeacherTraining, settings: dict[str, float], taught: int, boxes: Tensor | None) -> None:
    batch = make_batch(3, taught)
    reference = Reference(config(**settings), task.student, task.average.net)
    ours, expected = task.losses(task.module, batch, 0), reference.terms(batch, boxes)
    assert ours.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(ours[name].double(), value, rtol=1e-4, atol=1e-6, msg=name)
    found = torch.autograd.grad(ours["loss"], list(task.student.parameters()))
    wanted = torch.autograd.grad(expected["loss"], list(reference.student.parameters()))
    for (name, _), one, other in zip(task.student.named_parameters(), found, wanted, strict=True):
        assert other.abs().max() > 0, name
        torch.testing.assert_close(one.double(), other, rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize(
    "settings",
    [{}, {"exponent": 2.0, "weight": 0.3}, {"exponent": 0.0, "tags": 0.7}, {"exponent": 0.5, "weight": 2.0, "tags": 0}],
)
def test_losses__formulas(settings: dict[str, float], boxes: Tensor) -> None:
    """With CutMix, padding, an image that has a mask, and one, two and three candidates."""
    if settings.get("tags") == 0:
        assert_formulas(make_task(tag_head=False, **settings), settings, TAUGHT, boxes)
    else:
        assert_formulas(make_task(**settings), settings, TAUGHT, boxes)


@pytest.mark.parametrize("tag_head", [True, False])
def test_losses__burn_in(tag_head: bool) -> None:
    """Labelled images alone; what nobody teaches weighs nothing."""
    task = make_task(tag_head)
    assert_formulas(task, {}, 0, None)
    terms = task.losses(task.module, make_batch(taught=0), 0)
    assert terms["teacher_cce"].item() == terms["teacher_trust"].item() == 0


def test_losses__who_sees_what(boxes: Tensor) -> None:
    """The student sees the batch once; the teacher only weak views, in evaluation mode, with no gradient."""
    task = make_task()
    task.average.net.train()
    before = copy.deepcopy(task.average.state_dict())
    task.losses(task.module, make_batch(), 0)["loss"].backward()
    assert task.student.seen == [(2 + TAUGHT, 3, SIZE, SIZE)]
    assert task.average.net.seen[-1] == (TAUGHT, 3, SIZE, SIZE)
    assert all(value.grad is None and not value.requires_grad for value in task.average.parameters())
    assert all(torch.equal(value, before[key]) for key, value in task.average.state_dict().items())
    assert all(value.grad is not None for value in task.student.parameters())


def test_losses__the_teacher_sees_weak_views_and_the_student_strong_ones(boxes: Tensor) -> None:
    task, batch = make_task(), make_batch()
    before = task.losses(task.module, batch, 0)
    weak = batch.images.clone()
    weak[2:] = weak[2:].flip(1)
    after = task.losses(task.module, dataclasses.replace(batch, images=weak), 0)
    assert after["teacher_trust"] != before["teacher_trust"]
    # Its own batch statistics come from strong views, so the labelled half does not notice.
    assert after["student_cce"] == before["student_cce"]
    strong = dataclasses.replace(batch, strong=batch.strong.flip(1))
    after = task.losses(task.module, strong, 0)
    assert after["teacher_trust"] == before["teacher_trust"]
    assert after["student_cce"] != before["student_cce"]


@pytest.mark.parametrize("seed", range(4))
def test_targets__labels_stay_within_the_tags_of_their_image(seed: int, boxes: Tensor) -> None:
    """Inside a box the tags are those of the image before, outside its own; never a class of the other."""
    task, batch = make_task(), make_batch(seed)
    # A teacher that would rather see classes which nobody tagged.
    with torch.no_grad():
        task.average.net.classifier.bias.copy_(torch.tensor([-9.0, 0, 9, 0, 9]))
    labels, weights, tags, images = task._targets(batch, 2)
    assert torch.equal(labels[:2], batch.masks[:2].long())
    for m, box in enumerate(boxes):
        own, other = TAGS[2 + m] | {0, 255}, TAGS[2 + (m - 1) % TAUGHT] | {0, 255}
        assert set(labels[2 + m][~box].tolist()) <= own
        assert set(labels[2 + m][box].tolist()) <= other
        union = own | other if box.any() else own
        assert set(tags[2 + m].nonzero().flatten().tolist()) == union - {255}
        assert torch.equal(images[2 + m][:, ~box], batch.strong[m][:, ~box])
        assert torch.equal(images[2 + m][:, box], batch.strong[m - 1][:, box])
    assert torch.equal(tags[:2], batch.tags[:2])
    assert torch.equal(images[:2], batch.images[:2])
    assert weights.shape == (TAUGHT, SIZE, SIZE)
    assert ((weights >= 0) & (weights <= 1)).all()
    # Nothing to choose from, or a true mask.
    assert (weights[1] == 1).all()
    assert (weights[2][~boxes[2]] == 1).all()


def test_losses__padding_and_void_teach_nothing(boxes: Tensor) -> None:
    task, batch = make_task(), make_batch()
    given = torch.randn(2 + TAUGHT, CLASSES, SIZE, SIZE, requires_grad=True)

    class Given(torch.nn.Module):
        def forward(self, _: Tensor) -> tuple[Tensor, None]:
            return given, None

    terms = task.losses(Given(), batch, 0)
    labels, _, tags, _ = task._targets(batch, 2)
    for term, rows in (("student_cce", slice(0, 2)), ("teacher_cce", slice(2, None))):
        (gradient,) = torch.autograd.grad(terms[term], given, retain_graph=True)
        reached = gradient != 0
        valid = torch.zeros_like(labels, dtype=torch.bool)
        valid[rows] = labels[rows] != 255
        assert not (reached & ~valid[:, None]).any()
        assert not (reached & ~tags[:, :, None, None]).any()
        # A single candidate has nothing to learn, and a sure label pulls its own logit up.
        assert torch.equal(reached.any(1), valid & (tags.sum(1) > 1)[:, None, None])
        hot = F.one_hot(labels.clamp(max=CLASSES), CLASSES + 1)[..., :CLASSES].permute(0, 3, 1, 2).bool()
        assert torch.equal(gradient < 0, hot & reached)


@pytest.mark.parametrize(
    ("confidence", "candidates", "expected"),
    [
        (0.5, 2, 0.0),
        (0.75, 2, 0.5),
        (1.0, 2, 1.0),
        (1 / 3, 3, 0.0),
        (2 / 3, 3, 0.5),
        (0.1, 5, 0.0),
        (0.6, 5, 0.5),
        (1.0, 1, 1.0),
        (0.0, 1, 1.0),
    ],
)
def test_trust(confidence: float, candidates: int, expected: float) -> None:
    found = trust(torch.tensor(confidence), torch.tensor(candidates))
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-6, rtol=0)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.5])
def test_trust__of_the_best_of_equals_is_not_below_zero(exponent: float) -> None:
    """Rounding leaves some of them below 1 / K, where a power would not exist."""
    counts = torch.arange(1, 200)
    chance = torch.nextafter(1 / counts, torch.tensor(0.0))
    assert ((counts * chance - 1) < 0).any()
    found = trust(chance, counts) ** exponent
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_average__closed_form(decay: float) -> None:
    """After n steps: the sum of all values so far, each with its share times what later steps left of it."""
    nets = [Student(seed) for seed in range(15)]
    for number, net in enumerate(nets):
        net.features[1].num_batches_tracked.fill_(7 * number)
    average = Average(nets[0], decay)
    for net in nets[1:]:
        average.follow(net)
    kept = [min(decay, step / (step + 9)) for step in range(1, len(nets))]
    shares = [1.0, *(1 - one for one in kept)]
    for later in range(len(nets)):
        for one in kept[later:]:
            shares[later] *= one
    assert sum(shares) == pytest.approx(1)
    for key, value in average.net.state_dict().items():
        every = [net.state_dict()[key] for net in nets]
        if value.is_floating_point():
            expected = sum(share * one.double() for share, one in zip(shares, every, strict=True))
            torch.testing.assert_close(value.double(), expected, rtol=1e-4, atol=1e-5, msg=key)
        else:
            assert torch.equal(value, every[-1])
    assert {
        "features.1.running_mean",
        "features.1.running_var",
        "features.1.num_batches_tracked",
    } <= average.net.state_dict().keys()
    assert average.steps == len(nets) - 1


def test_average__goes_on_from_its_state() -> None:
    """The number of steps is part of it: in the first ones the average follows faster."""
    one, other = Average(Student(0), 0.99), Average(Student(9), 0.99)
    for seed in range(1, 4):
        one.follow(Student(seed))
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    for average in (one, other):
        average.follow(Student(4))
    assert all(torch.equal(value, other.state_dict()[key]) for key, value in one.state_dict().items())


def test_after_step__the_teacher_follows_the_student() -> None:
    task = make_task()
    expected = Average(Student(2), 0.99)
    expected.follow(task.student)
    task.after_step()
    assert all(torch.equal(value, expected.state_dict()[key]) for key, value in task.memory.state_dict().items())
    assert task.nets == {"teacher": task.average.net}


@pytest.mark.parametrize("side", [32, 45, 160])
def test_draw_boxes(side: int) -> None:
    torch.manual_seed(side)
    boxes = draw_boxes(1000, side, 1.0)
    low, high = (0.1**0.5 * side - 0.5) ** 2, (0.5**0.5 * side + 0.5) ** 2
    areas = boxes.flatten(1).sum(1)
    assert ((areas >= low) & (areas <= high)).all()
    assert areas.min() < 0.2 * side**2 < 0.4 * side**2 < areas.max()
    # Rectangles: as many pixels as rows times columns. They reach every row and column, the borders included.
    assert torch.equal(areas, boxes.any(2).sum(1) * boxes.any(1).sum(1))
    assert boxes.any(2).any(0).all()
    assert boxes.any(1).any(0).all()
    assert (boxes.any(2).sum(1) != boxes.any(1).sum(1)).any()


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_draw_boxes__probability(probability: float) -> None:
    torch.manual_seed(0)
    drawn = draw_boxes(2000, 32, probability).flatten(1).any(1).double().mean().item()
    assert drawn == pytest.approx(probability, abs=4 * (0.25 / 2000) ** 0.5 if 0 < probability < 1 else 0)


def test_draw_boxes__the_seed_decides() -> None:
    drawn = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        drawn.append(draw_boxes(8, 40, 0.5))
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])


def test_pasted() -> None:
    values = torch.tensor([[1, 1, 1], [2, 2, 2], [3, 3, 3]])
    boxes = torch.tensor([[1, 0, 0], [0, 0, 0], [0, 1, 1]]).bool()
    assert pasted(values, boxes).tolist() == [[3, 1, 1], [2, 2, 2], [3, 2, 2]]
    assert pasted(values[:1], boxes[:1]).tolist() == [[1, 1, 1]], "an image alone has none before it"
