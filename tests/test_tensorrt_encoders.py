"""TensorRT-RTX builds engines of timm's encoders: padding in the graph, attention, tables of positions and RoPE."""

import pytest
from encoders import lively_net
from exports import quick_exports, source_of

from swsss.export.exporting import ExportOptions, build_onnx
from swsss.export.tensorrt.build import engine_options
from swsss.export.tensorrt.engine import build_engine

pytest.importorskip("tensorrt_rtx")


@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("test_convnext", "fp32"),
        ("vit_small_patch14_reg4_dinov2", "fp16"),
        ("vit_small_patch16_dinov3", "fp32"),
    ],
)
def test_build_engine(name, precision, tmp_path):
    settings = {"output_stride": 8} if name == "test_convnext" else {}
    with quick_exports():
        data, _ = build_onnx(source_of(lively_net(name, **settings)), ExportOptions(precision=precision, max_side=160))
    path = tmp_path / "small.onnx"
    path.write_bytes(data)
    sidecar = build_engine(path, engine_options("2x61x97", "tensorrt_rtx"))
    assert sidecar.precision == precision
    assert path.with_suffix(".engine").stat().st_size > 0
