"""torchvision classification nets as dilated feature extractors."""

from collections.abc import Callable
from pathlib import Path

import torchvision.models as tv
from torch import Tensor, nn

from swsss.errors import UserError
from swsss.nets.state_dicts import load_weights, read_state_dict


class Backbone(nn.Module):
    """A classification net cut into five stages.

    Odd sides are rounded up at every stride, so that any size will do (`multiple`).

    Args:
        stem: Image to stride 4 or less.
        stages: The rest in order; the first one ends at stride 4.
        low_channels: Channels after the first stage, at stride 4.
        high_channels: Channels after the last stage.
    """

    multiple = 1

    def __init__(self, stem: nn.Module, stages: list[nn.Module], low_channels: int, high_channels: int) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.ModuleList(stages)
        self.low_channels = low_channels
        self.high_channels = high_channels

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Float [N, 3, H, W] to features at stride 4 and features at the output stride."""
        low = self.stages[0](self.stem(image))
        high = low
        for stage in self.stages[1:]:
            high = stage(high)
        return low, high


def _resnet(net: tv.ResNet, weights: dict[str, Tensor] | None, deep_stem: bool) -> Backbone:
    if deep_stem:
        net.conv1, net.bn1 = _deep_stem(), nn.BatchNorm2d(128)
        first = net.layer1[0]
        old = first.downsample[0] if first.downsample else None
        if old is None:
            raise UserError("The deep stem goes with resnet50 and resnet101 only; set net.deep_stem = false.")
        first.conv1 = nn.Conv2d(128, first.conv1.out_channels, 1, bias=False)
        first.downsample[0] = nn.Conv2d(128, old.out_channels, 1, bias=False)
    load_weights(net, weights, prefix_dropped="fc.")
    low = net.layer1[-1]
    low_channels = (low.conv3 if hasattr(low, "conv3") else low.conv2).out_channels
    stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
    return Backbone(stem, [net.layer1, net.layer2, net.layer3, net.layer4], low_channels, net.fc.in_features)


def _deep_stem() -> nn.Sequential:
    """Three 3×3 convolutions in place of the 7×7 one (He et al., Bag of Tricks, 2019: ResNet-C)."""

    def conv(inputs: int, outputs: int, stride: int) -> nn.Conv2d:
        return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)

    return nn.Sequential(
        conv(3, 64, 2),
        nn.BatchNorm2d(64),
        nn.ReLU(True),
        conv(64, 64, 1),
        nn.BatchNorm2d(64),
        nn.ReLU(True),
        conv(64, 128, 1),
    )


def _mobilenet_v2(net: tv.MobileNetV2, weights: dict[str, Tensor] | None, deep_stem: bool) -> Backbone:
    no_deep_stem(deep_stem)
    load_weights(net, weights, prefix_dropped="classifier.")
    # The last 1×1 convolution (to 1280 channels) serves classification only.
    blocks = net.features
    return Backbone(blocks[0:2], [blocks[2:4], blocks[4:7], blocks[7:14], blocks[14:18]], 24, 320)


def _mobilenet_v3(net: tv.MobileNetV3, weights: dict[str, Tensor] | None, deep_stem: bool) -> Backbone:
    no_deep_stem(deep_stem)
    load_weights(net, weights, prefix_dropped="classifier.")
    blocks = net.features
    return Backbone(blocks[0:2], [blocks[2:4], blocks[4:7], blocks[7:13], blocks[13:17]], 24, 960)


def no_deep_stem(deep_stem: bool) -> None:
    """Refuse the deep stem."""
    if deep_stem:
        raise UserError("The deep stem goes with resnet50 and resnet101 only; set net.deep_stem = false.")


_BUILDERS: dict[str, Callable[..., Backbone]] = {
    "resnet18": _resnet,
    "resnet34": _resnet,
    "resnet50": _resnet,
    "resnet101": _resnet,
    "mobilenet_v2": _mobilenet_v2,
    "mobilenet_v3_large": _mobilenet_v3,
}


def build_backbone(name: str, output_stride: int, *, deep_stem: bool, weights: str) -> Backbone:
    """Build a dilated backbone.

    Args:
        name: One of `TORCHVISION`.
        output_stride: 8, 16 or 32: input pixels per feature pixel of the last stage.
        deep_stem: Use the 3×3 stem (resnet50 and resnet101 only).
        weights: "" for random, a torchvision weights name ("IMAGENET1K_V2", "DEFAULT"), or a file with a state dict.

    Raises:
        UserError: The weights cannot be had or do not fit.
    """
    net = tv.get_model(name, weights=None)
    state = read_weights(name, weights) if weights else None
    backbone = _BUILDERS[name](net, state, deep_stem)
    stages = list(backbone.stages)
    if output_stride == 8:
        _dilate(stages[-2], before=1, after=2)
        _dilate(stages[-1], before=2, after=4)
    elif output_stride == 16:
        _dilate(stages[-1], before=1, after=2)
    return backbone


def _dilate(stage: nn.Module, before: int, after: int) -> None:
    """Trade the stride of a stage for dilation, as torchvision does for bottlenecks."""
    rate = before
    for conv in stage.modules():
        if not isinstance(conv, nn.Conv2d):
            continue
        strided = conv.stride == (2, 2)
        if strided:
            conv.stride = (1, 1)
        if conv.kernel_size[0] > 1:
            rate = before if strided else after
            conv.dilation = (rate, rate)
            conv.padding = (conv.kernel_size[0] // 2 * rate,) * 2


def read_weights(name: str, weights: str) -> dict[str, Tensor]:
    """Backbone weights as a state dict, from a local file or from torchvision by name.

    Raises:
        UserError: No such file or name, no network, or the file holds no state dict.
    """
    path = Path(weights).expanduser()
    if path.is_file():
        return read_state_dict(path)
    try:
        named = tv.get_model_weights(name)
        return dict(named[weights].get_state_dict(progress=False, check_hash=True))
    except KeyError:
        names = ", ".join(weight.name for weight in tv.get_model_weights(name))
        raise UserError(
            f"net.weights = '{weights}' is neither a file nor weights of {name} (there are: {names})."
        ) from None
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"The weights {weights} of {name} cannot be downloaded ({error}); "
            "give a local file with --set net.weights=FILE, or train from scratch with --set net.weights=''."
        ) from None
