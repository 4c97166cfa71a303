"""`swsss-export`: its options reach the file, scores carry their regime, and mistakes are told in a sentence."""

import json
import os
import re
import shutil

import pytest
import torch
from commands import invoke, message
from exports import cached_pieces, calm_net, with_classifier
from models import CLASSES

from swsss.checkpoint import Checkpoint, save_checkpoint
from swsss.config import MAX_TAG_PENALTY
from swsss.export.cli import export
from swsss.export.graph import MAX_SIDE
from swsss.model.file import read_info


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("swsss.export.assemble.net_pieces", cached_pieces)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("nets") / "small.safetensors"
    save_checkpoint(path, Checkpoint(calm_net(), CLASSES, "conditioned"))
    return path


@pytest.fixture(scope="module", params=["conditioned", "plain"])
def seven(request, dataset, tmp_path_factory):
    """A net with the classes of the demo data, and what it was trained for."""
    torch.manual_seed(5)
    net = with_classifier(calm_net(), torch.randn(7, 8), torch.zeros(7))
    path = tmp_path_factory.mktemp("nets") / "seven.safetensors"
    save_checkpoint(path, Checkpoint(net, dataset.classes, request.param))
    return path, request.param


def test_export__options_reach_the_file(small, tmp_path):
    out = tmp_path / "new" / "m.onnx"
    words = ["--precision", "fp16", "--tta", "flip", "--max-side", 100, "--plain"]
    result = invoke("swsss-export", small, "--out", out, *words)
    assert result.exit_code == 0, result.output
    info = read_info(out)
    assert (info.precision, info.scales, info.flip) == ("fp16", (1.0,), True)
    assert (info.max_side, info.task) == (100, "plain")
    lines = result.output.splitlines()
    assert lines[0] == "exporting small.safetensors as fp16"
    assert lines[-1] == f"{out}: plain, fp16, 5 classes, {out.stat().st_size / 1e6:.1f} MB"
    assert len(lines) == 6


def test_export__beside_the_checkpoint(small, tmp_path):
    shutil.copy(small, tmp_path)
    result = invoke("swsss-export", tmp_path / "small.safetensors")
    assert result.exit_code == 0, result.output
    assert sorted(os.listdir(tmp_path)) == ["small.onnx", "small.safetensors"]
    info = read_info(tmp_path / "small.onnx")
    assert (info.precision, info.scales, info.flip, info.max_side) == ("fp32", (1.0,), False, MAX_SIDE)


def test_export__run_folder_keeps_its_labeller_and_augmentation(small, tiny, tmp_path):
    run = tmp_path / "v1.5"
    run.mkdir()
    for name in ("hybridnet", "pseudonet"):
        shutil.copy(small, run / f"{name}.safetensors")
    shutil.copy(tiny, run / "config.toml")
    result = invoke("swsss-export", run)
    assert result.exit_code == 0, result.output
    info = read_info(run / "model.onnx")
    assert (info.scales, info.flip) == ((1.0,), True)
    assert "exporting v1.5 as fp32" in result.output


def test_export__int8_with_scores_before_and_after(seven, data, tmp_path):
    """The scores of PyTorch are those of `swsss-eval`."""
    path, task = seven
    regime = {"conditioned": "given", "plain": "none"}[task]
    words = ["--precision", "int8", "--calibrate", data / "images", "--calibrate-count", 3, "--evaluate", data]
    result = invoke("swsss-export", path, "--out", tmp_path / "m.onnx", *words)
    assert result.exit_code == 0, result.output
    assert f"calibrated on 3 images of {data / 'images'}\n" in result.output
    before, after = result.output.splitlines()[-2:]
    shape = rf"  (.*): mIoU ([\d.]+) on 4 images, tags={regime}"
    (source, expected), (model, found) = (re.fullmatch(shape, line).groups() for line in (before, after))
    assert (source, model) == ("PyTorch, fp32", "ONNX, int8")
    invoke("swsss-eval", path, "--data", data, "--tags", regime, "--json", tmp_path / "scores.json")
    (scores,) = json.loads((tmp_path / "scores.json").read_text())["scores"]
    assert float(expected) == round(100 * scores["miou"], 2)
    assert float(found) == pytest.approx(float(expected), abs=10)
    assert found != expected


