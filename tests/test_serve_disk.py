"""Jobs on a full disk, and under kills at any moment."""

import contextlib
import errno
import os
import signal
import sqlite3
import subprocess
import threading
import time

import pytest
from labelling import make_photos
from serving import Client, address_of, serving, zipped

from swsss.serve.server.jobs.data_folder import DataFolder
from swsss.serve.server.jobs.records import Job, Wishes
from swsss.serve.server.jobs.store import JobStore

PHOTOS = 3


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_photos(tmp_path_factory.mktemp("photos"), PHOTOS)


@contextlib.contextmanager
def small_disk(folder, size="3m"):
    """A file system of its own, to be filled."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if os.getuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(folder):
    """Use up every byte of a file system."""
    with (folder / "filling").open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))


@pytest.mark.parametrize("restarted", [False, True])
def test_disk__full(model_file, photos, tmp_path, restarted):
    """Everything can be looked at and deleted; what cannot be taken in is refused; deleted jobs do not come back."""
    with small_disk(tmp_path / "disk") as disk:
        with serving(model_file, disk / "data", root=photos) as client:
            jobs = [client.done() for _ in range(2)]
            if not restarted:
                fill(disk)
                check_full(client, jobs, disk)
        if restarted:
            fill(disk)
            with serving(model_file, disk / "data", root=photos) as client:
                check_full(client, jobs, disk)
        with serving(model_file, disk / "data", root=photos) as client:
            assert [job["id"] for job in client.get("/v1/jobs").json()["jobs"]] == jobs[1:]
            client.done()


def check_full(client, jobs, disk):
    listed = client.get("/v1/jobs").json()["jobs"]
    assert {job["id"] for job in listed} == set(jobs)
    for path in ("", "/report.html", "/failures.csv", "/images", "/images/1", "/images/1/picture"):
        assert client.get(f"/v1/jobs/{jobs[0]}{path}").status_code == 200
    answer = client.post("/v1/jobs", json={"images": "images", "labels": "tags.csv"})
    assert answer.status_code == 507, answer.text
    answer = client.post("/v1/jobs/archive", content=b"x" * 10_000, headers={"Content-Type": "application/zip"})
    assert answer.status_code == 507, answer.text
    assert client.delete(f"/v1/jobs/{jobs[0]}").status_code == 204
    assert not (disk / "data" / "jobs" / jobs[0]).exists()
    assert [job["id"] for job in client.get("/v1/jobs").json()["jobs"]] == jobs[1:]
    (disk / "filling").unlink()


def test_disk__list_that_stays_full(tmp_path, monkeypatch):
    """A deleted job whose row cannot be removed is removed with the next change."""
    data = DataFolder(tmp_path)
    store = JobStore(data)
    for name in ("1", "2"):
        data.make_job(name)
        store.put(Job(name, Wishes(), "archive", data.job(name), None, created=name))
    genuine = store._database
    monkeypatch.setattr(store, "_database", Full(genuine))
    store.remove("1")
    with pytest.raises(OSError, match="full") as raised:
        store.begin("new", "3")
    assert raised.value.errno in {errno.ENOSPC, errno.EIO}
    assert {job.id for job in store.all()} == {"1", "2"}
    monkeypatch.setattr(store, "_database", genuine)
    store.begin("new", "3")
    assert {job.id for job in store.all()} == {"2"}
    store.close()


class Full:
    """A database that can be read only."""

    def __init__(self, genuine):
        self.genuine, self.in_transaction = genuine, False

    def execute(self, text, *values):
        if not text.startswith("SELECT"):
            raise sqlite3.OperationalError("database or disk is full")
        return self.genuine.execute(text, *values)


def test_killed__at_any_moment(start, model_file, photos, tmp_path):
    """What was answered is there after a kill, what was deleted is not, and nothing half is left."""
    archive = zipped({f"{number}.jpg": (photos / "images" / "00.jpg").read_bytes() for number in range(40)})
    answered, deleted = {}, set()
    for kill in range(6):
        started = start(
            "swsss-serve",
            "--model",
            model_file,
            "--root",
            photos,
            "--data",
            tmp_path / "data",
            "--port",
            0,
            "--device",
            "cpu",
        )
        with Client(address_of(started)) as client:
            found = {job["id"]: job["name"] for job in client.get("/v1/jobs?limit=500").json()["jobs"]}
            assert answered.items() <= found.items()
            assert not deleted & found.keys()
            threading.Timer(0.05 + 0.11 * kill, os.kill, (started.process.pid, signal.SIGKILL)).start()
            work(client, archive, answered, deleted)
        started.process.wait()
    with serving(model_file, tmp_path / "data", root=photos) as client:
        jobs = {job["id"] for job in client.get("/v1/jobs?limit=500").json()["jobs"]}
        for job in jobs:
            client.when(job, lambda job: job["state"] in {"done", "cancelled"})
    assert answered.keys() <= jobs
    assert not deleted & jobs
    assert set(os.listdir(tmp_path / "data" / "jobs")) == jobs
    assert os.listdir(tmp_path / "data" / "uploads") == []


def work(client, archive, answered, deleted):
    """Submit, upload, retry and delete until the server is gone."""
    import httpx

    job = {"images": "images", "labels": "tags.csv"}
    zip_type = {"Content-Type": "application/zip"}
    try:
        for number in range(1000):
            name = f"job {number}"
            one = client.post("/v1/jobs", json=job | {"name": name}).json()["id"]
            answered[one] = name
            two = client.post("/v1/jobs/archive?untagged=all&name=archive", content=archive, headers=zip_type).json()[
                "id"
            ]
            answered[two] = "archive"
            client.post(f"/v1/jobs/{one}/cancel")
            before = answered.pop(one)  # until it is answered, it may be either
            again = client.post(f"/v1/jobs/{one}/retry", json={"name": "again"}).status_code == 200
            answered[one] = "again" if again else before
            client.post(f"/v1/jobs/{two}/cancel")
            before = answered.pop(two)
            if client.delete(f"/v1/jobs/{two}").status_code == 204:
                deleted.add(two)
            else:
                answered[two] = before
            time.sleep(0.01)
    except httpx.HTTPError:
        pass
