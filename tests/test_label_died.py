"""A process that dies of an image: the image fails, the rest is labelled, and the next start does not die of it."""

import os
import signal
import sys

import numpy as np
import pytest
from labelling import done, label, make_photos, picture, save, table
from serving import Client, address_of

from swsss.serve.in_flight import InFlight
from swsss.serve.journal import Journal

PHOTOS = 14
BAD = "sub/05.png"

DEADLY = """
import os, signal
import numpy as np
from swsss.serve.engines import onnx

def label(self, images, candidates, _label=onnx.OnnxEngine.label):
    if any(np.all(image == 251) for image in images):
        os.kill(os.getpid(), signal.SIGKILL)
    return _label(self, images, candidates)

onnx.OnnxEngine.label = label
"""

STAND_IN = """
import os, signal, sys, types
from pathlib import Path
import numpy as np
from swsss.data.classes import ClassTable
from swsss.serve import label

info = types.SimpleNamespace(
    task="conditioned", classes=("background", "cat", "dog"), table=ClassTable(("background", "cat", "dog")),
    scales=(1.0,), flip=False, precision="fp32", max_side=2048, about_tags="", tag_penalty=None, nets=1, attention=0.0,
)

class Engine:
    info, identity, description, device, reopen = info, "stand-in", "a stand-in", "cpu", None

    def label(self, images, candidates):
        if any(np.all(image == 251) for image in images):
            os.kill(os.getpid(), signal.SIGKILL)
        return images[..., 0] // 128, images[..., 1]

label.open_engine = lambda *_: Engine()
images, out, batch = sys.argv[1:]
order = label.Order(Path(images), model=Path("any.onnx"), out=Path(out), untagged="all", batch=int(batch))
sys.exit(label.carry_out(order).failed)
"""


@pytest.fixture
def photos(tmp_path):
    root = make_photos(tmp_path / "photos", PHOTOS)
    save(root / "images" / BAD, np.full((48, 64, 3), 251, np.uint8))
    return root


@pytest.fixture
def deadly(monkeypatch, tmp_path):
    """Every Python process of the engine dies of that image, whoever starts it."""
    folder = tmp_path / "deadly"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(DEADLY)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def failed(out):
    return [(row["image"], row["stage"]) for row in table(out / "failures.csv")]


def masks(out):
    return sum(1 for _ in (out / "masks").rglob("*.png"))


@pytest.mark.parametrize("batch", [1, 4])
def test_label__dies_twice_of_an_image(start, photos, tmp_path, batch):
    """With an engine that no other process can open: the second death is that of the image alone."""
    out = tmp_path / "out"
    words = [sys.executable, "-P", "-c", STAND_IN, photos / "images", out, batch]
    for _ in range(2):
        start([str(word) for word in words]).ended(-signal.SIGKILL)
    for _ in range(2):  # nor does it die again afterwards
        start([str(word) for word in words]).ended(1)
        assert failed(out) == [(BAD, "infer")]
        assert masks(out) == PHOTOS - 1
        assert not list(out.glob("journal.sqlite-inflight"))


def test_label__image_that_was_mended(start, photos, tmp_path):
    out = tmp_path / "out"
    words = [str(word) for word in [sys.executable, "-P", "-c", STAND_IN, photos / "images", out, 1]]
    for code in (-signal.SIGKILL, -signal.SIGKILL, 1):
        start(words).ended(code)
    save(photos / "images" / BAD, picture(1))
    start(words).ended(0)
    assert masks(out) == PHOTOS


def test_label__another_process_is_tried_first(start, photos, model_file, tmp_path, deadly):
    out = tmp_path / "out"
    where = ["--labels", photos / "tags.csv", "--model", model_file, "--out", out, "--device", "cpu", "--threads", 1]
    start("swsss-label", photos / "images", *where).ended(-signal.SIGKILL)
    start("swsss-label", photos / "images", *where).ended(1)
    assert failed(out) == [(BAD, "infer")]
    assert masks(out) == PHOTOS - 1


def test_label__killed_from_outside_is_no_images_fault(photos, model_file, tmp_path):
    """An image that was alone in flight at two deaths, and that another process survives, is labelled."""
    out = tmp_path / "out"
    save(photos / "images" / BAD, picture(1))
    done(label(photos, model_file, out))
    journal = Journal(out / "journal.sqlite")
    key, mask, _ = journal.done("00.jpg")
    journal.accuse("00.jpg", key, "infer", 1)
    journal.close()
    (out / "masks" / mask).unlink()
    (out / "journal.sqlite-inflight").write_bytes(b"i00.jpg\0")
    done(label(photos, model_file, out))
    assert masks(out) == PHOTOS


def test_serve__dies_of_an_image_of_a_job(start, photos, model_file, tmp_path, deadly):
    def serve():
        words = ["--data", tmp_path / "data", "--root", photos, "--device", "cpu", "--threads", 1, "--port", 0]
        return start("swsss-serve", "--model", model_file, *words)

    server = serve()
    with Client(address_of(server)) as client:
        job = client.submit()["id"]
    server.ended(-signal.SIGKILL)
    server = serve()
    with Client(address_of(server)) as client:
        ended = client.ended(job)
        items = {item["image"]: item["state"] for item in client.items(job)}
    assert (ended["done"], ended["failed"]) == (PHOTOS, 1)
    assert [name for name, state in items.items() if state == "failed"] == [BAD]
    server.process.terminate()


@pytest.mark.parametrize(
    ("content", "left"),
    [
        (b"", {}),
        (b"da\0-a\0", {}),
        (b"da\0db\0-a\0ia\0", {"a": "infer", "b": "decode"}),
        (b"i" + b"\xff\n\0cut", {os.fsdecode(b"\xff\n"): "infer"}),
        (b"xyz\0\0\0", {}),
    ],
)
def test_in_flight__what_is_left(tmp_path, content, left):
    path = tmp_path / "inflight"
    path.write_bytes(content)
    flight = InFlight(path)
    assert flight.left == left
    assert not path.exists(), "read twice would be counted twice"


def test_in_flight__names_what_is_in_flight(tmp_path):
    path = tmp_path / "inflight"
    flight = InFlight(path)
    for number in range(60_000):  # more than is kept before it is written anew
        with flight.during("decode", [f"{number}"]):
            pass
    with flight.during("infer", ["a", "b"]), flight.during("decode", ["c"]):
        assert path.stat().st_size < 1 << 20
        assert dict(InFlight(path).left) == {"a": "infer", "b": "infer", "c": "decode"}
    flight.close()
    assert not path.exists()
