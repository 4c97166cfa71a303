"""Which model labels: the one named, or the newest run's; a checkpoint is exported once, and anew when it changes."""

import os
import shutil

import numpy as np
import onnx
import pytest
from commands import invoke, message
from labelling import Reference, contents, done, label, make_photos, mask_at, picture, save, stamps
from models import random_checkpoint

from swsss.checkpoint import save_checkpoint
from swsss.errors import UserError
from swsss.export.metadata import KEY, parse_info
from swsss.serve.models import newest_run


@pytest.fixture
def photos(tmp_path):
    return make_photos(tmp_path, 3)


@pytest.fixture
def exports(model_file, monkeypatch):
    """A stand-in for the export, which takes seconds: the model file, said to come from the checkpoint. Its calls."""
    calls = []

    def export(source, out, options, *, tell):
        calls.append((source.name, out, options.max_side))
        tell(f"exporting {source.name}")
        model = onnx.load(model_file)
        text = next(entry.value for entry in model.metadata_props if entry.key == KEY)
        info = parse_info(text, "").model_copy(update={"source": source.sha256, "max_side": options.max_side})
        onnx.helper.set_model_props(model, {KEY: info.model_dump_json()})
        onnx.save(model, out)

    monkeypatch.setattr("swsss.export.exporting.export_onnx", export)
    return calls


def make_run(folder, tiny, checkpoint_file, *roles, age=0.0):
    """A run folder whose stage 1 has written the nets of these roles."""
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(tiny.read_text().replace('labeller = "average"', 'labeller = "hybridnet"'))
    for role in roles:
        shutil.copy(checkpoint_file, folder / f"{role}.safetensors")
        os.utime(folder / f"{role}.safetensors", (1e9 - age, 1e9 - age))
    return folder


def test_newest_run(tmp_path, tiny, checkpoint_file):
    runs = tmp_path / "runs"
    told = f"No --model was given and {runs}/ holds no finished stage 1; train one with swsss-train, or name a model."
    for _ in range(2):
        with pytest.raises(UserError) as caught:
            newest_run(runs)
        assert str(caught.value) == told
        runs.mkdir(exist_ok=True)
    make_run(runs / "z old", tiny, checkpoint_file, "hybridnet", age=50)
    make_run(runs / "newest", tiny, checkpoint_file, "hybridnet", age=10)
    make_run(runs / "a older", tiny, checkpoint_file, "hybridnet", "final", age=20)
    make_run(runs / "unfinished", tiny, checkpoint_file)
    assert newest_run(runs) == runs / "newest"


def test_label__newest_run(photos, tiny, checkpoint_file, exports, monkeypatch):
    monkeypatch.chdir(photos)
    assert "No --model was given" in message(invoke("swsss-label images --labels tags.csv"))
    make_run(photos / "runs" / "first", tiny, checkpoint_file, "hybridnet", age=9)
    make_run(photos / "runs" / "second", tiny, checkpoint_file, "hybridnet")
    told = done(invoke("swsss-label images --labels tags.csv"))
    assert "model: runs/second, the newest run" in told
    assert len(exports) == 1
    assert (photos / "runs" / "second" / "model.onnx").is_file()
    assert not (photos / "runs" / "first" / "model.onnx").exists()
    assert len(stamps(photos / "labels")) == 3, "the default of --out"
    done(invoke("swsss-label images --labels tags.csv --model runs/first --out other"))
    assert contents(photos / "other") == contents(photos / "labels")


def test_label__checkpoint_exported_once(photos, checkpoint_file, exports, tmp_path):
    checkpoint, out = tmp_path / "net.v2.safetensors", tmp_path / "out"
    shutil.copy(checkpoint_file, checkpoint)
    assert "exporting net.v2.safetensors" in done(label(photos, checkpoint, out))
    before = stamps(out)
    assert "exporting" not in done(label(photos, checkpoint, out))
    assert exports == [("net.v2.safetensors", tmp_path / "net.v2.onnx", 2048)]
    assert stamps(out) == before
    save_checkpoint(checkpoint, random_checkpoint(seed=1))
    assert "exporting" in done(label(photos, checkpoint, out))
    assert not before.items() & stamps(out).items(), "another model labels everything anew"


def test_label__largest_side(photos, checkpoint_file, model_file, exports, tmp_path):
    checkpoint = tmp_path / "net.safetensors"
    shutil.copy(checkpoint_file, checkpoint)
    done(label(photos, checkpoint, tmp_path / "out", "--max-side", 64))
    assert exports == [("net.safetensors", tmp_path / "net.onnx", 64)]
    told = message(label(photos, checkpoint, tmp_path / "out"))
    assert told.startswith(f"{tmp_path / 'net.onnx'} was exported with other options (fp32, largest side 64);")
    told = message(label(photos, model_file, tmp_path / "out", "--max-side", 64))
    assert told == f"The largest side is built into {model_file}; export it again with swsss-export --max-side."


def test_label__export_that_cannot_be_written(photos, checkpoint_file, tmp_path, monkeypatch):
    def refuse(_, out, *__, **___):
        raise PermissionError(13, "Permission denied", str(out))

    monkeypatch.setattr("swsss.export.exporting.export_onnx", refuse)
    checkpoint = tmp_path / "net.safetensors"
    shutil.copy(checkpoint_file, checkpoint)
    told = message(label(photos, checkpoint, tmp_path / "out"))
    assert told.startswith(
        f"{tmp_path / 'net.onnx'} cannot be written: Permission denied; export {checkpoint} elsewhere"
    )
    assert not (tmp_path / "out").exists()


def test_label__no_such_model(photos, tmp_path):
    for name in ("no.onnx", "no.safetensors", "no"):
        told = message(label(photos, tmp_path / name, tmp_path / "out"))
        assert str(tmp_path / name) in told
    (tmp_path / "empty").mkdir()
    assert "is no run folder" in message(label(photos, tmp_path / "empty", tmp_path / "out"))
    (tmp_path / "bad.safetensors").write_bytes(b"bad")
    assert "bad.safetensors" in message(label(photos, tmp_path / "bad.safetensors", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_label__plain_checkpoint(tmp_path, model_file):
    """With the export itself; a net trained without tags gives a model that takes none."""
    checkpoint, out = tmp_path / "plain.safetensors", tmp_path / "out"
    save_checkpoint(checkpoint, random_checkpoint(task="plain"))
    for name in "ab":
        save(tmp_path / "images" / f"{name}.png", picture(ord(name)))
    done(invoke("swsss-label", tmp_path / "images", "--model", checkpoint, "--out", out))
    ask = Reference(checkpoint.with_suffix(".onnx"))
    for name in "ab":
        np.testing.assert_array_equal(mask_at(out, f"{name}.png"), ask(picture(ord(name)), None)[0])
    (tmp_path / "tags.csv").write_text("image,labels\na.png,cat\n")
    told = message(label(tmp_path, checkpoint, out))
    assert told == "This model takes no tags (it was exported plain): leave --labels out, or name another --model."
    told = message(invoke("swsss-label", tmp_path / "images", "--model", model_file, "--out", out))
    assert told == "This model labels by tags: give --labels tags.csv, or --untagged all to allow every class."
