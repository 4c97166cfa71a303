"""What cannot work is said before the work begins, and a file that cannot be written is said, too."""

import os
import resource
from unittest.mock import patch

import numpy as np
import pytest
from exports import calm_net, quick_exports, source_of
from PIL import Image

from swsss.errors import UserError
from swsss.export import exporting
from swsss.export.exporting import ExportOptions, export_onnx
from swsss.export.int8 import Calibration

INT8 = {"precision": "int8"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the test works, with an image, an empty folder and a text file."""
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "images" / "a.png")
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "notes.txt").write_text("notes")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def everything(folder):
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("out", "options", "sentence"),
    [
        ("model.pt", {}, "--out model.pt must end in .onnx."),
        ("model", {}, "--out model must end in .onnx."),
        ("folder.onnx", {}, "--out folder.onnx is a folder; name a file."),
        ("m.onnx", {"max_side": 31}, "--max-side 31 is too small for the nets; give 32 or more."),
        ("m.onnx", INT8, "--precision int8 and --calibrate IMAGES go together"),
        ("m.onnx", {"calibration": "images"}, "--precision int8 and --calibrate IMAGES go together"),
        (
            "m.onnx",
            {"precision": "fp16", "calibration": "images"},
            "--precision int8 and --calibrate IMAGES go together",
        ),
        ("m.onnx", {**INT8, "calibration": "missing"}, "--calibrate missing is no folder; name one with a few dozen"),
        ("m.onnx", {**INT8, "calibration": "notes.txt"}, "--calibrate notes.txt is no folder"),
        ("m.onnx", {**INT8, "calibration": "empty"}, "--calibrate empty holds no image"),
    ],
)
def test_export__refused_before_the_work_begins(folder, out, options, sentence):
    if "calibration" in options:
        options = {**options, "calibration": Calibration(folder.joinpath(options["calibration"]).relative_to(folder))}
    before = everything(folder)
    with patch.object(exporting, "assemble") as assemble, pytest.raises(UserError) as caught:
        export_onnx(source_of(calm_net()), folder.joinpath(out).relative_to(folder), ExportOptions(**options))
    assert not assemble.called
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)
    assert everything(folder) == before


def test_export__more_than_two_gigabytes(folder, monkeypatch):
    """The limit is lowered: such a net does not fit into a test."""
    net = calm_net()
    weights = sum(weight.numel() for weight in net.parameters())
    monkeypatch.setattr(exporting, "_MAX_WEIGHTS", 4 * weights - 1)
    monkeypatch.setattr(exporting, "assemble", None)
    with pytest.raises(UserError, match=r"m\.onnx would be larger than 2 GB, which one ONNX file cannot hold"):
        export_onnx(source_of(net), folder / "m.onnx")
    # Half precision takes half, and two nets twice.
    with pytest.raises(TypeError):
        export_onnx(source_of(net), folder / "m.onnx", ExportOptions(precision="fp16"))
    with pytest.raises(UserError, match="larger than 2 GB"):
        export_onnx(source_of(net, net, net), folder / "m.onnx", ExportOptions(precision="fp16"))


def test_export__into_a_folder_that_is_not_there_yet(folder):
    with quick_exports():
        export_onnx(source_of(calm_net()), folder / "some" / "where" / "m.onnx")
    assert os.listdir(folder / "some" / "where") == ["m.onnx"]


def test_export__folder_is_a_file(folder):
    before = everything(folder)
    with quick_exports(), pytest.raises(UserError, match=r"notes\.txt/m\.onnx cannot be written: Not a directory\."):
        export_onnx(source_of(calm_net()), folder / "notes.txt" / "m.onnx")
    assert everything(folder) == before


def test_export__no_room(folder, monkeypatch):
    """A limit on the size of files ends the writing in the middle, as a full disk does."""
    (folder / "m.onnx").write_bytes(b"an older model")
    before = everything(folder)
    monkeypatch.setattr(exporting, "write_whole", limited(exporting.write_whole))
    with quick_exports(), pytest.raises(UserError, match=r"m\.onnx cannot be written: File too large\."):
        export_onnx(source_of(calm_net()), folder / "m.onnx")
    assert everything(folder) == before
    assert (folder / "m.onnx").read_bytes() == b"an older model"


def limited(write):
    def inside(*arguments):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
        try:
            write(*arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return inside
