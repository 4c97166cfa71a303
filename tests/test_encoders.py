"""timm's encoders by name: geometry, weights and normalisation; and what is said when one cannot be had."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from encoders import NARROW, net_of
from pydantic import ValidationError
from torch import Tensor, nn

from swsss.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from swsss.data.classes import ClassTable
from swsss.errors import UserError
from swsss.nets import NetConfig, SegmentationNet, build_net
from swsss.nets.timm_backbones import build_timm_backbone

SIZES = [(65, 97), (34, 7), (1, 1), (96, 64)]


@pytest.mark.parametrize(
    ("name", "stride", "multiple"),
    [
        ("tf_efficientnet_lite0", 16, 1),
        ("tf_efficientnet_lite0", 8, 1),
        ("mobilenetv4_conv_small", 32, 1),
        ("convnext_atto", 16, 16),
        ("convnext_atto", 8, 8),
        ("pvt_v2_b0", 32, 32),
    ],
)
def test_shapes(name: str, stride: int, multiple: int) -> None:
    with torch.device("meta"):
        net = net_of(name, output_stride=stride)
        assert net.multiple == multiple
        for height, width in SIZES:
            assert net(torch.empty(2, 3, height, width)).shape == (2, 5, math.ceil(height / 4), math.ceil(width / 4))


def lively(net: nn.Module) -> nn.Module:
    """Batch norms that do something, so that a wrong place or order shows."""
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.bias, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return net.eval()


@pytest.mark.parametrize("name", ["mobilenetv4_conv_small", "convnext_atto"])
def test_features__are_those_of_timm(name: str, tmp_path: Path) -> None:
    theirs = lively(timm.create_model(name, num_classes=3))
    torch.save({"state_dict": {f"module.{key}": value for key, value in theirs.state_dict().items()}}, tmp_path / "a")
    ours = build_timm_backbone(name, 32, deep_stem=False, weights=str(tmp_path / "a")).eval()
    image = torch.randn(1, 3, 96, 128)
    with torch.inference_mode():
        low, high = ours(image)
        expected = theirs.forward_intermediates(image, intermediates_only=True)
    shapes = [tuple(map.shape[2:]) for map in expected]
    torch.testing.assert_close(low, expected[len(shapes) - 1 - shapes[::-1].index((24, 32))])
    # mobilenetv4's features_only goes on to the last convolution, which forward_intermediates leaves out.
    if name == "convnext_atto":
        torch.testing.assert_close(high, expected[-1])


def test_features__tensorflow_padding_is_a_shift() -> None:
    """Ours look at pixels 0, 2, 4, ..., TensorFlow's at 1, 3, 5, ...: shifted by 3 pixels, stride 4 sees the same."""
    theirs = lively(timm.create_model("tf_efficientnet_lite0", features_only=True))
    ours = build_timm_backbone("tf_efficientnet_lite0", 32, deep_stem=False, weights="").eval()
    ours.body.load_state_dict(_plain_names(theirs.state_dict(), ours.body.state_dict()))
    image = torch.randn(1, 3, 160, 160)
    shifted = torch.zeros_like(image)
    shifted[:, :, :-3, :-3] = image[:, :, 3:, 3:]
    with torch.inference_mode():
        found, expected = ours(shifted)[0], theirs(image)[1]
    torch.testing.assert_close(found[:, :, 8:-8, 8:-8], expected[:, :, 8:-8, 8:-8], rtol=1e-3, atol=1e-4)
    assert expected.std() > 1e-3


def _plain_names(theirs: dict[str, Tensor], ours: dict[str, Tensor]) -> dict[str, Tensor]:
    """timm's state dict in the order of ours: taking batch norms apart renames tensors but keeps their order."""
    assert len(theirs) == len(ours)
    return dict(zip(ours, theirs.values(), strict=True))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights__from_a_file(suffix: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    state = timm.create_model("test_convnext", num_classes=3).state_dict()
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    net = build_net(NetConfig(backbone="test_convnext", weights=str(path), **NARROW), 5)
    assert torch.equal(net.backbone.body.stem_0.weight, state["stem.0.weight"])


def test_weights__of_another_model(tmp_path: Path) -> None:
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "a.pth")
    with pytest.raises(UserError, match=r"do not fit this net: .* check net\.backbone"):
        net_from("test_convnext", str(tmp_path / "a.pth"))


def net_from(backbone: str, weights: str) -> SegmentationNet:
    return build_net(NetConfig(backbone=backbone, weights=weights, **NARROW), 5)


