"""Both stages by the teacher rule: resumed as if undisturbed, the final net started from the labeller and gated."""

import contextlib
import csv
import json

import numpy as np
import pytest
import torch
from commands import invoke, message

from swsss.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from swsss.config import load_config
from swsss.data.dataset import read_sample
from swsss.data.images import read_mask
from swsss.errors import Interrupted, UserError
from swsss.nets import build_net
from swsss.pipeline import Order, carry_out
from swsss.predict import Predictor
from swsss.stages import _take_over

TEACHER = ["stage1.method=teacher", "labels.labeller=teacher", "net.tag_head=true", "stage2.start=labeller"]
SETTINGS = [
    *TEACHER,
    "stage1.steps=8",
    "stage1.burn_in=3",
    "stage1.optimizer=adamw",
    "stage1.lr=0.002",
    "stage2.steps=4",
    "stage2.lr=1e-6",
    "stage2.balance=0.5",
    "select.looks=0",
    "run.preview_every=1000",
    "run.workers=0",
]


def ordered(data, tiny, out, stages="all", settings=SETTINGS):
    return Order(stages, data, out, strong="strong", config=tiny, settings=settings, device="cpu")


@pytest.fixture(scope="module")
def taught(data, tiny, tmp_path_factory):
    """A run by the teacher rule that nobody disturbed; not to be changed."""
    out = tmp_path_factory.mktemp("taught") / "run"
    carry_out(ordered(data, tiny, out))
    return out


def log_of(folder):
    with (folder / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{key: value for key, value in row.items() if key != "images_per_second"} for row in rows]


@pytest.mark.parametrize(("stage", "step"), [("stage1", 2), ("stage1", 5), ("stage2", 3)])
def test_train__stopped_and_resumed(taught, data, tiny, tmp_path, monkeypatch, stage, step):
    """In the burn-in, after it and in stage 2: batches, average and optimizer go on where they were."""

    @contextlib.contextmanager
    def at_the_step():
        asked = iter(range(1, 100))
        stops = (tmp_path / "run" / "teacher.safetensors").exists() == (stage == "stage2")
        yield lambda: next(asked) == step and stops

    with monkeypatch.context() as patched:
        patched.setattr("swsss.training.loop.stop_signals", at_the_step)
        with pytest.raises(Interrupted):
            carry_out(ordered(data, tiny, tmp_path / "run"))
    assert torch.load(tmp_path / "run" / stage / "state.pt", weights_only=True)["step"] == step
    carry_out(ordered(data, tiny, tmp_path / "run"))
    for name in ("teacher.safetensors", "final.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (taught / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "run").glob("*.safetensors")) == [
        "final.safetensors",
        "teacher.safetensors",
    ]


def test_train__labels_and_logs(taught, dataset):
    samples = dataset.split("train")
    labels = {path.stem: set(read_mask(path).flatten().tolist()) for path in (taught / "labels" / "masks").iterdir()}
    assert labels.keys() == {sample.stem for sample in samples}
    assert all(labels[sample.stem] <= {0, *sample.tags} for sample in samples)
    rows = log_of(taught / "stage1")
    assert {"student_cce", "teacher_cce", "teacher_trust", "tags"} <= rows[0].keys()
    by_step = {int(row["step"]): row for row in rows}
    assert float(by_step[2]["teacher_cce"]) == 0 < float(by_step[6]["teacher_cce"])
    assert {"segmentation", "tags"} <= log_of(taught / "stage2")[0].keys()
    models = json.loads((taught / "results.json").read_text())["models"]
    assert [model["model"] for model in models] == ["teacher"] * 2 + ["final model"] * 2


