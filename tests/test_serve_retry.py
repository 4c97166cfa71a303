"""A job keeps the model it began with: another one under its name is refused, until somebody retries the job."""

import json
import threading

import onnx
import pytest
from labelling import contents, done, label, make_photos
from models import CLASSES
from serving import serving, told

PHOTOS = 6
SWAPPED = ["background", "dog", "cat", "polar bear", "person"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_photos(tmp_path_factory.mktemp("photos"), PHOTOS)


def variant(model, path, **changes):
    """A model file whose description differs: another identity, and the same masks."""
    found = onnx.load(model)
    (described,) = [one for one in found.metadata_props if one.key == "swsss"]
    described.value = json.dumps(json.loads(described.value) | changes)
    onnx.save(found, path)
    return path


@pytest.fixture(scope="module")
def other_file(model_file, tmp_path_factory):
    return variant(model_file, tmp_path_factory.mktemp("other") / "other.onnx", source="0" * 64)


@pytest.fixture(scope="module")
def swapped_file(model_file, tmp_path_factory):
    return variant(model_file, tmp_path_factory.mktemp("swapped") / "swapped.onnx", classes=SWAPPED)


def names(job):
    return [one["name"] for one in job["classes"]]


def masks(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("masks/**/*.png")}


def test_job__keeps_its_classes(model_file, swapped_file, photos, tmp_path):
    """Under another class order the job says what it said before, and nothing is labelled with it."""
    with serving(model_file, tmp_path / "data", root=photos) as client:
        first = client.ended(client.submit()["id"])
        assert names(first) == list(CLASSES.names)
        assert first["model_identity"] == client.get("/v1/models").json()["models"][0]["identity"]
        assert first["task"] == "conditioned"
    with serving(swapped_file, tmp_path / "data", root=photos) as client:
        assert client.job(first["id"]) == first
        assert names(client.ended(client.submit()["id"])) == SWAPPED


@pytest.mark.parametrize("restarted", [False, True])
def test_resume__another_model(model_file, other_file, photos, tmp_path, slow, restarted):
    """Refused while the name is another model's, and no mask is touched; with the first one it goes on."""
    data = tmp_path / "data"
    with serving(model_file, data, root=photos) as client:
        job = client.submit()["id"]
        for number in range(4):
            threading.Timer(0.2 * number, slow.release).start()
        client.when(job, lambda job: job["done"])
        if restarted:
            threading.Timer(1, slow.release, [2]).start()  # the image that the closing server waits for
        else:
            assert client.post(f"/v1/jobs/{job}/pause").json()["state"] == "paused"
    before = masks(data)
    slow.release(1000)
    with serving(other_file, data, root=photos) as client:
        if restarted:
            assert "retry the job" in client.ended(job, "failed")["message"]
        answer = client.post(f"/v1/jobs/{job}/resume")
        assert "retry the job" in told(answer, 409)
        assert masks(data) == before
    with serving({"large": model_file}, data, root=photos) as client:
        assert "is not loaded" in told(client.post(f"/v1/jobs/{job}/resume"), 409)
    with serving(model_file, data, root=photos) as client:
        assert client.post(f"/v1/jobs/{job}/resume").status_code == 200
        client.ended(job)
        after = masks(data)
        assert before.items() <= after.items()
        assert len(after) == PHOTOS


def test_retry__with_another_model_and_options(model_file, other_file, photos, tmp_path):
    data = tmp_path / "data"
    done(label(photos, other_file, tmp_path / "out", "--confidence", "--format", "coco"))
    with serving({"small": model_file, "other": other_file}, data, root=photos) as client:
        first = client.ended(client.submit(name="mine", ignore_below=0.1)["id"])
        answer = client.post(
            f"/v1/jobs/{first['id']}/retry",
            json={"model": "other", "confidence": True, "formats": ["coco"], "ignore_below": 0},
        )
        assert answer.status_code == 200, answer.text
        again = client.ended(first["id"])
        assert (again["name"], again["model"], again["untagged"]) == ("mine", "other", "skip")
        assert again["model_identity"] != first["model_identity"]
        found = client.archive(f"/v1/jobs/{first['id']}/result.zip")
        found.pop("report.html")
        assert found == contents(tmp_path / "out")


def test_retry__same_again(model_file, photos, tmp_path):
    """Nothing is labelled twice; what had failed is tried again. No body is a body without wishes."""
    root = make_photos(tmp_path, 4)
    whole = (root / "images" / "00.jpg").read_bytes()
    (root / "images" / "00.jpg").write_bytes(b"damaged")
    with serving(model_file, tmp_path / "data", root=root) as client:
        job = client.submit()["id"]
        assert client.ended(job)["failed"] == 1
        before = masks(tmp_path / "data")
        (root / "images" / "00.jpg").write_bytes(whole)
        assert client.post(f"/v1/jobs/{job}/retry").json()["state"] in {"queued", "running"}
        assert client.ended(job)["failed"] == 0
        after = masks(tmp_path / "data")
        assert before.items() < after.items()


@pytest.mark.parametrize("state", ["done", "failed", "cancelled", "paused"])
def test_retry__from_any_state_of_rest(model_file, photos, tmp_path, slow, state):
    with serving(model_file, tmp_path / "data", root=photos) as client:
        blocking = client.submit()["id"]
        client.when(blocking, lambda job: job["state"] == "running")
        assert "pause or cancel it" in told(client.post(f"/v1/jobs/{blocking}/retry", json={}), 409)
        job = client.submit(labels="tags.csv" if state != "failed" else None, untagged="all")["id"]
        assert "pause or cancel it" in told(client.post(f"/v1/jobs/{job}/retry", json={}), 409)
        if state in {"cancelled", "paused"}:
            client.post(f"/v1/jobs/{job}/{'cancel' if state == 'cancelled' else 'pause'}")
        if state == "failed":
            (photos / "images" / "link.jpg").symlink_to("/etc/hostname")
        slow.release(1000)
        client.ended(blocking)
        try:
            client.when(job, lambda job: job["state"] == state)
        finally:
            (photos / "images" / "link.jpg").unlink(missing_ok=True)
        assert client.post(f"/v1/jobs/{job}/retry", json={"name": "again"}).status_code == 200
        assert client.ended(job)["name"] == "again"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"model": "nobody"}, 404),
        ({"untagged": "some"}, 422),
        ({"colour": 1}, 422),
        ({"ignore_below": 2}, 422),
        ([], 422),
    ],
)
def test_retry__refused(model_file, photos, tmp_path, asked, status):
    with serving(model_file, tmp_path / "data", root=photos) as client:
        job = client.ended(client.submit()["id"])
        told(client.post(f"/v1/jobs/{job['id']}/retry", json=asked), status)
        assert client.job(job["id"]) == job