@pytest.mark.parametrize("weights", ["lost.pth", "in22k"])
def test_weights__neither_file_nor_tag(weights: str) -> None:
    sentence = rf"net\.weights = '{weights}' is neither a file nor weights of test_convnext \(there are: pretrained, "
    with pytest.raises(UserError, match=sentence):
        net_from("test_convnext", weights)


def test_weights__no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        try:
            raise OSError("Name or service not known")
        except OSError as error:
            raise RuntimeError("Advice.\nMore advice") from error

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", unreachable)
    with pytest.raises(UserError) as caught:
        net_from("test_convnext", "pretrained")
    assert str(caught.value) == (
        "The weights test_convnext.r160_in1k cannot be downloaded (Name or service not known); give a local file with "
        "--set net.weights=FILE, or train from scratch with --set net.weights=''."
    )


@pytest.mark.parametrize("weights", ["pretrained", "r160_in1k", "test_convnext.r160_in1k"])
def test_weights__downloaded(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    state = timm.create_model("test_convnext").state_dict()
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", lambda *_, **__: dict(state))
    net = net_from("test_convnext", weights)
    assert torch.equal(net.backbone.body.stem_0.weight, state["stem.0.weight"])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"backbone": "resnet18d.x"}, r"timm has no weights 'x' of resnet18d \(there are: ra2_in1k, "),
        ({"backbone": "vit_small_dinov3"}, r"has an encoder 'vit_small_dinov3'; did you mean vit_small_patch16_dinov3"),
        ({"backbone": "1234567890"}, r"has an encoder '1234567890'"),
    ],
)
def test_name__unknown(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        NetConfig.model_validate(settings)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        # timm 1.0.31 refuses the stride, 1.0.28 leaves it as it is.
        (
            {"backbone": "hgnetv2_b0"},
            "timm cannot dilate hgnetv2_b0 to an output stride of 16; set net.output_stride"
            "|net.output_stride = 16: hgnetv2_b0 ends at 32; set that",
        ),
        ({"backbone": "levit_128", "output_stride": 32}, "no features at stride 4; choose a convolutional model or a"),
        ({"backbone": "swin_tiny_patch4_window7_224", "output_stride": 32}, "of other sizes than its own"),
        ({"backbone": "regnety_002", "deep_stem": True}, "deep stem goes with resnet50 and resnet101 only"),
    ],
)
def test_name__no_such_features(settings: dict[str, object], sentence: str) -> None:
    with torch.device("meta"), pytest.raises(UserError, match=sentence):
        net_of(**settings)


@pytest.mark.parametrize(
    ("backbone", "weights", "mean"),
    [
        ("resnet18", "", 0.485),
        ("tf_efficientnet_lite0", "", 0.5),
        ("vit_base_patch16_224", "", 0.5),
        ("vit_base_patch16_224.dino", "", 0.485),
        ("vit_base_patch16_224", "dino", 0.485),
        ("vit_base_patch16_224.dino", "augreg_in1k", 0.5),
    ],
)
def test_normalisation__belongs_to_the_encoder(backbone: str, weights: str, mean: float) -> None:
    from swsss.nets.names import normalisation

    assert normalisation(backbone, weights)[0][0] == mean


def test_normalisation__travels_in_the_checkpoint(tmp_path: Path) -> None:
    net = net_of("tf_efficientnet_lite0")
    images = torch.randint(256, (2, 3, 40, 50), dtype=torch.uint8)
    torch.testing.assert_close(net.normalise(images), images / 127.5 - 1, rtol=0, atol=1e-6)
    net.mean, net.std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, Checkpoint(net, ClassTable(("background", "a", "b", "c", "d")), "plain", "final"))
    loaded = load_checkpoint(path).net
    assert (loaded.mean, loaded.std) == (net.mean, net.std)
    with torch.inference_mode():
        assert torch.equal(loaded(net.normalise(images)), net(net.normalise(images)))


def test_freeze() -> None:
    net = net_of("test_resnet", freeze=True).train()
    before = {key: value.clone() for key, value in net.backbone.state_dict().items()}
    net(torch.randn(2, 3, 64, 64)).square().mean().backward()
    torch.optim.SGD(net.parameters(), lr=1.0, weight_decay=0.1).step()
    assert all(torch.equal(value, before[key]) for key, value in net.backbone.state_dict().items())
    assert net.classifier.weight.grad is not None


def test_import__without_timm() -> None:
    """torchvision's nets do not wait for timm."""
    program = (
        "import sys; from swsss.nets import NetConfig; NetConfig(backbone='resnet18'); assert 'timm' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
