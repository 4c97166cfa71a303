"""No pixel gets a class that is not a candidate, whatever the net computes; and what the confidence is."""

import numpy as np
import pytest
import torch
from exports import assembled, assert_same, calm_net, case_of, change_weights, run, run_torch, with_classifier

from swsss.export.graph import LabelGraph
from swsss.export.samples import Case

ROWS = [[0, 2], [4, 1, 0, 3], [3], [2, 4], [-1, -1], [-1, 2, -1, 1]]
INF, NAN = float("inf"), float("nan")


def assert_candidates_only(mask: np.ndarray, candidates: list[list[int]]) -> None:
    for image, ids in zip(mask, candidates, strict=True):
        allowed = {index for index in ids if index >= 0} or {0}
        assert set(np.unique(image)) <= allowed


@pytest.mark.parametrize("tta", ["none", "flip"])
def test_conditioned__any_order_no_background_no_candidate(tta):
    net, case = calm_net(), case_of(ROWS, 33, 47)
    mask, confidence = run(assembled(net, tta=tta), case)
    assert_candidates_only(mask, ROWS)
    assert len(np.unique(mask[1])) > 2
    # Nothing to choose from: certain.
    assert (confidence[[2, 4]] == 255).all()
    torch_mask, torch_confidence = run_torch(LabelGraph([net], tta), case)
    assert (mask == torch_mask).mean() > 0.999
    assert np.abs(confidence.astype(int) - torch_confidence).max() <= 1


def test_conditioned__order_of_candidates_changes_nothing():
    model = assembled(calm_net())
    one, other = case_of([[0, 1, 2, 3, 4]], 33, 47), case_of([[3, 0, 4, -1, 2, 1]], 33, 47)
    found, again = run(model, one), run(model, other)
    assert_same(found, again)


def test_conditioned__equal_logits_take_the_first_candidate():
    net = with_classifier(calm_net(), torch.zeros(5, 8), torch.zeros(5))
    mask, confidence = run(assembled(net), case_of([[3, 1, 4], [2, 0]], 9, 9))
    assert (mask[0] == 3).all()
    assert (mask[1] == 2).all()
    assert (confidence[0] == 85).all()
    assert (confidence[1] == 128).all()  # 127.5 to even


@pytest.mark.parametrize("bias", [[INF, 0, -INF, INF, 0], [-INF] * 5, [INF] * 5, [NAN] * 5, [0, NAN, 0, 0, NAN]])
@pytest.mark.parametrize("tta", ["none", "flip"])
def test_conditioned__logits_are_not_finite(bias, tta):
    net = calm_net()
    net = with_classifier(net, net.classifier.weight.data[:, :, 0, 0], torch.tensor(bias))
    case = case_of(ROWS, 33, 47)
    assert_candidates_only(run(assembled(net, tta=tta), case)[0], ROWS)
    assert_candidates_only(run_torch(LabelGraph([net], tta), case)[0], ROWS)


@pytest.mark.parametrize(("half", "factor"), [(True, 1e3), (True, NAN), (False, 1e30), (False, NAN)])
def test_conditioned__features_overflow(half, factor):
    model = change_weights(assembled(calm_net(), half=half), "decoder0/", lambda values: values * factor)
    assert_candidates_only(run(model, case_of(ROWS, 33, 47))[0], ROWS)


def test_conditioned__overflow_is_clipped():
    """What is beyond every number wins for certain, and does not turn the interpolation into NaN."""
    net = calm_net()
    bias = torch.tensor([0, INF, 0, 0, -INF])
    net = with_classifier(net, net.classifier.weight.data[:, :, 0, 0], bias)
    mask, confidence = run(assembled(net, tta="flip"), case_of([[0, 1, 2], [0, 4]], 33, 47))
    assert (mask[0] == 1).all()
    assert (mask[1] == 0).all()
    assert (confidence == 255).all()


@pytest.mark.parametrize("conditioned", [True, False])
def test_confidence__is_the_probability(conditioned):
    """Logits that are the same everywhere: the probability is known."""
    logits = torch.tensor([0.3, -1.0, 2.0, 1.5, 0.0], dtype=torch.float64)
    net = with_classifier(calm_net(), torch.zeros(5, 8), logits.float())
    mask, confidence = run(assembled(net, conditioned=conditioned), case_of([[0, 1, 4], [3, 2]], 5, 6))
    for index, ids in enumerate([[0, 1, 4], [3, 2]] if conditioned else [[0, 1, 2, 3, 4]] * 2):
        share = logits[ids].softmax(0)
        assert (mask[index] == ids[int(share.argmax())]).all()
        assert (confidence[index] == round(255 * float(share.max()))).all()


@pytest.mark.parametrize("classes", [2, 255])
def test_assemble__fewest_and_most_classes(classes):
    torch.manual_seed(3)
    net = with_classifier(calm_net(), torch.randn(classes, 8), torch.zeros(classes))
    everything = case_of([range(classes)], 33, 47)
    expected = run_torch(LabelGraph([net]), everything)
    assert expected[0].max() >= classes // 2
    assert_same(run(assembled(net), everything), expected)
    assert_same(run(assembled(net, conditioned=False), everything), expected)


def test_assemble__class_beyond_the_net_is_refused():
    case = Case(case_of([[0]], 9, 9).image, np.array([[0, 5]]))
    with pytest.raises(Exception, match="indices element out of data bounds"):
        run(assembled(calm_net()), case)


def test_decide__no_candidate():
    mask, confidence = LabelGraph([calm_net()]).decide(torch.full((1, 2, 3, 3), -1e4), torch.tensor([[-1, -1]]))
    assert (mask == 0).all()
    assert (confidence == 255).all()