def test_retry__other_classes(model_file, swapped_file, photos, tmp_path):
    """Refused once people have reviewed anything; before, everything is labelled anew under the new names."""
    with serving({"small": model_file, "swapped": swapped_file}, tmp_path / "data", root=photos) as client:
        job = client.done()
        item = client.items(job)[0]
        address = f"/v1/jobs/{job}/images/{item['number']}"
        client.patch(address, json={"verdict": "accepted"})
        answer = client.post(f"/v1/jobs/{job}/retry", json={"model": "swapped"})
        assert "make a new job" in told(answer, 409)
        assert names(client.job(job)) == list(CLASSES.names)
        client.patch(address, json={"verdict": ""})
        assert client.post(f"/v1/jobs/{job}/retry", json={"model": "swapped"}).status_code == 200
        assert names(client.ended(job)) == SWAPPED
        again = client.get(address).json()
        assert again["image"] == item["image"]
        assert again["version"] > item["version"]
        assert len(client.items(job, show="labelled")) == PHOTOS


def test_older_job__takes_the_model_with_its_classes(model_file, swapped_file, photos, tmp_path):
    """One that does not know its model takes the next with the same classes for it, and no other."""
    with serving(model_file, tmp_path / "data", root=photos) as client:
        job = client.done()
    path = tmp_path / "data" / "jobs" / job / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_identity": "", "state": "paused"}))
    for left in (tmp_path / "data").glob("jobs.sqlite*"):
        left.unlink()
    with serving(swapped_file, tmp_path / "data", root=photos) as client:
        assert "retry the job" in told(client.post(f"/v1/jobs/{job}/resume"), 409)
    with serving(model_file, tmp_path / "data", root=photos) as client:
        assert client.post(f"/v1/jobs/{job}/resume").status_code == 200
        assert client.ended(job)["model_identity"]
