"""The candidate channels: which there are, and that nothing outside them ever comes out."""

import pytest
import torch
from torch.nn import functional as F

from swsss.candidates import (
    NEVER,
    candidate_ids,
    candidate_scores,
    candidate_targets,
    gather_candidates,
    predicted_classes,
)


def tags_of(classes: int, *images: set[int]) -> torch.Tensor:
    tags = torch.zeros(len(images), classes, dtype=torch.bool)
    for row, image in enumerate(images):
        tags[row, list(image)] = True
    return tags


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (tags_of(2, {0}), [[0]]),
        (tags_of(4, set()), [[0]]),
        (tags_of(4, {3}), [[0, 3]]),
        (tags_of(4, {0, 3, 1}), [[0, 1, 3]]),
        (tags_of(4, {0, 1, 2, 3}, {2}, set()), [[0, 1, 2, 3], [0, 2, -1, -1], [0, -1, -1, -1]]),
        (tags_of(255, {254}), [[0, 254]]),
    ],
)
def test_candidate_ids(tags: torch.Tensor, expected: list[list[int]]) -> None:
    before = tags.clone()
    ids = candidate_ids(tags)
    assert ids.dtype == torch.int64
    assert ids.tolist() == expected
    assert torch.equal(tags, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_gather_candidates(dtype: torch.dtype) -> None:
    logits = torch.arange(2 * 4 * 2 * 3).view(2, 4, 2, 3).to(dtype)
    picked = gather_candidates(logits, torch.tensor([[0, 2, 3], [1, -1, -1]]))
    assert picked.dtype == torch.float32
    assert torch.equal(picked[0], logits[0, [0, 2, 3]].float())
    assert torch.equal(picked[1, 0], logits[1, 1].float())
    assert (picked[1, 1:] == NEVER).all()


def test_gather_candidates__gradient_reaches_candidates_only() -> None:
    logits = torch.randn(2, 4, 2, 3, requires_grad=True)
    gather_candidates(logits, torch.tensor([[0, 2, 3], [1, -1, -1]])).sum().backward()
    assert logits.grad is not None
    assert logits.grad.amax((2, 3)).tolist() == logits.grad.amin((2, 3)).tolist() == [[1, 0, 1, 1], [0, 1, 0, 0]]


@pytest.mark.parametrize(
    ("candidates", "target", "expected"),
    [
        ([0], [0, 1, 255], [0, 255, 255]),
        ([0, 3, 7], [7, 3, 0], [2, 1, 0]),
        ([0, 3, 7], [2, 255, 8], [255, 255, 255]),
        ([0, 3, -1], [0, 3, 254], [0, 1, 255]),
        ([0, -1, -1], [255, 0, 1], [255, 0, 255]),
        ([0, 254], [254, 0, 253], [1, 0, 255]),
    ],
)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_candidate_targets(candidates: list[int], target: list[int], expected: list[int], dtype: torch.dtype) -> None:
    found = candidate_targets(torch.tensor([[target]], dtype=dtype), torch.tensor([candidates]))
    assert found.dtype == torch.int64
    assert found.tolist() == [[expected]]


def test_candidate_targets__every_image_has_its_own_table() -> None:
    target = torch.tensor([[[1, 2]], [[1, 2]]], dtype=torch.uint8)
    assert candidate_targets(target, torch.tensor([[0, 1], [0, 2]])).tolist() == [[[1, 255]], [[255, 1]]]


@pytest.mark.parametrize(("low", "size"), [((4, 4), (16, 16)), ((5, 7), (18, 25)), ((1, 3), (2, 9)), ((6, 6), (6, 6))])
def test_candidate_scores__upsample_all_then_select(low: tuple[int, int], size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    logits = torch.randn(3, 9, *low)
    candidates = candidate_ids(tags_of(9, {1, 8}, {4}, set()))
    every = F.interpolate(logits, size, mode="bilinear", align_corners=True)
    scores = candidate_scores(logits, candidates, size)
    assert scores.shape == (3, 3, *size)
    for row, ids in enumerate(candidates.tolist()):
        for slot, index in enumerate(ids):
            expected = every[row, index] if index >= 0 else torch.full(size, NEVER)
            torch.testing.assert_close(scores[row, slot], expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("spread", [1.0, 50.0, 1e4])
def test_predicted_classes__best_of_the_candidates(spread: float) -> None:
    torch.manual_seed(1)
    tags = tags_of(21, {3, 20}, {5}, set(), set(range(21)))
    logits = torch.randn(4, 21, 6, 5) * spread
    # The best class of all is mostly not a candidate.
    allowed = tags | (torch.arange(21) == 0)
    expected = logits.masked_fill(~allowed[:, :, None, None], -torch.inf).argmax(1)
    candidates = candidate_ids(tags)
    found = predicted_classes(gather_candidates(logits.clamp(min=-9e3), candidates), candidates)
    inside = logits.gather(1, expected[:, None])[:, 0] > -9e3
    assert torch.equal(found[inside], expected[inside])
    assert allowed.gather(1, found.flatten(1)).all()


def test_predicted_classes__scores_below_every_bound() -> None:
    """A diverging net must end with the loop's sentence about the loss, not with an index out of range."""
    candidates = torch.tensor([[0, 2, 5], [0, -1, -1]])
    found = predicted_classes(gather_candidates(torch.full((2, 6, 2, 2), -1e30), candidates), candidates)
    assert torch.equal(found, torch.zeros(2, 2, 2, dtype=torch.int64))


def test_predicted_classes__no_gradient() -> None:
    scores = torch.randn(1, 2, 3, 3, requires_grad=True)
    assert not predicted_classes(scores, torch.tensor([[0, 1]])).requires_grad
