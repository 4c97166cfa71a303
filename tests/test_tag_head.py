"""The tag head and the gate, against float64; the checkpoints of nets with and without them."""

import json

import numpy as np
import pytest
import torch
from encoders import lively_net
from models import CLASSES, SMALL, random_checkpoint
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from swsss.checkpoint import load_checkpoint, save_checkpoint
from swsss.nets import NetConfig, SegmentationNet, make_net
from swsss.nets.deeplab import upsample
from swsss.nets.net import LEAST_GATE, TagHead, gate_of
from swsss.predict import Predictor


def make_head(channels: int = 4, classes: int = 5) -> TagHead:
    torch.manual_seed(0)
    head = TagHead(channels, classes)
    nn.init.normal_(head.places.weight)
    return head


def pooled(head: TagHead, features: Tensor) -> Tensor:
    """log of the mean of exp, differentiable, in float64."""
    weight, bias = (value.detach().double() for value in (head.places.weight[:, :, 0, 0], head.places.bias))
    places = torch.einsum("kc,nchw->nkhw", weight, features) + bias[:, None, None]
    return places.exp().mean((2, 3)).log()


@pytest.mark.parametrize("size", [(1, 1), (3, 4), (7, 2)])
def test_tag_head__log_mean_exp(size: tuple[int, int]) -> None:
    head = make_head()
    features = (torch.randn(3, 4, *size) * 3).requires_grad_()
    exact = features.detach().double().requires_grad_()
    found, expected = head(features), pooled(head, exact)
    assert (found.shape, found.dtype) == ((3, 4), torch.float32)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)
    share = torch.randn(3, 4)
    (ours,) = torch.autograd.grad((found * share).sum(), features)
    (theirs,) = torch.autograd.grad((expected * share).sum(), exact)
    torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shift", [-1e4, -200.0, 200.0, 1e4])
def test_tag_head__where_exp_overflows(shift: float) -> None:
    """What every place has more, the tag logit has more."""
    head = make_head()
    features = torch.randn(2, 4, 3, 3)
    before = head(features)
    head.places.bias.data += shift
    found = head(features)
    torch.testing.assert_close(found, before + shift, rtol=1e-6, atol=2e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_tag_head__half_precision(dtype: torch.dtype) -> None:
    head = make_head()
    head.places = nn.Identity()
    places = (torch.randn(2, 4, 3, 3) * 20).to(dtype)
    assert places.exp().isinf().any() or dtype == torch.bfloat16
    found = head(places)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), places.double().exp().mean((2, 3)).log(), rtol=1e-5, atol=1e-4)


def test_tag_head__begins_blind() -> None:
    """A new head says the same of every image."""
    found = TagHead(4, 5)(torch.randn(6, 4, 3, 3) * 50)
    torch.testing.assert_close(found, found[:1].expand(6, -1))


def test_gate_of() -> None:
    tags = torch.tensor([[0.0, 3.0, -3.0, 100.0, -19.0, -1e30]])
    found = gate_of(tags)
    assert found.shape == (1, 7, 1, 1)
    expected = [0.0, *(-np.log1p(np.exp(-value)) for value in (0.0, 3.0, -3.0, 100.0, -19.0)), LEAST_GATE]
    np.testing.assert_allclose(found.flatten().double().numpy(), expected, rtol=1e-5, atol=1e-6)


