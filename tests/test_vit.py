"""Plain ViTs: features, positions, padding, and the parts that are refused."""

import math
from pathlib import Path

import pytest
import timm
import torch
from encoders import NARROW, lively_net, net_of
from torch.nn import functional as F

from swsss.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from swsss.data.classes import ClassTable
from swsss.errors import UserError
from swsss.nets import NetConfig, build_net, make_net
from swsss.training.layers import layer_factors

DINOV2, DINOV3 = "vit_small_patch14_reg4_dinov2", "vit_small_patch16_dinov3"


@pytest.mark.parametrize(("name", "multiple"), [(DINOV2, 28), (DINOV3, 16), ("vit_base_patch16_siglip_224", 16)])
def test_shapes(name: str, multiple: int) -> None:
    net = net_of(name)
    assert net.multiple == multiple
    for height, width in [(65, 97), (34, 7), (1, 1), (56, 32)]:
        with torch.inference_mode():
            found = net(torch.zeros(2, 3, height, width))
        assert found.shape == (2, 5, math.ceil(height / 4), math.ceil(width / 4))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        (DINOV2, (140, 140)),
        (DINOV3, (48, 80)),
        ("deit_tiny_distilled_patch16_224", (96, 96)),
        ("vit_base_patch16_siglip_224", (96, 96)),
    ],
)
def test_features__are_those_of_timm(name: str, size: tuple[int, int]) -> None:
    """With a table of positions at the grid it was made for; with rotary positions at any."""
    backbone = lively_net(name).backbone
    image = torch.randn(2, 3, *size)
    with torch.inference_mode():
        (expected,) = backbone.vit.forward_intermediates(image, indices=1, norm=True, intermediates_only=True)
        torch.testing.assert_close(backbone(image), expected, rtol=1e-4, atol=1e-4)
    assert expected.std((2, 3)).mean() > 0.05


def test_positions__of_another_grid_are_interpolated() -> None:
    """A ramp stays a ramp: place i of 20 lies at (i + 0.5) / 2 - 0.5 of 10, and nothing lies beyond the border."""
    backbone = net_of(DINOV2).backbone
    rows = torch.arange(10.0)[:, None].expand(10, 10).reshape(1, 100, 1).expand(1, 100, backbone.channels)
    found = backbone._positions(rows, 20, 5).reshape(20, 5, -1)
    expected = ((torch.arange(20) + 0.5) / 2 - 0.5).clamp(0, 9)
    torch.testing.assert_close(found, expected[:, None, None].expand_as(found))


def test_padding__is_the_mean_colour_and_is_cut_off() -> None:
    net = lively_net(DINOV3)
    image = torch.randn(1, 3, 37, 50)
    with torch.inference_mode():
        expected = net.logits(F.pad(image, (0, 14, 0, 11)))[0][:, :, :10, :13]
        assert torch.equal(net(image), expected)


def test_weights__from_a_file_and_through_a_checkpoint(tmp_path: Path) -> None:
    state = timm.create_model("test_vit", num_classes=7).state_dict()
    torch.save(state, tmp_path / "a.pth")
    net = build_net(NetConfig(backbone="test_vit", weights=str(tmp_path / "a.pth"), freeze=True, **NARROW), 2).eval()
    assert torch.equal(net.backbone.vit.pos_embed, state["pos_embed"])
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, Checkpoint(net, ClassTable(("background", "cat")), "plain", "final"))
    image = torch.randn(1, 3, 50, 70)
    with torch.inference_mode():
        assert torch.equal(load_checkpoint(path).net(image), net(image))


def test_freeze() -> None:
    net = net_of(DINOV3, freeze=True).train()
    net(torch.randn(2, 3, 32, 48)).square().mean().backward()
    assert all(values.grad is None for values in net.backbone.parameters())
    assert net.project[0].weight.grad is not None
    assert not net.backbone.training
    assert net.project.training


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"backbone": "eva02_tiny_patch14_224"}, "has rotary positions of another kind than DINOv3's"),
        ({"backbone": "test_vit", "deep_stem": True}, "no meaning for the ViT test_vit; set net.deep_stem = false"),
    ],
)
def test_refused(settings: dict[str, object], sentence: str) -> None:
    with torch.device("meta"), pytest.raises(UserError, match=sentence):
        make_net(NetConfig.model_validate(settings), 2)


def test_layer_factors__of_a_vit() -> None:
    names = [name for name, _ in net_of(DINOV2).named_parameters()]
    factors = dict(zip(names, layer_factors(names, 0.5), strict=True))
    expected = {
        "backbone.vit.cls_token": 0.125,
        "backbone.vit.patch_embed.proj.weight": 0.125,
        "backbone.vit.blocks.0.attn.qkv.weight": 0.25,
        "backbone.vit.blocks.1.mlp.fc2.bias": 0.5,
        "backbone.vit.norm.weight": 1.0,
        "project.0.weight": 1.0,
        "classifier.weight": 1.0,
    }
    assert {name: factors[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("names", "factors"),
    [
        (
            ["hybridnet.backbone.stem.0.weight", "hybridnet.backbone.stages.0.1.bias", "aspp.pool.0.weight"],
            [0.25, 0.5, 1],
        ),
        (["backbone.body.stages_0.a", "backbone.body.stem_0.a", "backbone.body.stages_1.a"], [0.25, 0.125, 0.5]),
        (["backbone.body.conv1.weight", "backbone.body.layer1.0.a", "backbone.body.layer2.0.a"], [0.125, 0.25, 0.5]),
    ],
)
def test_layer_factors__by_stage(names: list[str], factors: list[float]) -> None:
    assert layer_factors(names, 0.5) == factors
    assert layer_factors(names, 1.0) == [1.0] * len(names)
