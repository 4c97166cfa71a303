"""The ONNX graph against `LabelGraph`: every option, every family of nets, and the sizes images come in."""

import numpy as np
import onnx
import pytest
from exports import assembled, assert_same, calm_net, case_of, family_net, run, run_torch

from swsss.export.graph import LabelGraph
from swsss.export.proof import run_case, start_session

# N > 1 with different K; a single pixel; a line; odd sides; all classes; more slots than classes.
CASES = {
    "batch": case_of([[0, 2, 3], [0, 4], [0]], 97, 131),
    "pixel": case_of([[0, 1, 2]], 1, 1),
    "line": case_of([[0, 1, 2, 3, 4]], 1, 700),
    "column": case_of([[0, 3]], 311, 1),
    "odd": case_of([[0, 1, 2, 3, 4]], 65, 33),
    "beyond the largest side": case_of([[0, 1, 4]], 75, 301),
    "more slots than classes": case_of([[0, 1, 2, 3, 4], [0, 1, -1, -1, -1, -1, -1, -1]], 30, 41),
}


def assert_agreement(model: onnx.ModelProto, graph: LabelGraph, names: list[str], *, conditioned: bool = True) -> None:
    session = start_session(model.SerializeToString())
    classes = set()
    for name in names:
        expected = run_torch(graph, CASES[name], conditioned=conditioned)
        assert_same(run_case(session, CASES[name]), expected)
        classes |= set(np.unique(expected[0]))
    assert len(classes) > 2


@pytest.mark.parametrize("conditioned", [True, False])
@pytest.mark.parametrize(("tta", "max_side"), [("none", 2048), ("flip", 160), ("paper", 160)])
def test_assemble__agrees(tta, max_side, conditioned):
    net = calm_net()
    model = assembled(net, tta=tta, conditioned=conditioned, max_side=max_side)
    onnx.checker.check_model(model, full_check=True)
    assert_agreement(model, LabelGraph([net], tta, max_side), list(CASES), conditioned=conditioned)


@pytest.mark.parametrize(("tta", "conditioned"), [("none", False), ("paper", True)])
def test_assemble__averaged_nets_of_two_shapes(tta, conditioned):
    nets = [calm_net(), family_net(backbone="resnet18")]
    model = assembled(*nets, tta=tta, conditioned=conditioned)
    assert_agreement(model, LabelGraph(nets, tta), ["batch"], conditioned=conditioned)


@pytest.mark.parametrize(
    "settings",
    [
        {"backbone": "resnet18"},
        {"backbone": "resnet50", "deep_stem": True, "output_stride": 8},
        {"backbone": "mobilenet_v3_large", "separable": True},
    ],
    ids=lambda settings: settings["backbone"],
)
def test_assemble__every_family(settings):
    net = family_net(**settings)
    assert_agreement(assembled(net), LabelGraph([net]), ["batch", "pixel", "odd"])


def test_assemble__result_of_an_image_does_not_depend_on_its_batch():
    model, batch = assembled(calm_net(), tta="flip"), CASES["batch"]
    mask, confidence = run(model, batch)
    for index in range(3):
        alone = case_of([batch.candidates[index][batch.candidates[index] >= 0]], 97, 131)
        alone.image[0] = batch.image[index]
        found = run(model, alone)
        assert np.array_equal(found[0][0], mask[index])
        assert np.array_equal(found[1][0], confidence[index])


def test_assemble__nets_stay_as_they_are():
    net = calm_net()
    before = {name: values.clone() for name, values in net.state_dict().items()}
    graph = LabelGraph([net])
    expected = run_torch(graph, CASES["odd"])
    assembled(net, half=False)
    assert all((values == before[name]).all() for name, values in net.state_dict().items())
    assert np.array_equal(run_torch(graph, CASES["odd"])[1], expected[1])
