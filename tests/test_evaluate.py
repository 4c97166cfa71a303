"""Scores against a count by hand, and predictions against a direct transcription of test-time augmentation."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from swsss.data.classes import ClassTable
from swsss.data.dataset import Sample
from swsss.data.images import orient, orient_back, read_upright
from swsss.data.png import write_mask
from swsss.evaluation import Metrics, confusion_matrix, evaluate
from swsss.nets import build_net
from swsss.predict import Predictor

CPU = torch.device("cpu")
CLASSES = ClassTable(("background", "cat", "dog", "cow"))


class Colours:
    """Stands for a net that reads classes off the colours: class = red // 64, next best = green // 64."""

    device = CPU

    def scores(self, image, tags):
        assert tags is None
        first, second = (torch.from_numpy(image[..., channel] // 64).long() for channel in (0, 1))
        hot = 2 * F.one_hot(first, 4) + F.one_hot(second, 4)
        return hot.permute(2, 0, 1).float(), torch.arange(4)


def painted(folder, name, first, second, orientation=1):
    """An upright picture of these classes, stored turned as a camera with that EXIF orientation stores it."""
    picture = np.stack([first * 64, second * 64, np.zeros_like(first)], 2).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = folder / "images" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(orient_back(picture, orientation)).save(path, exif=exif)
    return path


def counted(pairs, num_classes):
    """Confusion matrix pixel by pixel: rows = truth, columns = prediction, 255 left out."""
    counts = np.zeros((num_classes, num_classes), int)
    for truth, predicted in pairs:
        for t, p in zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True):
            if t != 255:
                counts[t, p] += 1
    return counts


def test_confusion_matrix__against_a_count_by_hand():
    rng = np.random.default_rng(0)
    truth = rng.choice([0, 1, 3, 255], (13, 17)).astype(np.uint8)
    predicted = rng.integers(0, 3, (13, 17)).astype(np.uint8)
    found = confusion_matrix(torch.from_numpy(truth), torch.from_numpy(predicted), 4)
    np.testing.assert_array_equal(found.numpy(), counted([(truth, predicted)], 4))


def test_metrics__by_hand():
    #                    predicted: bg cat dog cow          cow is in neither, dog only predicted
    confusion = np.array([[6, 1, 1, 0], [2, 4, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    metrics = Metrics("none", confusion, 2)
    assert metrics.per_class == [6 / 10, 4 / 7, 0.0, None]
    assert metrics.miou == pytest.approx((6 / 10 + 4 / 7 + 0) / 3)
    assert metrics.pixel_accuracy == 10 / 14
    told = metrics.to_json(CLASSES)
    assert told["tags"] == "none"
    assert told["iou"] == {"background": 0.6, "cat": 4 / 7, "dog": 0.0, "cow": None}


@pytest.mark.parametrize("orientation", [1, 3, 5, 6, 8])
def test_evaluate__image_turned_by_exif(tmp_path, orientation):
    """The mask lies in the stored grid: a right prediction is right whichever way the camera was held."""
    rng = np.random.default_rng(1)
    upright = rng.integers(0, 4, (9, 14))
    image = painted(tmp_path, "a", upright, upright, orientation)
    mask = tmp_path / "a.png"
    write_mask(mask, orient_back(upright.astype(np.uint8), orientation))
    sample = Sample("a", image, mask, frozenset({1, 2, 3}))
    found = evaluate(Colours(), [sample], CLASSES)
    for metrics in found.values():
        np.testing.assert_array_equal(metrics.confusion, np.diag(np.bincount(upright.ravel(), minlength=4)))


def test_evaluate__with_and_without_tags(tmp_path):
    rng = np.random.default_rng(2)
    samples, none, given = [], [], []
    for name, tags in [("a", {1}), ("b", {2, 3}), ("c", set())]:
        first, second = rng.integers(0, 4, (2, 8, 11))
        truth = rng.choice([0, *tags, 255], (8, 11)).astype(np.uint8)
        write_mask(tmp_path / f"{name}.png", truth)
        image = painted(tmp_path, name, first, second)
        samples.append(Sample(name, image, tmp_path / f"{name}.png", frozenset(tags)))
        none.append((truth, first))
        # The best class that is allowed; where neither of the two is, all allowed ones score 0 and the first is taken.
        allowed = np.isin([first, second], [0, *tags])
        given.append((truth, np.where(allowed[0], first, np.where(allowed[1], second, 0))))
    found = evaluate(Colours(), samples, CLASSES)
    np.testing.assert_array_equal(found["none"].confusion, counted(none, 4))
    np.testing.assert_array_equal(found["given"].confusion, counted(given, 4))
    assert {metrics.images for metrics in found.values()} == {3}


@pytest.mark.parametrize("temperature", [(), (0.5, 3.0, 1.0, 2.0)])
def test_evaluate__confidence_pixel_by_pixel(tmp_path, temperature):
    """Histogram, calibrated or not, and what thresholds leave, against loops over the pixels in float64."""
    rng = np.random.default_rng(7)
    scores = rng.normal(0, 2, (4, 9, 12)).astype(np.float32)
    truth = rng.choice([0, 1, 2, 255], (9, 12)).astype(np.uint8)
    write_mask(tmp_path / "a.png", truth)

    class Fixed:
        device = CPU

        def scores(self, image, tags):
            return torch.from_numpy(scores), torch.arange(4)

    image = painted(tmp_path, "a", truth % 4, truth % 4)
    found = evaluate(
        Fixed(), [Sample("a", image, tmp_path / "a.png", frozenset({1}))], CLASSES, temperature=temperature
    )
    for regime, ids in (("none", [0, 1, 2, 3]), ("given", [0, 1])):
        for counted_at, reliability in ((temperature, found[regime].reliability), ((), found[regime].uncalibrated)):
            if not temperature and reliability is None:
                continue
            expected = np.zeros((256, 2), int)
            kept = np.zeros((7, 4, 4), int)
            for row, column in zip(*np.nonzero(truth != 255), strict=True):
                pixel = scores[ids, row, column].astype(np.float64)
                winner = ids[pixel.argmax()]
                powers = np.exp(pixel / (counted_at[winner] if counted_at else 1))
                written = round(255 * powers.max() / powers.sum())
                expected[written, int(winner == truth[row, column])] += 1
                for index, threshold in enumerate((0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)):
                    kept[index, truth[row, column], winner] += written >= 255 * threshold
            np.testing.assert_array_equal(reliability.counts, expected)
            if counted_at == temperature:
                np.testing.assert_array_equal(found[regime].kept, kept)
        assert (found[regime].uncalibrated is None) == (not temperature)
        table = found[regime].keep_table()
        assert [keep.share for keep in table] == pytest.approx(found[regime].kept.sum((1, 2)) / (truth != 255).sum())
        assert table[0].miou == found[regime].miou
        assert [keep.right for keep in table if keep.right is not None] == pytest.approx(
            [np.trace(one) / one.sum() for one in found[regime].kept if one.any()]
        )


def test_evaluate__a_diverged_net_is_not_sure(tmp_path):
    write_mask(tmp_path / "a.png", np.zeros((3, 4), np.uint8))

    class Diverged:
        device = CPU

        def scores(self, image, tags):
            return torch.full((4, 3, 4), torch.nan), torch.arange(4)

    image = painted(tmp_path, "a", np.zeros((3, 4), int), np.zeros((3, 4), int))
    found = evaluate(Diverged(), [Sample("a", image, tmp_path / "a.png", frozenset())], CLASSES, temperature=(2.0,) * 4)
    assert {one.reliability.counts[0].sum() for one in found.values()} == {12}


@pytest.fixture(scope="module")
def net(tiny_config):
    """A net from random weights, whose batch norms have seen something."""
    torch.manual_seed(5)
    net = build_net(tiny_config.net, 7)
    with torch.no_grad():
        for _ in range(3):
            net(torch.randn(4, 3, 64, 64))
    return net.eval()


@pytest.mark.parametrize("tta", ["none", "flip"])
def test_evaluate__given_tags_never_another_class(net, dataset, tta):
    predictor = Predictor([net], CPU, tta=tta)
    outside = 0
    for sample in dataset.split("val"):
        found = evaluate(predictor, [sample], dataset.classes)
        predicted = {tags: set(np.flatnonzero(one.confusion.sum(0)).tolist()) for tags, one in found.items()}
        assert predicted["given"] <= {0, *sample.tags}
        outside += len(predicted["none"] - {0, *sample.tags})
        # The same pixels as the labeller's, which scores the candidates alone.
        mask = predictor.mask(read_upright(sample.image), sample.tags)
        assert predicted["given"] == set(np.unique(mask).tolist())
    assert outside, "without tags every class was allowed anyway, so nothing was shown"


def transcribed(nets, image, tta, num_classes):
    """The paper's test-time augmentation, step by step: mean logits of all classes at full size."""
    scales = {"none": [1.0], "flip": [1.0], "paper": [0.5, 0.75, 1.0, 1.25, 1.5]}[tta]
    height, width = image.shape[:2]
    pixels = torch.tensor(image).permute(2, 0, 1)[None] / 255
    pixels = (pixels - torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(
        1, 3, 1, 1
    )
    logits = []
    for scale in scales:
        size = (round(height * scale), round(width * scale))
        scaled = F.interpolate(pixels, size=size, mode="bicubic", align_corners=False) if scale != 1 else pixels
        for flipped in [False] if tta == "none" else [False, True]:
            for one in nets:
                with torch.no_grad():
                    found = one(torch.flip(scaled, [3]) if flipped else scaled)
                found = F.interpolate(found, size=(height, width), mode="bilinear", align_corners=True)
                logits.append(torch.flip(found, [3]) if flipped else found)
    mean = torch.stack(logits).mean(0)[0]
    assert mean.shape == (num_classes, height, width)
    return mean


@pytest.mark.parametrize("tta", ["none", "flip", "paper"])
@pytest.mark.parametrize("tags", [None, frozenset({2, 5})])
def test_predictor__against_a_transcription(net, dataset, tta, tags):
    # A height and width that stride 4 and the scales do not divide.
    image = read_upright(dataset.split("val")[0].image)[:50, :61]
    expected = transcribed([net], image, tta, 7)
    predictor = Predictor([net], CPU, tta=tta)
    scores, candidates = predictor.scores(image, tags)
    assert candidates.tolist() == ([0, 2, 5] if tags else list(range(7)))
    torch.testing.assert_close(scores, expected[candidates], rtol=1e-3, atol=1e-4)
    if tags:
        excluded = [index for index in range(7) if index not in {0, 2, 5}]
        expected[excluded] = -torch.inf
    sure = expected.topk(2, 0).values.diff(dim=0)[0].abs() > 1e-3
    assert sure.float().mean() > 0.9
    np.testing.assert_array_equal(predictor.mask(image, tags)[sure], expected.argmax(0)[sure].numpy())


def test_predictor__two_nets_are_averaged(net, tiny_config, dataset):
    torch.manual_seed(6)
    other = build_net(tiny_config.net, 7).eval()
    image = read_upright(dataset.split("val")[1].image)
    scores, _ = Predictor([net, other], CPU, tta="flip").scores(image, None)
    torch.testing.assert_close(scores, transcribed([net, other], image, "flip", 7), rtol=1e-3, atol=1e-4)


def test_orient__is_undone_by_orient_back():
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    for orientation in range(1, 9):
        np.testing.assert_array_equal(orient(orient_back(pixels, orientation), orientation), pixels)


def test_evaluate__tags_as_a_hint(tmp_path):
    """An excluded class gives way where an allowed one is no more than the penalty behind, and says so."""
    rng = np.random.default_rng(3)
    first, second = rng.integers(0, 4, (2, 8, 11))
    truth = rng.choice([0, 1, 2], (8, 11)).astype(np.uint8)
    write_mask(tmp_path / "a.png", truth)
    sample = Sample("a", painted(tmp_path, "a", first, second), tmp_path / "a.png", frozenset({1}))
    hot = np.zeros((4, 8, 11))
    for score, best in ((2, first), (1, second)):
        np.put_along_axis(hot, best[None], np.take_along_axis(hot, best[None], 0) + score, 0)
    hot[2:] -= 1.5
    found = evaluate(Colours(), [sample], CLASSES, tag_penalty=1.5)
    np.testing.assert_array_equal(found["given"].confusion, counted([(truth, hot.argmax(0))], 4))
    assert found["given"].confusion[:, 2:].any()
    assert found["given"].to_json(CLASSES)["tags"] == "given (penalty 1.5)"
    assert found["none"].to_json(CLASSES)["tags"] == "none"
    law = evaluate(Colours(), [sample], CLASSES)
    np.testing.assert_array_equal(found["none"].confusion, law["none"].confusion)
    assert not law["given"].confusion[:, 2:].any()


def test_predictor__tags_as_a_hint(net, dataset):
    image = read_upright(dataset.split("val")[0].image)[:50, :61]
    everything, _ = Predictor([net], CPU).scores(image, None)
    predictor = Predictor([net], CPU, tag_penalty=0.5)
    scores, classes = predictor.scores(image, frozenset({2, 5}))
    assert classes.tolist() == list(range(7))
    expected = everything.clone()
    expected[[1, 3, 4, 6]] -= 0.5
    torch.testing.assert_close(scores, expected)
    np.testing.assert_array_equal(predictor.mask(image, frozenset({2, 5})), expected.argmax(0).numpy())
    torch.testing.assert_close(predictor.scores(image, None)[0], everything)
