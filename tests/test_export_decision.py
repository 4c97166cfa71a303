"""Calibrated confidence and tags as a hint, in PyTorch against float64 and in ONNX Runtime against PyTorch."""

import dataclasses

import cv2
import numpy as np
import onnx
import pytest
import torch
from exports import assembled, assert_same, calm_net, case_of, quick_exports, run, run_torch, source_of, with_classifier

from swsss.errors import UserError
from swsss.export.exporting import ExportOptions, build_onnx, describe, export_onnx
from swsss.export.graph import LabelGraph
from swsss.export.int8 import Calibration
from swsss.export.proof import Comparison, compare, require_agreement
from swsss.export.samples import synthetic_images

TEMPERATURE = (0.6, 1.7, 3.0, 0.8, 1.2)
ROWS = [[0, 2, 3], [0, 4], [0], [-1, -1]]
CASE = case_of(ROWS, 61, 83)


def every_score(tta: str = "none") -> np.ndarray:
    """Scores of all classes, float64 [N, C, H, W], which `test_export_graph` holds against the whole computation."""
    with torch.inference_mode():
        return LabelGraph([calm_net()], tta).scores(torch.from_numpy(CASE.image))[0].numpy().astype(np.float64)


def expected(tta: str, temperature: tuple[float, ...], penalty: float) -> tuple[np.ndarray, np.ndarray]:
    """The formulas, image by image: a class the tags exclude loses the penalty, or its place."""
    masks, confidences = [], []
    for scores, ids in zip(every_score(tta), ROWS, strict=True):
        allowed = [index for index in ids if index >= 0] or [0]
        excluded = [index for index in range(5) if index not in allowed]
        scores[excluded] -= penalty
        mask = scores.argmax(0)
        own = np.array(temperature or (1.0,) * 5)[mask]
        with np.errstate(invalid="ignore"):
            odds = np.exp((scores - scores.max(0)) / own)
        masks.append(mask)
        confidences.append(np.round(255 / odds.sum(0)))
    return np.stack(masks).astype(np.uint8), np.stack(confidences).astype(np.uint8)


@pytest.mark.parametrize("tta", ["none", "flip"])
@pytest.mark.parametrize(
    ("temperature", "penalty"), [(TEMPERATURE, np.inf), ((), 3.0), (TEMPERATURE, 3.0), (TEMPERATURE, 1000.0)]
)
def test_decision__float64(tta, temperature, penalty):
    settings = {"temperature": temperature, "tag_penalty": 0.0 if penalty == np.inf else penalty}
    wanted = expected(tta, temperature, penalty)
    found = run_torch(LabelGraph([calm_net()], tta, **settings), CASE)
    assert_same(found, wanted)
    model = assembled(calm_net(), tta=tta, **settings)
    onnx.checker.check_model(model, full_check=True)
    assert_same(run(model, CASE), wanted)
    outside = [set(np.unique(mask)) - {0, *ids} for mask, ids in zip(found[0], ROWS, strict=True)]
    assert any(outside) == (penalty == 3.0)


def test_decision__plain_is_calibrated():
    graph = LabelGraph([calm_net()], temperature=TEMPERATURE)
    scores = every_score()
    own = np.array(TEMPERATURE)[scores.argmax(1)][:, None]
    wanted = np.round(255 / np.exp((scores - scores.max(1, keepdims=True)) / own).sum(1))
    for mask, confidence in (
        run_torch(graph, CASE, conditioned=False),
        run(assembled(calm_net(), conditioned=False, temperature=TEMPERATURE), CASE),
    ):
        assert_same((mask, confidence), (scores.argmax(1).astype(np.uint8), wanted.astype(np.uint8)))


def test_decision__temperature_changes_no_mask():
    for penalty in (0.0, 2.0):
        plain, sharp = (assembled(calm_net(), temperature=t, tag_penalty=penalty) for t in ((), (0.1,) * 5))
        (mask, confidence), (same, higher) = run(plain, CASE), run(sharp, CASE)
        assert np.array_equal(mask, same)
        assert (higher >= confidence).all()
        assert (higher > confidence).any()


def test_decision__temperature_of_one_changes_nothing():
    bare, ones = run(assembled(calm_net()), CASE), run(assembled(calm_net(), temperature=(1.0,) * 5), CASE)
    assert np.array_equal(bare[0], ones[0])
    assert np.array_equal(bare[1], ones[1])


def test_decision__nodes_come_with_what_they_are_for():
    """A model without temperature and penalty is what it was before there were any."""
    names = {node.name for node in assembled(calm_net()).graph.node}
    assert not [name for name in names if "temper" in name or "tag" in name or "penalty" in name]
    tempered = {node.name for node in assembled(calm_net(), temperature=TEMPERATURE).graph.node}
    assert tempered - names == {
        "slot_temperature",
        "temperature_row",
        "own_temperature",
        "own_temperature_plane",
        "tempered",
    }
    assert names <= tempered


