"""INT8: what is quantised and what is not, on which images, and that it still labels."""

import os
import tempfile

import cv2
import numpy as np
import onnx
import pytest
from exports import assembled, calm_net, case_of, quick_exports, run, source_of
from onnx import TensorProto, numpy_helper

from swsss.errors import UserError
from swsss.export.exporting import ExportOptions, build_onnx
from swsss.export.int8 import Calibration, quantise
from swsss.export.pieces import fold_batch_norm
from swsss.export.samples import synthetic_images

ROWS = [[0, 2], [4, 1, 0, 3], [3], [2, 4]]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Six images, one of them in a folder of its own, and one that is none."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "more").mkdir()
    for index, name in enumerate(["a.png", "b.png", "c.jpg", "d.png", "e.png", "more/f.png"]):
        cv2.imwrite(str(folder / name), synthetic_images(1, 90, 120 + index, 50 + index)[0])
    (folder / "broken.jpg").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def int8(images):
    told = []
    model = quantise(assembled(calm_net()), Calibration(images), tell=told.append)
    return model, told


def producers(graph):
    return {name: node for node in graph.node for name in node.output}


def weights(graph):
    return {weight.name: weight for weight in graph.initializer}


def test_int8__convolutions_but_those_of_the_stem(int8):
    graph = int8[0].graph
    made, values = producers(graph), weights(graph)
    counts = {True: 0, False: 0}
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        before = [made[name].op_type for name in node.input if name in made]
        stem = ".stem." in " ".join(node.input)
        counts[stem] += 1
        if stem:
            assert "DequantizeLinear" not in before[1:]
            assert values[node.input[1]].data_type == TensorProto.FLOAT
        else:
            assert before == ["DequantizeLinear"] * len(node.input)
    # MobileNetV2: the stem is the first convolution and the first block.
    assert counts[True] == 3
    assert counts[False] > 45
    assert {node.op_type for node in graph.node} >= {"QuantizeLinear", "DequantizeLinear"}


def test_int8__what_decides_stays_in_float(int8):
    """Nothing before the nets and nothing behind their decoders."""
    graph = int8[0].graph
    quantised = {node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    edges = ("_shortcut", "_context", "_spread", "_joined", "_decoded")
    assert [name for name in quantised if "/" not in name and not name.endswith(edges)] == []
    assert weights(graph)["head0_weight"].data_type == TensorProto.FLOAT


def test_int8__weights_per_channel(int8):
    """Each is the float weight to half a step of its own channel."""
    net = calm_net()
    fold_batch_norm(net)
    expected = {f"encoder0/{name}": values.numpy() for name, values in net.state_dict().items()}
    graph = int8[0].graph
    values, checked = weights(graph), 0
    for node in graph.node:
        original = (
            expected.get(node.input[0].removesuffix("_quantized")) if node.op_type == "DequantizeLinear" else None
        )
        if original is not None and original.ndim == 4:
            quantised, scale = (numpy_helper.to_array(values[name]) for name in node.input[:2])
            assert quantised.dtype == np.int8
            assert scale.shape == original.shape[:1]
            error = np.abs(quantised * scale[:, None, None, None] - original).max((1, 2, 3))
            assert (error <= 0.501 * scale).all()
            checked += 1
    assert checked > 40


def test_int8__masks(int8):
    case = case_of(ROWS, 90, 120, seed=53)
    (found, confidence), (expected, certain) = run(int8[0], case), run(assembled(calm_net()), case)
    for image, ids in zip(found, ROWS, strict=True):
        assert set(np.unique(image)) <= set(ids)
    assert (found == expected).mean() > 0.8
    assert (found != expected).any()
    assert np.abs(confidence.astype(int) - certain).mean() < 40


def test_int8__says_what_it_was_calibrated_on(int8, images):
    (told,) = int8[1]
    assert told.startswith("int8: ")
    assert told.endswith(f"nodes quantised, calibrated on 6 images of {images}; 1 cannot be read")


def test_int8__file_twice(images, tmp_path, monkeypatch, capfd):
    """The same bytes, everything in them valid, and nothing left in the folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    options = ExportOptions(precision="int8", calibration=Calibration(images, count=3))
    with quick_exports():
        (data, info), (again, _) = (build_onnx(source_of(calm_net()), options) for _ in range(2))
    assert data == again
    assert info.precision == "int8"
    onnx.checker.check_model(data, full_check=True)
    assert os.listdir(tmp_path) == []
    assert str(tmp_path).encode() not in data
    assert "".join(capfd.readouterr()) == ""


def test_int8__views_share_the_weights(images):
    model = quantise(assembled(calm_net(), tta="flip"), Calibration(images, count=2))
    single = quantise(assembled(calm_net()), Calibration(images, count=2))
    sizes = [sum(len(one.raw_data) for one in one.graph.initializer) for one in (model, single)]
    assert sizes[0] < 1.1 * sizes[1]
    found = run(model, case_of(ROWS, 40, 50))[0]
    assert set(np.unique(found[0])) <= {0, 2}


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, ["a.png"]),
        (2, ["a.png", "more/f.png"]),
        (3, ["a.png", "c.jpg", "more/f.png"]),
        (99, ["a.png", "b.png", "broken.jpg", "c.jpg", "d.png", "e.png", "more/f.png"]),
    ],
)
def test_calibration__evenly_over_the_names(images, count, expected):
    assert [str(path.relative_to(images)) for path in Calibration(images, count).paths()] == expected


def test_int8__no_image_can_be_read(tmp_path):
    (tmp_path / "a.jpg").write_text("no image")
    with pytest.raises(UserError, match=f"None of the images in --calibrate {tmp_path} can be read"):
        quantise(assembled(calm_net()), Calibration(tmp_path))


def test_int8__no_room_for_temporary_files(images, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(UserError, match=f"Temporary files cannot be written to {tmp_path}/gone: No such file"):
        quantise(assembled(calm_net()), Calibration(images))