def test_train__the_final_net_is_gated_and_the_teacher_is_not(taught):
    teacher, final = (load_checkpoint(taught / f"{role}.safetensors") for role in ("teacher", "final"))
    assert (teacher.role, teacher.task, final.task) == ("teacher", "conditioned", "plain")
    assert (teacher.net.config.tag_head, teacher.net.config.gate) == (True, False)
    assert (final.net.config.tag_head, final.net.config.gate) == (True, True)
    # Small steps away from the teacher, and not from a random net.
    torch.manual_seed(0)
    random = build_net(teacher.net.config, len(teacher.classes)).backbone.state_dict()
    key = next(iter(random))
    ours = final.net.backbone.state_dict()[key]
    assert 0 < (ours - teacher.net.backbone.state_dict()[key]).norm() < 0.01 * (ours - random[key]).norm()


def test_eval_and_predictor__of_the_gated_net(taught, data, dataset, tmp_path):
    scores = tmp_path / "scores.json"
    result = invoke("swsss-eval", taught / "final.safetensors", "--data", data, "--json", scores)
    assert result.exit_code == 0, result.output
    found = {one["tags"]: one["miou"] for one in json.loads(scores.read_text())["scores"]}
    stored = json.loads((taught / "results.json").read_text())["models"]
    expected = {one["tags"]: one["miou"] for one in stored if one["model"] == "final model"}
    assert found == pytest.approx(expected)
    image, _ = read_sample(dataset.split("val")[0])
    net = load_checkpoint(taught / "final.safetensors").net
    assert Predictor([net], torch.device("cpu")).mask(image, None).shape == image.shape[:2]
    only = Predictor([net], torch.device("cpu")).mask(image, frozenset({2}))
    assert set(np.unique(only)) <= {0, 2}


def small_net(tiny, **changes):
    config = load_config(file=tiny).net
    return build_net(config.model_copy(update=changes), 7)


def test_take_over__a_labeller_without_a_tag_head(tiny, dataset, tmp_path):
    labeller, net = small_net(tiny), small_net(tiny, tag_head=True, gate=True)
    kept = {key: value.clone() for key, value in net.tag_head.state_dict().items()}
    save_checkpoint(tmp_path / "l.safetensors", Checkpoint(labeller, dataset.classes, "conditioned"))
    _take_over(net, tmp_path / "l.safetensors")
    state = net.state_dict()
    assert all(torch.equal(state[key], value) for key, value in labeller.state_dict().items())
    assert all(torch.equal(net.tag_head.state_dict()[key], value) for key, value in kept.items())


@pytest.mark.parametrize("changes", [{"aspp_channels": 16}, {"tag_head": True}])
def test_take_over__a_labeller_of_another_net(tiny, dataset, tmp_path, changes):
    save_checkpoint(tmp_path / "l.safetensors", Checkpoint(small_net(tiny, **changes), dataset.classes, "conditioned"))
    with pytest.raises(UserError, match=r"l\.safetensors holds another net than \[net\] describes"):
        _take_over(small_net(tiny), tmp_path / "l.safetensors")


def test_train__pct_with_a_tag_head_trains_it_in_stage_2(data, tiny, tmp_path):
    settings = ["net.tag_head=true", "stage2.start=labeller", "stage1.steps=1", "stage2.steps=1", "select.looks=0"]
    carry_out(ordered(data, tiny, tmp_path / "run", settings=[*settings, "run.workers=0"]))
    nets = {role: load_checkpoint(tmp_path / "run" / f"{role}.safetensors").net for role in ("hybridnet", "final")}
    assert nets["hybridnet"].tag_head is None
    assert nets["final"].tag_head is not None


def test_train__stage_2_before_stage_1(data, tiny, tmp_path):
    words = [word for setting in SETTINGS for word in ("--set", setting)]
    options = ["--data", data, "--strong", "strong", "--config", tiny, "--device", "cpu", "--out", tmp_path / "run"]
    told = message(invoke("swsss-train stage2", *options, *words))
    assert told.startswith(f"{tmp_path / 'run' / 'teacher.safetensors'} is not there; train stage 1 first")
