"""What goes wrong around a server: crowds, clients that leave, disks that are full, images that are damaged."""

import asyncio
import errno
import io
import os
import socket
import threading
import time

import numpy as np
import pytest
from labelling import Reference, contents, done, label, make_photos, picture
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from serving import JPEG, pixels_of, serving, told

from swsss.data import files
from swsss.serve.engines.onnx import OnnxEngine
from swsss.serve.server.jobs.store import JobStore


def encoded(pixels):
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()


def figures(client):
    """What /metrics tells, by name and labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def in_threads(count, ask):
    """What `ask(number)` gives, in as many threads at the same time."""
    answers, start = [None] * count, threading.Barrier(count)

    def one(number):
        start.wait(30)
        answers[number] = ask(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return answers


def test_crowd__full_queue(model_file, tmp_path):
    """Of 128 at once some are told to come again, and every one that was taken gets its own mask."""
    reference = Reference(model_file)
    with serving(model_file, tmp_path, requests=8) as client:
        answers = in_threads(128, lambda number: client.label(encoded(picture(number, 150, 200)), tags="cat;dog"))
        assert {answer.status_code for answer in answers} == {200, 503}
        for number, answer in enumerate(answers):
            if answer.status_code == 503:
                assert "All places are taken; try again in" in told(answer, 503)
                assert int(answer.headers["retry-after"]) >= 1
            else:
                expected, _ = reference(picture(number, 150, 200), ("cat", "dog"))
                np.testing.assert_array_equal(pixels_of(answer.content), expected)
        found = figures(client)
        assert found["swsss_queue_depth",] == 0
        taken = sum(answer.status_code == 200 for answer in answers)
        assert taken >= 8
        assert found["swsss_images_total", "request", "small"] == taken


def test_crowd__batched(model_file, tmp_path):
    """Images of one size that come together share a call; a damaged one among them fails alone."""
    reference = Reference(model_file)
    with serving(model_file, tmp_path, batch=4, batch_seconds=0.2) as client:

        def ask(number):
            data = b"damaged" if number == 5 else encoded(picture(number, 48, 64 if number % 2 else 40))
            return client.label(data, tags="cat;person")

        answers = in_threads(16, ask)
        assert "cannot be read as an image" in told(answers.pop(5), 422)
        for number, answer in zip([number for number in range(16) if number != 5], answers, strict=True):
            expected, _ = reference(picture(number, 48, 64 if number % 2 else 40), ("cat", "person"))
            np.testing.assert_array_equal(pixels_of(answer.content), expected)
        found = figures(client)
        assert found["swsss_batch_images_sum",] == 15
        assert found["swsss_batch_images_count",] < 15
        assert found["swsss_failures_total", "decode", "request"] == 1


def test_engine__one_image_it_cannot_label(model_file, tmp_path, monkeypatch):
    genuine = OnnxEngine.label

    def refuse(self, images, candidates):
        if images.shape[1:3] == (33, 33):
            raise RuntimeError("not enough memory")
        return genuine(self, images, candidates)

    with serving(model_file, tmp_path, batch=4, batch_seconds=0.1) as client:
        monkeypatch.setattr(OnnxEngine, "label", refuse)
        answers = in_threads(6, lambda number: client.label(encoded(picture(number, 33, 33 + number % 2)), tags="cat"))
        assert [answer.status_code for answer in answers] == [422, 200] * 3
        assert "The model could not label this: RuntimeError: not enough memory" in told(answers[0], 422)


def test_clients__that_leave(model_file, tmp_path):
    """Half of a body, or no wish for the answer: places are given back, and the others are served."""
    data = encoded(picture(1))
    with serving(model_file, tmp_path, requests=4) as client:
        place = (client.base_url.host, client.base_url.port)
        for sent in (data, data[:50]):
            for _ in range(10):
                with socket.create_connection(place, 30) as connection:
                    head = f"POST /v1/label?tags=cat HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n"
                    connection.sendall(head.encode() + b"Content-Type: image/png\r\n\r\n" + sent)
                time.sleep(0.01)
        deadline = time.monotonic() + 30
        while figures(client)["swsss_queue_depth",]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert [client.label(data, tags="cat").status_code for _ in range(8)] == [200] * 8


def test_clients__ten_thousand_small_requests(model_file, tmp_path):
    """Over connections that stay and that do not, all answered; nothing is left open."""
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"

    async def connection(place, count):
        reader, writer = await asyncio.open_connection(*place)
        for number in range(count):
            writer.write(request + (b"Connection: close\r\n\r\n" if number == count - 1 else b"\r\n"))
        await writer.drain()
        answer = await reader.read(-1)
        writer.close()
        return answer.count(b"HTTP/1.1 200 OK")

    async def crowd(place):
        some = await asyncio.gather(*(connection(place, 180) for _ in range(50)))
        for _ in range(20):
            some += await asyncio.gather(*(connection(place, 1) for _ in range(50)))
        return sum(some)

    with serving(model_file, tmp_path) as client:
        before = len(os.listdir("/proc/self/fd"))
        assert asyncio.run(crowd((client.base_url.host, client.base_url.port))) == 10_000
        assert client.label(encoded(picture(1)), tags="cat").status_code == 200
        assert len(os.listdir("/proc/self/fd")) <= before + 5


def test_job__disk_that_stops_taking_files(model_file, tmp_path, monkeypatch):
    """The job says so, keeps what it has, and goes on when there is room again."""
    photos = make_photos(tmp_path, 8)
    done(label(photos, model_file, tmp_path / "out"))
    genuine, written = os.fsync, []

    def full(number):
        written.append(number)
        if len(written) > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        genuine(number)

    with serving(model_file, tmp_path / "data", root=photos) as client:
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "fsync", full)
            job = client.ended(client.submit()["id"], "failed")
        assert "No space left on device. What is labelled is kept" in job["message"]
        assert str(tmp_path) not in job["message"]
        assert client.label(encoded(picture(1)), tags="cat").status_code == 200
        assert client.post(f"/v1/jobs/{job['id']}/resume").status_code == 200
        client.ended(job["id"])
        found = client.archive(f"/v1/jobs/{job['id']}/result.zip")
        found.pop("report.html")
        assert found == contents(tmp_path / "out")


def test_job__list_that_cannot_be_written(model_file, tmp_path, monkeypatch):
    """A job runs to its end though its state cannot be kept; one that cannot be kept is not taken in."""
    photos = make_photos(tmp_path, 3)
    genuine = JobStore.put

    def full(self, job):
        if job.state != "queued":
            raise OSError(errno.EIO, "the list of jobs cannot be written (database or disk is full)")
        genuine(self, job)

    def quite_full(self, job):
        raise OSError(errno.EIO, "the list of jobs cannot be written (database or disk is full)")

    with serving(model_file, tmp_path / "data", root=photos) as client:
        with monkeypatch.context() as patch:
            patch.setattr(JobStore, "put", full)
            first = client.ended(client.submit()["id"], "failed")
            assert "database or disk is full" in first["message"]
            patch.setattr(JobStore, "put", quite_full)
            answer = client.post("/v1/jobs", json={"images": "images", "labels": "tags.csv"})
            assert "database or disk is full); nothing was changed" in told(answer, 507)
        client.post(f"/v1/jobs/{first['id']}/resume")
        client.ended(first["id"])
        assert [job["id"] for job in client.get("/v1/jobs").json()["jobs"]] == [first["id"]]


def test_review__disk_that_is_full(model_file, tmp_path, monkeypatch):
    photos = make_photos(tmp_path, 2)

    def full(number):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with serving(model_file, tmp_path / "data", root=photos) as client:
        job = client.done()
        (item, _) = client.items(job)
        address = f"/v1/jobs/{job}/images/{item['number']}"
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "fsync", full)
            answer = client.patch(address, json={"tags": [4]})
            assert "No space left on device; nothing was changed" in told(answer, 507)
        assert client.get(address).json() == item
        assert client.patch(address, json={"tags": [4]}).status_code == 200


def test_job__image_that_vanishes(model_file, tmp_path):
    photos = make_photos(tmp_path, 3)
    with serving(model_file, tmp_path / "data", root=photos) as client:
        job = client.done()
        item = client.items(job)[0]
        (photos / "images" / item["image"]).unlink()
        address = f"/v1/jobs/{job}/images/{item['number']}"
        for answer in (client.get(f"{address}/picture"), client.patch(address, json={"tags": [4]})):
            assert "No such file" in told(answer, 422)
            assert str(tmp_path) not in answer.text
        (tmp_path / "data/jobs" / job / "labels/masks" / f"{item['image'].partition('.')[0]}.png").unlink()
        assert "is gone" in told(client.get(f"{address}/mask.png"), 404)


def test_metrics(model_file, tmp_path):
    photos = make_photos(tmp_path, 4)
    (photos / "images" / "00.jpg").write_bytes(b"damaged")
    with serving(model_file, tmp_path / "data", root=photos) as client:
        client.done()
        client.label(encoded(picture(1)), tags="cat")
        client.post("/v1/label?tags=cat", content=b"damaged", headers=JPEG)
        found = figures(client)
        assert found["swsss_images_total", "job", "small"] == 3
        assert found["swsss_images_total", "request", "small"] == 1
        assert found["swsss_failures_total", "decode", "job"] == 1
        assert found["swsss_failures_total", "decode", "request"] == 1
        assert found["swsss_jobs", "done"] == 1
        assert found["swsss_http_requests_total", "/v1/label", "200", "POST"] == 1
        assert found["swsss_http_requests_total", "/v1/label", "422", "POST"] == 1
        for stage in ("decode", "wait", "infer", "encode"):
            assert found["swsss_stage_seconds_count", stage] == 1
        assert found["process_resident_memory_bytes",] > 1e7


@pytest.mark.parametrize("token", ["", "secret"])
def test_logs__one_line_a_request(start, model_file, tmp_path, monkeypatch, token):
    import json

    from serving import Client, address_of

    monkeypatch.setenv("SWSSS_TOKEN", token)
    started = start("swsss-serve", "--model", model_file, "--data", tmp_path / "data", "--port", 0)
    with Client(address_of(started), headers={"Authorization": f"Bearer {token}"} if token else {}) as client:
        client.get("/v1/info", headers={"X-Request-ID": "one"})
        client.label(b"damaged", tags="cat")
        client.get("/healthz")
    started.process.terminate()
    lines = [json.loads(line) for line in started.ended().splitlines() if line.startswith("{")]
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["path"], line["status"]) for line in requests] == [("/v1/info", 200), ("/v1/label", 422)]
    assert requests[0]["request_id"] == "one"
    assert {"timestamp", "level", "seconds", "client", "method"} <= requests[0].keys()
    assert not token or token not in started.told
