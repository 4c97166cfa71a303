"""The nets: shapes, dilation, and where their weights come from."""

import math
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torchvision.models as tv
from torch import Tensor, nn
from torchvision.ops import SqueezeExcitation

from swsss.errors import UserError
from swsss.nets import DeepLabV3Plus, NetConfig, build_net
from swsss.nets.backbones import build_backbone, read_weights
from swsss.nets.names import TORCHVISION


@pytest.mark.parametrize("backbone", TORCHVISION)
@pytest.mark.parametrize("stride", [8, 16, 32])
def test_shapes(backbone: str, stride: int) -> None:
    # On "meta" nothing is computed, which makes the largest net nearly as quick as the smallest.
    with torch.device("meta"):
        config = NetConfig.model_validate({"backbone": backbone, "output_stride": stride})
        net = DeepLabV3Plus(config, 7)
        for height, width in [(65, 97), (34, 7)]:
            high: list[torch.Size] = []
            hook = net.aspp.register_forward_pre_hook(lambda _, inputs, seen=high: seen.append(inputs[0].shape))
            assert net(torch.empty(2, 3, height, width)).shape == (2, 7, math.ceil(height / 4), math.ceil(width / 4))
            hook.remove()
            assert [shape[2:] for shape in high] == [(math.ceil(height / stride), math.ceil(width / stride))]


def test_shapes__separable() -> None:
    config = NetConfig(backbone="resnet18", separable=True, aspp_channels=24, shortcut_channels=20, shortcut_kernel=1)
    with torch.device("meta"):
        net = DeepLabV3Plus(config, 3)
        assert net(torch.empty(2, 3, 33, 50)).shape == (2, 3, 9, 13)
    wide = [module for part in (net.aspp, net.decoder) for module in part.modules() if isinstance(module, nn.Conv2d)]
    assert all(module.groups == module.in_channels for module in wide if module.kernel_size == (3, 3))
    assert sum(module.kernel_size == (3, 3) for module in wide) == 5


@pytest.mark.parametrize("backbone", ["resnet50", "resnet101"])
def test_deep_stem(backbone: str) -> None:
    with torch.device("meta"):
        net = build_backbone(backbone, 8, deep_stem=True, weights="")
    kernels = [module.kernel_size for module in net.stem.modules() if isinstance(module, nn.Conv2d)]
    assert kernels == [(3, 3)] * 3
    low, high = net(torch.empty(1, 3, 65, 65, device="meta"))
    assert (low.shape[1:], high.shape[1:]) == ((256, 17, 17), (2048, 9, 9))


@pytest.mark.parametrize("backbone", ["resnet18", "resnet34", "mobilenet_v2", "mobilenet_v3_large"])
def test_deep_stem__not_with_this_backbone(backbone: str) -> None:
    with torch.device("meta"), pytest.raises(UserError, match=r"resnet50 and resnet101 only; set net\.deep_stem"):
        build_backbone(backbone, 16, deep_stem=True, weights="")


def alive(net: nn.Module) -> nn.Module:
    """Batch norms that do something, so that a wrong place or order shows."""
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.0)
            nn.init.normal_(module.bias, 0, 0.1)
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return net.eval()


