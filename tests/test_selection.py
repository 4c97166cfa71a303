"""The state that is kept is the one that was best on held-aside masks, also when the run was stopped in between."""

import contextlib

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from swsss.checkpoint import load_checkpoint
from swsss.data.classes import ClassTable
from swsss.data.dataset import Sample
from swsss.data.folds import one_fold
from swsss.data.png import write_mask
from swsss.errors import Interrupted, UserError
from swsss.inputs import prepare
from swsss.pipeline import Order, carry_out
from swsss.training.distributed import Processes
from swsss.training.selection import Selection, look_steps

CLASSES = ClassTable(("background", "cat", "dog"))


class Constant(nn.Module):
    """A net that sees one class everywhere, with another as second best."""

    num_classes = 3

    def __init__(self):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(3))

    def see(self, first, second):
        with torch.no_grad():
            self.logits.zero_()
            self.logits[first], self.logits[second] = 2, 1

    def normalise(self, images):
        return images.float()

    def forward(self, images):
        return self.logits[None, :, None, None].expand(len(images), 3, 4, 4)


@pytest.fixture
def held(tmp_path):
    """One picture: 3/4 cat, 1/4 background, tagged cat."""
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    mask = np.ones((8, 8), np.uint8)
    mask[:2] = 0
    write_mask(tmp_path / "m.png", mask)
    return [Sample("a", tmp_path / "a.png", tmp_path / "m.png", frozenset({1}))]


@pytest.fixture
def processes():
    return Processes(Fabric(accelerator="cpu", devices=1))


def test_selection__each_role_keeps_its_own_best(held, processes):
    nets = {"one": Constant(), "two": Constant()}
    selection = Selection(held, CLASSES, "given", "32", look_steps(8, 4))
    # Second best counts under tags: dog is not allowed, so (dog, cat) sees cats. IoU of cat 3/4 and of background 0.
    script = {5: ((2, 1), (0, 1)), 6: ((0, 1), (0, 1)), 7: ((0, 2), (1, 0)), 8: ((0, 1), (0, 1))}
    cat, background = (3 / 4) / 2, (1 / 4) / 2
    seen = []
    for step, wishes in script.items():
        for net, wish in zip(nets.values(), wishes, strict=True):
            net.see(*wish)
        seen.append(selection.look(step, nets, processes, 0))
    assert [list(values.values()) for values in seen] == [
        [cat, background],
        [background, background],
        [background, cat],
        [background, background],
    ]
    assert list(seen[0]) == ["one_miou_given", "two_miou_given"]
    chosen = selection.restore(nets)
    assert {role: (one["step"], one["miou"]) for role, one in chosen.items()} == {"one": (5, cat), "two": (7, cat)}
    assert nets["one"].logits.tolist() == [0, 1, 2]
    assert nets["two"].logits.tolist() == [1, 2, 0]


def test_selection__of_equal_states_the_last(held, processes):
    nets = {"one": Constant()}
    selection = Selection(held, CLASSES, "none", "32", frozenset({1, 2}))
    for step, second in ((1, 1), (2, 2)):
        nets["one"].see(0, second)
        selection.look(step, nets, processes, 0)
    assert selection.restore(nets)["one"]["step"] == 2
    assert nets["one"].logits.tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("steps", "looks", "expected"),
    [
        (2000, 4, {1250, 1500, 1750, 2000}),
        (12, 4, {8, 9, 11, 12}),
        (2000, 1, {2000}),
        (3, 4, {2, 3}),
        (1, 4, {1}),
        (0, 4, set()),
        (2000, 0, set()),
    ],
)
def test_look_steps(steps, looks, expected):
    assert look_steps(steps, looks) == expected


SCORES = {"hybridnet": {8: 0.1, 9: 0.7, 11: 0.6, 12: 0.5}, "pseudonet": {8: 0.3, 9: 0.2, 11: 0.3, 12: 0.1}}
BEST = {"hybridnet": 9, "pseudonet": 11}