def twins(backbone: str) -> tuple[SegmentationNet, SegmentationNet]:
    """A net with a tag head that sees something, and the same one with a gate."""
    plain = lively_net(backbone, tag_head=True)
    assert plain.tag_head is not None
    nn.init.normal_(plain.tag_head.places.weight, std=0.05)
    gated = lively_net(backbone, tag_head=True, gate=True)
    gated.load_state_dict(plain.state_dict())
    return plain, gated


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "test_vit"])
def test_gate__lowers_classes_by_how_unlikely_their_tag_is(backbone: str) -> None:
    plain, gated = twins(backbone)
    images = torch.randn(2, 3, 45, 66)
    with torch.inference_mode():
        (logits, tags), (lowered, same) = plain.with_tags(images), gated.with_tags(images)
        assert torch.equal(plain(images), logits)
        assert torch.equal(gated(images), lowered)
    assert logits.shape == lowered.shape == (2, 5, 12, 17)
    assert tags.shape == (2, 4)
    assert torch.equal(tags, same)
    assert torch.equal(lowered[:, 0], logits[:, 0])
    less = np.log1p(np.exp(-tags.double().numpy())).clip(max=-LEAST_GATE)
    assert less.std() > 0.01
    np.testing.assert_allclose(
        (logits - lowered)[:, 1:].double().numpy(), np.broadcast_to(less[:, :, None, None], (2, 4, 12, 17)), atol=1e-4
    )


def test_with_tags__of_a_net_without_a_head() -> None:
    net = random_checkpoint().net
    images = torch.randn(1, 3, 33, 33)
    with torch.inference_mode():
        logits, tags = net.with_tags(images)
        assert torch.equal(logits, net(images))
    assert tags is None


@pytest.mark.parametrize("tags", [None, frozenset({1, 3})])
def test_predictor__of_a_gated_net(tags: frozenset[int] | None) -> None:
    plain, gated = twins("mobilenet_v2")
    image = np.random.default_rng(0).integers(0, 256, (40, 52, 3), np.uint8)
    found, ids = Predictor([gated], torch.device("cpu")).scores(image, tags)
    with torch.inference_mode():
        pixels = plain.normalise(torch.from_numpy(image).permute(2, 0, 1)[None])
        logits, tag_logits = plain.with_tags(pixels)
        chance = torch.cat([torch.ones(1, 1), tag_logits.sigmoid()], 1).clamp(min=np.exp(LEAST_GATE))
        expected = upsample(logits + chance.log()[:, :, None, None], (40, 52))[0]
    chosen = sorted({0, *(range(5) if tags is None else tags)})
    assert ids.tolist() == chosen
    torch.testing.assert_close(found, expected[chosen], rtol=1e-4, atol=1e-4)


GATED = NetConfig.model_validate({**SMALL.model_dump(), "tag_head": True, "gate": True})


def test_checkpoint__keeps_tag_head_and_gate(tmp_path) -> None:
    checkpoint = random_checkpoint(0, GATED, "plain")
    nn.init.normal_(checkpoint.net.tag_head.places.weight, std=0.05)
    save_checkpoint(tmp_path / "net.safetensors", checkpoint)
    found = load_checkpoint(tmp_path / "net.safetensors")
    assert (found.net.config.tag_head, found.net.config.gate) == (True, True)
    images = torch.randn(1, 3, 40, 40)
    with torch.inference_mode():
        for one, other in zip(found.net.with_tags(images), checkpoint.net.with_tags(images), strict=True):
            assert torch.equal(one, other)


def test_checkpoint__of_before_there_were_tag_heads(tmp_path) -> None:
    path, checkpoint = tmp_path / "old.safetensors", random_checkpoint()
    save_checkpoint(path, checkpoint)
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["swsss"])
    for key in ("tag_head", "gate"):
        assert header["net"].pop(key) is False
    save_file(load_file(path), path, {"swsss": json.dumps(header)})
    found = load_checkpoint(path)
    assert found.net.tag_head is None
    assert found.classes == CLASSES
    images = torch.randn(1, 3, 40, 40)
    with torch.inference_mode():
        assert torch.equal(found.net(images), checkpoint.net(images))


def test_net__gate_needs_no_tag_head_to_be_built() -> None:
    """A gate alone has nothing to go by, and changes nothing."""
    config = NetConfig.model_validate({**SMALL.model_dump(), "gate": True})
    net = make_net(config, 3).eval()
    assert net.tag_head is None
    assert net(torch.randn(1, 3, 32, 32)).shape == (1, 3, 8, 8)
