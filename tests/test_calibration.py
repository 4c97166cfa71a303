"""Temperatures against data whose true temperatures are known, and what is read off a histogram against its formula."""

import numpy as np
import pytest
import torch

from swsss.calibration import (
    FEWEST,
    PER_CLASS,
    Pixels,
    calibrate,
    fit_temperature,
    joined,
    log_loss,
    sample_pixels,
)
from swsss.data.dataset import Sample
from swsss.data.images import read_mask
from swsss.data.png import write_mask
from swsss.reliability import LEVELS, Reliability, first_kept

CPU = torch.device("cpu")


def softmax_confidence(scores, winner, temperature):
    """Straight from the definition, one pixel in float64."""
    divided = np.exp(np.asarray(scores, np.float64) / temperature)
    return divided[winner] / divided.sum()


def pixels_of(scores, truth):
    """A sample of [P, K] scores in which every pixel stands for itself."""
    best, winner = scores.max(1, keepdim=True)
    gaps = (scores - best).scatter(1, winner, -torch.inf)
    return Pixels(winner.flatten(), gaps, winner.flatten() == truth, torch.ones(len(truth)))


def drawn(temperatures, count, seed=0):
    """Scores and truths of a net that is wrong about its confidence by just these factors, one a predicted class."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (count, len(temperatures)))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = (rng.random((count, 1)) > chances.cumsum(1)).sum(1).clip(max=len(temperatures) - 1)
    scores = logits * np.array(temperatures)[logits.argmax(1)][:, None]
    return torch.from_numpy(scores).float(), torch.from_numpy(truth)


@pytest.mark.parametrize("temperatures", [(1.0, 1.0, 1.0), (2.0, 0.5, 4.0)])
def test_fit__finds_the_true_temperatures(temperatures):
    found = fit_temperature(pixels_of(*drawn(temperatures, 60_000)), 3)
    assert found == pytest.approx(temperatures, rel=0.06)


def test_fit__is_the_minimum_of_the_log_loss():
    scores, truth = drawn((3.0, 3.0), 2_000)
    pixels = pixels_of(scores, truth)

    def reference(temperature):
        sure = np.array([softmax_confidence(row, row.argmax(), temperature) for row in scores.numpy()])
        right = scores.argmax(1).numpy() == truth.numpy()
        return -np.log(np.where(right, sure, 1 - sure)).mean()

    assert log_loss(pixels, 2.0) == pytest.approx(reference(2.0), rel=1e-5)
    (pooled,) = set(fit_temperature(Pixels(torch.zeros_like(truth), pixels.gaps, pixels.right, pixels.weight), 1))
    assert all(reference(pooled) <= reference(pooled * factor) for factor in (0.9, 0.97, 1.03, 1.1))


def test_fit__a_weight_is_as_good_as_repetition():
    scores, truth = drawn((2.0, 2.0), 1_000)
    pixels = pixels_of(scores, truth)
    weights = 1 + torch.arange(1_000) % 3
    repeated = pixels_of(scores.repeat_interleave(weights, 0), truth.repeat_interleave(weights))
    weighted = Pixels(pixels.classes, pixels.gaps, pixels.right, weights.float())
    assert log_loss(weighted, 1.7) == pytest.approx(log_loss(repeated, 1.7))


def test_fit__a_class_of_few_pixels_takes_that_of_all():
    scores, truth = drawn((2.0, 2.0), 20_000)
    both = pixels_of(scores, truth)
    rare = pixels_of(scores[: FEWEST - 1] * 8, truth[: FEWEST - 1])
    rare = Pixels(torch.full_like(rare.classes, 2), rare.gaps, rare.right, rare.weight)
    found = fit_temperature(joined([both, rare]), 4)
    assert found[2] == found[3] == pytest.approx(2.0, rel=0.3)
    assert found[0] != found[2]


def test_fit__too_little_altogether():
    assert fit_temperature(pixels_of(*drawn((1.0, 1.0), FEWEST - 1)), 2) == ()


def test_fit__always_right_stays_in_range():
    scores, _ = drawn((1.0, 1.0), FEWEST)
    found = fit_temperature(pixels_of(scores, scores.argmax(1)), 2)
    assert all(0.25 <= one < 0.3 for one in found)


def test_joined__images_of_unlike_numbers_of_candidates():
    two, three = pixels_of(*drawn((2.0, 2.0), 500)), pixels_of(*drawn((2.0, 2.0, 2.0), 500))
    found = log_loss(joined([two, three]), 1.5)
    assert found == pytest.approx((log_loss(two, 1.5) + log_loss(three, 1.5)) / 2)


def test_sample__every_class_up_to_a_limit_and_never_an_ignored_pixel():
    rng = np.random.default_rng(4)
    scores = torch.from_numpy(rng.normal(size=(3, 30, 40))).float()
    scores[2, 1:] = -9  # the third candidate wins in the first row at most
    truth = torch.from_numpy(rng.choice([0, 3, 7, 255], (30, 40)).astype(np.uint8))
    ids = torch.tensor([0, 3, 7])
    predicted = ids[scores.argmax(0)]
    found = sample_pixels(scores, ids, truth, torch.Generator().manual_seed(0))
    for class_id in ids.tolist():
        there = int(((predicted == class_id) & (truth != 255)).sum())
        mine = found.of(class_id)
        assert len(mine.classes) == min(there, PER_CLASS)
        assert float(mine.weight.sum()) == pytest.approx(there)
    # Each sampled pixel is one of the image: the same gaps, and right where the image is right.
    flat = scores.flatten(1).T
    table = {tuple((row - row.max()).tolist()): at for at, row in enumerate(flat)}
    for gaps, right in zip(found.gaps, found.right, strict=True):
        at = table[tuple(gaps.masked_fill(gaps.isinf(), 0).tolist())]
        assert truth.flatten()[at] != 255
        assert bool(right) == (int(predicted.flatten()[at]) == int(truth.flatten()[at]))


def test_sample__one_candidate_teaches_nothing():
    found = sample_pixels(
        torch.zeros(1, 8, 8), torch.tensor([0]), torch.zeros(8, 8, dtype=torch.uint8), torch.Generator()
    )
    assert len(found.classes) == 0


class Drawn:
    """Stands for a net whose scores are three times too large; the truth is written to the mask it is asked about."""

    device = CPU

    def __init__(self):
        self.tags = []

    def scores(self, image, tags):
        self.tags.append(tags)
        ids = [0, 1, 2] if tags is None else sorted({0, *tags})
        scores, _ = drawn((3.0,) * len(ids), image[..., 0].size, seed=int(image[0, 0, 0]))
        return scores.T.reshape(len(ids), *image.shape[:2]), torch.tensor(ids)


@pytest.mark.parametrize("given", [True, False])
def test_calibrate__with_the_tags_the_net_is_made_for(tmp_path, given):
    from PIL import Image

    samples = []
    for number in range(40):
        Image.new("RGB", (30, 20), (number, 0, 0)).save(tmp_path / f"{number}.png")
        _, truth = drawn((3.0,) * (2 if given else 3), 600, seed=number)
        mask = tmp_path / f"mask_{number}.png"
        write_mask(mask, (truth * (2 if given else 1)).to(torch.uint8).reshape(20, 30).numpy())
        samples.append(Sample(str(number), tmp_path / f"{number}.png", mask, frozenset({2})))
    assert read_mask(samples[0].mask).shape == (20, 30)
    net = Drawn()
    found = calibrate(net, samples, 3, given=given)
    assert net.tags == [frozenset({2}) if given else None] * 40
    # With tags={2} class 1 is never predicted and takes the temperature of all.
    assert found == pytest.approx((3.0,) * 3, rel=0.15)
    assert calibrate(Drawn(), samples, 3, given=given) == found
    assert calibrate(net, [], 3, given=given) == ()


def test_reliability__against_the_formula():
    rng = np.random.default_rng(5)
    written = rng.integers(0, 256, 5_000)
    right = rng.random(5_000) < (written / 255) ** 2
    counts = np.zeros((LEVELS, 2), np.int64)
    np.add.at(counts, (written, right.astype(int)), 1)
    sure = written / 255
    expected = 0.0
    for low in range(15):
        mine = (sure >= low / 15 - 1e-12) & ((sure < (low + 1) / 15 - 1e-12) | (low == 14))
        expected += mine.mean() * abs(sure[mine].mean() - right[mine].mean())
    reliability = Reliability(counts)
    assert reliability.ece == pytest.approx(expected)
    assert sum(one.share for one in reliability.bins()) == pytest.approx(1)
    for threshold in (0.0, 0.5, 0.9, 1.0):
        # As swsss-label leaves pixels out.
        kept = ~(written.astype(np.uint8) < 255 * threshold)
        assert reliability.kept(threshold) == pytest.approx((kept.mean(), right[kept].mean()))
        assert first_kept(threshold) == min(level for level in range(256) if not level < 255 * threshold)


def test_reliability__of_nothing():
    empty = Reliability(np.zeros((LEVELS, 2), np.int64))
    assert (empty.ece, empty.bins(), empty.kept(0.5)) == (0, [], (0.0, None))
