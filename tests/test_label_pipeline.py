"""The stages between list and files: batches of one size, no further ahead than the queues, one failure at a time."""

import errno
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from labelling import mask_at, picture, save

from swsss.data.images import read_upright
from swsss.serve.pipeline import Pipeline
from swsss.serve.plan import Item
from swsss.serve.records import Failed, Labelled
from swsss.serve.writer import Writer

COUNT = 60


class Halves:
    """An engine that calls bright red 1 and the rest 0, and remembers what it was given."""

    info = SimpleNamespace(
        classes=("background", "red", "green"),
        task="conditioned",
        tag_penalty=None,
        scales=(1.0,),
        max_side=2048,
        nets=1,
        attention=0.0,
    )
    identity = description = "halves"
    device, reopen = "cpu", None

    def __init__(self, refuse=lambda images: None):
        self.refuse = refuse
        self.calls = []

    def label(self, images, candidates):
        self.calls.append((images.shape, candidates))
        self.refuse(images)
        return images[..., 0] // 128, images[..., 1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images of three sizes in turn, and later ones of one."""
    root = tmp_path_factory.mktemp("images")
    for number in range(COUNT):
        save(root / f"{number:02}.png", picture(number, 8, (8, 9, 10)[number % 3] if number < 40 else 8))
    return root


def items(count=COUNT):
    tags = [None, (), (1,), (1, 2)]
    return [Item(f"{number:02}.png", f"{number:02}.png", tags[number % 4], b"") for number in range(count)]


def pipeline(folder, out, engine, batch=4, workers=2):
    return Pipeline(engine, folder, Writer(out), batch, workers)


@pytest.mark.parametrize(("batch", "workers"), [(1, 1), (4, 2), (7, 3), (100, 2)])
def test_run__everything_once_in_batches_of_one_size(folder, tmp_path, batch, workers):
    engine = Halves()
    outcomes = list(pipeline(folder, tmp_path, engine, batch, workers).run(items()))
    assert sorted(item.image for item, _ in outcomes) == [item.image for item in items()]
    for item, row in outcomes:
        assert isinstance(row, Labelled)
        np.testing.assert_array_equal(mask_at(tmp_path, item.mask), read_upright(folder / item.image)[..., 0] // 128)
        assert row.seconds > 0
    sizes = [shape[0] for shape, _ in engine.calls]
    assert sum(sizes) == COUNT
    assert max(sizes) == min(batch, 34)
    assert len(sizes) <= COUNT / batch + 3 * 3


def test_run__candidates(folder, tmp_path):
    engine = Halves()
    list(pipeline(folder, tmp_path, engine, batch=1).run(items(4)))
    assert [candidates.tolist() for _, candidates in engine.calls] == [[[0, 1, 2]], [[0]], [[0, 1]], [[0, 1, 2]]]
    assert engine.calls[0][1].dtype == np.int64
    engine = Halves()
    list(pipeline(folder, tmp_path, engine, batch=4).run(items()[40:44]))
    assert [candidates.tolist() for _, candidates in engine.calls] == [[[0, 1, 2], [0, -1, -1], [0, 1, -1], [0, 1, 2]]]


def test_run__no_further_than_the_queues(folder, tmp_path):
    taken = []

    def counted():
        for item in items():
            taken.append(item)
            yield item

    batch, workers = 2, 1
    most = 2 * 2 * (workers + batch) + 4 * batch + batch + 2
    for done, _ in enumerate(pipeline(folder, tmp_path, Halves(), batch, workers).run(counted()), 1):
        assert len(taken) - done <= most < COUNT / 2


def test_run__stopped(folder, tmp_path):
    engine = Halves()
    run = pipeline(folder, tmp_path, engine, batch=1).run(items(), stop=lambda: len(engine.calls) == 7)
    outcomes = list(run)
    assert len(outcomes) == 7
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == sorted(item.mask for item, _ in outcomes)


@pytest.mark.parametrize("reason", ["", "out of memory\nat line 7"])
def test_run__image_the_engine_cannot_take(folder, tmp_path, reason):
    """Its batch is tried again one by one; the rest is labelled."""
    bad = read_upright(folder / "43.png")

    def refuse(images):
        if any(np.array_equal(image, bad) for image in images):
            raise MemoryError(reason)

    outcomes = dict(pipeline(folder, tmp_path, Halves(refuse)).run(items()))
    assert len(outcomes) == COUNT
    failed = [row for row in outcomes.values() if isinstance(row, Failed)]
    assert [(row.image, row.stage) for row in failed] == [("43.png", "infer")]
    assert failed[0].reason == f"MemoryError: {' '.join(reason.split())}"
    assert not (tmp_path / "masks" / "43.png").exists()


def test_run__mask_that_cannot_be_written(folder, tmp_path):
    (tmp_path / "masks" / "43.png").mkdir(parents=True)
    outcomes = dict(pipeline(folder, tmp_path, Halves()).run(items()))
    failed = [row for row in outcomes.values() if isinstance(row, Failed)]
    assert failed == [Failed("43.png", "write", "43.png cannot be written: Is a directory.")]
    assert len(outcomes) == COUNT


def test_run__disk_that_is_full(folder, tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("swsss.data.files.os.fsync", full)
    engine = Halves()
    with pytest.raises(OSError, match="No space left"):
        list(pipeline(folder, tmp_path, engine, batch=1).run(items()))
    assert len(engine.calls) < COUNT / 2, "what every following image would meet ends the work"
    assert list((tmp_path / "masks").iterdir()) == []


def test_label__needs_no_torch(tmp_path, model_file):
    """Loading it takes seconds, and labelling with a model file has no use for it."""
    save(tmp_path / "images" / "a.png", picture(1))
    code = (
        "import sys\nfrom swsss.serve.cli import label\n"
        "try:\n    label()\nfinally:\n    print('torch' in sys.modules, 'onnxruntime' in sys.modules)"
    )
    words = ["images", "--model", model_file, "--untagged", "all", "--format", "coco"]
    told = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert told.stdout.endswith("False True\n")
