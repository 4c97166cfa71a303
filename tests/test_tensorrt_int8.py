"""INT8 for TensorRT: the rewritten graph against the formula, and against ONNX Runtime's own uint8."""

import copy

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from swsss.export.int8 import Calibration, quantise
from swsss.export.samples import proof_cases, synthetic_images
from swsss.export.tensorrt.build import engine_options
from swsss.export.tensorrt.engine import build_engine
from swsss.export.tensorrt.int8 import symmetric
from swsss.model.file import pack, read_info


def model(nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray]) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["m"])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def start(found: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(found.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(found: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    return start(found).run(None, {"x": x.astype(np.float32)})[0].astype(np.float64)


def quantised(zero: np.generic) -> onnx.ModelProto:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["y"]),
    ]
    return model(nodes, {"scale": np.float32(0.05), "zero": np.asarray(zero)})


@pytest.mark.parametrize(
    ("zero", "lowest", "highest"),
    [
        (np.uint8(0), 0.0, 12.75),  # after a ReLU, which the quantiser has dropped
        (np.uint8(128), -6.4, 6.35),
        (np.uint8(100), -5.0, 7.75),
        (np.int8(-30), -4.9, 7.85),
    ],
)
def test_symmetric__keeps_range_and_rounds_to_twice_the_step_at_most(zero, lowest, highest):
    x = np.linspace(-20, 20, 4001)
    step = max(-lowest, highest) / 127
    expected = np.clip(np.maximum(x, 0) if lowest == 0 else x, -128 * step, 127 * step)
    found = run(symmetric(quantised(zero)), x)
    assert np.abs(found - expected).max() <= step / 2 + 1e-6
    # What was exact at the ends of the calibrated range still is nearly: nothing is cut off.
    for end in (lowest, highest):
        assert run(symmetric(quantised(zero)), np.array([end])) == pytest.approx([end], abs=step / 2 + 1e-6)


def test_symmetric__leaves_only_what_tensorrt_takes():
    found = symmetric(quantised(np.uint8(100)))
    weights = [numpy_helper.to_array(weight) for weight in found.graph.initializer]
    assert sorted((str(weight.dtype), bool(weight.any())) for weight in weights) == [("float32", True), ("int8", False)]


def test_symmetric__symmetric_int8_stays_as_it_is():
    before = quantised(np.int8(0))
    assert symmetric(before) == before


def test_symmetric__bias():
    rng = np.random.default_rng(0)
    steps, scale = rng.integers(-(2**30), 2**30, 7).astype(np.int32), rng.random(7).astype(np.float32) * 1e-6
    nodes = [
        helper.make_node("DequantizeLinear", ["steps", "scale", "zero"], ["bias"], axis=0),
        helper.make_node("Add", ["x", "bias"], ["y"]),
    ]
    found = symmetric(model(nodes, {"steps": steps, "scale": scale, "zero": np.zeros(7, np.int32)}))
    assert [node.op_type for node in found.graph.node] == ["Add"]
    assert run(found, np.zeros(7)) == pytest.approx(steps.astype(np.float64) * scale.astype(np.float64), rel=1e-6)


@pytest.fixture(scope="module")
def asymmetric(model_file, tmp_path_factory) -> onnx.ModelProto:
    folder = tmp_path_factory.mktemp("calibration")
    for index, image in enumerate(synthetic_images(4, 96, 128, 9)):
        assert cv2.imwrite(str(folder / f"{index}.png"), image)
    return quantise(onnx.load(model_file), Calibration(folder))


def test_symmetric__a_whole_model_is_as_near_to_float_as_onnx_runtime_is(model_file, asymmetric):
    found = symmetric(asymmetric)
    sessions = [start(one) for one in (onnx.load(model_file), asymmetric, found)]
    wrong = np.zeros(2, int)
    for case in proof_cases(5, 200):
        exact, *others = (session.run(["mask"], case.feed(["image", "candidates"]))[0] for session in sessions)
        wrong += [int((other != exact).sum()) for other in others]
    assert wrong[1] <= 1.1 * wrong[0]
    kinds = {numpy_helper.to_array(weight).dtype for weight in found.graph.initializer}
    assert not kinds & {np.dtype(np.uint8), np.dtype(np.int32)}


def test_build_engine__int8(model_file, asymmetric, tmp_path):
    pytest.importorskip("tensorrt_rtx")
    info = read_info(model_file).model_copy(update={"precision": "int8"})
    (tmp_path / "m.onnx").write_bytes(pack(copy.deepcopy(asymmetric), info))
    sidecar = build_engine(tmp_path / "m.onnx", engine_options("1x64x64", "tensorrt_rtx"))
    assert sidecar.precision == "int8"
    # The golden mask is that of the rounding the engine has.
    feed = {"image": info.golden.pixels(), "candidates": np.array([info.golden.candidates], np.int64)}
    expected = [start(one).run(["mask"], feed)[0] for one in (symmetric(asymmetric), asymmetric)]
    assert [sidecar.golden.matches(mask) for mask in expected] == [True, False]
