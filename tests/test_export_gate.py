"""A net that its own tags gate, in the exported graph."""

import copy

import pytest
import torch
from encoders import lively_net
from exports import assembled, case_of
from models import SMALL, random_checkpoint

from swsss.export.graph import LabelGraph
from swsss.export.proof import compare, require_agreement, run_case, start_session
from swsss.nets import SegmentationNet

CASES = [case_of([[0, 2, 3], [0, 4], [0]], 97, 131), case_of([[0, 1, 2, 3, 4]], 65, 33)]


def gated(name: str) -> SegmentationNet:
    settings = {"tag_head": True, "gate": True}
    if name == "mobilenet_v2":
        net = copy.deepcopy(random_checkpoint(0, SMALL.model_copy(update=settings)).net)
    else:
        net = copy.deepcopy(lively_net(name, **settings))
    torch.manual_seed(0)
    torch.nn.init.normal_(net.tag_head.places.weight, std=2.0)
    return net


@pytest.mark.parametrize("name", ["mobilenet_v2", "vit_small_patch16_dinov3"])
@pytest.mark.parametrize("tta", ["none", "flip"])
def test_export__agrees(name, tta):
    net = gated(name)
    model = assembled(net, tta=tta, max_side=160).SerializeToString()
    found = compare(model, LabelGraph([net], tta, 160), CASES)
    require_agreement(found, "fp32")
    assert sum(one.differing for one in found) <= 5


@pytest.mark.parametrize("half", [False, True])
def test_export__a_class_without_a_tag_is_nowhere(half):
    net = gated("mobilenet_v2")
    net.classifier.weight.data.mul_(0.01)
    net.tag_head.places.bias.data.copy_(torch.tensor([0.0, -1000.0, 0.0, -1000.0]))
    mask, _ = run_case(start_session(assembled(net, half=half).SerializeToString()), CASES[1])
    assert set(mask.flatten().tolist()) <= {0, 1, 3}
    assert len(set(mask.flatten().tolist())) > 1
