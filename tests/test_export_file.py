"""The model file: what DESIGN §4 says of it, read with the libraries other programs use, and nothing else inside."""

import base64
import hashlib
import json
import os
import re
import sys

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from exports import assembled, calm_net, quick_exports, source_of
from models import CLASSES
from onnx import TensorProto

import swsss
from swsss.data.classes import palette
from swsss.export.exporting import ExportOptions, build_onnx, describe
from swsss.model.file import read_info


@pytest.fixture(scope="module")
def written(model_file):
    return onnx.load(model_file)


@pytest.fixture
def described(written):
    """The JSON, read without any code of ours."""
    assert [entry.key for entry in written.metadata_props] == ["swsss"]
    return json.loads(written.metadata_props[0].value)


def signature(values):
    types = {value.name: value.type.tensor_type for value in values}
    return {
        name: (kind.elem_type, [one.dim_param or one.dim_value for one in kind.shape.dim])
        for name, kind in types.items()
    }


@pytest.mark.parametrize("conditioned", [True, False])
def test_file__inputs_and_outputs_as_designed(written, conditioned):
    model = written if conditioned else assembled(calm_net(), conditioned=False)
    inputs = {"image": (TensorProto.UINT8, ["batch", "height", "width", 3])}
    if conditioned:
        inputs["candidates"] = (TensorProto.INT64, ["batch", "slots"])
    assert signature(model.graph.input) == inputs
    labels = (TensorProto.UINT8, ["batch", "height", "width"])
    assert signature(model.graph.output) == {"mask": labels, "confidence": labels}
    # TensorRT takes uint8 only where a Cast comes first.
    assert [node.op_type for node in model.graph.node if "image" in node.input] == ["Cast"]


def test_file__passes_the_full_check(model_file, written):
    onnx.checker.check_model(str(model_file), full_check=True)
    assert [(one.domain, one.version) for one in written.opset_import] == [("", 18)]
    assert not any(weight.external_data for weight in written.graph.initializer)


def test_file__says_everything(described, checkpoint_file, model_file):
    assert set(described.pop("golden")) == {"image", "candidates", "mask"}
    versions = {"swsss": swsss, "torch": torch, "onnx": onnx, "onnxruntime": onnxruntime}
    assert described == {
        "format": 1,
        "task": "conditioned",
        "classes": list(CLASSES.names),
        "palette": palette()[:5].tolist(),
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "scales": [1.0],
        "flip": False,
        "max_side": 2048,
        "precision": "fp32",
        "temperature": [],
        "tag_penalty": None,
        "nets": 1,
        "attention": 0.0,
        "source": hashlib.sha256(checkpoint_file.read_bytes()).hexdigest(),
        "tools": {name: module.__version__ for name, module in versions.items()},
    }
    assert read_info(model_file).table == CLASSES


def test_file__plain():
    with quick_exports():
        data, info = build_onnx(source_of(calm_net()), ExportOptions(plain=True, max_side=64))
    assert json.loads(onnx.load_from_string(data).metadata_props[0].value) == info.model_dump(mode="json")
    assert (info.task, info.max_side, info.golden.candidates) == ("plain", 64, (0, 1, 2, 3, 4))


@pytest.mark.parametrize(
    ("task", "options", "expected"),
    [
        ("conditioned", {}, ("conditioned", (1.0,), True)),
        ("plain", {}, ("plain", (1.0,), True)),
        ("plain", {"plain": False, "tta": "none"}, ("conditioned", (1.0,), False)),
        ("conditioned", {"plain": True, "tta": "paper"}, ("plain", (0.5, 0.75, 1.0, 1.25, 1.5), True)),
    ],
)
def test_describe__what_is_not_asked_comes_from_the_source(task, options, expected):
    info = describe(source_of(calm_net(), task=task, tta="flip"), ExportOptions(**options))
    assert (info.task, info.scales, info.flip) == expected


def test_file__golden_mask_comes_out_of_any_runner(described, model_file):
    """With nothing of ours: JSON, a PNG, ONNX Runtime with its own settings, SHA-256."""
    golden = described["golden"]
    image = cv2.imdecode(np.frombuffer(base64.b64decode(golden["image"]), np.uint8), cv2.IMREAD_COLOR_RGB)[None]
    session = onnxruntime.InferenceSession(model_file, providers=["CPUExecutionProvider"])
    mask, _ = session.run(["mask", "confidence"], {"image": image, "candidates": np.array([golden["candidates"]])})
    assert hashlib.sha256(mask.tobytes()).hexdigest() == golden["mask"]
    assert len(np.unique(mask)) > 1
    # The same through ours.
    found = read_info(model_file).golden
    assert np.array_equal(found.pixels(), image)
    assert found.matches(mask)
    mask[0, 0, 0] ^= 1
    assert not found.matches(mask)


def test_file__golden_mask_has_several_classes_where_one_would_be_clearer():
    """A net that sees little but background."""
    net = calm_net()
    net.classifier.bias.data[0] += 3.0
    with quick_exports():
        data, info = build_onnx(source_of(net), ExportOptions())
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    mask, _ = session.run(None, {"image": info.golden.pixels(), "candidates": np.array([info.golden.candidates])})
    assert (mask == 0).mean() > 0.5
    assert len(np.unique(mask)) > 1


def test_file__nothing_of_this_machine(model_file, written, checkpoint_file):
    places = [swsss.__path__[0], sys.prefix, str(checkpoint_file.parent), os.getcwd(), "site-packages", "stack_trace"]
    assert not [place for place in places if place.encode() in model_file.read_bytes()]
    # What is short may stand among the weights by chance.
    bare = onnx.ModelProto()
    bare.CopyFrom(written)
    for weight in bare.graph.initializer:
        weight.ClearField("raw_data")
    bare.ClearField("metadata_props")
    assert not re.findall(
        r"/usr|/tmp|/root|/home|\.py\b|doc_string|metadata_props|20\d\d-\d\d-\d\d|\d\d:\d\d:\d\d", str(bare)
    )


def test_file__every_node_and_weight_is_read(written):
    graph = written.graph
    read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    assert all(read.intersection(node.output) for node in graph.node)
    assert {weight.name for weight in graph.initializer} <= read
    assert len({node.name for node in graph.node}) == len(graph.node)


def test_file__weights_are_there_once_for_all_views():
    sizes = [
        sum(len(one.raw_data) for one in assembled(calm_net(), tta=tta).graph.initializer) for tta in ("none", "paper")
    ]
    assert sizes[0] == sizes[1]


def test_export__same_bytes_and_a_quiet_terminal_in_another_process(start, checkpoint_file, model_file, tmp_path):
    out = tmp_path / "again.onnx"
    told = start("swsss-export", checkpoint_file, "--out", out).ended().splitlines()
    assert out.read_bytes() == model_file.read_bytes()
    assert os.listdir(tmp_path) == ["again.onnx"]
    assert told[0] == "exporting small.safetensors as fp32"
    assert all(line.startswith("  fp32 in ONNX Runtime against fp32 in PyTorch, ") for line in told[1:5])
    assert told[5:] == [f"{out}: conditioned, fp32, 5 classes, {out.stat().st_size / 1e6:.1f} MB"]
