"""Masks, their rows and their verdicts belong together: after a partial restore, a retry, and while they are read."""

import json
import shutil
import threading

import onnx
import pytest
from labelling import make_photos
from serving import pixels_of, rows_of, serving, told

from swsss.errors import UserError
from swsss.serve.records import Labelled
from swsss.serve.server.jobs.changes import Correction
from swsss.serve.server.jobs.index import Index
from swsss.serve.server.jobs.masks import JobMasks
from swsss.serve.server.jobs.records import Job, Wishes

PHOTOS = 6


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    root = make_photos(tmp_path_factory.mktemp("photos"), PHOTOS)
    (root / "images" / "broken.jpg").write_bytes(b"no image")
    with (root / "tags.csv").open("a") as file:
        file.write("broken.jpg,cat\n")
    return root


@pytest.fixture(scope="module")
def swapped_file(model_file, tmp_path_factory):
    """The same net with the names of two classes exchanged."""
    found, path = onnx.load(model_file), tmp_path_factory.mktemp("swapped") / "swapped.onnx"
    (described,) = [one for one in found.metadata_props if one.key == "swsss"]
    names = ["background", "dog", "cat", "polar bear", "person"]
    described.value = json.dumps(json.loads(described.value) | {"classes": names})
    onnx.save(found, path)
    return path


@pytest.fixture
def slow(slow):
    """The same, open until it is shut."""
    slow.release(1000)
    return slow


def shut(gate):
    while gate.acquire(blocking=False):
        pass


