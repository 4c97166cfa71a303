"""`LabelGraph` against the whole computation written out in float64, every class at full size."""

import copy

import numpy as np
import pytest
import torch
from exports import assert_same, calm_net, case_of, run_torch
from torch.nn import functional as F

from swsss.export.graph import LabelGraph, reduced_size
from swsss.export.samples import Case
from swsss.nets import DeepLabV3Plus

SCALES = {"none": [1.0], "flip": [1.0], "paper": [0.5, 0.75, 1.0, 1.25, 1.5]}
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]).double(), torch.tensor([0.229, 0.224, 0.225]).double()


def reference(nets: list[DeepLabV3Plus], case: Case, tta: str, small: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Mask and confidence; `small` is the size the nets see."""
    size = case.image.shape[1:3]
    pixels = ((torch.from_numpy(case.image).double() / 255 - MEAN) / STD).permute(0, 3, 1, 2)
    pixels = F.interpolate(pixels, small, mode="bilinear", align_corners=False)
    logits = []
    for net in (copy.deepcopy(net).double() for net in nets):
        for scale in SCALES[tta]:
            sides = [int(np.floor(side * scale + 0.5)) for side in small]
            view = F.interpolate(pixels, sides, mode="bicubic", align_corners=False) if scale != 1 else pixels
            for mirrored in [False, True][: 1 if tta == "none" else 2]:
                out = net(view.flip(3) if mirrored else view)
                out = F.interpolate(out, size, mode="bilinear", align_corners=True)
                logits.append(out.flip(3) if mirrored else out)
    mask, confidence = [], []
    for scores, ids in zip(torch.stack(logits).mean(0), case.candidates, strict=True):
        allowed = ids[ids >= 0]
        best = scores[allowed].softmax(0).max(0)
        mask.append(allowed[best.indices])
        confidence.append((255 * best.values).round())
    return np.stack(mask), np.stack(confidence)


@pytest.mark.parametrize(
    ("tta", "seeds", "max_side", "small"),
    [
        ("none", [0], 2048, (61, 83)),
        ("flip", [0], 2048, (61, 83)),
        ("paper", [0], 2048, (61, 83)),
        ("none", [0, 1], 2048, (61, 83)),
        ("paper", [0, 1], 60, (44, 60)),
    ],
)
def test_graph__float64(tta, seeds, max_side, small):
    nets = [calm_net(seed) for seed in seeds]
    case = case_of([[0, 1, 4], [0, 3], [3, 2, 1, 0, 4]], 61, 83)
    with torch.no_grad():
        expected = reference(nets, case, tta, small)
    assert len(np.unique(expected[0][2])) > 2
    assert_same(run_torch(LabelGraph(nets, tta, max_side), case), expected)


def test_graph__plain_is_every_class_a_candidate():
    graph, case = LabelGraph([calm_net()]), case_of([range(5), range(5)], 40, 50)
    found, expected = run_torch(graph, case, conditioned=False), run_torch(graph, case)
    assert np.array_equal(found[0], expected[0])
    assert np.array_equal(found[1], expected[1])


@pytest.mark.parametrize(
    ("size", "max_side", "expected"),
    [
        ((100, 200), 200, (100, 200)),
        ((100, 201), 200, (100, 200)),  # 99.502... rounds up
        ((101, 202), 100, (50, 100)),
        ((3, 400), 200, (2, 200)),  # halves round up
        ((30000, 20), 2048, (2048, 1)),
        ((1, 9000), 2048, (1, 2048)),  # never below one pixel
        ((1, 1), 2048, (1, 1)),
    ],
)
def test_reduced_size__longer_side_fits(size, max_side, expected):
    assert reduced_size(size, max_side) == expected
    assert reduced_size(size[::-1], max_side) == expected[::-1]
