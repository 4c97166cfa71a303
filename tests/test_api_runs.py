"""`swsss.label_folder`, `convert`, `train`, `evaluate` and `export`: what the commands do, told to a program."""

import contextlib
import io
import json
import shutil
import signal
import threading

import numpy as np
import onnxruntime
import pytest
from commands import invoke
from labelling import contents, done, label, make_photos, mask_at, picture, save, stamps

import swsss
from swsss.model.file import read_info


@pytest.fixture
def photos(tmp_path):
    return make_photos(tmp_path, 6)


def code_of(call, *words, **options):
    """Code and field of the mistake that a call is."""
    with pytest.raises(swsss.UserError) as caught:
        call(*words, **options)
    assert str(caught.value) == caught.value.message
    assert "--" not in caught.value.message.replace("swsss-export --", "")
    return caught.value.code, caught.value.field


def test_label_folder__as_swsss_label(photos, model_file, tmp_path, capfd):
    done(label(photos, model_file, tmp_path / "by command", "--format", "coco", "--confidence", "--ignore-below", 0.4))
    capfd.readouterr()
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    seen, during = [], []

    def progress(title, count, total):
        seen.append((title, count, total))
        during.append([signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)])

    result = swsss.label_folder(
        str(photos / "images"),
        labels=photos / "tags.csv",
        model=str(model_file),
        out=str(tmp_path / "by call"),
        formats=["coco"],
        confidence=True,
        ignore_below=0.4,
        device="cpu",
        threads=1,
        progress=progress,
    )
    assert capfd.readouterr() == ("", "")
    assert all(found == handlers for found in during)
    assert contents(tmp_path / "by call") == contents(tmp_path / "by command")
    assert (result.labelled, result.earlier, result.failed, result.missing) == (6, 0, 0, 0)
    assert seen == [(title, n, 6) for title, first in (("labelling", 0), ("converting", 1)) for n in range(first, 7)]
    assert result.folder == tmp_path / "by call"
    for path in (result.masks, result.manifest, result.failures, result.report):
        assert path.exists()
    assert result.notes == ()


def test_label_folder__goes_on_with_a_loaded_model(photos, model_file, tmp_path):
    labeller = swsss.load(model_file, device="cpu", threads=1)
    out = tmp_path / "labels"
    options = {"labels": photos / "tags.csv", "model": labeller, "out": out}
    assert swsss.label_folder(photos / "images", limit=2, **options).labelled == 2
    first = stamps(out)

    class StopError(Exception):
        pass

    def stop(title, count, total):
        if count == 2:
            raise StopError

    with pytest.raises(StopError):
        swsss.label_folder(photos / "images", progress=stop, **options)
    save(photos / "images" / "untagged.png", picture(20))
    (photos / "images" / "broken.png").write_bytes(b"no picture")
    with (photos / "tags.csv").open("a") as file:
        file.write("broken.png,cat\n")
    result = swsss.label_folder(photos / "images", **options)
    assert result.labelled + result.earlier == 7, "those that fail are counted as looked at"
    assert result.failed == 1
    assert len(result.notes) == 1
    assert 'untagged="all"' in result.notes[0]
    assert stamps(out).items() >= first.items()
    np.testing.assert_array_equal(mask_at(out, "00.png"), labeller.label(photos / "images" / "00.jpg", ["cat"]).mask)


def test_label_folder__in_another_thread(photos, model_file, tmp_path):
    found = []
    options = {"labels": photos / "tags.csv", "model": model_file, "out": tmp_path / "labels", "threads": 1}
    thread = threading.Thread(target=lambda: found.append(swsss.label_folder(photos / "images", **options)))
    thread.start()
    thread.join()
    assert found[0].labelled == 6


FOLDER = {
    "no images": ({"images": "nowhere"}, "not-found", "images"),
    "empty": ({"images": "empty"}, "no-images", "images"),
    "no labels": ({"labels": None}, "tags-needed", "labels"),
    "labels not there": ({"labels": "nowhere.csv"}, "not-found", "labels"),
    "wrong labels": ({"labels": "wrong.csv"}, "invalid-inputs", "labels"),
    "no model": ({"model": None}, "not-found", "model"),
    "model not there": ({"model": "nowhere.onnx"}, "not-found", "model"),
    "foreign folder": ({"out": "foreign"}, "unusable-folder", "out"),
    "inside": ({"out": "images/labels"}, "out-in-images", "out"),
    "format": ({"formats": ["voc"]}, "unknown-format", "formats"),
    "one format": ({"formats": "coco"}, "invalid-value", "formats"),
    "untagged": ({"untagged": "none"}, "invalid-value", "untagged"),
    "only": ({"only": "nowhere.txt"}, "not-found", "only"),
    "only nothing": ({"only": "nothing.txt"}, "nothing-to-label", "only"),
    "only unknown": ({"only": "unknown.txt"}, "invalid-inputs", "only"),
    "limit": ({"limit": -1}, "invalid-value", "limit"),
    "side": ({"max_side": 512}, "conflicting-options", "max_side"),
    "small side": ({"max_side": 1}, "invalid-value", "max_side"),
    "memory": ({"max_memory": 0.0}, "invalid-value", "max_memory"),
    "ignore_below": ({"ignore_below": -0.1}, "invalid-value", "ignore_below"),
}


