"""Which parameter is trained how fast, by which optimizer."""

import pytest
import torch
from torch import nn

from swsss.config import OptimizerConfig
from swsss.nets import NetConfig, build_net
from swsss.training.loop import _optimizer, _set_lr
from swsss.training.tasks import Pair, WithTags

NARROW = {"aspp_channels": 8, "shortcut_channels": 8, "tag_head": True}


def make_config(**changes):
    values = {"steps": 10, "batch": 2, "crop": 32, "lr": 0.1, "decoder_lr_factor": 3.0, "head_lr_factor": 7.0}
    return OptimizerConfig.model_validate({**values, **changes})


def expected_factors(net, decay):
    """By parameter: the encoder's stem and stages by their depth, all else by the part it belongs to."""
    factors, layers = {}, [net.backbone.stem, *net.backbone.stages]
    for back, layer in enumerate(reversed(layers), 1):
        factors |= dict.fromkeys(layer.parameters(), decay**back)
    for part in (net.classifier, net.tag_head):
        factors |= dict.fromkeys(part.parameters(), 7.0)
    return {parameter: factors.get(parameter, 3.0) for parameter in net.parameters()}


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("decay", [1.0, 0.5])
@pytest.mark.parametrize("pair", [False, True])
def test_optimizer__every_parameter_at_its_own_rate(optimizer, decay, pair):
    config = make_config(optimizer=optimizer, layer_decay=decay, momentum=0.8, weight_decay=0.02)
    nets = [build_net(NetConfig(backbone="resnet18", **NARROW), 4) for _ in range(1 + pair)]
    found = _optimizer(Pair(*nets) if pair else WithTags(nets[0]), config)
    assert type(found) is {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}[optimizer]
    for step, left in ((0, 1.0), (4, 0.6**0.9)):
        assert _set_lr(found, config, step) == pytest.approx(0.1 * left)
        rates = {parameter: group["lr"] for group in found.param_groups for parameter in group["params"]}
        wanted = {key: factor for net in nets for key, factor in expected_factors(net, decay).items()}
        assert rates.keys() == wanted.keys()
        assert all(rates[key] == pytest.approx(0.1 * left * factor) for key, factor in wanted.items())
    assert sum(len(group["params"]) for group in found.param_groups) == len(rates)
    assert {group["weight_decay"] for group in found.param_groups} == {0.02}
    if optimizer == "sgd":
        assert {group["momentum"] for group in found.param_groups} == {0.8}


def test_optimizer__of_a_vit():
    """What stands between a ViT and the classifier is decoder as well; names inside the encoder do not matter."""
    net = build_net(NetConfig(backbone="test_vit", **NARROW), 4)
    net.backbone.classifier = nn.Linear(2, 2)
    found = _optimizer(net, make_config())
    rates = {parameter: group["factor"] for group in found.param_groups for parameter in group["params"]}
    for part, factor in ((net.backbone, 1), (net.project, 3), (net.decoder, 3), (net.classifier, 7), (net.tag_head, 7)):
        assert {rates[parameter] for parameter in part.parameters()} == {factor}


def test_optimizer__as_before_where_nothing_is_set():
    """A decoder learns as fast as the encoder, the classifier ten times as fast, by SGD."""
    config = OptimizerConfig(steps=10, batch=2, crop=32, lr=0.1)
    net = build_net(NetConfig(backbone="resnet18", aspp_channels=8), 4)
    found = _optimizer(net, config)
    assert type(found) is torch.optim.SGD
    rates = {parameter: group["factor"] for group in found.param_groups for parameter in group["params"]}
    fast = set(net.classifier.parameters())
    assert all(rates[parameter] == (10 if parameter in fast else 1) for parameter in net.parameters())
