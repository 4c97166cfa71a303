"""Which model labels: the one named, or the newest run's; a checkpoint is exported once, and anew when it changes."""

import json
import os
import shutil
from html import unescape

import numpy as np
import onnx
import pytest
from commands import invoke, message
from exports import quick_exports
from labelling import Reference, contents, done, label, make_photos, mask_at, picture, save, stamps
from models import CLASSES, random_checkpoint

from swsss.checkpoint import save_checkpoint
from swsss.data.images import read_upright
from swsss.errors import UserError
from swsss.export.exporting import ExportOptions, export_onnx
from swsss.export.source import load_source
from swsss.export.torch_engine import TorchEngine
from swsss.model.file import read_info
from swsss.model.info import KEY, parse_info
from swsss.serve.manifest import read_manifest
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
    make_run(runs / "taught", tiny, checkpoint_file, "teacher", age=5)
    assert newest_run(runs) == runs / "taught"
    make_run(runs / "later", tiny, checkpoint_file, "hybridnet", "pseudonet", age=1)
    assert newest_run(runs) == runs / "later"


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


def test_label__model_with_another_tag_penalty(photos, tiny, checkpoint_file, model_file, exports, tmp_path):
    """An export with a penalty is not taken for that of a run whose tags are law."""
    run = make_run(tmp_path / "run", tiny, checkpoint_file, "hybridnet")
    done(label(photos, run, tmp_path / "out"))
    model = onnx.load(run / "model.onnx")
    info = read_info(run / "model.onnx").model_copy(update={"tag_penalty": 3.0})
    onnx.helper.set_model_props(model, {KEY: info.model_dump_json()})
    onnx.save(model, run / "model.onnx")
    told = message(label(photos, run, tmp_path / "out"))
    assert told.startswith(f"{run / 'model.onnx'} was exported with other options (fp32, largest side 2048, tag penal")
    told = done(label(photos, run / "model.onnx", tmp_path / "out"))
    note = "tags are a hint (penalty 3): masks may hold classes that an image's tags exclude"
    assert told.splitlines()[-1] == f"Note: {note}."
    report = (tmp_path / "out" / "report.html").read_text()
    assert note in unescape(report)


def test_label__masks_beyond_the_tags(tmp_path, checkpoint_file):
    """Whatever reads masks and manifest afterwards takes a class that the tags exclude."""
    checkpoint = tmp_path / "net.safetensors"
    shutil.copy(checkpoint_file, checkpoint)
    with quick_exports():
        export_onnx(load_source(checkpoint), tmp_path / "hint.onnx", ExportOptions(tag_penalty=1.0))
    photos, out = make_photos(tmp_path, 4), tmp_path / "out"
    done(label(photos, tmp_path / "hint.onnx", out, "--format", "coco", "--format", "label-studio", "--format", "cvat"))
    rows = list(read_manifest(out / "manifest.csv", CLASSES))
    beyond = {index for row in rows for index in set(row.found) - set(row.tags)}
    assert beyond
    for row in rows:
        mask = mask_at(out, row.mask)
        assert {index: int((mask == index).sum()) for index in np.unique(mask).tolist()} == row.pixels
    annotations = json.loads((out / "coco.json").read_text())["annotations"]
    assert len(annotations) == sum(len(row.found) for row in rows)
    assert not (out / "convert-failures.csv").exists()
    # PyTorch gives the same masks.
    engine = TorchEngine(checkpoint, "cpu", options=ExportOptions(tag_penalty=1.0))
    assert engine.identity != TorchEngine(checkpoint, "cpu").identity
    candidates = np.array([[0, *rows[0].tags]])
    mask, _ = engine.label(read_upright(photos / "images" / rows[0].image)[None], candidates)
    assert (mask[0] == mask_at(out, rows[0].mask)).mean() > 0.999
