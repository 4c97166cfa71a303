"""The server's data folder: marked as ours, and never emptied of what the server did not put there."""

import json
import os
import shutil
import sqlite3
from contextlib import closing

import pytest
from data_folders import tree
from serving import serving

from swsss.errors import UserError
from swsss.serve.server.jobs.data_folder import MARKER, DataFolder, remove_below
from swsss.serve.server.jobs.store import JobStore

pytest_plugins = "data_folders"


def test_data__of_somebody_else(start, model_file, tmp_path):
    """Refused with a sentence and exit code 2; nothing is touched."""
    for path in ("jobs/x/thesis.txt", "uploads/a.jpg"):
        (tmp_path / "p" / path).parent.mkdir(parents=True)
        (tmp_path / "p" / path).write_bytes(b"mine")
    before = tree(tmp_path / "p")
    started = start("swsss-serve", "--model", model_file, "--data", tmp_path / "p", "--port", 0)
    output = started.ended(2)
    assert "was not made by swsss-serve" in output
    assert "Traceback" not in output
    assert tree(tmp_path / "p") == before


def test_data__marker_is_a_pipe(tmp_path):
    """Nobody waits for what somebody may write into it."""
    os.mkfifo(tmp_path / MARKER)
    with pytest.raises(UserError):
        DataFolder(tmp_path)


def test_data__job_list_of_another_program(tmp_path):
    """Marked as ours, with a database that is not: it stays as it is."""
    DataFolder(tmp_path)
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database:
        database.execute("CREATE TABLE jobs (salary)")
    with pytest.raises(UserError):
        JobStore(DataFolder(tmp_path))
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("jobs",)]


@pytest.mark.parametrize(
    "files",
    [
        {"notes.txt": b"mine"},
        {"jobs.sqlite": b"no database"},
        {"jobs/0123456789ab/job.json": b"{}"},
        {"jobs/0123456789ab/labels/masks/a.png": b"mask"},
        {MARKER: b"mine"},
        {MARKER: b'{"program": "other", "format": 1}'},
        {MARKER: b'{"program": "swsss-serve", "format": 99}'},
        {MARKER: b'{"program": "swsss-serve", "format": 1e400}'},
        {MARKER: b"[" * 100_000},
        {MARKER: b'{"program": "swsss-serve", "format": 1}', "jobs": b"mine"},
        {MARKER: b'{"program": "swsss-serve", "format": 1}', "uploads": b"mine"},
        {".hidden": b"mine"},
    ],
)
def test_data__refused(tmp_path, files):
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    before = tree(tmp_path)
    with pytest.raises(UserError):
        DataFolder(tmp_path)
    assert tree(tmp_path) == before


def test_data__foreign_database(tmp_path):
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE jobs (title TEXT)")
    before = tree(tmp_path)
    with pytest.raises(UserError):
        DataFolder(tmp_path)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("names", [[], ["lost+found"], [".0123456789abcdef.1.tmp"]])
def test_data__new(tmp_path, names):
    """An empty volume is new, as is what a server left that was killed while it marked it."""
    for name in names:
        (tmp_path / name).mkdir()
    DataFolder(tmp_path)
    assert (tmp_path / MARKER).is_file()
    DataFolder(tmp_path)  # ours from now on, whatever lies in it
    (tmp_path / "notes.txt").touch()
    DataFolder(tmp_path)


def test_data__of_an_older_version(model_file, photos, copy):
    """A folder without marker and job.json, as the first version made it, works on and gets both."""
    data, job = copy
    (data / MARKER).unlink()
    (data / "jobs" / job / "job.json").unlink()
    with closing(sqlite3.connect(data / "jobs.sqlite")) as database:
        database.execute("DROP TABLE pending")
    fields = {"id", "wishes", "source", "images", "labels", "state", "created", "started", "finished", "total", "done"}
    fields |= {"failed", "rate", "message", "classes"}
    with closing(sqlite3.connect(data / "jobs.sqlite")) as database:
        (text,) = database.execute("SELECT job FROM jobs").fetchone()
        old = {name: value for name, value in json.loads(text).items() if name in fields}
        database.execute("UPDATE jobs SET job = ?", (json.dumps(old),))
        database.commit()
    with serving(model_file, data, root=photos) as client:
        assert client.job(job)["state"] == "done"
        assert client.job(job)["review"]["accepted"] == 1
        assert client.post(f"/v1/jobs/{job}/retry", json={}).status_code == 200
        assert client.ended(job)["model_identity"]
    assert (data / MARKER).is_file()
    assert json.loads((data / "jobs" / job / "job.json").read_text())["id"] == job


def test_start__removes_what_was_recorded_only(model_file, photos, copy):
    data, job = copy
    for name in ("uploads/111111111111.zip", "uploads/mine.zip", "jobs/222222222222/upload/a.jpg", "jobs/mine/a.txt"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(b"x")
    with closing(sqlite3.connect(data / "jobs.sqlite")) as database:
        rows = [("upload", "111111111111.zip"), ("new", "222222222222"), ("new", job), ("delete", "333333333333")]
        database.executemany("INSERT INTO pending VALUES (?, ?)", rows)
        database.commit()
    with serving(model_file, data, root=photos) as client:
        assert [one["id"] for one in client.get("/v1/jobs").json()["jobs"]] == [job]
    assert os.listdir(data / "uploads") == ["mine.zip"]
    assert set(os.listdir(data / "jobs")) == {job, "mine"}


def test_links__never_followed(model_file, photos, copy, tmp_path):
    """A job's folder swapped for a link: deleting takes the link away. `jobs` or `uploads` as links are refused."""
    data, job = copy
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "a.txt").touch()
    with serving(model_file, data, root=photos) as client:
        shutil.rmtree(data / "jobs" / job)
        (data / "jobs" / job).symlink_to(tmp_path / "victim")
        assert client.delete(f"/v1/jobs/{job}").status_code == 204
        assert os.listdir(data / "jobs") == []
    assert (tmp_path / "victim" / "a.txt").exists()
    (tmp_path / "victim" / "4").mkdir()
    (data / "uploads").symlink_to(tmp_path / "victim")
    assert not remove_below(data / "uploads", "4")
    assert not remove_below(tmp_path, "victim/4")
    assert (tmp_path / "victim" / "4").exists()
    with pytest.raises(UserError, match="is a link"):
        DataFolder(data)


def test_job__folder_is_gone(model_file, photos, copy):
    """It is not shown; when it is there again, as of a disk that was not mounted, so is the job."""
    data, job = copy
    (data / "jobs" / job / "job.json").unlink()  # of an older version
    (data / "jobs").rename(data.parent / "away")
    with serving(model_file, data, root=photos) as client:
        assert client.get("/v1/jobs").json()["jobs"] == []
        client.done()
    (data.parent / "away" / job).rename(data / "jobs" / job)
    with serving(model_file, data, root=photos) as client:
        assert client.job(job)["state"] == "done"
        assert sum(name.startswith("masks/") for name in client.archive(f"/v1/jobs/{job}/result.zip"))
