"""`swsss-eval` and `swsss-data demo`, and what they say of files that are not what they should be."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from commands import invoke, message
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from swsss.checkpoint import FORMAT


@pytest.mark.parametrize("tags", ["given", "none", "both"])
def test_eval__every_figure_has_its_regime(finished, data, tmp_path, tags):
    file = tmp_path / "scores.json"
    words = ["--tags", tags, "--device", "cpu", "--json", file]
    result = invoke("swsss-eval", finished / "final.safetensors", "--data", data, *words)
    assert result.exit_code == 0, result.output
    regimes = ["given", "none"] if tags == "both" else [tags]
    heading = next(line for line in result.output.splitlines() if "class" in line)
    assert re.findall(r"tags=(\w+)", heading) == regimes
    lines = [line for line in result.output.splitlines() if re.search(r"mIoU.*\d", line)]
    values = json.loads(file.read_text())
    assert [score["tags"] for score in values["scores"]] == regimes
    # As many figures a line as there are regimes in the heading, and the same as in the file.
    assert [[float(figure) for figure in re.findall(r"[\d.]+", line)] for line in lines] == [
        [round(100 * score["miou"], 1) for score in values["scores"]]
    ]
    assert (values["model"], values["split"], values["tta"]) == ("final.safetensors", "val", "none")
    assert all(score["images"] == 4 and len(score["iou"]) == 7 for score in values["scores"])


def test_eval__confidence(finished, data, tmp_path):
    """What is printed is what is stored, and both are of the calibrated confidence."""
    path, file = tmp_path / "model.safetensors", tmp_path / "scores.json"
    temperatures = [3.0, 1.5, 4.0, 1.0, 2.0, 0.5, 1.0]
    _header(lambda header: {**header, "temperature": temperatures})(path, finished / "final.safetensors")
    result = invoke("swsss-eval", path, "--data", data, "--device", "cpu", "--json", file)
    assert result.exit_code == 0, result.output
    assert "they also chose the state that was kept" in result.output
    values = json.loads(file.read_text())
    assert values["calibrated"]
    printed = re.split(r"confidence of p and above, ", result.output)[1:]
    for score, part in zip(values["scores"], printed, strict=True):
        assert part.startswith(f"tags={score['tags']}, in percent")
        told = score["confidence"]
        rows = [re.findall(r"[\d.]+", line) for line in part.splitlines() if re.match(r"\W*0(\.\d+)? ", line)]
        keep = told["keep"]
        assert [row["above"] for row in keep] == [0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
        assert [[float(figure) for figure in row] for row in rows] == [
            [row["above"], *(round(100 * row[key], 1) for key in ("share", "right", "miou") if row[key] is not None)]
            for row in keep
        ]
        assert (keep[0]["share"], keep[0]["right"]) == (1, pytest.approx(score["pixel_accuracy"]))
        assert keep[0]["miou"] == score["miou"]
        assert [row["share"] for row in keep] == sorted((row["share"] for row in keep), reverse=True)
        told_in_words = " ".join(part.split())
        errors = re.search(r"ECE, 15 bins\), tags=\w+: ([\d.]+); ([\d.]+) before calibration", told_in_words)
        assert [float(error) for error in errors.groups()] == (
            [round(100 * told[key], 1) for key in ("ece", "ece_uncalibrated")]
        )
        assert told["ece"] != told["ece_uncalibrated"]


def test_eval__model_without_temperature(finished, data, tmp_path):
    """As models of earlier versions are: it loads, and its confidence is that of the raw scores."""
    path, file = tmp_path / "model.safetensors", tmp_path / "scores.json"
    old = {"temperature", "facts"}
    _header(lambda header: {key: value for key, value in header.items() if key not in old} | {"facts": {}})(
        path, finished / "final.safetensors"
    )
    result = invoke("swsss-eval", path, "--data", data, "--device", "cpu", "--json", file)
    assert result.exit_code == 0, result.output
    assert "they also chose" not in result.output
    assert "before calibration" not in result.output
    values = json.loads(file.read_text())
    assert not values["calibrated"]
    assert [score["confidence"]["ece_uncalibrated"] for score in values["scores"]] == [None, None]


def test_eval__as_the_run_scored_it(finished, data, tmp_path):
    """The command gives the figures that the run stored."""
    invoke("swsss-eval", finished / "hybridnet.safetensors", "--data", data, "--json", tmp_path / "scores.json")
    scores = json.loads((tmp_path / "scores.json").read_text())["scores"]
    models = json.loads((finished / "results.json").read_text())["models"]
    assert scores == [{k: v for k, v in one.items() if k != "model"} for one in models if one["model"] == "HybridNet"]


def _missing(path, original):
    pass


def _cut_short(path, original):
    path.write_bytes(original.read_bytes()[:100_000])


def _foreign(path, original):
    save_file({"weight": torch.ones(2)}, path)


def _header(change):
    def write(path, original):
        with safe_open(original, "pt") as file:
            header = json.loads(file.metadata()["swsss"])
        save_file(load_file(original), path, {"swsss": json.dumps(change(header))})

    return write


_newer = _header(lambda header: {**header, "format": FORMAT + 1, "net": "of a kind not known yet"})
_incomplete = _header(lambda header: {key: header[key] for key in ("format", "net")})
_another_net = _header(lambda header: {**header, "net": {**header["net"], "aspp_channels": 16}})
_other_classes = _header(lambda header: {**header, "classes": ["background", *"abcdef"]})


def _pickle(path, original):
    torch.save({"net": torch.nn.Linear(2, 2)}, path)


@pytest.mark.parametrize(
    ("spoil", "name", "told"),
    [
        (_missing, "m.safetensors", "There is no model file {path}."),
        (_cut_short, "m.safetensors", "{path} is not a whole safetensors file"),
        (_foreign, "m.safetensors", "{path} was not written by swsss: it carries no description of its net."),
        (_incomplete, "m.safetensors", "{path} was not written by swsss: it carries no description of its net."),
        (_newer, "m.safetensors", "{path} has format 2, newer than this swsss reads (1); upgrade swsss."),
        (_another_net, "m.safetensors", "{path} is damaged: its weights do not fit the net it describes."),
        (
            _other_classes,
            "m.safetensors",
            "{path} knows the classes background, a, b, c, d, e, f; {data} has background,",
        ),
        (_pickle, "m.pth", "{path} cannot be loaded as weights only"),
        (_cut_short, "m.pth", "{path} cannot be loaded as weights only"),
    ],
)
def test_eval__model_is_not_what_it_should_be(finished, data, tmp_path, spoil, name, told):
    path = tmp_path / name
    spoil(path, finished / "final.safetensors")
    assert told.format(path=path, data=data) in message(invoke("swsss-eval", path, "--data", data))


def test_eval__model_of_other_classes_to_start_from(finished, order, tmp_path):
    path = tmp_path / "m.safetensors"
    _other_classes(path, finished / "hybridnet.safetensors")
    start = ["--out", tmp_path / "run", "--set", f"stage1.init_hybridnet={path}"]
    assert f"{path} has other classes than the data set (background, a, b" in (
        message(invoke("swsss-train stage1", *order, *start))
    )
    assert not (tmp_path / "run").exists()


def test_eval__images_without_masks(finished, copied):
    shutil.rmtree(copied / "masks")
    told = message(invoke("swsss-eval", finished / "final.safetensors", "--data", copied))
    assert told.startswith("4 problems in the inputs; nothing was started:")
    assert "images/val_0003.jpg has no mask, and needs one to train or evaluate on; add masks/val_0003.png." in told


def test_eval__no_such_split(finished, data):
    told = message(invoke("swsss-eval", finished / "final.safetensors", "--data", data, "--split", "test"))
    assert told == f"{data} has no split 'test' (splits there: strong, train, val)."


def test_data_demo__twice(tmp_path, monkeypatch):
    # Hundreds of pictures are seconds of painting; here each is one flat creature.
    monkeypatch.setattr(
        "swsss.demo.paint_pool",
        lambda _, size, cast: (np.zeros((size, size, 3), np.uint8), np.full((size, size), cast[0], np.uint8)),
    )
    folder = tmp_path / "demo"
    for _ in range(2):
        result = invoke("swsss-data demo", folder)
        assert result.exit_code == 0
        assert f"The demo data set is in {folder}." in result.output
    assert "holds a demo with other settings" in message(invoke("swsss-data demo", folder, "--seed", 1))
    assert "is not empty and holds no demo" in message(invoke("swsss-data demo", tmp_path))


def test_eval__penalty_without_tags(finished, data):
    words = ["--data", data, "--tags", "none", "--tag-penalty", 3]
    told = message(invoke("swsss-eval", finished / "final.safetensors", *words))
    assert told == "--tag-penalty weighs tags, and --tags none gives none; use --tags given or both."