def accept(client, job, image):
    (item,) = client.items(job, search=image)
    answer = client.patch(f"/v1/jobs/{job}/images/{item['number']}", json={"verdict": "accepted"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("damaged", [False, True])
def test_index__is_gone(model_file, photos, tmp_path, damaged):
    """A job has all that its masks and journal say still; only what people said is lost."""
    data = tmp_path / "data"
    with serving(model_file, data, root=photos) as client:
        job = client.done()
        before, items = client.archive(f"/v1/jobs/{job}/result.zip"), client.items(job)
    (data / "jobs" / job / "index.sqlite").unlink()
    if damaged:
        (data / "jobs" / job / "index.sqlite").write_bytes(b"What people said, or what is left of it. " * 100)
    with serving(model_file, data, root=photos) as client:
        assert client.archive(f"/v1/jobs/{job}/result.zip") == before
        after = client.items(job)
        for item in (*items, *after):
            del item["number"]
        assert after == items
        assert sum(name.startswith("masks/") for name in client.archive(f"/v1/jobs/{job}/result.zip?as=made")) == PHOTOS
    assert len(list((data / "jobs" / job).glob("index.sqlite.damaged*"))) == damaged


@pytest.mark.parametrize("name", ["result.zip", "result.zip?as=made", "accepted.zip", "tags.csv", "export/cvat"])
def test_index__damaged_while_the_server_runs(model_file, photos, tmp_path, name):
    """Told by a status and a sentence, before a download begins."""
    with serving(model_file, tmp_path / "data", root=photos) as client:
        job = client.done()
        (tmp_path / "data" / "jobs" / job / "index.sqlite").write_bytes(b"no database" * 1000)
        assert "cannot be used" in told(client.get(f"/v1/jobs/{job}/{name}"), 507)


@pytest.mark.parametrize("asked", [{"ignore_below": 0.9}, {"model": "swapped"}])
def test_index__out_of_a_backup(model_file, swapped_file, photos, tmp_path, asked):
    """A verdict of the backup holds for the mask it was given, not for the one that lies there now."""
    data, models = tmp_path / "data", {"small": model_file, "swapped": swapped_file}
    with serving(models, data, root=photos) as client:
        job = client.done()
        if "model" not in asked:
            accept(client, job, "00.jpg")
        index = data / "jobs" / job / "index.sqlite"
        shutil.copy(index, tmp_path / "backup")
        assert client.post(f"/v1/jobs/{job}/retry", json=asked).status_code == 200
        client.ended(job)
        accept(client, job, "01.png")
        wanted = client.archive(f"/v1/jobs/{job}/result.zip")
    shutil.copy(tmp_path / "backup", index)
    with serving(models, data, root=photos) as client:
        assert client.archive(f"/v1/jobs/{job}/result.zip") == wanted
        assert client.items(job, show="accepted") == []
        accept(client, job, "01.png")
    with serving(models, data, root=photos) as client:  # once is enough
        assert [item["image"] for item in client.items(job, show="accepted")] == ["01.png"]


def test_retry__other_classes_never_name_the_old_masks(model_file, swapped_file, photos, tmp_path, slow):
    """While it waits, and when it fails before the first image, no mask stands under names it was not made for."""
    with serving({"small": model_file, "swapped": swapped_file}, tmp_path / "data", root=photos) as client:
        job = client.done()
        shut(slow)
        other = client.submit()["id"]
        client.when(other, lambda job: job["state"] == "running")
        assert client.post(f"/v1/jobs/{job}/retry", json={"model": "swapped"}).json()["state"] == "queued"
        assert client.items(job, show="labelled") == []
        assert not any(name.startswith("masks/") for name in client.archive(f"/v1/jobs/{job}/result.zip"))
        coco = client.get(f"/v1/jobs/{job}/export/coco").json()
        assert coco["images"] == coco["annotations"] == []
        slow.release(1000)
        client.ended(job)
        files = client.archive(f"/v1/jobs/{job}/result.zip")
        assert {row["image"]: row["tags"] for row in rows_of(files["manifest.csv"])}["00.jpg"] == "cat"
        assert set(pixels_of(files["masks/00.png"]).ravel()) <= {0, 2}, "cat is the second of the swapped classes"


def test_retry__refused_for_a_review_of_a_hidden_image(model_file, swapped_file, photos, tmp_path, slow):
    with serving({"small": model_file, "swapped": swapped_file}, tmp_path / "data", root=photos) as client:
        job = client.done()
        accept(client, job, "05.png")
        shut(slow)
        client.post(f"/v1/jobs/{job}/retry", json={"ignore_below": 0.9})
        client.when(job, lambda job: job["state"] == "running" and job["total"])
        threading.Timer(0.3, slow.release, [3]).start()
        assert client.post(f"/v1/jobs/{job}/pause").json()["state"] == "paused"
        assert "make a new job" in told(client.post(f"/v1/jobs/{job}/retry", json={"model": "swapped"}), 409)
        assert client.job(job)["state"] == "paused"
        assert [one["name"] for one in client.job(job)["classes"]][1] == "cat"


def test_correction__of_classes_the_job_has_no_more(model_file, swapped_file, photos, tmp_path, monkeypatch):
    """Somebody gives other tags while the job gets other classes: their ids would mean something else."""
    from swsss.serve.server.jobs.corrections import Corrections

    labelled, go_on, answers = threading.Event(), threading.Event(), []
    genuine = Corrections._keep

    def keep(self, *arguments):
        labelled.set()
        assert go_on.wait(60)
        return genuine(self, *arguments)

    monkeypatch.setattr(Corrections, "_keep", keep)
    with serving({"small": model_file, "swapped": swapped_file}, tmp_path / "data", root=photos) as client:
        job = client.done()
        (item,) = client.items(job, search="00.jpg")
        address = f"/v1/jobs/{job}/images/{item['number']}"
        correcting = threading.Thread(target=lambda: answers.append(client.patch(address, json={"tags": [1, 2]})))
        correcting.start()
        assert labelled.wait(60)
        assert client.post(f"/v1/jobs/{job}/retry", json={"model": "swapped"}).status_code == 200
        client.ended(job)
        go_on.set()
        correcting.join(60)
        assert "other classes" in told(answers[0], 409)
        (now,) = client.items(job, search="00.jpg")
        assert (now["tags"], now["changed"]) == ([2], False)


def test_verdict__of_an_image_without_a_mask(model_file, photos, tmp_path):
    """What has no mask cannot be accepted; it can be flagged."""
    with serving(model_file, tmp_path / "data", root=photos) as client:
        job = client.done()
        (item,) = client.items(job, search="broken")
        address = f"/v1/jobs/{job}/images/{item['number']}"
        told(client.patch(address, json={"verdict": "accepted"}), 409)
        assert client.job(job)["review"]["accepted"] == 0
        assert client.patch(address, json={"verdict": "flagged"}).status_code == 200


@pytest.fixture
def masks(tmp_path):
    """One image, accepted, whose mask is about to be read."""
    index, path = Index(tmp_path / "index.sqlite"), tmp_path / "labels" / "masks" / "a.png"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"old")
    index.add([row(8)], lambda image: "1a")
    index.correct(1, Correction("accepted"))
    job = Job("1", Wishes(), "folder", tmp_path, None, classes=(("background", "#000000"), ("cat", "#800000")))
    return JobMasks(job, tmp_path, index, "accepted")


def row(pixels):
    return Labelled("a.jpg", "a.png", 4, 4, (1,), {0: 16 - pixels, 1: pixels}, {0: 0.5, 1: 0.5}, 0.5)


@pytest.mark.parametrize("finished", [False, True])
def test_read__mask_that_is_replaced_meanwhile(masks, finished):
    """Nobody gets a mask as accepted that was never looked at."""
    (item,) = masks.index.walk(masks.where)
    masks.index.keep_only(lambda image, key: False)
    (masks.folder / "labels" / "masks" / "a.png").write_bytes(b"new")
    if finished:
        masks.index.add([row(3)], lambda image: "2a")
    with pytest.raises(UserError):
        masks.read(item, masks.open)
    reviewed = JobMasks(masks.job, masks.folder, masks.index, "reviewed")
    if finished:
        newer, file = reviewed.read(item, reviewed.open)
        with file:
            assert (newer.row.pixels, file.read()) == ({0: 13, 1: 3}, b"new")
    else:
        with pytest.raises(UserError):
            reviewed.read(item, reviewed.open)