@pytest.mark.parametrize(("wrong", "code", "field"), FOLDER.values(), ids=FOLDER)
def test_label_folder__mistakes(photos, model_file, monkeypatch, wrong, code, field):
    monkeypatch.chdir(photos)
    (photos / "empty").mkdir()
    (photos / "foreign").mkdir()
    (photos / "foreign" / "file").touch()
    (photos / "wrong.csv").write_text("image,labels\n00.jpg,cta\n")
    (photos / "nothing.txt").write_text("\n")
    (photos / "unknown.txt").write_text("nowhere.jpg\n")
    options = {"images": "images", "labels": "tags.csv", "model": model_file, "device": "cpu", "threads": 1}
    before = sorted(photos.rglob("*"))
    assert code_of(swsss.label_folder, **(options | wrong)) == (code, field)
    assert sorted(photos.rglob("*")) == before


def test_input_error__lists_problems(photos, model_file):
    (photos / "tags.csv").write_text("image,labels\n00.jpg,cta\nnowhere.jpg,cat\n")
    with pytest.raises(swsss.InputError) as caught:
        swsss.label_folder(photos / "images", labels=photos / "tags.csv", model=model_file)
    assert len(caught.value.problems) == 2


@pytest.fixture
def labels(photos, model_file, tmp_path):
    done(label(photos, model_file, tmp_path / "labels"))
    return tmp_path / "labels"


def test_convert(labels, capfd):
    seen = []
    files = swsss.convert(str(labels), ["cvat", "coco"], progress=lambda *told: seen.append(told))
    assert [file.name for file in files] == ["cvat.zip", "coco.json"]
    assert all(file.parent == labels and file.is_file() for file in files)
    assert seen == [("converting", number, 6) for number in range(1, 7)]
    assert capfd.readouterr() == ("", "")


def test_convert__what_is_missing(labels):
    (labels / "masks" / "00.png").unlink()
    with pytest.warns(UserWarning, match=r"00\.jpg"):
        files = swsss.convert(labels, ["coco"])
    images = json.loads(files[0].read_text())["images"]
    assert len(images) == 5


def test_convert__mistakes(labels, tmp_path):
    assert code_of(swsss.convert, labels, ["voc"]) == ("unknown-format", "formats")
    assert code_of(swsss.convert, labels, "coco") == ("invalid-value", "formats")
    assert code_of(swsss.convert, tmp_path / "images", ["coco"]) == ("no-labels-folder", "labels")


SETTINGS = {
    "stage1": {"steps": 2, "burn_in": 0},
    "stage2.steps": 2,
    "stage1.unlabelled.scale": [0.9, 1.1],
    "select.looks": 0,
    "labels.tta": "none",
}


@pytest.fixture(scope="module")
def run(data, tiny, tmp_path_factory):
    """A run of a few steps, what the program was told meanwhile, and what the terminal was."""
    out, seen, terminal = tmp_path_factory.mktemp("api") / "run", [], io.StringIO()
    with contextlib.redirect_stdout(terminal), contextlib.redirect_stderr(terminal):
        result = swsss.train(
            str(data), out, config=tiny, settings=SETTINGS, device="cpu", progress=lambda *told: seen.append(told)
        )
    return result, seen, terminal.getvalue()


def test_train(run, data, tiny, capfd):
    result, seen, terminal = run
    assert terminal == ""
    assert {"stage1", "pseudo labels", "stage2"} <= {title for title, _, _ in seen}
    assert ("stage1", 2, 2) in seen
    assert result.report.is_file()
    stored = json.loads((result.folder / "results.json").read_text())["models"]
    assert {(name, regime) for name, by in result.scores.items() for regime in by} == {
        (model["model"], model["tags"]) for model in stored
    }
    config = (result.folder / "config.toml").read_text()
    assert "burn_in = 0" in config
    assert "0.9" in config
    again = swsss.train(data, result.folder, config=tiny, settings=SETTINGS, device="cpu")
    assert again == result
    assert capfd.readouterr() == ("", "")


