"""Both stages, scores and a model file with encoders of timm."""

import json

import pytest
from commands import invoke

from swsss.checkpoint import load_checkpoint
from swsss.nets.patch_net import PatchNet


@pytest.mark.parametrize(
    ("name", "settings", "patches", "mean"),
    [
        ("test_vit", ["stage1.layer_decay=0.75", "stage2.layer_decay=0.75"], True, 0.5),
        ("test_efficientnet", ["net.freeze=true"], False, 0.485),
    ],
)
def test_train__from_masks_to_scores(start, order, data, tmp_path, name, settings, patches, mean):
    changes = [word for change in [f"net.backbone={name}", *settings] for word in ("--set", change)]
    start("swsss-train", "all", *order, *changes, "--out", tmp_path / "run").ended()
    checkpoint = load_checkpoint(tmp_path / "run" / "final.safetensors")
    assert isinstance(checkpoint.net, PatchNet) is patches
    assert checkpoint.net.mean[0] == mean
    invoke("swsss-eval", tmp_path / "run" / "final.safetensors", "--data", data, "--json", tmp_path / "scores.json")
    assert json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert json.loads((tmp_path / "run" / "results.json").read_text(encoding="utf-8"))
