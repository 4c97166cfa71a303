"""The list of jobs: by pages, searched, live, and emptied of what is old."""

import json
import shutil
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from labelling import make_photos
from serving import events_of, serving, told

from swsss.serve.records import Labelled
from swsss.serve.server.jobs import counts
from swsss.serve.server.jobs.counts import ReviewCounts
from swsss.serve.server.jobs.data_folder import DataFolder
from swsss.serve.server.jobs.index import Index
from swsss.serve.server.jobs.job_file import job_to_json
from swsss.serve.server.jobs.records import Job, Wishes
from swsss.serve.server.jobs.store import JobStore

STATES = ("done", "failed", "cancelled")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_photos(tmp_path_factory.mktemp("photos"), 2)


def write_jobs(folder, count, photos, finished="2026-01-01T00:00:00+00:00"):
    """A data folder with so many jobs that have ended, each with an index."""
    data = DataFolder(folder)
    store = JobStore(data)
    store.close()
    Index(folder / "index.sqlite").add([Labelled("a.jpg", "a.png", 4, 4, (1,), {0: 16}, {0: 0.5}, 0.5, 0.0)])
    rows = []
    for number in range(count):
        job = Job(
            f"{number:012}",
            Wishes(name=f"Job {number}" if number % 2 else ""),
            "folder",
            photos / "images",
            photos / "tags.csv",
            state=STATES[number % 3],
            created=f"2026-01-01T00:00:00.{number:04}+00:00",
            finished=finished,
            classes=(("background", "#000000"), ("cat", "#800000")),
        )
        text = job_to_json(job, data.job(job.id))
        rows.append((job.id, job.state, job.created, text))
        data.job(job.id).mkdir(parents=True)
        (data.job(job.id) / "job.json").write_text(text)  # without fsync, unlike the server
        shutil.copy(folder / "index.sqlite", data.job(job.id))
    with closing(sqlite3.connect(folder / "jobs.sqlite")) as database:
        database.executemany("INSERT INTO jobs (id, state, created, job) VALUES (?, ?, ?, ?)", rows)
        database.commit()


@pytest.fixture(scope="module")
def many(model_file, photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("many") / "data"
    write_jobs(folder, 600, photos)
    with serving(model_file, folder, root=photos) as client:
        yield client


def ids(client, **query):
    answer = client.get("/v1/jobs", params=query)
    assert answer.status_code == 200, answer.text
    return [int(job["id"]) for job in answer.json()["jobs"]]


def test_jobs__pages(many):
    answer = many.get("/v1/jobs").json()
    assert (answer["total"], answer["offset"], len(answer["jobs"])) == (600, 0, 50)
    assert ids(many) == list(range(599, 549, -1))
    assert ids(many, offset=595, limit=500) == [4, 3, 2, 1, 0]
    assert ids(many, limit=500, offset=2) == list(range(597, 97, -1))
    assert ids(many, offset=600) == []
    answer = many.get("/v1/jobs", params={"offset": 10, "limit": 1}).json()
    assert (answer["total"], answer["offset"]) == (600, 10)


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 501}, {"offset": -1}, {"state": "odd"}, {"search": "a" * 201}]
)
def test_jobs__pages_refused(many, query):
    told(many.get("/v1/jobs", params=query), 422)


def test_jobs__searched(many):
    assert ids(many, search="jOB 59", limit=500) == [599, 597, 595, 593, 591, 59]
    assert ids(many, search="000000000042") == [42], "an id"
    assert len(ids(many, search="IMAGES", limit=500)) == 300, "named after their folder"
    assert ids(many, search="%") == []
    assert many.get("/v1/jobs?search=&state=").json()["total"] == 600


def test_jobs__of_a_state(many):
    found = many.get("/v1/jobs", params={"state": "failed", "limit": 3}).json()
    assert found["total"] == 200
    assert [job["state"] for job in found["jobs"]] == ["failed"] * 3
    assert ids(many, state="failed", search="job 1", limit=500)[-1] == 1
    assert ids(many, state="running") == []


