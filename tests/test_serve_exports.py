"""What people take away from a job: as made, as reviewed, or accepted; in every format; by many at a time."""

import asyncio
import io
import json
import shutil
import sqlite3
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from labelling import make_photos
from serving import Client, opened, pixels_of, rows_of, serving, told
from starlette.requests import ClientDisconnect

from swsss.data.classes import ClassTable
from swsss.data.tags import read_tags
from swsss.serve.formats.archive import Archive
from swsss.serve.server.jobs import downloads
from swsss.serve.server.jobs.downloads import Downloads
from swsss.serve.server.jobs.events import Events
from swsss.serve.server.jobs.streams import StreamedArchive, nameless

FORMATS = ["coco", "cvat", "label-studio"]
NAMES = ["background", "cat", "dog", "polar bear", "person"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Photos, one of them damaged; not to be changed."""
    root = make_photos(tmp_path_factory.mktemp("photos"), 6)
    (root / "images" / "broken.jpg").write_bytes(b"no image")
    with (root / "tags.csv").open("a") as file:
        file.write("broken.jpg,cat\n")
    return root


@pytest.fixture(scope="module")
def server(model_file, photos, tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    with opened(model_file, data, root=photos, downloads=100) as running, Client(running.address) as client:
        client.parts = running.server.config.app.state.parts
        yield client


@pytest.fixture
def job(server):
    """A job that writes everything, to be corrected."""
    return server.done(formats=FORMATS, confidence=True)


def change(server, job, image, **what):
    (item,) = server.items(job, search=image)
    answer = server.patch(f"/v1/jobs/{job}/images/{item['number']}", json=what)
    assert answer.status_code == 200, answer.text
    return answer.json()["item"]


def zip_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def annotated(coco, image):
    """The categories that a COCO file finds in an image."""
    table = json.loads(coco)
    (number,) = [one["id"] for one in table["images"] if one["file_name"] == image]
    return {one["category_id"] for one in table["annotations"] if one["image_id"] == number}


def regions(tasks, image):
    """The labels that a Label Studio file finds in an image."""
    (task,) = [task for task in json.loads(tasks) if task["data"]["image"] == image]
    return {region["value"]["brushlabels"][0] for region in task["predictions"][0]["result"]}


def test_result__nothing_reviewed_is_as_made(server, job):
    made = server.archive(f"/v1/jobs/{job}/result.zip?as=made")
    reviewed = server.archive(f"/v1/jobs/{job}/result.zip")
    assert "report.html" in made
    assert reviewed == made
    assert {"coco.json", "cvat.zip", "label-studio.json", "label-studio.xml", "manifest.csv", "failures.csv"} <= set(
        made
    )


def test_result__as_reviewed_as_made_and_accepted(server, job):
    made = server.archive(f"/v1/jobs/{job}/result.zip?as=made")
    item = change(server, job, "00.jpg", tags=[4], verdict="accepted")
    change(server, job, "01.png", verdict="accepted")
    change(server, job, "02", verdict="rejected")
    mask = server.get(f"/v1/jobs/{job}/images/{item['number']}/mask.png").content
    assert (pixels_of(mask) != pixels_of(made["masks/00.png"])).any()
    assert set(np.unique(pixels_of(mask))) <= {0, 4}
    found = {NAMES[index] for index in item["found"]}

    reviewed = server.archive(f"/v1/jobs/{job}/result.zip")
    assert "report.html" not in reviewed, "it shows the masks as made"
    accepted = server.archive(f"/v1/jobs/{job}/result.zip?as=accepted")
    assert server.archive(f"/v1/jobs/{job}/result.zip?as=made") == made
    assert sorted(name for name in accepted if name.startswith("masks/")) == ["masks/00.png", "masks/01.png"]
    for content in (reviewed, accepted):
        assert content["masks/00.png"] == mask
        assert content["confidence/00.png"] != made["confidence/00.png"]
        (row,) = [row for row in rows_of(content["manifest.csv"]) if row["image"] == "00.jpg"]
        assert (row["tags"], row["found"]) == ("person", "person" if found else "")
        assert float(row["confidence"]) == item["confidence"]
        assert annotated(content["coco.json"], "00.jpg") == set(item["found"])
        assert regions(content["label-studio.json"], "00.jpg") == found
        assert (pixels_of(zip_of(content["cvat.zip"])["SegmentationClass/00.png"]) == pixels_of(mask)).all()
    assert [row["image"] for row in rows_of(accepted["manifest.csv"])] == ["00.jpg", "01.png"]
    assert [row["image"] for row in rows_of(reviewed["manifest.csv"])] == sorted(
        row["image"] for row in rows_of(made["manifest.csv"])
    )
    assert reviewed["masks/01.png"] == made["masks/01.png"]


@pytest.mark.parametrize("name", FORMATS)
def test_export__one_format(server, job, name):
    """Also of a job that did not ask for it: the same as beside the masks."""
    plain = server.done()
    change(server, plain, "00.jpg", tags=[4], verdict="accepted")
    change(server, job, "00.jpg", tags=[4], verdict="accepted")
    for taken in ("reviewed", "made", "accepted"):
        answer = server.get(f"/v1/jobs/{plain}/export/{name}", params={"as": taken})
        assert answer.status_code == 200
        suffix = {"coco": "coco.json", "cvat": "cvat.zip", "label-studio": "label-studio.zip"}[name]
        assert answer.headers["content-disposition"] == f'attachment; filename="{plain}-{suffix}"'
        beside = server.archive(f"/v1/jobs/{job}/result.zip?as={taken}")
        if name == "label-studio":
            parts = zip_of(answer.content)
            assert parts == {part: beside[part] for part in ("label-studio.xml", "label-studio.json")}
        else:
            assert answer.content == beside[suffix]
    told(server.get(f"/v1/jobs/{plain}/export/voc"), 422)


def test_export__class_names_that_a_format_cannot_hold(server):
    job = server.done()
    runner = server.parts.desk.runner
    classes = (("background", "#000000"), *((f"a:{index}", "#ff0000") for index in range(1, 5)))
    runner.put(runner.get(job).now(classes=classes))
    assert "a:1" in told(server.get(f"/v1/jobs/{job}/export/cvat"), 422)
    assert server.get(f"/v1/jobs/{job}/export/coco").status_code == 200
    runner.put(runner.get(job).now(classes=(("background", "#000000"), *((f"line\n{i}", "#ff0000") for i in range(4)))))
    assert "line" in told(server.get(f"/v1/jobs/{job}/result.zip"), 422)
    assert server.get(f"/v1/jobs/{job}/result.zip?as=made").status_code == 200


def test_export__image_that_a_format_cannot_hold(model_file, photos, tmp_path):
    root = shutil.copytree(photos, tmp_path / "root")
    shutil.copy(root / "images" / "01.png", root / "images" / "01.bmp")  # CVAT cannot tell them apart
    with serving(model_file, tmp_path / "data", root=root) as server:
        job = server.done(untagged="all")
        (failed,) = {
            row["image"] for row in rows_of(server.archive(f"/v1/jobs/{job}/export/cvat")["convert-failures.csv"])
        } - {"01.png"}
        assert failed == "01.bmp"


def test_exports__without_the_model(server, job):
    """Nothing that is taken away needs one; only to label again does."""
    change(server, job, "00.jpg", tags=[4], verdict="accepted")
    answer = server.post("/v2/repository/models/small/unload")
    assert answer.status_code == 200
    try:
        (item,) = server.items(job, search="01.png")
        address = f"/v1/jobs/{job}/images/{item['number']}"
        assert "retry" in told(server.patch(address, json={"tags": [2, 3]}), 409)
        assert "no class" in told(server.patch(address, json={"tags": [9]}), 422)
        assert server.patch(address, json={"verdict": "accepted"}).json()["item"]["verdict"] == "accepted"
        assert server.get(address).json()["tags"] == item["tags"]
        back = change(server, job, "00.jpg", tags=server.items(job, search="00.jpg")[0]["original_tags"])
        assert (back["changed"], back["verdict"]) == (False, "")
        for part in ("result.zip", "accepted.zip", "tags.csv", *(f"export/{name}" for name in FORMATS)):
            assert server.get(f"/v1/jobs/{job}/{part}").status_code == 200, part
    finally:
        server.post("/v2/repository/models/small/load")


@pytest.mark.parametrize(
    "name", ["../../../victim.png", "/etc/passwd", "..\\victim.png", "C:\\victim.png", "sub/../../x"]
)
@pytest.mark.parametrize("column", ["mask", "reviewed"])
def test_exports__names_out_of_the_database_are_checked(server, job, name, column):
    (item,) = server.items(job, search="00.jpg")
    address = f"/v1/jobs/{job}/images/{item['number']}"
    change(server, job, "00.jpg", verdict="accepted", **({"tags": [4]} if column == "reviewed" else {}))
    with sqlite3.connect(server.parts.desk.files.folder_of(job) / "index.sqlite") as database:
        database.execute(f"UPDATE images SET {column} = ? WHERE number = ?", (name, item["number"]))  # noqa: S608
    database.close()
    (server.parts.desk.files.folder_of(job).parent / "victim.png").write_bytes(b"secret")
    assert "leads out" in told(server.get(f"{address}/mask.png"), 422)
    for part in ("result.zip", "result.zip?as=accepted", "result.zip?as=made", "accepted.zip", "export/cvat"):
        content = server.archive(f"/v1/jobs/{job}/{part}")
        assert not any(".." in entry or entry.startswith("/") or "\\" in entry for entry in content)
        assert b"secret" not in b"".join(content.values())
    (failed,) = rows_of(server.archive(f"/v1/jobs/{job}/result.zip")["convert-failures.csv"])
    assert (failed["image"], failed["stage"]) == ("00.jpg", "mask")


def test_exports__links_out_of_the_job(server, job, tmp_path):
    secret = tmp_path / "secret.png"
    mask = server.parts.desk.files.folder_of(job) / "labels" / "masks" / "00.png"
    shutil.copy(mask, secret)
    mask.unlink()
    mask.symlink_to(secret)
    (item,) = server.items(job, search="00.jpg")
    assert server.get(f"/v1/jobs/{job}/images/{item['number']}/mask.png").status_code == 422
    for taken in ("made", "reviewed"):
        assert "masks/00.png" not in server.archive(f"/v1/jobs/{job}/result.zip?as={taken}")


def test_image__links_out_of_the_root(model_file, photos, tmp_path):
    """A picture swapped for a link after its job was done."""
    root = shutil.copytree(photos, tmp_path / "root")
    with serving(model_file, tmp_path / "data", root=root) as server:
        job = server.done()
        (item,) = server.items(job, search="00.jpg")
        (root / "images" / "00.jpg").unlink()
        (root / "images" / "00.jpg").symlink_to(photos / "images" / "00.jpg")
        address = f"/v1/jobs/{job}/images/{item['number']}"
        assert "leads out" in told(server.get(f"{address}/picture"), 422)
        assert "leads out" in told(server.patch(address, json={"tags": [4]}), 422)


def test_tags__images_and_table_are_gone(model_file, photos, tmp_path):
    root = shutil.copytree(photos, tmp_path / "root")
    with serving(model_file, tmp_path / "data", root=root) as server:
        job = server.done()
        before = {row["image"]: row["labels"] for row in rows_of(server.get(f"/v1/jobs/{job}/tags.csv").content)}
        change(server, job, "01.png", tags=None)
        change(server, job, "02", tags=[])
        (root / "images" / "00.jpg").unlink()
        (second,) = [name for name in before if "02" in name]
        expected = {name: labels for name, labels in before.items() if name != "01.png"} | {second: ""}
        assert {
            row["image"]: row["labels"] for row in rows_of(server.get(f"/v1/jobs/{job}/tags.csv").content)
        } == expected
        shutil.rmtree(root / "images")
        assert {
            row["image"]: row["labels"] for row in rows_of(server.get(f"/v1/jobs/{job}/tags.csv").content)
        } == expected
        (root / "tags.csv").unlink()
        del expected["broken.jpg"]  # it was never labelled: only the table knew its tags
        assert {
            row["image"]: row["labels"] for row in rows_of(server.get(f"/v1/jobs/{job}/tags.csv").content)
        } == expected
        assert server.get(f"/v1/jobs/{job}/accepted.zip").status_code == 200


def test_tags__nasty_class_names(server, tmp_path):
    job = server.done(labels=None, untagged="all")
    runner = server.parts.desk.runner
    names = ("nothing", "a;b", "a", "b|c, d", ' "e" ')
    change(server, job, "00.jpg", tags=[1, 3])
    change(server, job, "01.png", tags=[2, 4])
    change(server, job, "02", tags=[])
    runner.put(runner.get(job).now(classes=tuple((name, "#000000") for name in names)))
    path = tmp_path / "tags.csv"
    path.write_bytes(server.get(f"/v1/jobs/{job}/tags.csv").content)
    images = [item["image"] for item in server.items(job)]
    (third,) = [image for image in images if "02" in image]
    assert read_tags(path, ClassTable(names), images) == {"00.jpg": {1, 3}, "01.png": {2, 4}, third: set()}


def test_downloads__eighty_at_once(server, job):
    paths = ["tags.csv", "accepted.zip", "result.zip", "export/coco", "export/label-studio"]
    statuses, start = [], threading.Barrier(80)

    def take(number):
        with Client(str(server.base_url)) as client:
            start.wait(60)
            statuses.append(client.get(f"/v1/jobs/{job}/{paths[number % len(paths)]}").status_code)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(80)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert statuses == [200] * 80


def waiting_job(server):
    """A job that will not run, as if others were before it."""
    job = server.done()
    runner = server.parts.desk.runner
    with runner._changed:
        runner._jobs[job] = runner.get(job).now(state="running")
    return job


def test_downloads__followers_leave_the_others_alone(model_file, photos, tmp_path, monkeypatch):
    """Forty wait; the page and health answer; the forty-first is told to come again; closing does not wait for them."""
    monkeypatch.setattr(downloads, "_PATIENCE_SECONDS", 0.2)
    with opened(model_file, tmp_path / "data", root=photos, downloads=40) as running, Client(running.address) as server:
        server.parts = running.server.config.app.state.parts
        job = waiting_job(server)
        ends = []

        def follow():
            with Client(running.address) as client:
                try:
                    with client.stream("GET", f"/v1/jobs/{job}/result.zip?follow=true") as answer:
                        for _ in answer.iter_raw():
                            pass
                    ends.append("whole")
                except httpx.TransportError:
                    ends.append("broken off")

        threads = [threading.Thread(target=follow) for _ in range(40)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 60
        while not server.parts.downloads._places.locked():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        slowest = 0.0
        for _ in range(10):
            for path in ("/healthz", "/page/main.js"):
                started = time.monotonic()
                assert server.get(path).status_code == 200
                slowest = max(slowest, time.monotonic() - started)
        assert slowest < 2
        refused = server.get(f"/v1/jobs/{job}/tags.csv")
        assert int(refused.headers["retry-after"]) > 0
        told(refused, 503)
        started = time.monotonic()
        running.server.handle_exit(15, None)
        for thread in threads:
            thread.join(30)
        assert time.monotonic() - started < 8
    assert ends == ["broken off"] * 40, "a part must not pass for the whole"


def test_downloads__wait_for_a_place(model_file, photos, tmp_path):
    """Many at once are served one after the other, not refused."""
    with opened(model_file, tmp_path / "data", root=photos, downloads=2) as running, Client(running.address) as server:
        address = f"/v1/jobs/{server.done()}/export/coco"
        with ThreadPoolExecutor(40) as pool:
            answers = list(pool.map(lambda _: server.get(address), range(40)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


def test_downloads__a_place_comes_free_when_the_client_leaves(model_file, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(downloads, "_PATIENCE_SECONDS", 0.2)
    with opened(model_file, tmp_path / "data", root=photos, downloads=1) as running, Client(running.address) as server:
        server.parts = running.server.config.app.state.parts
        job = waiting_job(server)
        with server.stream("GET", f"/v1/jobs/{job}/result.zip?follow=true") as answer:
            received = answer.iter_raw()
            next(received)
            told(server.get(f"/v1/jobs/{job}/tags.csv"), 503)
        deadline = time.monotonic() + 20
        while server.get(f"/v1/jobs/{job}/tags.csv").status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running.server.config.app.state.parts.desk.runner.put(server.parts.desk.get(job).now(state="done"))


def test_follow__takes_what_comes(model_file, photos, tmp_path):
    """All of a job that is asked for while it runs, in one archive."""
    with serving(model_file, tmp_path / "data", root=photos) as server:
        job = server.submit(formats=["coco"])["id"]
        followed = server.archive(f"/v1/jobs/{job}/result.zip?follow=true")
        assert server.job(job)["state"] == "done"
        after = server.archive(f"/v1/jobs/{job}/result.zip")
        assert followed.keys() == after.keys()
        assert {name: data for name, data in followed.items() if name != "coco.json"} == {
            name: data for name, data in after.items() if name != "coco.json"
        }


def test_streams__large_files_in_parts(tmp_path):
    """64 MiB go through a few MiB of memory, and are read back."""
    with (tmp_path / "large").open("wb") as file:
        for number in range(64):
            file.write(bytes([number]) * (1 << 20))
    sizes = []
    with (tmp_path / "x.zip").open("wb") as target, nameless(tmp_path) as directory:
        archive = StreamedArchive(directory)
        with (tmp_path / "large").open("rb") as file:
            for part in archive.add_file("large", file):
                sizes.append(len(part))
                target.write(part)
        for part in archive.end():
            target.write(part)
    assert max(sizes) <= 2 << 20
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.testzip() is None


class Hole(io.RawIOBase):
    """So many zeros, all of them one block."""

    block = bytes(1 << 20)

    def __init__(self, size):
        self.size, self.at = size, 0

    def seek(self, at, whence=0):
        self.at = at
        return at

    def read(self, size=-1):
        data = self.block[: max(0, min(size, self.size - self.at))]
        self.at += len(data)
        return data


class Counted(io.RawIOBase):
    """Forgets all but the beginning."""

    def __init__(self):
        self.size, self.kept = 0, b""

    def write(self, data):
        self.kept += bytes(data) if self.size < 100 else b""
        self.size += len(data)
        return len(data)

    def tell(self):
        return self.size


def test_archive__file_beyond_4_gib(monkeypatch):
    """Its headers say so in 64 bits."""
    monkeypatch.setattr("swsss.serve.formats.archive.zlib.crc32", lambda block, check: 0)
    size = (1 << 32) + 5
    directory, target = io.BytesIO(), Counted()
    archive = Archive(target, directory)
    archive.add_file("hole", Hole(size))
    archive.add("after", b"x")
    for header, sizes_at in ((target.kept, 18), (directory.getvalue(), 20)):
        assert header[sizes_at : sizes_at + 8] == b"\xff" * 8
        assert size.to_bytes(8, "little") * 2 in header
    assert (size + len("hole") + 30 + 20).to_bytes(8, "little") in directory.getvalue(), "where the next begins"


def test_downloads__stop_when_the_iterator_fails():
    """A disk that breaks ends the connection, and all files of the download are let go of."""
    closed = []

    def parts():
        try:
            yield b"one"
            raise OSError(5, "broken")
        finally:
            closed.append(True)

    async def take():
        downloads, taken = Downloads(Events(), 1), []
        try:
            async for part in downloads.stream(parts()):
                taken.append(part)
        except ClientDisconnect:
            taken.append("broken off")
        downloads.close()
        return taken

    assert asyncio.run(take()) == [b"one", "broken off"]
    assert closed
