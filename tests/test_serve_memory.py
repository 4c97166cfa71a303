"""A server's memory: requests and jobs share one budget, and the same limit of pixels."""

import io
import struct
import threading

import cv2
import numpy as np
import pytest
from labelling import make_photos, save
from PIL import Image
from serving import Client, opened, serving, told

from swsss.data.image_size import image_size, read_image_size
from swsss.data.images import decode_image
from swsss.errors import UserError
from swsss.model.file import read_info
from swsss.serve.memory import cost

KINDS = ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"]


def encoded(kind, height=40, width=50, **options):
    target = io.BytesIO()
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(target, kind, **options)
    return target.getvalue()


FILES = {kind: encoded(kind) for kind in KINDS} | {
    "lossless WebP": encoded("WEBP", lossless=True),
    "WebP with EXIF": encoded("WEBP", exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),
    "progressive": encoded("JPEG", progressive=True),
    "upside down": encoded("TIFF", tiffinfo={274: 6}),
}


@pytest.mark.parametrize("kind", FILES)
def test_image_size__as_decoded(kind, tmp_path):
    data = FILES[kind]
    pixels, _ = decode_image(data, "a")
    assert sorted(image_size(data)) == sorted(pixels.shape[:2]) == [40, 50]
    (tmp_path / "a").write_bytes(data)
    assert sorted(read_image_size(tmp_path / "a")) == [40, 50]
    with pytest.raises(UserError, match="more than 1999"):
        decode_image(data, "a", 1999)


@pytest.mark.parametrize("kind", FILES)
def test_image_size__damaged(kind):
    """Whatever is cut off or turned over: a size or a refusal, and no other error."""
    data, random = FILES[kind], np.random.default_rng(0)
    for _ in range(200):
        changed = bytearray(data[: random.integers(1, min(300, len(data)))])
        changed[random.integers(len(changed))] = random.integers(256)
        try:
            image_size(bytes(changed))
        except ValueError:
            continue


def test_read_image_size__header_behind_the_first_mebibyte(tmp_path):
    """A TIFF may have its directory at the end."""
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3), np.uint8)
    data = cv2.imencode(".tif", noise)[1].tobytes()
    assert struct.unpack_from("<I", data, 4)[0] > 1 << 20
    (tmp_path / "a.tif").write_bytes(data)
    assert read_image_size(tmp_path / "a.tif") == (900, 700)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return make_photos(tmp_path_factory.mktemp("photos"), 6)


@pytest.mark.parametrize("kind", FILES)
def test_label__more_pixels_than_the_limit(few_pixels, kind):
    assert "40" in told(few_pixels.label(FILES[kind], tags="cat"), 422)


@pytest.fixture(scope="module")
def few_pixels(model_file, tmp_path_factory):
    with serving(model_file, tmp_path_factory.mktemp("few") / "data", pixels=1999) as client:
        yield client


def test_job__more_pixels_than_the_limit(model_file, photos, tmp_path):
    with serving(model_file, tmp_path / "data", root=photos, pixels=2000) as client:
        job = client.ended(client.submit()["id"])
        failed = [item["image"] for item in client.items(job["id"]) if item["state"] == "failed"]
    assert job["failed"] == len(failed) == 4  # those of 48×64 pixels


def test_budget__too_small_for_an_image(model_file, photos, tmp_path):
    save(photos / "images" / "large.png", np.zeros((500, 500, 3), np.uint8))
    total = cost(read_info(model_file), 300, 300, 5)
    with serving(model_file, tmp_path / "data", root=photos, memory_bytes=total) as client:
        assert "500×500" in told(client.label(encoded("PNG", 500, 500), untagged="all"), 422)
        assert client.label(encoded("PNG", 200, 200), untagged="all").status_code == 200
        job = client.ended(client.submit(untagged="all")["id"])
        items = {item["image"]: item["state"] for item in client.items(job["id"])}
    assert [name for name, state in items.items() if state == "failed"] == ["large.png"]
    assert len(items) == 7


def test_budget__shared_and_given_back(model_file, photos, tmp_path):
    """Many requests beside a job, with room for about two images: all are answered, and nothing stays held."""
    total = 2 * cost(read_info(model_file), 500, 500, 5)
    settings = {"root": photos, "memory_bytes": total}
    data, statuses = encoded("PNG", 400, 400), []
    with opened(model_file, tmp_path / "data", **settings) as server, Client(server.address) as client:
        job = client.submit(untagged="all")["id"]

        def ask():
            statuses.append(client.label(data, untagged="all").status_code)

        threads = [threading.Thread(target=ask) for _ in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        client.ended(job)
        budget = server.server.config.app.state.parts.hub.budget
    assert statuses == [200] * 24
    assert (budget.total, budget.used) == (total, 0)
