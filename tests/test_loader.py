"""Batches as a function of (seed, step): whatever the workers, the resume and the processes."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torch import Tensor

from swsss.data.dataset import Sample, read_sample
from swsss.data.png import write_mask
from swsss.data.transforms import Augment, AugmentConfig, Strong, StrongConfig
from swsss.errors import UserError
from swsss.training.loader import Batch, Stream, default_workers, seed_of, training_batches

CLASSES = 4

AUGMENT = Augment(AugmentConfig(scale=(0.5, 2.0), flip=0.5, jitter=(0.3, 0.3, 0.3, 0.05), operations=2), 32)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """Seven images of different sizes; the first three have masks."""
    folder, made = tmp_path_factory.mktemp("data"), []
    random = np.random.default_rng(0)
    for index in range(7):
        size = (30 + 3 * index, 40 - 2 * index)
        Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)).save(folder / f"{index}.png")
        mask = folder / "masks" / f"{index}.png" if index < 3 else None
        if mask:
            write_mask(mask, random.integers(0, CLASSES, size, np.uint8))
        made.append(Sample(str(index), folder / f"{index}.png", mask, frozenset({1 + index % 3})))
    return made


def streams_of(samples: list[Sample], per_step: int = 2) -> list[Stream]:
    return [Stream(samples[:3], AUGMENT, per_step), Stream(samples, AUGMENT, per_step)]


def batches(samples: list[Sample], per_step: int = 2, start: int = 0, stop: int = 6, **settings: int) -> list[Batch]:
    settings = {"seed": 5, "workers": 0, **settings}
    streams = streams_of(samples, per_step)
    return list(training_batches(streams, CLASSES, steps=range(start, stop), **settings))


def taught(samples: list[Sample], per_step: int = 2, **colours: object) -> list[Stream]:
    """As the teacher rule draws: after three steps of labelled images alone, half of a batch has strong views."""
    strong = Strong(StrongConfig.model_validate(colours))
    return [
        Stream(samples[:3], AUGMENT, 2 * per_step, stop=3),
        Stream(samples[:3], AUGMENT, per_step, start=3),
        Stream(samples, AUGMENT, per_step, strong, start=3),
    ]


def drawn(streams: list[Stream], start: int = 0, stop: int = 6, **settings: int) -> list[Batch]:
    return list(training_batches(streams, CLASSES, steps=range(start, stop), **{"seed": 5, "workers": 0, **settings}))


def assert_equal(found: list[Batch], expected: list[Batch]) -> None:
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        for field in dataclasses.fields(Batch):
            value, wanted = getattr(one, field.name), getattr(other, field.name)
            assert torch.equal(value, wanted) if isinstance(value, Tensor) else value == wanted, field.name


def test_batch(samples: list[Sample]) -> None:
    for batch in batches(samples):
        assert (batch.images.shape, batch.images.dtype) == ((4, 3, 32, 32), torch.uint8)
        assert (batch.masks.shape, batch.masks.dtype) == ((4, 32, 32), torch.uint8)
        assert all(int(name) < 3 for name in batch.names[:2])
        assert batch.labelled.tolist() == [int(name) < 3 for name in batch.names]
        for row, name in enumerate(batch.names):
            candidates = [0, 1 + int(name) % 3]
            assert batch.tags[row].nonzero().flatten().tolist() == candidates
            assert batch.candidates[row].tolist() == candidates
            if int(name) >= 3:
                assert set(batch.masks[row].unique().tolist()) <= {0, 255}


def test_batch__unlabelled_image_without_padding_has_no_255(samples: list[Sample]) -> None:
    stream = Stream(samples[3:], Augment(AugmentConfig(), 24), 3)
    (batch,) = training_batches([stream], CLASSES, seed=0, steps=range(1), workers=0)
    assert not batch.labelled.any()
    assert (batch.masks == 0).all()


def test_training_batches__every_sample_once_before_any_twice(samples: list[Sample]) -> None:
    names = [name for batch in batches(samples, stop=14) for name in batch.names[2:]]
    rounds = [names[start : start + 7] for start in range(0, 28, 7)]
    assert [sorted(one) for one in rounds] == [sorted(sample.stem for sample in samples)] * 4
    assert len({tuple(one) for one in rounds}) > 1


@pytest.mark.parametrize("workers", [1, 2])
def test_training_batches__workers(samples: list[Sample], workers: int) -> None:
    assert_equal(batches(samples, workers=workers), batches(samples))


@pytest.mark.parametrize("start", [1, 4, 5])
@pytest.mark.parametrize("workers", [0, 2])
def test_training_batches__resume(samples: list[Sample], start: int, workers: int) -> None:
    torch.manual_seed(start)
    assert_equal(batches(samples, start=start, workers=workers), batches(samples)[start:])


def test_training_batches__nothing_left(samples: list[Sample]) -> None:
    assert batches(samples, start=6) == []


@pytest.mark.parametrize("world", [2, 4])
def test_training_batches__processes_share(samples: list[Sample], world: int) -> None:
    """Together they see the samples, and the augmentations, of one process with the whole share."""
    alone = batches(samples, per_step=4)
    shared = [batches(samples, per_step=4 // world, rank=rank, world=world) for rank in range(world)]
    for step, whole in enumerate(alone):
        parts = [ranks[step] for ranks in shared]
        half = 4 // world
        for stream in (0, 1):
            mine = slice(4 * stream, 4 * stream + 4)
            theirs = slice(half * stream, half * stream + half)
            assert [name for part in parts for name in part.names[theirs]] == list(whole.names[mine])
            for field in ("images", "masks", "labelled", "tags"):
                joined = torch.cat([getattr(part, field)[theirs] for part in parts])
                assert torch.equal(joined, getattr(whole, field)[mine])


def test_training_batches__another_seed(samples: list[Sample]) -> None:
    one, other = batches(samples), batches(samples, seed=6)
    assert [batch.names for batch in one] != [batch.names for batch in other]


def test_training_batches__same_image_twice_is_augmented_anew(samples: list[Sample]) -> None:
    stream = Stream(samples[:1], AUGMENT, 4)
    (batch,) = training_batches([stream], CLASSES, seed=0, steps=range(1), workers=0)
    assert len({image.numpy().tobytes() for image in batch.images}) == 4


def test_stream__takes_part_from_start_to_stop(samples: list[Sample]) -> None:
    for step, batch in enumerate(drawn(taught(samples))):
        assert len(batch.names) == 4
        assert all(int(name) < 3 for name in batch.names[: 4 if step < 3 else 2])
        assert (batch.strong is None) == (step < 3)
    # Where it takes part, a stream gives what it would give if it always did.
    stream = Stream(samples, AUGMENT, 2)
    whole, part = drawn([stream]), drawn([dataclasses.replace(stream, start=2, stop=5)], start=2, stop=5)
    assert_equal(part, whole[2:5])


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("start", [0, 2, 4])
def test_strong__workers_and_resume(samples: list[Sample], workers: int, start: int) -> None:
    torch.manual_seed(start)
    assert_equal(drawn(taught(samples), start=start, workers=workers), drawn(taught(samples))[start:])


def test_strong__views_of_the_last_images_with_the_same_geometry(samples: list[Sample]) -> None:
    """Without any change of colour they are the weak views, pixel by pixel; and they change nothing of those."""
    same = drawn(taught(samples, jitter_probability=0, grey_probability=0), start=3)
    grey = drawn(taught(samples, jitter_probability=0, grey_probability=1), start=3)
    full = drawn(taught(samples), start=3)
    weights = torch.tensor([0.2989, 0.587, 0.114])[:, None, None]
    for one, other, third in zip(same, grey, full, strict=True):
        assert (one.strong.shape, one.strong.dtype) == ((2, 3, 32, 32), torch.uint8)
        assert torch.equal(one.strong, one.images[2:])
        assert torch.equal(other.images, one.images)
        assert torch.equal(third.images, one.images)
        assert torch.equal(third.masks, one.masks)
        luma = (one.images[2:] * weights).sum(1, keepdim=True).expand(-1, 3, -1, -1)
        assert (other.strong - luma).abs().max() <= 1
    assert any(not torch.equal(batch.strong, batch.images[2:]) for batch in full)


def test_strong__moves_with_its_batch(samples: list[Sample]) -> None:
    (batch,) = drawn(taught(samples), start=3, stop=4)
    moved = batch.to(torch.device("cpu"))
    assert torch.equal(moved.strong, batch.strong)
    assert moved.names == batch.names


@pytest.mark.parametrize("world", [2, 4])
def test_strong__processes_share(samples: list[Sample], world: int) -> None:
    alone, half = drawn(taught(samples, 4)), 4 // world
    shared = [drawn(taught(samples, half), rank=rank, world=world) for rank in range(world)]
    for step, whole in enumerate(alone):
        parts = [ranks[step] for ranks in shared]
        if whole.strong is None:
            assert torch.equal(torch.cat([part.images for part in parts]), whole.images)
        else:
            assert torch.equal(torch.cat([part.strong for part in parts]), whole.strong)
            assert torch.equal(torch.cat([part.images[half:] for part in parts]), whole.images[4:])


@pytest.fixture(scope="module")
def unlike(samples: list[Sample]) -> list[Sample]:
    """Of twenty, one is of class 2 and one of class 3."""
    image = samples[0].image
    return [Sample(f"{index}", image, None, frozenset({{7: 2, 11: 3}.get(index, 1)})) for index in range(20)]


@pytest.mark.parametrize(("balance", "share"), [(1.0, 1 / 3), (0.5, 0.5 / 3 + 0.5 / 20), (0.0, 1 / 20)])
def test_balance__how_often_rare_classes_are_drawn(unlike: list[Sample], balance: float, share: float) -> None:
    """Chi-square of the three classes in 600 draws; 13.8 is exceeded once in a thousand seeds."""
    stream = Stream(unlike, Augment(AugmentConfig(), 32), 60, balance=balance)
    names = [name for batch in drawn([stream], stop=10) for name in batch.names]
    counts = [sum(name == rare for name in names) for rare in ("7", "11")]
    counts.append(len(names) - sum(counts))
    expected = [600 * share, 600 * share, 600 * (1 - 2 * share)]
    chi_square = sum((count - mean) ** 2 / mean for count, mean in zip(counts, expected, strict=True))
    assert chi_square < (13.8 if balance else 1e-9)
    # Within a class every sample comes.
    assert set(names) == {sample.stem for sample in unlike}


def test_balance__an_image_of_two_classes_and_one_of_none(samples: list[Sample]) -> None:
    image = samples[0].image
    tagged = [Sample("both", image, None, frozenset({1, 3})), Sample("none", image, None, frozenset())]
    stream = Stream(tagged, Augment(AugmentConfig(), 32), 8, balance=1.0)
    assert {name for batch in drawn([stream]) for name in batch.names} == {"both"}
    stream = dataclasses.replace(stream, samples=tagged[1:])
    assert {name for batch in drawn([stream]) for name in batch.names} == {"none"}


@pytest.mark.parametrize("balance", [0.5, 1.0])
def test_balance__workers_resume_and_processes(samples: list[Sample], balance: float) -> None:
    stream = Stream(samples, AUGMENT, 4, balance=balance)
    alone = drawn([stream])
    assert_equal(drawn([stream], start=2, workers=2), alone[2:])
    halves = [drawn([dataclasses.replace(stream, per_step=2)], rank=rank, world=2) for rank in range(2)]
    for whole, *parts in zip(alone, *halves, strict=True):
        assert whole.names == parts[0].names + parts[1].names
        assert torch.equal(whole.images, torch.cat([part.images for part in parts]))
    assert [batch.names for batch in drawn([stream], seed=6)] != [batch.names for batch in alone]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("part", ["image", "mask"])
def test_training_batches__file_gone(tmp_path: Path, workers: int, part: str) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    write_mask(tmp_path / "m.png", np.zeros((40, 40), np.uint8))
    sample = Sample("a", tmp_path / "a.png", tmp_path / "m.png", frozenset({1}))
    gone = getattr(sample, part)
    gone.unlink()
    stream = Stream([sample], AUGMENT, 2)
    with pytest.raises(UserError) as caught:
        list(training_batches([stream], CLASSES, seed=0, steps=range(2), workers=workers))
    text = str(caught.value)
    assert type(caught.value) is UserError
    assert text.startswith(f"{gone} cannot be read as")
    assert "Traceback" not in text
    assert "\n" not in text


@pytest.mark.parametrize("orientation", range(1, 9))
def test_read_sample__upright_and_aligned(tmp_path: Path, orientation: int) -> None:
    """The mask is in the stored grid, as tools that ignore EXIF need it; both arrive as a viewer shows the image."""
    stored = np.zeros((24, 40), np.uint8)
    stored[2:9, 5:30], stored[15:20, 3:8] = 1, 2
    picture = Image.fromarray(np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)[stored])
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "a.png", exif=exif)
    write_mask(tmp_path / "m.png", stored)
    image, mask = read_sample(Sample("a", tmp_path / "a.png", tmp_path / "m.png", None))
    with Image.open(tmp_path / "a.png") as opened:
        shown = np.asarray(ImageOps.exif_transpose(opened))
    assert np.array_equal(image, shown)
    assert np.array_equal(mask, (image[:, :, 0] == 255) + 2 * (image[:, :, 2] == 255))


def test_read_sample__without_mask(samples: list[Sample]) -> None:
    image, mask = read_sample(samples[5])
    assert image.shape == (45, 30, 3)
    assert (mask.shape, mask.dtype, mask.any()) == ((45, 30), np.uint8, False)


def test_seed_of() -> None:
    seeds = {seed_of(*numbers) for numbers in np.ndindex(10, 3, 100)}
    assert len(seeds) == 3000
    assert max(seeds) < 2**32


@pytest.mark.parametrize("world", [1, 2, 1000])
def test_default_workers(world: int) -> None:
    assert 1 <= default_workers(world) <= 8