def ours_with(weights: dict[str, Tensor], name: str, stride: int, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    monkeypatch.setattr("swsss.nets.backbones.read_weights", lambda *_: weights)
    return build_backbone(name, stride, deep_stem=False, weights="given").eval()


@pytest.mark.parametrize("name", ["resnet50", "resnet101"])
def test_dilation__equals_torchvision(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = alive(tv.get_model(name, weights=None)).state_dict()
    image = torch.randn(1, 3, 49, 65)
    for stride, replaced in [(8, [False, True, True]), (16, [False, False, True])]:
        with torch.device("meta"):
            theirs = tv.get_model(name, weights=None, replace_stride_with_dilation=replaced).eval()
        theirs.load_state_dict(weights, assign=True)
        with torch.inference_mode():
            low, high = ours_with(weights, name, stride, monkeypatch)(image)
            features = theirs.layer1(theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(image)))))
            torch.testing.assert_close(low, features)
            torch.testing.assert_close(high, theirs.layer4(theirs.layer3(theirs.layer2(features))))
        assert high.std() > 1e-3


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_large"])
@pytest.mark.parametrize("stride", [8, 16])
def test_dilation__samples_the_strided_net(name: str, stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What dilation is for: at every 2nd (or 4th) place the features are those of the net at stride 32."""
    plain = alive(tv.get_model(name, weights=None))
    ours = ours_with(plain.state_dict(), name, stride, monkeypatch)
    # Squeeze and excitation averages over all places, which no dilation preserves.
    monkeypatch.setattr(SqueezeExcitation, "forward", lambda _, features: features)
    image = torch.randn(1, 3, 95, 130)
    with torch.inference_mode():
        high = ours(image)[1]
        if name.startswith("resnet"):
            children = [child for key, child in plain.named_children() if key not in {"avgpool", "fc"}]
            expected = nn.Sequential(*children)(image)
        else:
            expected = plain.features[: 18 if name == "mobilenet_v2" else None](image)
    step = 32 // stride
    torch.testing.assert_close(high[:, :, ::step, ::step], expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 1e-3


@pytest.mark.parametrize("wrapped", [False, True])
def test_weights__from_a_file(tmp_path: Path, wrapped: bool) -> None:
    plain = alive(tv.resnet18(num_classes=3))
    state = plain.state_dict()
    torch.save({"state_dict": {f"module.{key}": v for key, v in state.items()}} if wrapped else state, tmp_path / "a")
    net = build_net(NetConfig(backbone="resnet18", weights=str(tmp_path / "a")), 4).backbone.eval()
    with torch.inference_mode():
        image = torch.randn(1, 3, 32, 32)
        features = plain.layer1(plain.maxpool(plain.relu(plain.bn1(plain.conv1(image)))))
        torch.testing.assert_close(net(image)[0], features)


@pytest.mark.parametrize("name", ["IMAGENET1K_V1", "DEFAULT"])
def test_weights__by_name(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    state = tv.resnet18(num_classes=1).state_dict()
    asked = []

    def download(url: str, *_: object, **__: object) -> dict[str, Tensor]:
        asked.append(url)
        return state

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", download)
    assert read_weights("resnet18", name) == state
    assert asked == [tv.ResNet18_Weights[name].url]


def test_weights__no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    with pytest.raises(UserError, match=r"IMAGENET1K_V2 of resnet50 cannot be downloaded .* give a local file"):
        read_weights("resnet50", "IMAGENET1K_V2")


def test_weights__unknown_name() -> None:
    with pytest.raises(UserError, match=r"'IMAGENET' is neither a file nor .* resnet18 \(there are: IMAGENET1K_V1\)"):
        read_weights("resnet18", "IMAGENET")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"not weights", "cannot be loaded as weights only"),
        (b"", "cannot be loaded as weights only"),
        ([1, 2], "holds no state dict"),
        ({"epoch": 3}, "holds no state dict"),
        ({3: torch.zeros(1)}, "holds no state dict"),
        (Path("x"), "cannot be loaded as weights only"),
        ({"conv1.weight": torch.zeros(64, 3, 7, 7)}, "do not fit this net: 99 of 122 .* net.backbone"),
    ],
)
def test_weights__wrong_file(tmp_path: Path, content: object, sentence: str) -> None:
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(UserError, match=sentence) as caught:
        build_backbone("resnet18", 16, deep_stem=False, weights=str(path))
    assert "Traceback" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights__of_another_backbone(tmp_path: Path) -> None:
    torch.save(tv.mobilenet_v2(num_classes=1).state_dict(), tmp_path / "a.pth")
    with pytest.raises(UserError, match=r"do not fit this net: .* check net\.backbone"):
        build_backbone("resnet18", 16, deep_stem=False, weights=str(tmp_path / "a.pth"))