def test_export__scores_of_fp32_stay(seven, data, tmp_path):
    result = invoke("swsss-export", seven[0], "--out", tmp_path / "m.onnx", "--evaluate", data, "--split", "strong")
    assert result.exit_code == 0, result.output
    figures = re.findall(r"mIoU ([\d.]+) on 4 images", result.output)
    assert len(figures) == 2
    assert float(figures[0]) == pytest.approx(float(figures[1]), abs=0.02)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--out", "m.pt"], "--out m.pt must end in .onnx."),
        (["--max-side", 8], "--max-side 8 is too small for the nets; give 32 or more."),
        (["--precision", "int8"], "--precision int8 and --calibrate IMAGES go together"),
        (["--calibrate", "images"], "--precision int8 and --calibrate IMAGES go together"),
        (["--precision", "int8", "--calibrate", "missing"], "--calibrate missing is no folder"),
        (["--evaluate", "missing"], "There is no folder missing."),
        (["--evaluate", "DATA"], "The model knows the classes background, cat, dog, polar bear, person;"),
    ],
)
def test_export__wrong_options(small, data, tmp_path, monkeypatch, words, sentence):
    monkeypatch.chdir(tmp_path)
    words = ["--out", "m.onnx", *(data if word == "DATA" else word for word in words)]
    assert message(invoke("swsss-export", small, *words)).startswith(sentence)
    assert os.listdir(tmp_path) == []
    assert not small.with_suffix(".onnx").exists()


def test_export__split_that_is_not_there(seven, data, tmp_path):
    words = ["--out", tmp_path / "m.onnx", "--evaluate", data, "--split", "test"]
    assert "test" in message(invoke("swsss-export", seven[0], *words))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["missing.safetensors", "notes.txt", "empty", "."])
def test_export__no_checkpoint(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "empty").mkdir()
    told = message(invoke("swsss-export", name))
    assert name in told
    assert sorted(os.listdir(tmp_path)) == ["empty", "notes.txt"]


@pytest.mark.parametrize(
    "words", [["--precision", "fp64"], ["--tta", "all"], ["--calibrate-count", 0], ["--max-side", "big"]]
)
def test_export__values_that_are_none(small, words):
    result = invoke("swsss-export", small, *words)
    assert result.exit_code == 2
    assert "Invalid value" in result.output


def test_export__help_has_the_defaults_of_the_code():
    defaults = {option.name: option.default for option in export.params}
    assert defaults["max_side"] == MAX_SIDE
    assert invoke("swsss-export", "--help").exit_code == 0
    (penalty,) = (option.type for option in export.params if option.name == "tag_penalty")
    assert (penalty.min, penalty.max) == (0, MAX_TAG_PENALTY)


def test_export__tag_penalty_is_told(small, tmp_path):
    result = invoke("swsss-export", small, "--out", tmp_path / "m.onnx", "--tag-penalty", 2.5)
    assert result.exit_code == 0, result.output
    told = "  tags are a hint (penalty 2.5): masks may hold classes that an image's tags exclude"
    assert result.output.splitlines()[-1] == told
    assert read_info(tmp_path / "m.onnx").tag_penalty == 2.5
    words = ["--out", tmp_path / "p.onnx", "--plain", "--tag-penalty", 2.5]
    assert message(invoke("swsss-export", small, *words)).startswith("--tag-penalty needs a model that is given tags")


def test_export__scores_of_a_hint_say_so(seven, data, tmp_path):
    """And are those of `swsss-eval` with the same penalty."""
    path, _ = seven
    words = ["--conditioned", "--tag-penalty", 4, "--evaluate", data]
    result = invoke("swsss-export", path, "--out", tmp_path / "m.onnx", *words)
    assert result.exit_code == 0, result.output
    found = re.findall(r"mIoU ([\d.]+) on 4 images, tags=given \(penalty 4\)", result.output)
    words = ["--tags", "given", "--tag-penalty", 4, "--json", tmp_path / "scores.json"]
    evaluated = invoke("swsss-eval", path, "--data", data, *words)
    assert "tags=given (penalty 4)" in evaluated.output
    (scores,) = json.loads((tmp_path / "scores.json").read_text())["scores"]
    assert scores["tags"] == "given (penalty 4)"
    assert [float(figure) for figure in found] == pytest.approx([100 * scores["miou"]] * 2, abs=0.02)
