"""Disks that are full, folders that cannot be written or are not ours: a sentence, no half file, nothing lost."""

import errno
import os
import sqlite3
import subprocess
import sys

import pytest
from commands import message
from labelling import contents, done, label, make_photos, picture, save, stamps

import swsss
from swsss.data import files

PHOTOS = 8


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_photos(tmp_path_factory.mktemp("photos"), PHOTOS)


@pytest.fixture(scope="module")
def undisturbed(photos, model_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "labels"
    done(label(photos, model_file, out))
    return contents(out)


def stopped(result):
    """What is told when work that had begun cannot go on."""
    assert isinstance(result.exception, SystemExit), result.exception
    told = done(result, 1)
    assert told.count("error: ") == 1
    return told.partition("error: ")[2]


@pytest.mark.parametrize(
    ("after", "code"),
    [(0, errno.EROFS), (3, errno.EDQUOT), (5, errno.ENOSPC), (PHOTOS, errno.EIO), (PHOTOS + 2, errno.ENOSPC)],
)
def test_label__disk_that_stops_taking_files(photos, model_file, undisturbed, tmp_path, monkeypatch, code, after):
    written = []

    def full(number):
        written.append(number)
        if len(written) > after:
            raise OSError(code, os.strerror(code))

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        told = stopped(label(photos, model_file, out))
    assert told.startswith(f"{out} cannot be written: {os.strerror(code)}. What is labelled is kept")
    left = contents(out)
    assert left.items() <= undisturbed.items(), "what is there is whole"
    assert after - 1 <= len(left) < len(undisturbed)
    before = stamps(out)
    done(label(photos, model_file, out))
    assert contents(out) == undisturbed
    if after >= PHOTOS:
        assert stamps(out) == before, "nothing is labelled twice"


def test_label_folder__full_disk(photos, model_file, tmp_path, monkeypatch):
    """A program is told what happened, and not to give a command again."""

    def full(number):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    out = tmp_path / "out"
    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(swsss.Unfinished) as refused:
        swsss.label_folder(photos / "images", model=model_file, out=out, untagged="all", device="cpu")
    assert refused.value.message == f"{out} cannot be written: {os.strerror(errno.ENOSPC)}."


@pytest.fixture
def small_disk(tmp_path):
    """A function that mounts an empty disk of so many bytes, and one that makes it large."""
    mount = tmp_path / "disk"
    mount.mkdir()

    def resize(size, how="size"):
        command = ["mount", "-t", "tmpfs", "-o", f"{how}={size}", "tmpfs", mount]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            pytest.skip("only root may mount a disk")
        return mount

    yield resize
    subprocess.run(["umount", "-l", mount], check=False, capture_output=True)


@pytest.mark.parametrize("pages", [2, 6, 12, 18, 25])
def test_label__full_disk(photos, model_file, undisturbed, small_disk, pages):
    """A real one, full at every stage of the work: the journal can no longer be written either."""
    disk = small_disk(pages * 4096)
    out = disk / "labels"
    result = label(photos, model_file, out)
    told = message(result) if result.exit_code == 2 else stopped(result)
    assert "space" in told or "full" in told
    left = contents(out) if out.exists() else {}
    assert left.items() <= undisturbed.items()
    assert not [name for name in left if name.endswith(".tmp")]
    small_disk("8m", "remount,size")
    done(label(photos, model_file, out))
    assert contents(out) == undisturbed


def test_label__disk_full_when_the_work_is_taken_up(photos, model_file, undisturbed, small_disk):
    disk = small_disk("8m")
    out = disk / "labels"
    done(label(photos, model_file, out, "--limit", 6))
    filler = disk / "filler"
    assert subprocess.run(["dd", "if=/dev/zero", f"of={filler}"], check=False, capture_output=True).returncode
    result = label(photos, model_file, out)
    told = message(result) if result.exit_code == 2 else stopped(result)
    assert f"{out}" in told
    filler.unlink()
    done(label(photos, model_file, out))
    assert contents(out) == undisturbed


def test_label__out_that_cannot_be(photos, model_file, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    assert message(label(photos, model_file, file)) == f"--out {file} is a file; name a folder."
    for out in (file / "labels", "/proc/labels"):
        for options in ([], ["--overwrite"]):
            told = message(label(photos, model_file, out, *options))
            assert told.startswith(f"{out} cannot be made: ")
    assert file.read_text() == "mine"
    told = message(label(photos, model_file, photos / "images" / "labels"))
    assert told.endswith("lies in the image folder, where masks would be images; choose another.")
    assert not (photos / "images" / "labels").exists()


def test_label__read_only_disk(photos, model_file, small_disk):
    disk = small_disk("8m")
    done(label(photos, model_file, disk / "labels", "--limit", 3))
    small_disk("8m", "remount,ro,size")
    told = message(label(photos, model_file, disk / "labels"))
    assert told.startswith(f"{disk / 'labels' / 'journal.sqlite'} cannot be written (")
    assert (
        message(label(photos, model_file, disk / "other")) == f"{disk / 'other'} cannot be made: Read-only file system."
    )


def test_label__folder_of_something_else(photos, model_file, undisturbed, tmp_path):
    out = tmp_path / "out"
    save(out / "masks" / "00.png", picture(0))
    (out / "notes.txt").write_text("mine")
    told = message(label(photos, model_file, out))
    assert told.startswith(f"{out} is not empty and was not written by swsss-label; choose another --out")
    assert {path.name for path in out.iterdir()} == {"masks", "notes.txt"}
    done(label(photos, model_file, out, "--overwrite"))
    assert contents(out) == undisturbed | {"notes.txt": b"mine"}


def test_label__what_a_killed_process_was_writing_is_removed(photos, model_file, undisturbed, tmp_path):
    out = tmp_path / "out"
    done(label(photos, model_file, out, "--limit", 3))
    with sqlite3.connect(out / "journal.sqlite") as database:
        database.execute("UPDATE about SET value = 'yes' WHERE name = 'running'")
    database.close()
    (out / "masks" / ".00.png.77.tmp").write_bytes(b"half")
    (out / ".manifest.csv.77.tmp").write_bytes(b"half")
    done(label(photos, model_file, out))
    assert contents(out) == undisturbed


@pytest.mark.parametrize("damage", ["text", "cut", "garbled", "other program"])
def test_label__damaged_journal(photos, model_file, undisturbed, tmp_path, damage):
    out = tmp_path / "out"
    done(label(photos, model_file, out))
    journal = out / "journal.sqlite"
    data = journal.read_bytes()
    if damage == "other program":
        journal.unlink()
        with sqlite3.connect(journal) as database:
            database.execute("CREATE TABLE about (colour TEXT)")
        database.close()
    else:
        middle = data[:100] + bytes(byte ^ 0x5A for byte in data[100:])
        journal.write_bytes({"text": b"not a journal" * 999, "cut": data[:5000], "garbled": middle}[damage])
    result = label(photos, model_file, out)
    told = message(result) if result.exit_code == 2 else stopped(result)
    assert told.startswith(f"{journal} is damaged or of another program (")
    journal.rename(tmp_path / "away")
    done(label(photos, model_file, out, "--overwrite"))
    assert contents(out) == undisturbed


def test_label__second_process(photos, model_file, undisturbed, tmp_path):
    out = tmp_path / "out"
    done(label(photos, model_file, out))
    code = (
        "import sys; from pathlib import Path; from swsss.serve.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1])); print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, out / "journal.sqlite"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=tmp_path) as other:
        other.stdout.readline()
        told = message(label(photos, model_file, out, "--overwrite"))
        other.communicate()
    assert told == f"Another swsss-label is at work in {out}; wait for it, or choose another --out."
    done(label(photos, model_file, out))
    assert contents(out) == undisturbed
