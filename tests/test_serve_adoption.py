"""Jobs that the list lacks, or knows as they were before: found again in their folders."""

import json
import shutil

import pytest
from data_folders import PHOTOS, change, tree
from labelling import contents
from serving import serving, told, zipped

from swsss.serve.server.jobs.data_folder import DataFolder
from swsss.serve.server.jobs.store import JobStore

pytest_plugins = "data_folders"


@pytest.mark.parametrize("state", ["done", "running", "queued", "paused", "cancelled"])
def test_adopted__without_the_list(model_file, photos, copy, state):
    """A job that the list lacks is found again: masks, review and state; one that had work left waits for somebody."""
    data, job = copy
    path = data / "jobs" / job / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"state": state}))
    masks = contents(data / "jobs" / job / "labels")
    for left in data.glob("jobs.sqlite*"):
        left.unlink()
    with serving(model_file, data, root=photos) as client:
        (found,) = client.get("/v1/jobs").json()["jobs"]
        assert found["id"] == job
        assert found["state"] == ("paused" if state in {"running", "queued"} else state)
        assert found["review"]["accepted"] == 1
        assert [item["verdict"] for item in client.items(job)].count("accepted") == 1
        if found["state"] in {"paused", "cancelled"}:
            assert client.post(f"/v1/jobs/{job}/resume").status_code == 200
            client.ended(job)
        assert client.items(job)[0]["verdict"] == "accepted"
    assert contents(data / "jobs" / job / "labels") == masks


def test_adopted__older_list(model_file, photos, copy, tmp_path):
    """A list restored from before: what the folder says is newer, and jobs made since are found."""
    data, first = copy
    shutil.copy(data / "jobs.sqlite", tmp_path / "older")
    with serving(model_file, data, root=photos) as client:
        second = client.done(name="second")
        client.post(f"/v1/jobs/{first}/retry", json={"name": "renamed"})
        client.ended(first)
    shutil.copy(tmp_path / "older", data / "jobs.sqlite")
    with serving(model_file, data, root=photos) as client:
        jobs = {job["id"]: job["name"] for job in client.get("/v1/jobs").json()["jobs"]}
        assert jobs == {first: "renamed", second: "second"}


def test_adopted__moved_archive(model_file, photos, tmp_path):
    """The data folder may lie elsewhere after a restore: what was uploaded lies in it."""
    photo = (photos / "images" / "00.jpg").read_bytes()
    with serving(model_file, tmp_path / "data") as client:
        answer = client.post(
            "/v1/jobs/archive?untagged=all",
            content=zipped({"a.jpg": photo}),
            headers={"Content-Type": "application/zip"},
        )
        job = client.ended(answer.json()["id"])["id"]
    (tmp_path / "data").rename(tmp_path / "moved")
    with serving(model_file, tmp_path / "moved") as client:
        assert client.post(f"/v1/jobs/{job}/retry", json={"confidence": True}).status_code == 200
        assert client.ended(job)["done"] == 1
        number = client.items(job)[0]["number"]
        assert client.get(f"/v1/jobs/{job}/images/{number}/picture").status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "../../victim"},
        {"id": "0123456789ac"},
        {"images": 5},
        {"images": "a\0b"},
        {"state": "odd"},
        {"wishes": None},
        {"classes": "no"},
    ],
)
def test_adopted__not_what_is_damaged(tmp_path, kept, fields):
    """A job.json of another id, or damaged: the folder is left alone."""
    from swsss.serve.server.jobs.adoption import find_jobs

    source, job = kept
    DataFolder(tmp_path)
    shutil.copytree(source / "jobs" / job, tmp_path / "jobs" / job)
    path = tmp_path / "jobs" / job / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))
    before = tree(tmp_path / "jobs")
    data = DataFolder(tmp_path)
    store = JobStore(data)
    assert find_jobs(data, store) == []
    store.close()
    assert tree(tmp_path / "jobs") == before


@pytest.mark.parametrize("where", ["list", "job.json"])
@pytest.mark.parametrize("fields", [{"images": "/etc"}, {"labels": "/etc/hostname"}, {"source": "archive"}])
def test_adopted__paths_that_lead_out(model_file, photos, copy, where, fields):
    """Such a job keeps what was made, and neither reads its images nor its tags."""
    data, job = copy
    if where == "list":
        change(data, job, **fields)
    else:
        path = data / "jobs" / job / "job.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))
        for left in data.glob("jobs.sqlite*"):
            left.unlink()
    with serving(model_file, data, root=photos) as client:
        assert "--root" in client.job(job)["message"]
        assert "cannot run" in told(client.post(f"/v1/jobs/{job}/retry", json={}), 409)
        assert (
            len([name for name in client.archive(f"/v1/jobs/{job}/result.zip") if name.startswith("masks/")]) == PHOTOS
        )
        assert client.delete(f"/v1/jobs/{job}").status_code == 204