def test_hint__where_the_net_is_surer_than_the_penalty():
    """Scores that are the same everywhere: the lead of class 3 over the best candidate is 2.5."""
    net = with_classifier(calm_net(), torch.zeros(5, 8), torch.tensor([0.5, -1.0, 0.0, 3.0, 0.0]))
    case = case_of([[0, 2], [0, 3]], 5, 6)
    for penalty, first in ((2.4, 3), (2.6, 0)):
        mask, _ = run(assembled(net, tag_penalty=penalty), case)
        assert (mask[0] == first).all()
        assert (mask[1] == 3).all()


def test_hint__order_and_empty_slots_of_candidates_change_nothing():
    model = assembled(calm_net(), tag_penalty=3.0)
    one, other = case_of([[0, 2, 3]], 33, 47), case_of([[3, -1, 2, 0, -1]], 33, 47)
    assert all(np.array_equal(*pair) for pair in zip(run(model, one), run(model, other), strict=True))


def test_hint__class_beyond_the_net_is_refused():
    case = dataclasses.replace(case_of([[0, 1]], 9, 9), candidates=np.array([[0, 5]]))
    with pytest.raises(Exception, match="indices element out of data bounds"):
        run(assembled(calm_net(), tag_penalty=3.0), case)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for index in range(3):
        cv2.imwrite(str(folder / f"{index}.png"), synthetic_images(1, 90, 120, 50 + index)[0])
    return folder


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_export__is_proven_in_every_precision(images, precision):
    source = dataclasses.replace(source_of(calm_net()), temperature=TEMPERATURE)
    calibration = Calibration(images) if precision == "int8" else None
    with quick_exports():
        data, info = build_onnx(source, ExportOptions(precision, "flip", 64, calibration=calibration, tag_penalty=3.0))
    assert (info.task, info.temperature, info.tag_penalty) == ("conditioned", TEMPERATURE, 3.0)
    mask, _ = run(data, case_of([info.golden.candidates], *info.golden.pixels().shape[1:3]))
    assert mask.max() < 5
    found = run(data, CASE)
    graph = LabelGraph([calm_net()], "flip", 64, temperature=TEMPERATURE, tag_penalty=3.0)
    assert (found[0] == run_torch(graph, CASE)[0]).mean() > {"fp32": 0.999, "fp16": 0.97, "int8": 0.7}[precision]
    assert (found[0][2] > 0).any(), "a class that the tags exclude"


@pytest.mark.parametrize(
    ("task", "options", "expected"),
    [
        ("conditioned", {}, 2.0),
        ("conditioned", {"tag_penalty": 0.0}, None),
        ("conditioned", {"tag_penalty": 5.0}, 5.0),
        ("conditioned", {"plain": True}, None),
        ("plain", {}, None),
        ("plain", {"plain": False}, 2.0),
    ],
)
def test_describe__penalty_of_the_source_unless_asked(task, options, expected):
    source = dataclasses.replace(source_of(calm_net(), task=task), tag_penalty=2.0)
    assert describe(source, ExportOptions(**options)).tag_penalty == expected


def test_export__plain_takes_no_penalty(tmp_path):
    for task in ("plain", "conditioned"):
        source, options = source_of(calm_net(), task=task), ExportOptions(plain=True, tag_penalty=2.0)
        with pytest.raises(UserError, match="--tag-penalty needs a model that is given tags, but this one is exported"):
            export_onnx(source, tmp_path / "m.onnx", options)


def test_describe__who_asks_for_a_penalty_gives_tags():
    info = describe(source_of(calm_net(), task="plain"), ExportOptions(tag_penalty=2.0))
    assert (info.task, info.tag_penalty) == ("conditioned", 2.0)


def test_require_agreement__sharpened_confidence_may_differ_more():
    """Logits may differ by 0.01 here, so that the probability may by 0.01 / (4 · temperature)."""
    found = Comparison((1, 1, 1, 2), 1, 0, 0.0, largest=100.0, confidence=3, foreign=0, slope=0.25 / 0.2)
    require_agreement([found], "fp32")
    with pytest.raises(UserError, match="disagree, so no file was written"):
        require_agreement([dataclasses.replace(found, slope=0.25)], "fp32")
    graph = LabelGraph([calm_net()], temperature=(2.0, 1.0, 0.2, 1.0, 1.0))
    (compared,) = compare(assembled(calm_net(), temperature=graph.temperature).SerializeToString(), graph, [CASE])
    assert compared.slope == 0.25 / 0.2
