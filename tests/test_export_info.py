"""Files that are no model of ours, or no longer: one sentence each."""

import json

import onnx
import pytest

from swsss.errors import UserError
from swsss.model.file import read_info
from swsss.model.info import parse_info


@pytest.fixture(scope="module")
def valid(model_file):
    return read_info(model_file).model_dump(mode="json")


def test_parse_info__as_written(valid):
    assert parse_info(json.dumps(valid), "a.onnx").model_dump(mode="json") == valid


def test_parse_info__of_before_there_were_temperatures_and_penalties(valid):
    old = {name: value for name, value in valid.items() if name not in {"temperature", "tag_penalty"}}
    assert len(old) == len(valid) - 2
    info = parse_info(json.dumps(old), "a.onnx")
    assert (info.temperature, info.tag_penalty, info.about_tags) == ((), None, "")


def test_parse_info__of_this_format_with_more_in_it(valid):
    """Another version may add what this one does not need."""
    assert parse_info(json.dumps({**valid, "author": "me"}), "a.onnx").model_dump(mode="json") == valid


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda _: None, "a.onnx carries no description; it is no model of swsss"),
        (lambda _: "", "The description in a.onnx cannot be read; it is no model of swsss"),
        (lambda _: "names: cat", "The description in a.onnx cannot be read"),
        (lambda _: "[1]", "The description in a.onnx cannot be read"),
        (lambda info: json.dumps(info)[:-9], "The description in a.onnx cannot be read"),
        (lambda info: json.dumps({**info, "precision": "int3"}), "The description in a.onnx cannot be read"),
        (lambda info: json.dumps({**info, "golden": {"image": ""}}), "The description in a.onnx cannot be read"),
        (lambda info: json.dumps({"format": 1}), "The description in a.onnx cannot be read"),
        (lambda info: json.dumps({**info, "format": 2}), "a.onnx has format 2, newer than this swsss reads"),
        # Nothing else of a newer format can be relied on.
        (lambda _: json.dumps({"format": 7, "names": []}), "a.onnx has format 7, newer than this swsss reads"),
    ],
)
def test_parse_info__foreign_damaged_newer(valid, change, sentence):
    with pytest.raises(UserError) as caught:
        parse_info(change(valid), "a.onnx")
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["model.onnx", "model.json", "model.textproto", "model.onnxtxt", "model"])
def test_read_info__whatever_the_file_is_called(model_file, valid, tmp_path, name):
    (tmp_path / name).write_bytes(model_file.read_bytes())
    assert read_info(tmp_path / name).model_dump(mode="json") == valid
    (tmp_path / name).write_text("{]")
    with pytest.raises(UserError, match="is not a whole ONNX file; make one with swsss-export"):
        read_info(tmp_path / name)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.999])
def test_read_info__cut_short(model_file, tmp_path, kept):
    data = model_file.read_bytes()
    (tmp_path / "cut.onnx").write_bytes(data[: int(kept * len(data))])
    with pytest.raises(UserError, match=r"cut\.onnx is not a whole ONNX file"):
        read_info(tmp_path / "cut.onnx")


def test_read_info__empty(tmp_path):
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(UserError, match="carries no description"):
        read_info(tmp_path / "empty.onnx")


def test_read_info__somebody_elses(tmp_path):
    identity = onnx.helper.make_node("Identity", ["x"], ["y"])
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy")
    model = onnx.helper.make_model(onnx.helper.make_graph([identity], "theirs", [x], [y]))
    onnx.helper.set_model_props(model, {"names": "cat"})
    onnx.save(model, tmp_path / "theirs.onnx")
    with pytest.raises(UserError, match=r"theirs\.onnx carries no description; it is no model of swsss"):
        read_info(tmp_path / "theirs.onnx")


@pytest.mark.parametrize("name", ["missing.onnx", "folder.onnx"])
def test_read_info__no_file(tmp_path, name):
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(UserError, match=rf"There is no model file .*{name}\."):
        read_info(tmp_path / name)
