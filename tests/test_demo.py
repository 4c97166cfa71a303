"""The demo dataset: the same bytes every time, masks only where it says so, and tags that match the masks."""

from pathlib import Path

import numpy as np
import pytest

from swsss.data.dataset import open_dataset
from swsss.data.images import read_mask, read_upright
from swsss.demo import MARKER, write_demo
from swsss.demo.creatures import CREATURES
from swsss.demo.scene import paint_pool
from swsss.errors import UserError

SMALL = {"train": 12, "strong": 4, "val": 4, "size": 64}


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo")
    write_demo(root, **SMALL)
    return root


def test_demo__opens_as_a_dataset(demo):
    dataset = open_dataset(demo)
    assert dataset.classes.names == ("background", *CREATURES)
    assert {name: len(dataset.split(name)) for name in dataset.splits} == {"train": 12, "strong": 4, "val": 4}
    assert dataset.split("strong") == dataset.split("train")[:4]
    assert all(read_upright(sample.image).shape == (64, 64, 3) for sample in dataset.split("val"))


def test_demo__masks_only_for_strong_and_val(demo):
    dataset = open_dataset(demo)
    masked = {sample.stem for sample in dataset.samples.values() if sample.mask}
    assert masked == {sample.stem for name in ("strong", "val") for sample in dataset.split(name)}


def test_demo__tags_are_the_classes_of_the_mask(demo):
    for sample in open_dataset(demo).samples.values():
        assert sample.tags
        if sample.mask:
            assert sample.tags == set(np.unique(read_mask(sample.mask)).tolist()) - {0}


def test_demo__same_seed_same_bytes_other_seed_other_pictures(demo, tmp_path):
    write_demo(tmp_path / "again", **SMALL)
    write_demo(tmp_path / "other", seed=1, **SMALL)
    first, again, other = contents(demo), contents(tmp_path / "again"), contents(tmp_path / "other")
    assert first == again
    assert first["images/train_0000.jpg"] != other["images/train_0000.jpg"]


def test_demo__more_pictures_leave_the_first_ones_as_they_were(demo, tmp_path):
    write_demo(tmp_path, **{**SMALL, "train": 14, "val": 5})
    assert all(
        contents(tmp_path)[name] == data for name, data in contents(demo).items() if name.endswith((".jpg", ".png"))
    )


def test_demo__complete_one_is_left_alone(demo):
    picture = demo / "images" / "train_0000.jpg"
    before = picture.stat().st_mtime_ns
    write_demo(demo, **SMALL)
    assert picture.stat().st_mtime_ns == before


def test_demo__interrupted_one_is_completed(demo, tmp_path):
    (tmp_path / MARKER).write_bytes((demo / MARKER).read_bytes())
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "train_0000.jpg").write_bytes(b"half")
    write_demo(tmp_path, **SMALL)
    assert contents(tmp_path) == contents(demo)


def test_demo__foreign_folder_is_refused_untouched(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="not empty and holds no demo"):
        write_demo(tmp_path, **SMALL)
    assert list(contents(tmp_path)) == ["thesis.txt"]


def test_demo__other_settings_are_refused(demo):
    with pytest.raises(UserError, match="other settings"):
        write_demo(demo, **{**SMALL, "val": 5})


@pytest.mark.parametrize("setting", [{"strong": 13}, {"strong": 0}, {"val": 0}, {"size": 8}, {"seed": -1}])
def test_demo__setting_out_of_range_writes_nothing(tmp_path, setting):
    with pytest.raises(UserError):
        write_demo(tmp_path / "demo", **{**SMALL, **setting})
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("class_id", range(1, len(CREATURES) + 1))
def test_paint_pool__creature_is_seen_and_masked(class_id):
    picture, mask = paint_pool(np.random.default_rng(class_id), 96, [class_id])
    assert picture.dtype == mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, class_id}
    assert 0.05 < (mask == class_id).mean() < 0.5
