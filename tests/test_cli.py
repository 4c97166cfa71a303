"""The commands as a user meets them: help that teaches, and mistakes told in sentences before anything starts."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import COMMANDS, invoke, message
from PIL import Image

from swsss.data.png import write_mask

HELP = [
    ("swsss-train", "The whole way"),
    ("swsss-train all", "--strong"),
    ("swsss-train stage1", "--recipe"),
    ("swsss-train stage2", "--set"),
    ("swsss-eval", "--tags"),
    ("swsss-data", "demo"),
    ("swsss-data voc", "VOCdevkit"),
    ("swsss-data demo", "--seed"),
]


@pytest.mark.parametrize(("command", "taught"), HELP)
def test_help(command, taught):
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert taught in result.output


def test_help__loads_no_torch():
    commands = [[*command.split()[1:], "--help"] for command, _ in HELP]
    names = [command.split()[0] for command, _ in HELP]
    code = (
        "import sys; from swsss import cli\n"
        "commands = {'swsss-train': cli.train, 'swsss-eval': cli.evaluate, 'swsss-data': cli.data}\n"
        f"for name, words in zip({names}, {commands}): commands[name].main(words, standalone_mode=False)\n"
        "heavy = {'torch', 'torchvision', 'cv2', 'numpy', 'lightning_fabric', 'pydantic'}\n"
        "sys.exit(str(heavy & sys.modules.keys()) if heavy & sys.modules.keys() else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_commands__are_installed():
    for name in COMMANDS:
        told = subprocess.check_output([Path(sys.executable).parent / name, "--version"], text=True)
        assert "version" in told


SETTINGS = [
    (["--config", "nowhere.toml"], "nowhere.toml cannot be read"),
    (["--set", "stage1.lr"], "--set stage1.lr: write key=value, for example --set stage1.lr=0.002."),
    (["--set", "stage1.rate=1"], "there is no setting 'stage1.rate'"),
    (["--set", "stage1.lr=-1"], "setting 'stage1.lr': input should be greater than 0"),
    (["--set", "stage1.lr=fast"], "setting 'stage1.lr': input should be a valid number"),
    (["--set", "stage1.lr.head=1"], "'lr' is a value, not a table of settings"),
    (["--set", "stage1.batch=5"], "setting 'stage1.batch': input should be a multiple of 2"),
    (["--set", "net.backbone=vgg16x"], "has an encoder 'vgg16x'; did you mean vgg16, "),
    (["--set", "stage1.labelled.jitter=[0, 0, 0, 1]"], "setting 'stage1.labelled.jitter.3': input should be less"),
    (["--set", "stage1.crop=8", "--set", "seed=-1"], "2 problems in the inputs; nothing was started:"),
    (["--set", "run.precision=16"], "run.precision = '16' needs a CUDA device; use 'bf16' or '32' on the CPU."),
    (["--set", "net.weights=lost.pth"], "net.weights = 'lost.pth' is neither a file nor weights of mobilenet_v2"),
    (["--set", "stage1.init_pseudonet=lost.pth"], "There is no model file lost.pth."),
    (
        ["--set", "net.deep_stem=true"],
        "The deep stem goes with resnet50 and resnet101 only; set net.deep_stem = false.",
    ),
    (["--data", "nowhere"], "There is no folder nowhere."),
    (["--strong", "strong_92"], "has no split 'strong_92' (splits there: strong, train, val)."),
    (["--val", "test"], "has no split 'test'"),
    (["--val", "strong"], "4 images are in the training and the val split (first: train_0000); take them out of one."),
    (["--strong", "val"], "4 images of split 'val' are not training images (first: val_0000)."),
]


@pytest.mark.parametrize(("change", "told"), SETTINGS)
def test_train__wrong_settings(order, tmp_path, change, told):
    out = tmp_path / "run"
    assert told in message(invoke("swsss-train all", *order, "--out", out, *change))
    assert not out.exists(), "nothing was to be started"


def test_train__unknown_recipe(data, tmp_path):
    told = message(invoke("swsss-train all", "--data", data, "--out", tmp_path / "run", "--recipe", "huge"))
    assert told == "There is no recipe 'huge' (there are: demo, modern, paper, small)."


def test_train__stage2_before_stage1(order, tmp_path):
    out = tmp_path / "run"
    assert "train stage 1 first" in message(invoke("swsss-train stage2", *order, "--out", out))
    assert not out.exists()


def _mask_of_another_size(data):
    write_mask(data / "masks" / "train_0001.png", np.zeros((64, 60), np.uint8))


def _colour_mask(data):
    Image.new("RGB", (64, 64)).save(data / "masks" / "train_0001.png")


def _unknown_id(data):
    write_mask(data / "masks" / "train_0001.png", np.full((64, 64), 9, np.uint8))


def _unknown_class(data):
    (data / "tags.csv").write_text("image,labels\ntrain_0000.jpg,starfsh\n")


def _empty_split(data):
    (data / "splits" / "strong.txt").write_text("\n")


def _no_picture(data):
    (data / "images" / "train_0007.jpg").write_bytes(b"no picture")


def _no_mask(data):
    (data / "masks" / "train_0002.png").unlink()


def _no_classes(data):
    (data / "classes.txt").unlink()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_mask_of_another_size, ["masks/train_0001.png is 60×64, its image 64×64; export the mask in the size"]),
        (_colour_mask, ["masks/train_0001.png is a RGB image; a mask must be an indexed or 8-bit grey PNG"]),
        (_unknown_id, ["masks/train_0001.png holds class ids that do not exist: 9; pixels must be 0 to 6"]),
        (_unknown_class, ["tags.csv", "line 2", "starfsh", "did you mean 'starfish'?"]),
        (_empty_split, ["splits/strong.txt names no image; write one stem per line."]),
        (_no_picture, ["images/train_0007.jpg cannot be read as an image: unknown format. Replace the file"]),
        (_no_mask, ["images/train_0002.jpg has no mask", "add masks/train_0002.png"]),
        (_no_classes, ["classes.txt is missing; write one class name per line"]),
    ],
)
def test_train__wrong_data(order, copied, tmp_path, spoil, told):
    out = tmp_path / "run"
    spoil(copied)
    text = message(invoke("swsss-train all", *order, "--data", copied, "--out", out))
    assert [part for part in told if part not in text] == []
    assert not out.exists()


def test_train__out_holds_something_else(order, tmp_path):
    (tmp_path / "thesis.tex").write_text("my only copy")
    assert f"{tmp_path} is not empty and holds no run; choose another --out." in (
        message(invoke("swsss-train all", *order, "--out", tmp_path))
    )
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    assert "thesis.tex is a file; name a folder" in (
        message(invoke("swsss-train all", *order, "--out", tmp_path / "thesis.tex"))
    )


def test_train__loss_not_finite(order, tmp_path):
    told = message(invoke("swsss-train stage1", *order, "--out", tmp_path / "run", "--set", "stage1.lr=1e30"))
    assert "The loss is not finite at step 2; the images of its batch: train_" in told
    assert "Lower the learning rate" in told
    assert not (tmp_path / "run" / "stage1" / "state.pt").exists(), "a state with broken weights was kept"


def test_train__no_steps_and_no_val(order, copied, tmp_path):
    """A stage of no steps leaves its nets as they began; without val images there is a report, and no figure."""
    (copied / "splits" / "val.txt").unlink()
    none = ["--set", "stage1.steps=0", "--set", "stage2.steps=0"]
    result = invoke("swsss-train all", *order, "--data", copied, "--out", tmp_path / "run", "--train", "train", *none)
    assert result.exit_code == 0, result.output
    assert "mIoU" not in result.output
    assert f"open {tmp_path / 'run' / 'report.html'}" in result.output
    assert json.loads((tmp_path / "run" / "results.json").read_text())["models"] == []
