import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swsss.data.checks import check_inputs, resolve_tags
from swsss.data.classes import ClassTable
from swsss.data.dataset import Sample
from swsss.data.png import write_mask
from swsss.errors import InputError

CLASSES = ClassTable(("background", "cat", "dog"))


def make_sample(folder: Path, stem: str, values: list[int] | None = None, orientation: int = 1) -> Sample:
    """A 4×2 image, and a mask in the same stored grid that holds `values`."""
    image = folder / "images" / f"{stem}.png"
    image.parent.mkdir(exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (4, 2)).save(image, exif=exif)
    mask = None
    if values is not None:
        mask = folder / "masks" / f"{stem}.png"
        write_mask(mask, np.resize(np.array(values, np.uint8), (2, 4)))
    return Sample(stem, image, mask, frozenset())


def problems(*args: object, **keywords: object) -> list[str]:
    with pytest.raises(InputError) as caught:
        check_inputs(*args, **keywords)
    return caught.value.problems


def test_classes_of_opened_masks(tmp_path: Path) -> None:
    strong = make_sample(tmp_path, "strong", [0, 1, 255])
    weak = make_sample(tmp_path, "weak", [0, 9])
    val = make_sample(tmp_path, "val", [2])
    empty = make_sample(tmp_path, "empty", [255])
    done: list[tuple[int, int]] = []
    found = check_inputs(
        [strong, weak, empty],
        {"strong", "empty"},
        CLASSES,
        evaluate=[val, strong],
        progress=lambda now, total: done.append((now, total)),
    )
    assert found == {"strong": {1}, "empty": set(), "val": {2}}
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_masks_of_weak_images_are_never_opened(tmp_path: Path) -> None:
    weak = make_sample(tmp_path, "weak", [0])
    assert weak.mask
    weak.mask.write_bytes(b"no mask")
    assert check_inputs([weak], (), CLASSES) == {}
    assert "weak.png cannot be read as a mask" in problems([weak], ["weak"], CLASSES)[0]


def test_evaluation_needs_masks_of_weak_images_too(tmp_path: Path) -> None:
    weak = make_sample(tmp_path, "weak", [9])
    assert "9" in problems([weak], (), CLASSES, evaluate=[weak])[0]


@pytest.mark.parametrize(
    ("values", "orientation", "shape", "expected"),
    [
        ([0, 3, 7], 1, None, "holds class ids that do not exist: 3, 7; pixels must be 0 to 2, or 255"),
        ([0], 1, (2, 3), "m.png is 3×2, its image 4×2; export the mask in the size of the image."),
        ([0], 1, (4, 2), "m.png is 2×4, its image 4×2; export the mask in the size of the image."),
        ([0], 6, (4, 2), "stored lying down (EXIF orientation), and its mask must lie the same way."),
        (None, 1, None, "m.png has no mask, and needs one to train or evaluate on; add masks/m.png."),
    ],
)
def test_mask_problem(
    tmp_path: Path, values: list[int] | None, orientation: int, shape: tuple[int, int] | None, expected: str
) -> None:
    sample = make_sample(tmp_path, "m", values, orientation)
    if shape and sample.mask:
        write_mask(sample.mask, np.zeros(shape, np.uint8))
    for found in (problems([sample], ["m"], CLASSES), problems([], (), CLASSES, evaluate=[sample])):
        assert len(found) == 1
        assert expected in found[0]


def test_rotated_image_with_mask_in_its_stored_grid(tmp_path: Path) -> None:
    sample = make_sample(tmp_path, "m", [1], orientation=6)
    assert check_inputs([sample], ["m"], CLASSES) == {"m": {1}}


def test_colour_mask(tmp_path: Path) -> None:
    sample = make_sample(tmp_path, "m", [0])
    Image.new("RGB", (4, 2)).save(sample.mask)
    assert "m.png is a RGB image; a mask must be" in problems([sample], ["m"], CLASSES)[0]


def test_truncated_jpeg(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-900])
    found = problems([Sample("a", path, None, frozenset())], (), CLASSES)
    assert found == [f"{path} cannot be read as an image: it is cut short. Replace the file or remove it."]


def test_all_problems_at_once_in_order(tmp_path: Path) -> None:
    samples = [make_sample(tmp_path, f"{index}", [5]) for index in range(30)]
    samples[3].image.write_bytes(b"no image")
    found = problems(samples, [f"{index}" for index in range(30)], CLASSES, workers=3)
    assert len(found) == 31
    assert "images/3.png cannot be read as an image" in found[3]
    assert "masks/3.png holds class ids" in found[4]


def test_training_mask_wins_over_another_datasets(tmp_path: Path) -> None:
    for name in ("train", "val"):
        (tmp_path / name).mkdir()
    train = make_sample(tmp_path / "train", "a", [1])
    val = make_sample(tmp_path / "val", "a", [2])
    assert check_inputs([train], ["a"], CLASSES, evaluate=[val]) == {"a": {1}}


def test_interrupt_does_not_wait_for_all_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []

    def slow_read(path: Path) -> tuple[np.ndarray, int]:
        time.sleep(0.01)
        read.append(path)
        return np.zeros((2, 4, 3), np.uint8), 1

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("swsss.data.checks.read_image", slow_read)
    samples = [Sample(f"{index}", tmp_path / f"{index}.png", None, None) for index in range(200)]
    with pytest.raises(KeyboardInterrupt):
        check_inputs(samples, (), CLASSES, workers=2, progress=interrupt)
    assert len(read) < 100


@pytest.mark.parametrize(
    ("tags", "mask", "expected", "warning"),
    [
        (None, {1}, {1}, None),
        (None, set(), set(), None),
        ({1}, {1}, {1}, None),
        ({1, 2}, {1}, {1, 2}, None),
        ({1}, {1, 2}, {1, 2}, "The mask of 'a/b' holds dog, its tags do not; added to its tags."),
        (set(), {2, 1}, {1, 2}, "The mask of 'a/b' holds cat, dog, its tags do not; added to its tags."),
    ],
)
def test_tags_of_pixel_labelled(tags: set[int] | None, mask: set[int], expected: set[int], warning: str | None) -> None:
    sample = Sample("a/b", Path("b.jpg"), Path("b.png"), None if tags is None else frozenset(tags))
    samples, warnings = resolve_tags([sample], ["a/b"], {"a/b": frozenset(mask)}, CLASSES)
    assert samples == [replace(sample, tags=frozenset(expected))]
    assert warnings == ([warning] if warning else [])


@pytest.mark.parametrize(
    ("count", "warning"),
    [
        (1, "1 image has neither tags nor a mask to train on and will not be used: w0"),
        (2, "2 images have neither tags nor a mask to train on and will not be used: w0, w1"),
        (7, "7 images have neither tags nor a mask to train on and will not be used: w0, w1, w2, w3, w4, ..."),
    ],
)
def test_untagged_images_are_dropped(count: int, warning: str) -> None:
    tagged = Sample("tagged", Path("t.jpg"), None, frozenset())
    untagged = [Sample(f"w{index}", Path("w.jpg"), Path("w.png"), None) for index in range(count)]
    assert resolve_tags([*untagged, tagged], (), {}, CLASSES) == ([tagged], [warning])
