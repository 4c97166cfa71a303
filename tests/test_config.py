"""Settings: the recipes, the paper's figures, what is stored with a run, and `--set`."""

import tomllib

import pytest

from swsss.config import load_config, recipe_names
from swsss.errors import InputError, UserError
from swsss.run import begin_run

# Wang et al. 2022 and the authors' published configuration, as issue 2 states them.
PAPER = {
    "net.backbone": "resnet101",
    "net.deep_stem": True,
    "net.output_stride": 8,
    "net.aspp_channels": 256,
    "net.aspp_rates": [6, 12, 18],
    "net.shortcut_kernel": 3,
    "net.shortcut_channels": 48,
    "stage1.steps": 20_000,
    "stage1.batch": 10,
    "stage1.crop": 384,
    "stage1.lr": 1e-3,
    "stage1.head_lr_factor": 10,
    "stage1.momentum": 0.9,
    "stage1.weight_decay": 4e-5,
    "stage1.power": 0.9,
    "stage1.exponent": 8,
    "stage1.decay": 0.99,
    "stage1.zero_iou": "skip",
    "stage1.image_loss": 1,
    "stage1.cross_loss": 1,
    "stage1.burn_in": 0,
    "stage1.labelled.operations": 2,
    "labels.tta": "paper",
    "labels.ignore_below": 0,
    "stage2.steps": 30_000,
    "stage2.batch": 16,
    "stage2.crop": 384,
    "stage2.lr": 7e-3,
    "stage2.head_lr_factor": 10,
    "stage2.loss": "ce",
    "stage2.momentum": 0.9,
    "stage2.weight_decay": 4e-5,
    "stage2.power": 0.9,
    "stage2.augment.operations": 2,
    "eval_tta": "paper",
    "select.looks": 0,
}


def looked_up(config, key):
    value = tomllib.loads(config.to_toml())
    for part in key.split("."):
        value = value[part]
    return value


def test_recipes__ship_and_are_valid():
    assert {"demo", "paper", "small"} <= set(recipe_names())
    for name in recipe_names():
        assert load_config(name).stage1.batch >= 2


@pytest.mark.parametrize("key", PAPER)
def test_recipe_paper__is_the_papers(key):
    assert looked_up(load_config("paper"), key) == PAPER[key]


def test_config__stored_in_a_run_reads_back_equal(finished, tiny):
    stored = finished / "config.toml"
    config = load_config(file=stored)
    assert config == load_config(file=tiny, settings=["data.strong=strong"])
    assert config.to_toml() == stored.read_text()


@pytest.mark.parametrize("recipe", recipe_names())
def test_config__toml_round_trip(recipe, tmp_path):
    config = load_config(recipe, settings=["net.weights='a \"quoted\" näme.pth'", "stage2.lr=1e-12"])
    path = tmp_path / "config.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    assert load_config(file=path) == config


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("stage1.lr=0.002", "stage1.lr", 0.002),
        ("stage1.lr = 2e-3", "stage1.lr", 0.002),
        ("stage1.steps=1_000", "stage1.steps", 1000),
        ("net.deep_stem=true", "net.deep_stem", True),
        ("net.aspp_rates=[1, 2, 3]", "net.aspp_rates", [1, 2, 3]),
        ("net.backbone=resnet50", "net.backbone", "resnet50"),
        ("net.backbone='resnet50'", "net.backbone", "resnet50"),
        ("net.weights=", "net.weights", ""),
        ("net.weights=''", "net.weights", ""),
        ("net.weights=/data/a=b #1.pth", "net.weights", "/data/a=b #1.pth"),
        ("stage1.labelled={flip=0.25}", "stage1.labelled.flip", 0.25),
        ("stage1.labelled.flip=0.25", "stage1.labelled.flip", 0.25),
        ("run.precision=32", "run.precision", "32"),
        ("run.precision='32'", "run.precision", "32"),
        ("run.precision=bf16", "run.precision", "bf16"),
        ("data.val=val_2", "data.val", "val_2"),
    ],
)
def test_set__values(setting, key, value):
    assert looked_up(load_config("small", settings=[setting]), key) == value


