"""Pseudo labels: what a file holds, which images get one, and that no mask outside --strong plays a part."""

import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from swsss.config import LabelsConfig
from swsss.data.dataset import Sample
from swsss.data.images import read_mask
from swsss.data.png import write_mask
from swsss.pseudo_labels import Labeller, begin_labels, label_path, pseudo_labelled, source_of, write_labels

# VOCdevkit's colour map, as printed in its documentation.
VOC_COLOURS = {
    0: (0, 0, 0),
    1: (128, 0, 0),
    2: (0, 128, 0),
    6: (0, 128, 128),
    15: (192, 128, 128),
    255: (224, 224, 192),
}


class Corner:
    """Stands for a net: the largest tag in the upright picture's top left quarter, background elsewhere."""

    def __init__(self):
        self.asked = 0

    def scores(self, image, tags):
        self.asked += 1
        candidates = torch.tensor([0, *sorted(tags)])
        scores = torch.zeros(len(candidates), *image.shape[:2])
        scores[0] = 1
        scores[-1, : image.shape[0] // 2, : image.shape[1] // 2] = 2
        return scores, candidates


@pytest.fixture
def samples(tmp_path):
    """Three pictures of 20×12 pixels, the second one stored as by a camera held upright (EXIF orientation 6)."""
    found = []
    for name, orientation, tags in [("a", 1, {1}), ("deep/b", 6, {3, 2}), ("c", 1, {4})]:
        path = tmp_path / "images" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.new("RGB", (20, 12)).save(path, exif=exif)
        found.append(Sample(name, path, None, frozenset(tags)))
    return found


def test_labels__of_a_run(finished, dataset):
    """What a real run leaves: an indexed PNG of the image's size for every tagged training image."""
    tagged = {sample.stem: sample for sample in dataset.split("train")}
    files = {path.stem: path for path in (finished / "labels" / "masks").iterdir()}
    assert files.keys() == tagged.keys()
    for stem, path in files.items():
        with Image.open(path) as image:
            assert (image.mode, image.format, image.size) == ("P", "PNG", (64, 64))
            colours = np.array(image.getpalette()).reshape(-1, 3)
            assert {index: tuple(colours[index].tolist()) for index in VOC_COLOURS} == VOC_COLOURS
            assert set(np.unique(np.array(image)).tolist()) <= {0, *tagged[stem].tags}


def test_write_labels__in_the_stored_grid(samples, tmp_path):
    write_labels(Labeller(Corner(), 0, "x"), samples, tmp_path)
    plain = np.zeros((12, 20), np.uint8)
    plain[:6, :10] = 1
    np.testing.assert_array_equal(read_mask(label_path(tmp_path, samples[0])), plain)
    # Orientation 6 is shown turned clockwise: the upright top left corner is the stored bottom left one.
    turned = np.zeros((12, 20), np.uint8)
    turned[6:, :10] = 3
    np.testing.assert_array_equal(read_mask(tmp_path / "masks" / "deep" / "b.png"), turned)


@pytest.mark.parametrize("least", [0.0, 0.5, 0.7, 1.0])
def test_label__ignore_below(least):
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(3, 16, 16)).astype(np.float32) * 2
    scores[:, 0, :8] = 0
    scores[0, 0, :8] = 40  # as sure as float32 can be
    exponentials = np.exp(scores.astype(np.float64))
    confidence = (exponentials / exponentials.sum(0)).max(0)
    ids = np.array([0, 2, 5])

    class Fixed:
        def scores(self, image, tags):
            return torch.from_numpy(scores), torch.from_numpy(ids)

    found = Labeller(Fixed(), least, "x").label(np.zeros((16, 16, 3), np.uint8), frozenset({2, 5}))
    # 1e-16 short of 1 is 1 in float32.
    expected = np.where(confidence < least - 1e-12, 255, ids[scores.argmax(0)])
    np.testing.assert_array_equal(found, expected)
    assert (found == 255).any() == (least > 0.4)
    assert (found != 255).any()


