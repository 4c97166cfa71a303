"""Jobs: what swsss-label would have left, watched, paused, resumed, cancelled, killed and taken up again."""

import errno
import io
import os
import shutil
import signal
import threading
import zipfile

import pytest
from labelling import contents, done, label, make_photos, picture, save
from serving import Client, address_of, events_of, serving, told, zipped

from swsss.data.tags import write_tags
from swsss.serve.server.jobs.index import Index

PHOTOS = 9


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photos, one of them damaged; not to be changed."""
    root = make_photos(tmp_path_factory.mktemp("photos"), PHOTOS)
    (root / "images" / "broken.jpg").write_bytes(b"no image")
    with (root / "tags.csv").open("a") as file:
        file.write("broken.jpg,cat\n")
    return root


@pytest.fixture(scope="module")
def undisturbed(photos, model_file, tmp_path_factory):
    """What swsss-label leaves."""
    out = tmp_path_factory.mktemp("undisturbed") / "labels"
    done(label(photos, model_file, out, "--confidence", "--format", "coco"), 1)
    return contents(out)


@pytest.fixture
def server(model_file, photos, tmp_path):
    with serving(model_file, tmp_path / "data", root=photos) as client:
        yield client


WISHES = {"confidence": True, "formats": ["coco"]}


def check_contents(found, undisturbed):
    found.pop("report.html", None)
    assert found == undisturbed


def test_job__as_swsss_label(server, undisturbed):
    asked = server.submit(name="first", **WISHES)
    assert asked["state"] in {"queued", "running"}
    job = server.ended(asked["id"])
    assert (job["name"], job["images"], job["labels"], job["model"]) == ("first", "images", "tags.csv", "small")
    assert (job["total"], job["done"], job["failed"]) == (PHOTOS + 1, PHOTOS + 1, 1)
    assert job["created"] <= job["started"] <= job["finished"]
    assert "1 images could not be labelled" in job["message"]
    assert os.sep + "data" not in job["message"]
    check_contents(server.archive(f"/v1/jobs/{job['id']}/result.zip"), undisturbed)
    failures = server.get(f"/v1/jobs/{job['id']}/failures.csv")
    assert failures.content == undisturbed["failures.csv"]
    assert "attachment" in failures.headers["content-disposition"]
    report = server.get(f"/v1/jobs/{job['id']}/report.html")
    assert b"</html>" in report.content
    assert "sandbox" in report.headers["content-security-policy"]
    assert server.get("/v1/jobs").json()["jobs"] == [job]


def test_job__from_an_archive(server, photos, undisturbed):
    files = {
        path.relative_to(photos.parent).as_posix(): path.read_bytes() for path in photos.rglob("*") if path.is_file()
    }
    files["photos0/notes.txt"] = b"left out"
    files["__MACOSX/photos0/images/._00.jpg"] = b"left out"
    answer = server.post(
        "/v1/jobs/archive",
        params={"confidence": True, "formats": "coco", "name": "sent"},
        content=zipped(files),
        headers={"Content-Type": "application/zip"},
    )
    assert answer.status_code == 201, answer.text
    job = server.ended(answer.json()["id"])
    assert (job["source"], job["name"], job["images"], job["failed"]) == ("archive", "sent", "", 1)
    check_contents(server.archive(f"/v1/jobs/{job['id']}/result.zip"), undisturbed)


def test_job__archive_without_tags(server, photos):
    image = (photos / "images" / "00.jpg").read_bytes()
    asked = {"params": {"untagged": "all"}, "headers": {"Content-Type": "application/zip"}}
    answer = server.post("/v1/jobs/archive", content=zipped({"a/b.jpg": image, "c.jpg": image}), **asked)
    job = server.ended(answer.json()["id"])
    assert [item["image"] for item in server.items(job["id"])] == ["a/b.jpg", "c.jpg"]
    assert [item["tags"] for item in server.items(job["id"])] == [None, None]


def test_job__events(server, slow):
    asked = server.submit()
    with server.stream("GET", f"/v1/jobs/{asked['id']}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = events_of(answer)
        kind, first = next(events)
        assert (kind, first["id"]) == ("job", asked["id"])
        slow.release(1000)
        seen = [job for _, job in events]  # ends by itself
    assert seen[-1]["state"] == "done"
    assert [job["done"] for job in seen] == sorted(job["done"] for job in seen)
    with server.stream("GET", f"/v1/jobs/{asked['id']}/events") as answer:
        assert [job["state"] for _, job in events_of(answer)] == ["done"]


def test_jobs__events_of_all(server, slow):
    first = server.submit()["id"]
    with server.stream("GET", "/v1/jobs/events") as answer:
        events = events_of(answer)
        assert next(events)[1]["id"] == first
        second = server.submit()["id"]
        while next(events)[1]["id"] != second:
            pass
        server.post(f"/v1/jobs/{second}/cancel")
        server.delete(f"/v1/jobs/{second}")
        while next(events) != ("removed", {"id": second}):
            pass


def test_job__paused_and_resumed(server, slow, undisturbed):
    job_id = server.submit(**WISHES)["id"]
    for number in range(6):
        threading.Timer(0.2 * number, slow.release).start()
    server.when(job_id, lambda job: job["done"])
    paused = server.post(f"/v1/jobs/{job_id}/pause").json()
    assert paused["state"] == "paused"
    assert 0 < paused["done"] < PHOTOS
    some = server.archive(f"/v1/jobs/{job_id}/result.zip")
    assert some.items() <= undisturbed.items()
    assert some
    assert "only one that waits or runs can be paused" in told(server.post(f"/v1/jobs/{job_id}/pause"), 409)
    slow.release(1000)
    assert server.post(f"/v1/jobs/{job_id}/resume").json()["state"] in {"queued", "running"}
    job = server.ended(job_id)
    assert (job["total"], job["done"]) == (PHOTOS + 1, PHOTOS + 1)
    check_contents(server.archive(f"/v1/jobs/{job_id}/result.zip"), undisturbed)


def test_job__cancelled_resumed_deleted(server, slow, undisturbed, tmp_path):
    running, waiting = server.submit(**WISHES)["id"], server.submit()["id"]
    server.when(running, lambda job: job["state"] == "running")
    assert "cancel it first" in told(server.delete(f"/v1/jobs/{running}"), 409)
    assert server.post(f"/v1/jobs/{waiting}/cancel").json()["state"] == "cancelled"
    threading.Timer(0.2, slow.release).start()
    assert server.post(f"/v1/jobs/{running}/cancel").json()["state"] == "cancelled"
    assert "is cancelled already" in told(server.post(f"/v1/jobs/{running}/cancel"), 409)
    slow.release(1000)
    server.post(f"/v1/jobs/{running}/resume")
    server.ended(running)
    check_contents(server.archive(f"/v1/jobs/{running}/result.zip"), undisturbed)
    assert server.delete(f"/v1/jobs/{running}").status_code == 204
    assert f"There is no job '{running}'" in told(server.get(f"/v1/jobs/{running}"), 404)
    assert [path.name for path in (tmp_path / "data" / "jobs").iterdir()] == [waiting]


def test_job__deleted_while_it_is_looked_at(server, monkeypatch):
    """Its files vanish under whoever reads them: that is no fault of the disk."""
    job = server.done()

    def vanish(index, query):
        with Client(str(server.base_url)) as other:
            assert other.delete(f"/v1/jobs/{job}").status_code == 204
        raise OSError(errno.EIO, "disk I/O error")

    monkeypatch.setattr(Index, "items", vanish)
    assert "deleted" in told(server.get(f"/v1/jobs/{job}/images"), 404)


def test_job__result_as_it_is_made(server, slow, undisturbed):
    job_id = server.submit(**WISHES)["id"]
    parts = []
    # What is labelled is told of a few times a second; the last image is held back.
    for number in range(PHOTOS - 1):
        threading.Timer(0.2 * number, slow.release).start()
    with server.stream("GET", f"/v1/jobs/{job_id}/result.zip", params={"follow": True}) as answer:
        stream = answer.iter_bytes()
        parts.append(next(stream))
        assert server.job(job_id)["state"] == "running"
        slow.release(1000)
        parts += stream
    with zipfile.ZipFile(io.BytesIO(b"".join(parts))) as archive:
        check_contents({name: archive.read(name) for name in archive.namelist()}, undisturbed)


@pytest.mark.parametrize(
    ("job", "status", "sentence"),
    [
        ({"images": "nowhere"}, 404, "There is no 'nowhere' below the server's root."),
        ({"images": "tags.csv"}, 422, "'tags.csv' is not a directory"),
        ({"labels": "images"}, 422, "'images' is not a file; name a tags.csv."),
        ({"labels": None}, 422, "This model labels by tags: give labels"),
        ({"model": "large"}, 404, "There is no model 'large'"),
        ({"formats": ["yolo"]}, 422, "formats"),
        ({"ignore_below": 7}, 422, "ignore_below: input should be less than or equal to 1."),
        ({"colour": "red"}, 422, "colour: extra inputs are not permitted."),
    ],
)
def test_job__refused(server, job, status, sentence):
    answer = server.post("/v1/jobs", json={"images": "images", "labels": "tags.csv"} | job)
    assert sentence in told(answer, status)
    assert server.get("/v1/jobs").json()["jobs"] == []


def test_job__mistakes_in_the_tags(server, photos, model_file, tmp_path):
    write_tags(tmp_path / "tags.csv", [("00.jpg", ["cat"])])
    root = shutil.copytree(photos, tmp_path / "root")
    (root / "tags.csv").write_text("image,labels\n00.jpg,cat\nnowhere.jpg,cat\n01.png,dgo\n")
    with serving(model_file, tmp_path / "other", root=root) as client:
        job = client.ended(client.submit()["id"], "failed")
    assert "tags.csv, line 3: there is no image 'nowhere.jpg'" in job["message"]
    assert "tags.csv, line 4: unknown class 'dgo'; did you mean 'dog'?" in job["message"]
    assert str(tmp_path) not in job["message"]


def test_jobs__too_many(model_file, photos, tmp_path, slow):
    with serving(model_file, tmp_path / "data", root=photos, most_jobs=2) as client:
        for _ in range(2):
            client.submit()
        answer = client.post("/v1/jobs", json={"images": "images", "labels": "tags.csv"})
        assert "try again in 60 s" in told(answer, 503)
        assert answer.headers["retry-after"] == "60"
        slow.release(1000)


def serve(start, model, root, data):
    started = start("swsss-serve", "--model", model, "--root", root, "--data", data, "--port", 0, "--device", "cpu")
    return started, Client(address_of(started))


def test_job__server_killed(start, model_file, tmp_path):
    """Killed in the middle, twice: the job goes on by itself, and the labels are those of an undisturbed run."""
    root = make_photos(tmp_path, 1)
    for number in range(120):
        save(root / "images" / f"more{number:03}.png", picture(number, 200, 300))
    names = sorted(path.relative_to(root / "images").as_posix() for path in (root / "images").rglob("*.*"))
    write_tags(root / "tags.csv", [(name, ["cat", "person"]) for name in names])
    done(label(root, model_file, tmp_path / "out"))
    job_id = None
    for kill in (10, 60, None):
        started, client = serve(start, model_file, root, tmp_path / "data")
        job_id = job_id or client.submit()["id"]
        if kill is not None:
            client.when(job_id, lambda job, kill=kill: job["done"] >= kill)
            os.kill(started.process.pid, signal.SIGKILL)
            started.process.wait()
            continue
        client.ended(job_id)
        found = client.archive(f"/v1/jobs/{job_id}/result.zip")
        assert len(client.items(job_id, limit=500)) == len(names)
        started.process.terminate()
        started.ended()
    check_contents(found, contents(tmp_path / "out"))


def test_job__server_stopped(start, model_file, tmp_path):
    """SIGTERM in the middle of a job: it ends at once and in order, and the job goes on at the next start."""
    root = make_photos(tmp_path, 1)
    for number in range(150):
        save(root / "images" / f"more{number:03}.png", picture(number, 200, 300))
    started, client = serve(start, model_file, root, tmp_path / "data")
    job_id = client.submit(labels=None, untagged="all")["id"]
    client.when(job_id, lambda job: job["done"] >= 5)
    with client.stream("GET", "/v1/jobs/events") as answer:
        next(events_of(answer))
        started.process.terminate()
        started.ended()
    again, client = serve(start, model_file, root, tmp_path / "data")
    assert client.job(job_id)["done"] >= 5
    assert client.ended(job_id)["done"] == 151
    again.process.terminate()
    assert "Traceback" not in again.ended()


def test_serve__data_of_another_server(start, model_file, photos, tmp_path):
    started, _ = serve(start, model_file, photos, tmp_path / "data")
    other = start("swsss-serve", "--model", model_file, "--data", tmp_path / "data", "--port", 0)
    assert "error: Another swsss-serve works with --data" in other.ended(2)
    started.process.terminate()
    started.ended()
