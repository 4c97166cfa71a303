"""Several models by name, one replaced while others ask for it."""

import io
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import tritonclient.http as triton
from labelling import Reference, picture
from models import random_checkpoint
from PIL import Image
from serving import pixels_of, serving, told

from swsss.checkpoint import save_checkpoint
from swsss.export.exporting import ExportOptions, export_onnx
from swsss.export.source import load_source


@pytest.fixture(scope="module")
def other_file(tmp_path_factory):
    """A model with other weights."""
    folder = tmp_path_factory.mktemp("other")
    save_checkpoint(folder / "other.safetensors", random_checkpoint(seed=1))
    export_onnx(load_source(folder / "other.safetensors"), folder / "other.onnx")
    return folder / "other.onnx"


@pytest.fixture(scope="module")
def plain_file(checkpoint_file, tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "plain.onnx"
    export_onnx(load_source(checkpoint_file), path, ExportOptions(plain=True))
    return path


def image():
    target = io.BytesIO()
    Image.fromarray(picture(4)).save(target, "PNG")
    return target.getvalue()


def mask(client, **query):
    answer = client.label(image(), **query)
    assert answer.status_code == 200, answer.text
    return pixels_of(answer.content)


def test_models__by_name(model_file, other_file, plain_file, tmp_path):
    files = {"first": model_file, "second": other_file, "bare": plain_file}
    with serving(files, tmp_path) as client:
        info = client.get("/v1/info").json()
        assert info["default_model"] == "first"
        assert [model["name"] for model in info["models"]] == ["first", "second", "bare"]
        first, _ = Reference(model_file)(picture(4), ("cat", "dog"))
        second, _ = Reference(other_file)(picture(4), ("cat", "dog"))
        plain, _ = Reference(plain_file)(picture(4), None)
        assert (first != second).any()
        np.testing.assert_array_equal(mask(client, tags="cat;dog"), first)
        np.testing.assert_array_equal(mask(client, tags="cat;dog", model="first"), first)
        np.testing.assert_array_equal(mask(client, tags="cat;dog", model="second"), second)
        np.testing.assert_array_equal(mask(client, model="bare"), plain)
        assert "This model takes no tags" in told(client.label(image(), tags="cat", model="bare"), 422)


def test_models__checkpoint(checkpoint_file, model_file, tmp_path):
    """A checkpoint is exported on first use, as swsss-label does."""
    checkpoint = shutil.copy(checkpoint_file, tmp_path)
    expected, _ = Reference(model_file)(picture(4), ("cat", "dog"))
    for _ in range(2):
        with serving({"mine": Path(checkpoint)}, tmp_path / "data") as client:
            np.testing.assert_array_equal(mask(client, tags="cat;dog"), expected)
            assert "ONNX Runtime" in client.get("/v1/models").json()["models"][0]["engine"]
    assert [path.name for path in tmp_path.glob("*.onnx")] == ["small.onnx"]


def test_models__folder(model_file, other_file, tmp_path):
    """What is put into the folder can be loaded; what is no model is left out, and the rest serves."""
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(model_file, folder / "a.onnx")
    (folder / "broken.onnx").write_text("no model")
    (folder / "notes.txt").write_text("no model")
    with serving({}, tmp_path / "data", folder=folder) as client:
        tool = triton.InferenceServerClient(client.base_url.netloc.decode())
        assert [model["name"] for model in client.get("/v1/models").json()["models"]] == ["a"]
        index = {row["name"]: row for row in tool.get_model_repository_index()}
        assert index["broken"]["state"] == "UNAVAILABLE"
        assert "is not a whole ONNX file" in index["broken"]["reason"]
        shutil.copy(other_file, folder / "b.onnx")
        assert "There is no model 'b'" in told(client.label(image(), tags="cat", model="b"), 404)
        tool.load_model("b")
        expected, _ = Reference(other_file)(picture(4), ("cat",))
        np.testing.assert_array_equal(mask(client, tags="cat", model="b"), expected)
        tool.unload_model("b")
        assert "There is no model 'b'" in told(client.label(image(), tags="cat", model="b"), 404)


def test_models__replaced_under_load(model_file, other_file, tmp_path):
    """Every request is answered, by the old or by the new; and whoever asks after the change gets the new."""
    file = shutil.copy(model_file, tmp_path / "model.onnx")
    masks = [Reference(path)(picture(4), ("cat", "dog"))[0] for path in (model_file, other_file)]
    wrong, stop, counts = [], threading.Event(), [0, 0]

    def ask(client):
        while not stop.is_set():
            answer = client.label(image(), tags="cat;dog")
            same = [answer.status_code == 200 and bool((pixels_of(answer.content) == one).all()) for one in masks]
            if any(same):
                counts[same.index(True)] += 1
            else:
                wrong.append(answer.text)

    with serving({"model": file}, tmp_path / "data") as client:
        tool = triton.InferenceServerClient(client.base_url.netloc.decode())
        threads = [threading.Thread(target=ask, args=(client,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for replacement in (other_file, model_file, other_file):
                shutil.copy(replacement, file)
                before = sum(counts)
                tool.load_model("model")
                while sum(counts) < before + 20 and not wrong:
                    stop.wait(0.01)
            np.testing.assert_array_equal(mask(client, tags="cat;dog"), masks[1])
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        file.write_text("no model")
        with pytest.raises(triton.InferenceServerException, match="is not a whole ONNX file"):
            tool.load_model("model")
        np.testing.assert_array_equal(mask(client, tags="cat;dog"), masks[1], "the one before stays")
    assert not wrong
    assert all(counts)