def test_write_labels__kept_from_the_same_source_made_anew_from_another(samples, tmp_path):
    net = Corner()
    for source, expected in [("first", 3), ("first", 3), ("second", 6)]:
        labeller = Labeller(net, 0, source)
        begin_labels(tmp_path / "labels", labeller)
        write_labels(labeller, samples, tmp_path / "labels")
        assert net.asked == expected


def test_write_labels__two_processes_share_the_images(samples, tmp_path):
    nets = [Corner(), Corner()]
    for rank, net in enumerate(nets):
        write_labels(Labeller(net, 0, "x"), samples, tmp_path, rank=rank, world=2)
    assert [net.asked for net in nets] == [2, 1]
    assert all(label_path(tmp_path, sample).is_file() for sample in samples)


def test_source_of__nets_and_settings(tmp_path):
    path = tmp_path / "net"
    path.write_bytes(b"one")
    first = source_of([path], LabelsConfig())
    assert source_of([path], LabelsConfig()) == first
    assert source_of([path], LabelsConfig(ignore_below=0.5)) != first
    path.write_bytes(b"two")
    assert source_of([path], LabelsConfig()) != first


def test_pseudo_labelled__a_true_mask_stays(samples, tmp_path):
    own = tmp_path / "own.png"
    write_mask(own, np.zeros((12, 20), np.uint8))
    first, *rest = samples
    found = pseudo_labelled([Sample(first.stem, first.image, own, first.tags), *rest], tmp_path / "labels")
    assert [sample.mask for sample in found] == [
        own,
        tmp_path / "labels" / "masks" / "deep" / "b.png",
        tmp_path / "labels" / "masks" / "c.png",
    ]


def test_train__masks_outside_strong_are_never_opened(start, order, finished, copied, tmp_path):
    """Masks that cannot be opened, or that are wrong, change no bit when their images are not in --strong."""
    (copied / "masks" / "train_0005.png").write_bytes(b"no PNG")
    write_mask(copied / "masks" / "train_0006.png", np.full((64, 64), 6, np.uint8))
    write_mask(copied / "masks" / "train_0007.png", np.zeros((3, 5), np.uint8))
    out = tmp_path / "run"
    start("swsss-train", "all", *order, "--data", copied, "--out", out).ended()
    for name in ("hybridnet", "pseudonet", "final"):
        assert (out / f"{name}.safetensors").read_bytes() == (finished / f"{name}.safetensors").read_bytes()
    label = "labels/masks/train_0006.png"
    assert (out / label).read_bytes() == (finished / label).read_bytes()


def test_label__confidence_is_calibrated():
    """A class whose temperature is high is left out sooner, one whose temperature is low later."""
    scores = np.random.default_rng(5).normal(0, 2, (3, 16, 16)).astype(np.float32)
    ids, temperature = np.array([0, 2, 5]), (1.0, 1.0, 4.0, 1.0, 1.0, 0.25)

    class Fixed:
        def scores(self, image, tags):
            return torch.from_numpy(scores), torch.from_numpy(ids)

    found = Labeller(Fixed(), 0.7, "x", temperature).label(np.zeros((16, 16, 3), np.uint8), frozenset({2, 5}))
    classes = ids[scores.argmax(0)]
    scaled = np.exp(scores.astype(np.float64) / np.array(temperature)[classes])
    expected = np.where((scaled / scaled.sum(0)).max(0) < 0.7, 255, classes)
    np.testing.assert_array_equal(found, expected)
    bare = Labeller(Fixed(), 0.7, "x").label(np.zeros((16, 16, 3), np.uint8), frozenset({2, 5}))
    assert (found == 2).sum() < (bare == 2).sum()
    assert (found == 5).sum() > (bare == 5).sum()


def test_source_of__labels_of_before_there_was_a_tag_penalty_stay(tmp_path):
    path = tmp_path / "net"
    path.write_bytes(b"one")
    settings = b'{"labeller":"hybridnet","tta":"paper","ignore_below":0.0}'
    assert source_of([path], LabelsConfig()) == hashlib.sha256(settings + b"one").hexdigest()
    assert source_of([path], LabelsConfig(tag_penalty=3.0)) != source_of([path], LabelsConfig())
