"""`swsss-run` against `swsss-label`: the same files from the same folders, whoever began."""

import csv
import os
import re
import shutil
import signal
import sqlite3
import time

import numpy as np
import pytest
from commands import invoke, message
from labelling import contents, done, label, make_photos, mask_at, picture, save, stamps, table
from native import run, tool
from PIL import Image
from report_pages import report_in
from test_images import SPECIAL

from swsss.data.tags import write_tags
from swsss.export.exporting import ExportOptions, export_onnx
from swsss.export.int8 import Calibration
from swsss.export.source import load_source
from swsss.serve.convert import convert
from swsss.serve.journal import Journal

OPTIONS = ["--confidence", "--ignore-below", "0.6"]


def native(photos, model, out, *options, code=0):
    """`labelling.label` with the native program; what it told."""
    where = ["--labels", photos / "tags.csv", "--model", model, "--out", out, "--device", "cpu", "--threads", 1]
    ended = run("swsss-run", photos / "images", *where, *options)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stderr + ended.stdout


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photos, every orientation, odd images, and some that are none."""
    root = make_photos(tmp_path_factory.mktemp("photos"), 12)
    images = root / "images"
    names = []
    for orientation in range(1, 9):
        for suffix in ("jpg", "png", "webp"):
            exif = Image.Exif()
            exif[0x0112] = orientation
            names.append(f"turned/{orientation}-{suffix}.{suffix}")
            save(images / names[-1], picture(orientation, 40, 30), exif=exif)
    for name, (data, _) in SPECIAL.items():
        suffix = name.partition(".")[2]
        if suffix == "gif":
            continue  # a listed failure of the native program
        names.append(f"odd {name.replace('.', '-')}/a.{suffix}")
        (images / names[-1]).parent.mkdir()
        (images / names[-1]).write_bytes(data)
    for name, data in {
        "empty.jpg": b"",
        "text.png": b"<html>",
        "cut.jpg": (images / "00.jpg").read_bytes()[:-9],
    }.items():
        names.append(name)
        (images / name).write_bytes(data)
    with (root / "tags.csv").open("a", newline="") as file:
        csv.writer(file).writerows([[name, "cat;polar bear"] for name in names])
    return root


@pytest.fixture(scope="module")
def python(photos, model_file, tmp_path_factory):
    """What `swsss-label` makes of them."""
    out = tmp_path_factory.mktemp("python") / "labels"
    done(label(photos, model_file, out, *OPTIONS), 1)
    return out


def facts_in(labels):
    """What a report says; but for times, versions and pictures, which libraries reduce and encode differently."""
    report = report_in(labels / "report.html")
    cards = [card for name in ("missing", "least_sure") for card in report[name]]
    assert all(card.pop("picture", "").startswith("data:image/jpeg;base64,") or "problem" in card for card in cards)
    assert all(name and value for name, value in report.pop("facts"))
    return {name: value for name, value in report.items() if name != "speed"}


def test_run__same_files(photos, model_file, python, tmp_path):
    told = native(photos, model_file, tmp_path / "labels", *OPTIONS, code=1)
    assert contents(tmp_path / "labels") == contents(python)
    assert len(table(python / "failures.csv")) == 3
    assert "3 images could not be labelled" in told
    assert facts_in(tmp_path / "labels") == facts_in(python)


def test_run__its_folder_converts_as_pythons(photos, model_file, python, tmp_path):
    """`swsss-convert` makes the same files from what either program wrote."""
    native(photos, model_file, tmp_path / "native", *OPTIONS, code=1)
    shutil.copytree(python, tmp_path / "python")
    for labels in (tmp_path / "native", tmp_path / "python"):
        assert convert(labels, ["coco", "cvat", "label-studio"]).failed == []
    assert (tmp_path / "native" / "coco.json").is_file()
    assert contents(tmp_path / "native") == contents(tmp_path / "python")


@pytest.fixture(scope="module")
def int8_file(checkpoint_file, photos, tmp_path_factory):
    """The small model, quantised."""
    path = tmp_path_factory.mktemp("int8") / "int8.onnx"
    options = ExportOptions("int8", calibration=Calibration(photos / "images", 4))
    export_onnx(load_source(checkpoint_file), path, options)
    return path


@pytest.fixture(scope="module")
def plain_file(checkpoint_file, tmp_path_factory):
    """The small model, for all classes and no tags, with test-time augmentation."""
    path = tmp_path_factory.mktemp("plain") / "plain.onnx"
    export_onnx(load_source(checkpoint_file), path, ExportOptions(tta="flip", plain=True))
    return path


@pytest.mark.parametrize("settings", [("--batch", 3), ("--batch", 5, "--workers", 1), ("--workers", 7, "--threads", 2)])
def test_run__batch_and_workers_change_nothing(photos, model_file, python, tmp_path, settings):
    native(photos, model_file, tmp_path / "labels", *OPTIONS, *settings, code=1)
    assert contents(tmp_path / "labels") == contents(python)


def test_run__untagged_images_may_be_anything(photos, model_file, tmp_path):
    where = ["--model", model_file, "--untagged", "all", "--device", "cpu", "--threads", 1]
    done(invoke("swsss-label", photos / "images", *where, "--out", tmp_path / "python"), 1)
    ended = run("swsss-run", "--images", photos / "images", *where, "--out", tmp_path / "native")
    assert ended.returncode == 1
    assert contents(tmp_path / "native") == contents(tmp_path / "python")


def test_run__plain(photos, plain_file, tmp_path):
    where = ["--model", plain_file, "--device", "cpu", "--threads", 1]
    done(invoke("swsss-label", photos / "images", *where, "--out", tmp_path / "python"), 1)
    ended = run("swsss-run", photos / "images", *where, "--out", tmp_path / "native")
    assert ended.returncode == 1, ended.stderr
    assert contents(tmp_path / "native") == contents(tmp_path / "python")


def test_run__int8(photos, int8_file, tmp_path):
    done(label(photos, int8_file, tmp_path / "python"), 1)
    native(photos, int8_file, tmp_path / "native", code=1)
    assert contents(tmp_path / "native") == contents(tmp_path / "python")


@pytest.mark.parametrize("first", ["python", "native"])
def test_run__one_goes_on_where_the_other_stopped(photos, model_file, python, tmp_path, first):
    """Half the images by one program, the rest by the other; then tags change, and only what they touch is anew."""
    programs = {
        "python": lambda *options, code: done(label(photos, model_file, tmp_path / "labels", *OPTIONS, *options), code),
        "native": lambda *options, code: native(photos, model_file, tmp_path / "labels", *OPTIONS, *options, code=code),
    }
    second = "native" if first == "python" else "python"
    programs[first]("--limit", 20, code=1)
    before = stamps(tmp_path / "labels")
    assert 15 < len(before) <= 20
    told = programs[second](code=1)
    assert re.search(r"(\d+) of \d+ images are labelled already", told)[1] == str(len(before))
    assert stamps(tmp_path / "labels").items() >= before.items(), "nothing is labelled twice"
    assert contents(tmp_path / "labels") == contents(python)
    before = stamps(tmp_path / "labels")
    programs[first](code=1)
    assert stamps(tmp_path / "labels") == before


def test_run__changed_tags(model_file, tmp_path):
    make_photos(tmp_path, 6)
    done(label(tmp_path, model_file, tmp_path / "labels"))
    before = stamps(tmp_path / "labels")
    text = (tmp_path / "tags.csv").read_text().replace("00.jpg,cat", "00.jpg,dog")
    (tmp_path / "tags.csv").write_text(text)
    native(tmp_path, model_file, tmp_path / "labels")
    after = stamps(tmp_path / "labels")
    assert [name for name in after if after[name] != before[name]] == ["00.png"]
    done(label(tmp_path, model_file, tmp_path / "anew"))
    assert contents(tmp_path / "labels") == contents(tmp_path / "anew")


def begin(start, photos, model, out, program):
    where = ["--labels", photos / "tags.csv", "--model", model, "--out", out, "--device", "cpu", "--threads", 1]
    command = "swsss-label" if program == "python" else [str(tool("swsss-run"))]
    return start(command, photos / "images", *where, *OPTIONS)


def test_run__killed_and_finished_by_the_other(start, model_file, tmp_path):
    photos = make_photos(tmp_path, 150)
    done(label(photos, model_file, tmp_path / "undisturbed", *OPTIONS))
    out = tmp_path / "labels"
    for program, masks in (("native", 5), ("python", 40), ("native", 80), ("native", 150)):
        command = begin(start, photos, model_file, out, program)
        command.when(lambda wanted=masks: len(stamps(out)) >= wanted)
        time.sleep(0.01)
        command.process.kill()
        assert command.process.wait() == -signal.SIGKILL
        whole = contents(tmp_path / "undisturbed").items()
        assert {(name, data) for name, data in contents(out).items() if not name.endswith(".tmp")} <= whole
    done(label(photos, model_file, out, *OPTIONS))
    assert contents(out) == contents(tmp_path / "undisturbed")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run__stopped(start, model_file, tmp_path, number):
    photos = make_photos(tmp_path, 150)
    out = tmp_path / "labels"
    command = begin(start, photos, model_file, out, "native")
    command.when(lambda: sum(1 for _ in (out / "masks").rglob("*.png")) > 2)
    os.killpg(command.process.pid, number)
    told = command.ended(130)
    stopped = re.search(r"Stopped after (\d+) of 150 images; the same command goes on from there\.", told)
    assert int(stopped[1]) == len(stamps(out)) < 150


def test_run__refuses_a_folder_that_is_held(start, model_file, tmp_path):
    photos = make_photos(tmp_path, 300)
    out = tmp_path / "labels"
    expected = f"Another swsss-label is at work in {out}; wait for it, or choose another --out."
    command = begin(start, photos, model_file, out, "native")
    command.when((out / "masks").is_dir)
    os.kill(command.process.pid, signal.SIGSTOP)
    assert message(label(photos, model_file, out)) == expected
    assert command.process.poll() is None, "ended too early to say anything"
    command.process.kill()
    command.process.wait()
    holder = Journal(out / "journal.sqlite")
    assert f"error: {expected}" in native(photos, model_file, out, code=2)
    holder.close()
    native(photos, model_file, out)


MISTAKES = {
    "no images": lambda root: [root / "nowhere", "--labels", root / "tags.csv"],
    "no tags": lambda root: [root / "images"],
    "tags gone": lambda root: [root / "images", "--labels", root / "none.csv"],
    "out within": lambda root: [root / "images", "--labels", root / "tags.csv", "--out", root / "images" / "labels"],
    "out is a file": lambda root: [root / "images", "--labels", root / "tags.csv", "--out", root / "tags.csv"],
    "out is somebody's": lambda root: [root / "images", "--labels", root / "tags.csv", "--out", root],
    "wrong tags": lambda root: [root / "images", "--labels", root / "wrong.csv"],
    "largest side": lambda root: [root / "images", "--labels", root / "tags.csv", "--max-side", "64"],
    "list": lambda root: [root / "images", "--labels", root / "tags.csv", "--only", root / "wrong.csv"],
    "nothing": lambda root: [root / "images", "--labels", root / "empty.csv"],
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_run__mistakes_are_refused_by_both(model_file, tmp_path, mistake):
    make_photos(tmp_path, 3)
    (tmp_path / "empty.csv").write_text("image,labels\n")
    (tmp_path / "wrong.csv").write_text("image,labels\n00.jpg,catt\n../x.jpg,cat\nsub/02,dog,person\n01.png,horse\n")
    words = [*MISTAKES[mistake](tmp_path), "--model", model_file, "--device", "cpu"]
    if "--out" not in words:
        words += ["--out", tmp_path / "labels"]
    assert message(invoke("swsss-label", *words))
    ended = run("swsss-run", *words)
    assert ended.returncode == 2
    assert ended.stderr.partition("error: ")[2]
    assert not (tmp_path / "labels").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [(None, "There is no model"), (b"", "is not a whole ONNX file"), (b"junk" * 99, "is not a whole ONNX file")],
)
def test_run__no_model(tmp_path, content, expected):
    model = tmp_path / "model.onnx"
    if content is not None:
        model.write_bytes(content)
    make_photos(tmp_path, 1)
    ended = run("swsss-run", tmp_path / "images", "--labels", tmp_path / "tags.csv", "--model", model)
    assert ended.returncode == 2
    assert expected in ended.stderr
    assert not (tmp_path / "labels").exists()


def test_run__disk_full(model_file, tmp_path):
    photos = make_photos(tmp_path, 20)
    where = ["--labels", photos / "tags.csv", "--model", model_file, "--out", "/dev/full/labels", "--device", "cpu"]
    ended = run("swsss-run", photos / "images", *where)
    assert ended.returncode == 2
    assert "cannot be made" in ended.stderr


def test_run__self_test_and_version(model_file):
    ended = run("swsss-run", "--model", model_file, "--self-test", "--device", "cpu")
    assert ended.returncode == 0, ended.stderr
    assert "gives its golden mask with ONNX Runtime" in ended.stdout
    told = run("swsss-run", "--version").stdout
    assert re.match(r"swsss-run \d+\.\d+\.\d+\nONNX Runtime \d+\.\d+\.\d+\n", told)


def test_run__options_are_those_of_label():
    """The same names, in the same groups; formats are made by `swsss-convert`, which the help says."""

    def options(text):
        groups, group = {}, None
        for line in text.splitlines():
            heading = re.fullmatch(r"(\w[\w ]+):", line)
            group = heading[1] if heading else group
            found = re.match(r"  (?:\w+, )?(--[a-z-]+)", line)
            if found and group:
                groups.setdefault(group, set()).add(found[1])
        return groups

    python = options(invoke("swsss-label", "--help").output)
    told = run("swsss-run", "--help").stdout
    native = options(told)
    assert "swsss-convert labels --format coco" in told
    for group in ("What to label", "What is written", "Model and machine"):
        assert python[group] - {"--format", "--image-prefix"} <= native[group], group
    assert native["Model and machine"] - python["Model and machine"] == {"--profile", "--self-test"}


def test_example__label_one(model_file, tmp_path):
    """The library, used from a program of somebody's, labels an image in memory."""
    photo = save(tmp_path / "images" / "a.png", picture(1))
    write_tags(tmp_path / "tags.csv", [("a.png", ["cat", "dog"])])
    done(label(tmp_path, model_file, tmp_path / "labels"))
    told = run("label_one", model_file, photo, "cat", "dog").stdout
    mask = mask_at(tmp_path / "labels", "a.png")
    expected = [
        f"{name}: {int(np.sum(mask == index))} pixels" for index, name in enumerate(["background", "cat", "dog"])
    ]
    assert told.splitlines() == expected