def test_jobs__fast(many, monkeypatch):
    """A page is made of what is known: no index is opened that has not changed."""
    many.get("/v1/jobs", params={"limit": 50})
    opened = []
    genuine = counts.Index
    monkeypatch.setattr(counts, "Index", lambda path: opened.append(path) or genuine(path))
    seconds = []
    for _ in range(5):
        started = time.monotonic()
        assert len(many.get("/v1/jobs", params={"limit": 50}).json()["jobs"]) == 50
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 0.1
    assert opened == []


def test_counts__read_again_when_they_change(tmp_path):
    path = tmp_path / "1" / "index.sqlite"
    known = ReviewCounts(tmp_path.joinpath)
    assert set(known.of("1").values()) == {0}, "no index yet"
    path.parent.mkdir()
    Index(path).add([Labelled(f"{n}.jpg", f"{n}.png", 4, 4, (1,), {0: 16}, {0: 0.5}, 0.5, 0.0) for n in range(20)])
    for number in range(1, 20):
        with closing(sqlite3.connect(path)) as database:
            database.execute("UPDATE images SET verdict = 'accepted' WHERE number = ?", (number,))
            database.commit()
        assert known.of("1")["accepted"] == number
    path.write_bytes(b"damaged")
    assert known.of("1")["accepted"] == 19, "what was known last"


def test_events__of_images(model_file, photos, tmp_path):
    """First what has not ended; then every review, with the image's number and revision, and the job's new counts."""
    with serving(model_file, tmp_path / "data", root=photos) as client:
        job = client.done()
        waiting = client.submit()["id"]
        client.ended(waiting)
        item = client.items(job)[0]
        with client.stream("GET", "/v1/jobs/events") as answer:
            events = events_of(answer)
            third = client.submit(name="third")["id"]
            kind, first = next(events)
            assert (kind, first["id"]) == ("job", third), "no job that had ended before"
            client.ended(third)
            number = item["number"]
            client.patch(f"/v1/jobs/{job}/images/{number}", json={"verdict": "flagged"})
            while (event := next(events))[1].get("id") != job:
                pass
            assert event[0] == "job"
            assert event[1]["review"]["flagged"] == 1
            client.delete(f"/v1/jobs/{job}")
            while next(events) != ("removed", {"id": job}):
                pass


def test_events__revision(model_file, photos, tmp_path):
    """An `image` event says which image was reviewed."""
    from serving import Client, opened

    with opened(model_file, tmp_path / "data", root=photos) as server, Client(server.address) as client:
        job = client.done()
        item = client.items(job)[0]
        desk = desk_of(server)
        with client.stream("GET", "/v1/jobs/events") as answer:
            events = events_of(answer)
            client.submit()
            next(events)
            desk.events.changed(job, item["number"])
            desk.events.changed(job, 999)
            while (event := next(events))[0] != "image":
                pass
            assert event[1] == {"job": job, "number": item["number"], "revision": item["revision"]}


def desk_of(server):
    app = server.server.config.app
    while not hasattr(app, "state"):
        app = app.app
    return app.state.parts.desk


def test_retention(model_file, photos, tmp_path):
    """Only jobs that ended long ago go, and only when the server was told so."""
    folder = tmp_path / "data"
    write_jobs(folder, 3, photos)
    recent = (datetime.now(UTC) - timedelta(days=6)).isoformat()
    with closing(sqlite3.connect(folder / "jobs.sqlite")) as database:
        rows = dict(database.execute("SELECT id, job FROM jobs").fetchall())
        for number, fields in enumerate([{"finished": recent}, {"state": "paused"}]):
            job_id = f"{number:012}"
            job = json.loads(rows[job_id]) | fields
            database.execute("UPDATE jobs SET job = ? WHERE id = ?", (json.dumps(job | {"serial": 9}), job_id))
        database.commit()
    with serving(model_file, folder, root=photos) as client:
        assert len(ids(client)) == 3
    with serving(model_file, folder, root=photos, keep_days=7) as client:
        deadline = time.monotonic() + 20
        while len(ids(client)) != 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert ids(client) == [1, 0]
        deadline = time.monotonic() + 20
        while (folder / "jobs" / f"{2:012}").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
