"""Model files in ONNX Runtime: what comes out, and every file that is refused in one sentence."""

import hashlib
import json
import os

import numpy as np
import onnx
import pytest
from labelling import Reference, picture
from onnx import TensorProto, helper

from swsss.errors import UserError
from swsss.model.engine import self_test
from swsss.model.info import KEY
from swsss.processors import usable_cores
from swsss.serve.engines.onnx import OnnxEngine


@pytest.fixture(scope="module")
def engine(model_file):
    return OnnxEngine(model_file, "cpu", threads=1)


def test_engine__labels(engine, model_file):
    """A batch with padded candidates gives what each image gives alone."""
    images = np.stack([picture(1), picture(2), picture(3)])
    candidates = np.array([[0, 1, -1, -1], [0, 2, 3, 4], [0, -1, -1, -1]])
    masks, confidences = engine.label(images, candidates)
    assert masks.dtype == confidences.dtype == np.uint8
    ask = Reference(model_file)
    for number, tags in enumerate([("cat",), ("dog", "polar bear", "person"), ()]):
        mask, confidence = ask(images[number], tags)
        np.testing.assert_array_equal(masks[number], mask)
        np.testing.assert_array_equal(confidences[number], confidence)
    assert (masks[2] == 0).all()
    assert (confidences[2] == 255).all()


def test_engine__describes_itself(engine, model_file):
    assert engine.identity == hashlib.sha256(model_file.read_bytes()).hexdigest()
    assert engine.device == "cpu"
    assert engine.info.task == "conditioned"
    assert engine.info.classes[:3] == ("background", "cat", "dog")
    assert engine.description.endswith("CPU, 1 threads")
    assert OnnxEngine(model_file, "cpu").description.endswith(f"CPU, {usable_cores()} threads")


def changed(model_file, path, change):
    """A copy of the model file with something changed."""
    model = onnx.load(model_file)
    change(model)
    onnx.save(model, path)
    return path


def test_self_test(engine, model_file, tmp_path):
    def spoil(model):
        weights = max(model.graph.initializer, key=lambda one: len(one.raw_data))
        values = onnx.numpy_helper.to_array(weights)
        weights.CopyFrom(onnx.numpy_helper.from_array(values[..., ::-1] * -2, weights.name))

    assert self_test(engine)
    assert not self_test(OnnxEngine(changed(model_file, tmp_path / "spoilt.onnx", spoil), "cpu"))


def refusal(path, device="cpu"):
    with pytest.raises(UserError) as caught:
        OnnxEngine(path, device)
    told = str(caught.value)
    assert "\n" not in told
    return told


@pytest.mark.parametrize("share", [0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999])
def test_engine__cut_short(model_file, tmp_path, share):
    data = model_file.read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(data[: int(share * len(data))])
    told = refusal(path)
    assert str(path) in told
    assert told.endswith("make one with swsss-export CHECKPOINT --out model.onnx.")


def test_engine__cut_anywhere_in_the_description(model_file, tmp_path):
    """A message of Protocol Buffers that ends between two fields is whole."""
    data = model_file.read_bytes()
    path = tmp_path / "cut.onnx"
    for less in {1, 2, 10, 50, 200, 1000, len(data) - data.rfind(b"swsss"), len(data) - data.rfind(b"swsss") + 4}:
        path.write_bytes(data[:-less])
        assert str(path) in refusal(path)


@pytest.mark.parametrize("data", [b"", b"\0", b"I am no model.", b"\x89PNG\r\n\x1a\n" * 100, bytes(5000)])
def test_engine__no_model(tmp_path, data):
    path = tmp_path / "no.onnx"
    path.write_bytes(data)
    assert str(path) in refusal(path)


def test_engine__no_file(tmp_path):
    path = tmp_path / "no.onnx"
    assert refusal(path) == f"The model {path} cannot be read: No such file or directory."
    path.mkdir()
    assert refusal(path) == f"The model {path} cannot be read: Is a directory."


def described(model, change):
    """Change the description of a model."""
    for entry in model.metadata_props:
        if entry.key == KEY:
            entry.value = change(entry.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: json.dumps(json.loads(text) | {"format": 2}), "has format 2, newer than this swsss reads (1)"),
        (lambda text: '{"format": 3, "shape": "unknown yet"}', "has format 3, newer than this swsss reads (1)"),
        (lambda text: "{}", "The description in FILE cannot be read; it is no model of swsss"),
        (lambda text: text[:-5], "The description in FILE cannot be read; it is no model of swsss"),
        (lambda text: json.dumps(json.loads(text) | {"task": "dream"}), "The description in FILE cannot be read"),
    ],
)
def test_engine__description(model_file, tmp_path, change, told):
    path = changed(model_file, tmp_path / "changed.onnx", lambda model: described(model, change))
    assert told in refusal(path).replace(str(path), "FILE")


def test_engine__not_ours(tmp_path):
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1])
    mask = helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Neg", ["image"], ["mask"])], "g", [image], [mask])
    path = tmp_path / "other.onnx"
    onnx.save(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)]), path)
    assert refusal(path).startswith(f"{path} carries no description; it is no model of swsss;")


def rename(model, before, after):
    for value in (*model.graph.input, *model.graph.output):
        value.name = after if value.name == before else value.name
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [after if name == before else name for name in names]


def cast_image(model):
    """Take the image as float."""
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
    rename(model, "image", "bytes")
    model.graph.input[0].name = "image"
    model.graph.node.insert(0, helper.make_node("Cast", ["image"], ["bytes"], to=TensorProto.UINT8))


@pytest.mark.parametrize(
    "change",
    [
        lambda model: rename(model, "image", "picture"),
        lambda model: rename(model, "confidence", "sureness"),
        lambda model: described(model, lambda text: text.replace('"conditioned"', '"plain"')),
        lambda model: model.graph.output.pop(),
        cast_image,
    ],
)
def test_engine__changed_afterwards(model_file, tmp_path, change):
    path = changed(model_file, tmp_path / "changed.onnx", change)
    assert "it was changed after swsss-export" in refusal(path)


def raise_opset(model):
    model.opset_import[0].version = 99


@pytest.mark.parametrize("change", [raise_opset, lambda model: setattr(model, "ir_version", 99)])
def test_engine__newer_onnx(model_file, tmp_path, change):
    path = changed(model_file, tmp_path / "newer.onnx", change)
    assert refusal(path).startswith(f"{path} needs a newer ONNX Runtime than ")


@pytest.mark.skipif(os.path.exists("/dev/nvidiactl"), reason="there is a GPU here")
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_engine__no_gpu(model_file, device):
    assert refusal(model_file, device).startswith(f"--device {device}: ONNX Runtime could not start it here;")
    assert OnnxEngine(model_file, "auto").description.startswith("ONNX Runtime")
