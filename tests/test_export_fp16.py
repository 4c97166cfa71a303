"""Half precision: what is computed in it and what is not, and that it is not written where it does not do."""

import os

import pytest
from exports import assembled, calm_net, case_of, changed_exports, quick_exports, run, source_of
from onnx import TensorProto

from swsss.errors import UserError
from swsss.export.exporting import ExportOptions, export_onnx
from swsss.model.file import read_info


def test_fp16__where_and_where_not():
    graph = assembled(calm_net(), half=True).graph
    types = {weight.name: weight.data_type for weight in graph.initializer}
    nets = {kind for name, kind in types.items() if name.startswith(("encoder0/", "decoder0/"))}
    assert TensorProto.FLOAT16 in nets
    assert TensorProto.FLOAT not in nets
    assert {types[name] for name in ("head0_weight", "head0_bias", "mean", "scale")} == {TensorProto.FLOAT}
    # And half precision saves half: nothing is there twice.
    sizes = [sum(len(one.raw_data) for one in assembled(calm_net(), half=half).graph.initializer) for half in (0, 1)]
    assert sizes[1] == pytest.approx(sizes[0] / 2, rel=0.01)


def test_fp16__agrees_but_for_close_decisions(tmp_path):
    told = []
    with quick_exports():
        export_onnx(source_of(calm_net()), tmp_path / "m.onnx", ExportOptions(precision="fp16"), tell=told.append)
    info = read_info(tmp_path / "m.onnx")
    assert info.precision == "fp16"
    assert sum(line.startswith("  fp16 in ONNX Runtime against fp32 in PyTorch") for line in told) == 4
    case = case_of([[0, 2], [4, 1, 0, 3]], 97, 131)
    found, expected = run((tmp_path / "m.onnx").read_bytes(), case)[0], run(assembled(calm_net()), case)[0]
    assert (found == expected).mean() > 0.97


def test_fp16__where_half_precision_does_not_do(tmp_path):
    """Weights that turn into infinity, as those of a net beyond 65504 do."""
    with (
        changed_exports("decoder0/", lambda values: values * 1e6),
        pytest.raises(UserError, match=r"disagree, so no file was written: .* Export it as fp32\."),
    ):
        export_onnx(source_of(calm_net()), tmp_path / "m.onnx", ExportOptions(precision="fp16"))
    assert os.listdir(tmp_path) == []
