"""Killed at any moment or stopped by the user, then started again: the bytes of an undisturbed run."""

import os
import random
import re
import shutil
import signal
import sqlite3
import time

import pytest
from labelling import contents, done, label, make_photos, stamps

PHOTOS = 120
OPTIONS = ["--confidence", "--format", "coco"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_photos(tmp_path_factory.mktemp("photos"), PHOTOS)


@pytest.fixture(scope="module")
def undisturbed(photos, model_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "labels"
    done(label(photos, model_file, out, *OPTIONS))
    return out


@pytest.fixture
def begin(start, photos, model_file):
    """Start `swsss-label` in a process of its own."""

    def run(out, *options):
        where = ["--labels", photos / "tags.csv", "--model", model_file, "--out", out, "--device", "cpu"]
        return start("swsss-label", photos / "images", *where, "--threads", 1, *options)

    return run


def written(out):
    """How many masks there are."""
    return sum(1 for _ in (out / "masks").rglob("*.png"))


def kill(command):
    command.process.kill()
    assert command.process.wait() == -signal.SIGKILL


def test_label__killed_several_times(begin, photos, model_file, undisturbed, tmp_path):
    out = tmp_path / "labels"
    # The moment itself is chance: how far the process gets between what is seen and the signal.
    delay = random.Random(5)
    moments = [
        (out / "journal.sqlite").exists,
        lambda: written(out) > 3,
        lambda: written(out) > PHOTOS // 3,
        lambda: written(out) == PHOTOS,
        (out / "manifest.csv").exists,
    ]
    for reached in moments:
        command = begin(out, *OPTIONS)
        command.when(reached)
        time.sleep(delay.uniform(0, 0.03))
        kill(command)
        whole = contents(undisturbed).items()
        assert {(name, data) for name, data in contents(out).items() if not name.endswith(".tmp")} <= whole
    assert not (out / "report.html").exists(), "killed too late to say anything"
    done(label(photos, model_file, out, *OPTIONS))
    assert contents(out) == contents(undisturbed)
    assert (out / "report.html").is_file()


def test_label__killed_while_relabelling_and_taken_back(begin, photos, model_file, undisturbed, tmp_path):
    """Masks of an option that was tried and taken back must not pass for those there were before."""
    out = tmp_path / "labels"
    shutil.copytree(undisturbed, out)
    before = stamps(out)
    command = begin(out, *OPTIONS, "--ignore-below", 0.99)
    command.when(lambda: stamps(out) != before)
    kill(command)
    assert contents(out) != contents(undisturbed), "killed too early to say anything"
    told = done(label(photos, model_file, out, *OPTIONS))
    assert contents(out) == contents(undisturbed)
    assert f"of {PHOTOS} images are labelled already" in told, "only what was touched is labelled again"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_label__stopped(begin, photos, model_file, undisturbed, tmp_path, number):
    out = tmp_path / "labels"
    command = begin(out, *OPTIONS)
    command.when(lambda: written(out) > 2)
    # To the whole group, as a terminal does.
    os.killpg(command.process.pid, number)
    told = command.ended(130)
    assert "Traceback" not in told
    message = re.search(rf"Stopped after (\d+) of {PHOTOS} images; the same command goes on from there\.", told)
    assert message, told
    assert int(message[1]) == written(out) < PHOTOS
    with sqlite3.connect(out / "journal.sqlite") as database:
        assert database.execute("SELECT count(*) FROM labelled").fetchone() == (int(message[1]),)
    database.close()
    before = stamps(out)
    told = done(label(photos, model_file, out, *OPTIONS))
    assert f"{message[1]} of {PHOTOS} images are labelled already." in told
    assert stamps(out).items() >= before.items(), "nothing is labelled twice"
    assert contents(out) == contents(undisturbed)


def test_label__stopped_while_finishing(photos, model_file, undisturbed, tmp_path, monkeypatch):
    out = tmp_path / "labels"

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("swsss.serve.folder.write_report", stop)
        told = done(label(photos, model_file, out, *OPTIONS), 130)
    assert "the same command goes on" in told
    before = stamps(out)
    done(label(photos, model_file, out, *OPTIONS))
    assert stamps(out) == before
    assert contents(out) == contents(undisturbed)
