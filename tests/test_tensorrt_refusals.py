"""Engines that cannot be built: one sentence, and the files as they were."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from commands import invoke, message

from swsss.errors import UserError
from swsss.export.tensorrt.build import EngineOptions, engine_options
from swsss.export.tensorrt.engine import build_engine
from swsss.model.file import pack, read_info

rtx = pytest.importorskip("tensorrt_rtx")

SIZE = "1x64x64"


@pytest.fixture(scope="module")
def options() -> EngineOptions:
    return engine_options(SIZE, "tensorrt_rtx")


@pytest.fixture
def model(model_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(model_file, tmp_path / "m.onnx"))


@pytest.fixture
def changed(model: Path) -> Callable[..., Path]:
    """The model with something else in it."""

    def write(change: Callable[[onnx.ModelProto], object] = lambda found: None, **info: object) -> Path:
        found = onnx.load(model)
        described = read_info(model).model_copy(update=info)
        change(found)
        model.write_bytes(pack(found, described))
        return model

    return write


def unknown_operator(found: onnx.ModelProto) -> None:
    next(node for node in found.graph.node if node.name == "rounded").op_type = "Det"


def int32_mask(found: onnx.ModelProto) -> None:
    next(node for node in found.graph.node if node.name == "mask").attribute[0].i = onnx.TensorProto.INT32
    found.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT32


def renamed_output(found: onnx.ModelProto) -> None:
    next(node for node in found.graph.node if node.name == "mask").output[0] = "labels"
    found.graph.output[0].name = "labels"


@pytest.mark.parametrize(
    ("change", "info", "words"),
    [
        (unknown_operator, {}, "does not read the model file: at the node rounded (Det)"),
        (int32_mask, {}, "the output mask int32[-1, -1, -1] instead of the output mask uint8[-1, -1, -1]"),
        (renamed_output, {}, "the output labels uint8[-1, -1, -1] instead of no labels"),
        (lambda found: None, {"task": "plain"}, "the input candidates int64[-1, -1] instead of no candidates"),
        (lambda found: None, {"precision": "fp16"}, "says fp16, but TensorRT-RTX"),
    ],
)
def test_build_engine__refuses(changed, options, change, info, words):
    path = changed(change, **info)
    path.with_name("m.engine").write_bytes(b"the one from yesterday")
    with pytest.raises(UserError) as told:
        build_engine(path, options)
    assert words in str(told.value)
    assert "\n" not in str(told.value)
    assert path.with_name("m.engine").read_bytes() == b"the one from yesterday"
    assert sorted(one.name for one in path.parent.iterdir()) == ["m.engine", "m.onnx"]


def test_build_engine__builder_says_why(model):
    with pytest.raises(UserError, match=r"cannot build the engine: .*exceeds.*\.$") as told:
        build_engine(model, engine_options("99999x99999x99999", "tensorrt_rtx"))
    assert "\n" not in str(told.value)
    assert [one.name for one in model.parent.iterdir()] == ["m.onnx"]


def test_build_engine__a_file_that_is_not_ours(tmp_path, options):
    (tmp_path / "m.onnx").write_bytes(b"\x00\x01 no model")
    with pytest.raises(UserError, match="not a whole ONNX file"):
        build_engine(tmp_path / "m.onnx", options)


def test_build_engine__cannot_be_written(model, options):
    model.with_name("m.engine").mkdir()
    with pytest.raises(UserError, match=r"m.engine cannot be written: Is a directory"):
        build_engine(model, options)
    assert not model.with_name("m.engine.json").exists()


@pytest.mark.parametrize(
    ("hidden", "sizes", "words"),
    [
        ([], "8x512", "--sizes: '8x512' is no size NxHxW"),
        (["tensorrt", "tensorrt_rtx"], SIZE, "pip install 'swsss[tensorrt-rtx]'"),
    ],
)
def test_command__refuses_before_anything_is_exported(monkeypatch, checkpoint_file, tmp_path, hidden, sizes, words):
    for name in hidden:
        monkeypatch.setitem(sys.modules, name, None)
    out = tmp_path / "m.onnx"
    result = invoke("swsss-export", checkpoint_file, "--out", out, "--tensorrt", "--sizes", sizes)
    assert words in message(result)
    assert list(tmp_path.iterdir()) == []