def test_evaluate(run, data, capfd):
    result = run[0]
    seen = []
    found = swsss.evaluate(
        str(result.folder / "final.safetensors"), data, device="cpu", progress=lambda *told: seen.append(told)
    )
    assert capfd.readouterr() == ("", "")
    assert seen == [("evaluating", number, 4) for number in range(1, 5)]
    assert list(found) == ["given", "none"]
    assert found == result.scores["final model"]
    scores = found["none"]
    assert (scores.images, len(scores.iou)) == (4, 7)
    known = [iou for iou in scores.iou.values() if iou is not None]
    assert scores.miou == pytest.approx(np.mean(known))
    assert list(swsss.evaluate(result.folder / "final.safetensors", data, tags="none", device="cpu")) == ["none"]


def test_train_and_evaluate__mistakes(run, data, tiny, tmp_path):
    result = run[0]
    final, out = result.folder / "final.safetensors", tmp_path / "run"
    assert code_of(swsss.train, "nowhere", out) == ("not-found", "data")
    assert code_of(swsss.train, data, out, recipe="none") == ("not-found", "recipe")
    assert code_of(swsss.train, data, out, config="nowhere.toml") == ("not-found", "config")
    assert code_of(swsss.train, data, out, config=tiny, recipe="small") == ("conflicting-options", "config")
    assert code_of(swsss.train, data, out, stages="stage3") == ("invalid-value", "stages")
    assert code_of(swsss.train, data, out, settings={"stage1.steps": -1}) == ("invalid-inputs", "settings")
    assert code_of(swsss.train, data, out, settings={"stage1.stepz": 1}) == ("invalid-inputs", "settings")
    assert code_of(swsss.train, data, out, settings={"stage1.steps": None}) == ("invalid-settings", "settings")
    assert code_of(swsss.train, data, out, val="nowhere") == ("no-such-split", "data")
    assert code_of(swsss.train, data, result.folder, config=tiny) == ("unusable-folder", "out")
    assert not out.exists()
    assert code_of(swsss.evaluate, "nowhere", data) == ("not-found", "model")
    assert code_of(swsss.evaluate, tiny, data) == ("unusable-model", "model")
    assert code_of(swsss.evaluate, final, "nowhere") == ("not-found", "data")
    assert code_of(swsss.evaluate, final, data, split="nowhere") == ("no-such-split", "data")
    assert code_of(swsss.evaluate, final, data, tta="all") == ("invalid-value", "tta")
    assert code_of(swsss.evaluate, final, data, tags="none", tag_penalty=1) == ("conflicting-options", "tag_penalty")


def test_export(checkpoint_file, model_file, tmp_path, capfd):
    shutil.copy(checkpoint_file, tmp_path / "net.safetensors")
    out = swsss.export(str(tmp_path / "net.safetensors"), plain=True, max_side=512)
    assert out == tmp_path / "net.onnx"
    assert capfd.readouterr() == ("", "")
    info = read_info(out)
    assert (info.task, info.max_side, info.source) == ("plain", 512, read_info(model_file).source)
    assert [one.name for one in onnxruntime.InferenceSession(out).get_inputs()] == ["image"]


def test_export__mistakes(checkpoint_file, tmp_path):
    out = tmp_path / "model.onnx"
    assert code_of(swsss.export, "nowhere", out) == ("not-found", "checkpoint")
    assert code_of(swsss.export, __file__, out) == ("unusable-model", "checkpoint")
    assert code_of(swsss.export, checkpoint_file, "model.bin") == ("invalid-value", "out")
    assert code_of(swsss.export, checkpoint_file, out, precision="int8") == ("conflicting-options", "calibrate")
    words = {"precision": "int8", "calibrate": tmp_path / "nowhere"}
    assert code_of(swsss.export, checkpoint_file, out, **words) == ("no-images", "calibrate")
    assert code_of(swsss.export, checkpoint_file, out, precision="fp8") == ("invalid-value", "precision")
    assert code_of(swsss.export, checkpoint_file, out, max_side=8) == ("invalid-value", "max_side")
    assert code_of(swsss.export, checkpoint_file, out, plain=True, tag_penalty=2) == (
        "conflicting-options",
        "tag_penalty",
    )
    assert not out.exists()


def test_commands__still_name_their_options(photos, model_file):
    """The sentences are made once; only a program is told parameters."""
    told = invoke("swsss-label", photos / "images", "--model", model_file, "--out", photos / "labels").output
    assert "--untagged all" in told
