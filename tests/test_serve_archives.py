"""Archives that clients send: whatever they hold, they are unpacked or refused with a sentence, in bounded memory."""

import io
import os
import random
import struct
import time
import tracemalloc
import zipfile

import pytest
from labelling import make_photos
from serving import serving, told, zipped

from swsss.errors import UserError
from swsss.serve.server.jobs.archives import unpack
from swsss.serve.server.settings import Limits

LIMITS = Limits(archive_bytes=10 << 20, archive_members=1000)
FILES = {"images/a.jpg": b"x" * 5000, "images/b.png": random.Random(0).randbytes(3000), "tags.csv": b"image,labels\n"}


def packed(method=zipfile.ZIP_DEFLATED):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    return target.getvalue()


def unpacked(tmp_path, data, limits=LIMITS):
    """Paths of what was unpacked, and the image folder below."""
    archive, folder = tmp_path / "a.zip", tmp_path / f"out{len(os.listdir(tmp_path))}"
    archive.write_bytes(data)
    found = unpack(archive, folder, limits)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return files, found.images.relative_to(folder).as_posix()


def damaged(seed):
    """An archive with a few bits or bytes that are wrong, or cut off."""
    chance = random.Random(seed)
    data = bytearray(packed(chance.choice([0, 8, 12, 14])))
    kind = chance.random()
    if kind < 0.2:
        return bytes(data[: chance.randrange(len(data))])
    for _ in range(chance.choice([1, 2, 8])):
        # Most of them where the table of contents stands.
        at = chance.randrange(len(data)) if kind < 0.5 else max(0, len(data) - chance.randrange(1, 400))
        data[at] = chance.randrange(256)
    return bytes(data)


def test_archive__damaged(tmp_path):
    """Every one is unpacked or refused; nothing else is raised."""
    outcomes = set()
    for seed in range(800):
        try:
            unpacked(tmp_path, damaged(seed))
            outcomes.add("unpacked")
        except UserError:
            outcomes.add("refused")
    assert outcomes == {"unpacked", "refused"}


@pytest.mark.parametrize("method", [1, 6, 9, 14, 93, 95, 97, 98, 99])
def test_archive__compression_that_is_not_read(tmp_path, method):
    data = bytearray(packed(zipfile.ZIP_STORED))
    at = data.index(b"PK\1\2")
    data[8:10] = data[at + 10 : at + 12] = struct.pack("<H", method)
    with pytest.raises(UserError, match=f"method {method}"):
        unpacked(tmp_path, bytes(data))


@pytest.mark.parametrize(
    "names",
    [
        ["a.jpg", "a.jpg/b.jpg"],
        ["a.jpg/b.jpg", "a.jpg"],
        ["a.jpg", "./a.jpg"],
        ["x" * 300 + ".jpg"],
        ["/".join(["d" * 200] * 30) + "/a.jpg"],
        ["a/" * 100 + "a.jpg"],
        ["a/../../b.jpg"],
        ["a\\..\\..\\b.jpg"],
    ],
)
def test_archive__names_that_cannot_be(tmp_path, names):
    with pytest.raises(UserError):
        unpacked(tmp_path, zipped(dict.fromkeys(names, b"1")))
    assert sorted(os.listdir(tmp_path))[0] == "a.zip"
    assert not (tmp_path / "b.jpg").exists()


def test_archive__name_with_a_nul(tmp_path):
    data = zipped({"a.jpg_.png": b"1"}).replace(b"a.jpg_.png", b"a.jpg\0.png")
    with pytest.raises(UserError, match="leads out of it"):
        unpacked(tmp_path, data)


def directory(count):
    """A table of contents with so many files, and nothing else."""
    header = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0) + b"a.jpg"
    return header * count


def end(count, size):
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count & 0xFFFF, count & 0xFFFF, size & 0xFFFFFFFF, 0, 0)


def end_64(size, at):
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, size, 0)
    return record + struct.pack("<4sLQL", b"PK\6\7", 0, at, 1) + end(0xFFFF, 0xFFFFFFFF)


@pytest.mark.parametrize("last", ["true", "lie", "zip64"])
def test_archive__million_files(tmp_path, last):
    """Refused before anything is made of its table of contents, whatever the end record says."""
    listed = directory(1_000_000)
    ending = {
        "true": end(1_000_000, len(listed)),
        "lie": end(1, len(listed)),
        "zip64": end_64(len(listed), len(listed)),
    }
    (tmp_path / "a.zip").write_bytes(listed + ending[last])
    started = time.thread_time()
    with pytest.raises(UserError, match="more than"):
        unpack(tmp_path / "a.zip", tmp_path / "out", Limits())
    assert time.thread_time() - started < 1
    tracemalloc.start()
    try:
        with pytest.raises(UserError):
            unpack(tmp_path / "a.zip", tmp_path / "out", Limits(archive_members=100_000))
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("names", "files", "images"),
    [
        (["images/a.jpg", "masks/a.png"], ["images/a.jpg"], "images"),
        (["images/a.jpg", "masks/a.png", "tags.csv"], ["images/a.jpg", "tags.csv"], "images"),
        (["d/images/s/a.jpg", "d/masks/s/a.png", "d/tags.csv"], ["d/images/s/a.jpg", "d/tags.csv"], "d/images"),
        (["d/images/a.jpg", "d/masks/a.png", "b.jpg"], ["b.jpg", "d/images/a.jpg"], "d/images"),
        (["images/a.jpg", "masks/readme.txt"], ["images/a.jpg"], "."),
        (["masks/a.png", "b.jpg"], ["b.jpg", "masks/a.png"], "."),
        (
            ["one/images/a.jpg", "one/masks/a.png", "two/images/b.jpg", "two/masks/b.png"],
            ["one/images/a.jpg", "two/images/b.jpg"],
            ".",
        ),
    ],
)
def test_archive__dataset_directory(tmp_path, names, files, images):
    """The masks of a dataset are no images."""
    assert unpacked(tmp_path, zipped(dict.fromkeys(names, b"1"))) == (files, images)


def test_archive__refused_over_http(model_file, tmp_path):
    """422 and nothing left, for archives and for what unpacks them: no 500."""
    photo = (make_photos(tmp_path, 1) / "images" / "00.jpg").read_bytes()
    with serving(model_file, tmp_path / "data") as client:
        for seed in range(40):
            answer = client.post(
                "/v1/jobs/archive?untagged=all", content=damaged(seed), headers={"Content-Type": "application/zip"}
            )
            assert answer.status_code in {201, 422}, answer.text
        answer = client.post(
            "/v1/jobs/archive?untagged=all",
            content=zipped({"a.jpg": photo, "a.jpg/b.jpg": photo}),
            headers={"Content-Type": "application/zip"},
        )
        assert "as a file and as a folder" in told(answer, 422)
        for job in client.get("/v1/jobs").json()["jobs"]:
            client.when(job["id"], lambda job: job["state"] in {"done", "failed"})
        jobs = {job["id"] for job in client.get("/v1/jobs").json()["jobs"]}
        assert set(os.listdir(tmp_path / "data" / "jobs")) == jobs
        assert os.listdir(tmp_path / "data" / "uploads") == []
