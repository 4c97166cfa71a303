"""No file appears that was not proven, and what proving means."""

import os
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from exports import (
    assembled,
    calm_net,
    case_of,
    changed_exports,
    quick_exports,
    run,
    run_torch,
    source_of,
    with_classifier,
)

from swsss.errors import UserError
from swsss.export import decision
from swsss.export.exporting import export_onnx
from swsss.export.graph import LabelGraph
from swsss.export.proof import compare
from swsss.export.samples import proof_cases


def exported(out: Path, net: torch.nn.Module) -> list[str]:
    """Export, and return what was told."""
    told: list[str] = []
    with quick_exports():
        export_onnx(source_of(net), out, tell=told.append)
    return told


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("decoder0/", lambda values: values * 1.01),
        ("encoder0/", lambda values: values * 1.01),
        ("head0_bias", lambda values: values + np.eye(5)[1] * 0.05),
        ("variance", lambda values: values * 1.02),
        ("max_side", lambda values: values // 2),
        ("most", lambda value: value - 3),  # of the confidence, 255
    ],
)
def test_export__graph_that_differs_is_not_written(tmp_path, name, change):
    (tmp_path / "model.onnx").write_bytes(b"an older model")
    with (
        changed_exports(name, change),
        pytest.raises(UserError, match=r"graph and PyTorch disagree, so no file was written: .* pixels") as caught,
    ):
        exported(tmp_path / "model.onnx", calm_net())
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["model.onnx"]
    assert (tmp_path / "model.onnx").read_bytes() == b"an older model"


def test_export__class_that_is_no_candidate_is_not_written(tmp_path):
    """Every logit is 0, so that no class leads: what tells is that 1 is not allowed."""
    end = decision._GATHERED_CLASS.replace("mask = Cast <to = 2> (class_number)", "mask = Cast <to = 2> (valid_place)")
    one_more = "    full = Constant <value_float = 1.0> ()\n    valid_place = Add (class_number, full)\n"
    end = end.replace("    mask =", f"{one_more}    mask =")
    net = with_classifier(calm_net(), torch.zeros(5, 8), torch.zeros(5))
    with patch.object(decision, "_GATHERED_CLASS", end), pytest.raises(UserError, match="disagree, so no file"):
        exported(tmp_path / "model.onnx", net)
    assert os.listdir(tmp_path) == []


def test_export__exact_ties_are_no_difference(tmp_path):
    """Two classes with the same classifier row: in PyTorch the first wins, here the last bits of a logit decide."""
    net = calm_net()
    net.classifier.weight.data[2] = net.classifier.weight.data[1]
    with changed_exports("head0_bias", lambda values: values + np.eye(5)[2] * 1e-5):
        told = exported(tmp_path / "model.onnx", net)
    assert " 0 of 83583 pixels" not in told[2]
    assert "(largest lead 0.0e+00," in told[2]
    assert (tmp_path / "model.onnx").is_file()


def test_export__net_that_gives_nan(tmp_path):
    net = calm_net()
    net.classifier.weight.data[1, 0] = float("nan")
    with pytest.raises(UserError, match="The net gives NaN instead of logits; its training diverged"):
        exported(tmp_path / "model.onnx", net)
    assert os.listdir(tmp_path) == []


def test_compare__counts():
    """Against the graph of a net with another bias."""
    one, other = calm_net(), calm_net()
    other.classifier.bias.data[1] += 0.5
    case = case_of([[0, 1, 4], [0, 1]], 61, 47)
    mask, confidence = run(assembled(one), case)
    graph = LabelGraph([other])
    expected, certain = run_torch(graph, case)
    (found,) = compare(assembled(one).SerializeToString(), graph, [case])
    same = mask == expected
    assert (found.shape, found.pixels, found.foreign) == ((2, 61, 47, 3), 2 * 61 * 47, 0)
    assert found.differing == (~same).sum() > 0
    assert found.confidence == np.abs(confidence[same].astype(int) - certain[same]).max() > 1
    assert 0.1 < found.margin < 0.501
    with torch.inference_mode():
        scores, _ = graph.scores(torch.from_numpy(case.image), torch.from_numpy(case.candidates))
    assert found.largest == pytest.approx(float(torch.cat([scores[0], scores[1, :2]]).abs().max()))
    assert str(found).startswith(f"2×61×47, 3 candidates: {found.differing} of 5734 pixels differ (largest lead ")


@pytest.mark.parametrize("num_classes", [2, 3, 5, 21, 255])
def test_proof_cases__as_real_images_come(num_classes):
    cases = list(proof_cases(num_classes, 500))
    for case in cases:
        assert case.image.dtype == np.uint8
        assert len(case.image) == len(case.candidates)
        for ids in case.candidates.tolist():
            chosen = [index for index in ids if index >= 0]
            assert chosen[0] == 0
            assert len(set(chosen)) == len(chosen)
            assert max(chosen) < num_classes
            assert ids == chosen + [-1] * (len(ids) - len(chosen))
    sizes = [case.image.shape[:3] for case in cases]
    assert any(count > 1 and min(sides) > 300 for count, *sides in sizes)
    assert any(height % 2 and width % 2 for _, height, width in sizes)
    assert any(max(sides) > 500 and max(sides) % 2 for _, *sides in sizes)
    assert num_classes < 4 or len({case.candidates.shape[1] for case in cases}) > 2
    assert num_classes < 3 or any((case.candidates < 0).any() for case in cases)
    # Not two images are the same.
    assert len({image.tobytes() for case in cases for image in case.image}) == sum(count for count, *_ in sizes)