def test_set__the_last_one_counts():
    assert load_config("small", settings=["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize("setting", ["", "seed", "=3", " = 3"])
def test_set__not_a_setting(setting):
    with pytest.raises(UserError, match="--set "):
        load_config("small", settings=[setting])


def test_config__every_mistake_at_once(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[net]\nbackbone = 'resnet18'\ncolour = 3\n[stage1]\nsteps = -1\nbatch = 4\ncrop = 64\n")
    with pytest.raises(InputError) as caught:
        load_config(file=path)
    assert caught.value.problems == [
        f"{path}: there is no setting 'net.colour'.",
        f"{path}: setting 'stage1.steps': input should be greater than or equal to 0.",
        f"{path}: setting 'stage1.lr': field required.",
        f"{path}: setting 'stage2': field required.",
    ]


PCT = "stage1.method=pct"


@pytest.mark.parametrize(
    ("recipe", "settings", "method", "labeller"),
    [
        ("small", [], "teacher", "teacher"),
        ("small", [PCT, "labels.labeller=average"], "pct", "average"),
        ("paper", [], "pct", "hybridnet"),
        ("demo", [], "teacher", "teacher"),
        ("modern", [], "teacher", "teacher"),
    ],
)
def test_config__what_stage_1_trains_labels(recipe, settings, method, labeller):
    config = load_config(recipe, settings=settings)
    assert (config.stage1.method, config.labels.labeller) == (method, labeller)


@pytest.mark.parametrize(
    ("recipe", "setting", "method", "labeller"),
    [
        ("small", PCT, "pct", "teacher"),
        ("small", "labels.labeller=hybridnet", "teacher", "hybridnet"),
        ("paper", "stage1.method=teacher", "teacher", "hybridnet"),
        ("demo", "labels.labeller=average", "teacher", "average"),
    ],
)
def test_config__a_labeller_that_stage_1_does_not_train(recipe, setting, method, labeller):
    with pytest.raises(InputError) as caught:
        load_config(recipe, settings=[setting])
    (problem,) = caught.value.problems
    start = f"recipe {recipe}: stage1.method = '{method}' trains no net for labels.labeller = '{labeller}' ("
    assert problem.startswith(start)


def test_config__of_before_there_was_a_teacher(tiny):
    """Files that say nothing of method, optimizer, tag head or start mean what they meant."""
    config = load_config(file=tiny)
    assert (config.stage1.method, config.stage1.optimizer, config.stage1.decoder_lr_factor) == ("pct", "sgd", 1.0)
    assert (config.net.tag_head, config.net.gate) == (False, False)
    assert (config.stage2.start, config.stage2.balance) == ("encoder", 0.0)


def test_config__not_toml(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("net = [")
    with pytest.raises(UserError, match=r"mine\.toml is not TOML: "):
        load_config(file=path)


def test_begin_run__goes_on_when_a_setting_is_newer_than_the_run(tmp_path, tiny_config):
    """What its file lacks has the default; what it holds must be the same."""

    class Same:
        def fingerprint(self):
            return "inputs"

    begin_run(tmp_path / "run", tiny_config, Same(), tmp_path)
    stored = tmp_path / "run" / "config.toml"
    lines = stored.read_text().splitlines(keepends=True)
    stored.write_text("".join(line for line in lines if not line.startswith("tag_penalty")))
    assert len(stored.read_text().splitlines()) == len(lines) - 1
    begin_run(tmp_path / "run", tiny_config, Same(), tmp_path)
    labels = tiny_config.labels.model_copy(update={"tag_penalty": 2.0})
    changed = tiny_config.model_copy(update={"labels": labels})
    with pytest.raises(UserError, match=r"other settings \(labels.tag_penalty was 0.0, is 2.0\); choose another --out"):
        begin_run(tmp_path / "run", changed, Same(), tmp_path)