@pytest.fixture
def scripted(monkeypatch):
    """Nets score as `SCORES` says; what each looked like at every look is remembered."""
    looked = {}
    genuine = Selection.look

    def look(self, step, nets, processes, rank):
        looked[step] = {
            role: {key: value.clone() for key, value in net.state_dict().items()} for role, net in nets.items()
        }
        values = iter([SCORES[role][step] for role in nets])
        monkeypatch.setattr(Selection, "_miou", lambda *_: next(values))
        return genuine(self, step, nets, processes, rank)

    monkeypatch.setattr(Selection, "look", look)
    return looked


def ordered(data, tiny, out, *settings):
    return Order("stage1", data, out, strong="strong", config=tiny, settings=settings, device="cpu")


def test_train__keeps_the_best_state_also_when_stopped_after_it(scripted, data, tiny, tmp_path, monkeypatch):
    carry_out(ordered(data, tiny, tmp_path / "whole"))
    assert scripted.keys() == {8, 9, 11, 12}
    for role, step in BEST.items():
        path = tmp_path / "whole" / f"{role}.safetensors"
        kept, expected = load_file(path), scripted[step][role]
        assert kept.keys() == expected.keys()
        assert all(torch.equal(kept[key], expected[key]) for key in kept)
        facts = load_checkpoint(path).facts
        assert facts["selected"] == {"step": step, "miou": SCORES[role][step], "tags": "given", "images": 4}

    @contextlib.contextmanager
    def after_ten_steps():
        asked = iter(range(1, 13))
        yield lambda: next(asked) == 10

    out = tmp_path / "stopped"
    with monkeypatch.context() as patched:
        patched.setattr("swsss.training.loop.stop_signals", after_ten_steps)
        with pytest.raises(Interrupted):
            carry_out(ordered(data, tiny, out))
    scripted.clear()
    carry_out(ordered(data, tiny, out))
    assert scripted.keys() == {11, 12}, "the best state of HybridNet was not made again"
    for role in BEST:
        name = f"{role}.safetensors"
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_train__without_looks_the_last_state(scripted, data, tiny, tmp_path):
    carry_out(ordered(data, tiny, tmp_path / "run", "select.looks=0"))
    assert not scripted
    checkpoint = load_checkpoint(tmp_path / "run" / "hybridnet.safetensors")
    assert "selected" not in checkpoint.facts


def labelled(tags_of):
    return [Sample(f"s{number:03}", None, None, frozenset(tags)) for number, tags in enumerate(tags_of)]


def test_one_fold__every_class_to_the_same_share():
    rng = np.random.default_rng(0)
    samples = labelled([{1}] * 30 + [{2}] * 10 + [{1, 2}] * 20 + [{3}] * 4 + [set()] * 6)
    rng.shuffle(samples)
    held = one_fold(samples, 5)
    assert 11 <= len(held) <= 70 // 5
    for tag, most in ((1, 50 // 5), (2, 30 // 5), (3, 0)):
        assert most - 2 <= sum(tag in sample.tags for sample in samples if sample.stem in held) <= most
    assert one_fold(list(reversed(samples)), 5) == held


def test_one_fold__classes_too_rare_to_share():
    assert len(one_fold(labelled([{1}, {2}, {3}]), 3)) == 1


@pytest.mark.parametrize("folds", [1, 5])
def test_one_fold__cannot_be_cut(folds):
    with pytest.raises(UserError, match=rf"data\.folds = {folds} cannot hold a fold of 4 labelled images aside"):
        one_fold(labelled([{1}] * 4), folds)


def test_prepare__a_fold_takes_the_place_of_val(dataset, tiny_config):
    without = type(dataset)(
        dataset.root,
        dataset.classes,
        dataset.samples,
        {"strong": dataset.splits["strong"], "train": dataset.splits["train"]},
    )
    settings = tiny_config.data.model_copy(update={"strong": "strong", "folds": 2})
    inputs = prepare(without, settings)
    assert len(inputs.val) + len(inputs.strong) == 4
    assert len(inputs.val) in {1, 2}
    assert all(sample.mask and sample.tags is not None for sample in inputs.val)
    assert {sample.stem for sample in inputs.val}.isdisjoint(sample.stem for sample in inputs.train)
    assert f"{len(inputs.val)} of 4 labelled images take their place" in inputs.warnings[-1]
    # Where there are val images, nothing is held aside.
    assert len(prepare(dataset, settings).strong) == 4