@pytest.mark.parametrize("mask", ["../../victim.png", "../victim.png", "{victim}"])
def test_run__mask_outside_in_a_journal(photos, model_file, tmp_path, mask):
    """Neither removed as the mask of an old name nor taken for one that is there."""
    out, victim = tmp_path / "labels", tmp_path / "victim.png"
    native(photos, model_file, out, code=1)
    for path in (victim, out / "victim.png"):
        path.write_bytes(b"precious")
    with sqlite3.connect(out / "journal.sqlite") as database:
        name = mask.format(victim=victim).encode()
        statement = "UPDATE labelled SET mask = ?, key = x'00' WHERE image = ?"
        assert database.execute(statement, [name, b"00.jpg"]).rowcount == 1
    database.close()
    native(photos, model_file, out, code=1)
    assert victim.read_bytes() == (out / "victim.png").read_bytes() == b"precious"


def test_run__image_that_no_tensor_holds(model_file, tmp_path):
    """It would end the process; now it is a listed failure, and the rest is labelled."""
    images = tmp_path / "images"
    save(images / "a.png", picture(1))
    save(images / "large.png", np.zeros((13_300, 13_300, 3), np.uint8), compress_level=1)
    where = ["--model", model_file, "--untagged", "all", "--out", tmp_path / "out", "--max-memory", 1]
    ended = run("swsss-run", images, *where)
    assert ended.returncode == 1, ended.stderr
    [row] = table(tmp_path / "out" / "failures.csv")
    assert (row["image"], row["stage"]) == ("large.png", "decode")
    assert "13300×13300" in row["reason"]
