"""For test_authors.py: the authors' DeepLabV3+ as a function of a state dict with their names.

Written from the architecture's description (dilated ResNet at stride 8, ASPP, 3×3 shortcut, two 3×3 convolutions,
aligned corners) with torch's functions alone, so that it needs no net of ours and none of theirs.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]

BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}

Layer = tuple[str, str, int, int, int]
"""Names of a convolution and of its batch norm, channels in and out, kernel."""


def make_state(depth: int, classes: int, *, aspp: int = 256, shortcut: int = 48, deep: bool = True) -> State:
    """Random weights under the authors' names; batch statistics far from those of a fresh net."""
    generator = torch.Generator().manual_seed(depth + classes)
    state: State = {}
    for name, norm, inputs, outputs, kernel in [*_backbone(depth, deep), *_head(aspp, shortcut)]:
        spread = (2 / (inputs * kernel * kernel)) ** 0.5
        state[f"{name}.weight"] = torch.randn(outputs, inputs, kernel, kernel, generator=generator) * spread
        # Small residuals keep the features of 33 blocks in range.
        scale = 0.15 if norm.endswith("bn3") else 1.0
        state[f"{norm}.weight"] = (torch.rand(outputs, generator=generator) + 0.5) * scale
        state[f"{norm}.bias"] = torch.randn(outputs, generator=generator) * 0.2
        state[f"{norm}.running_mean"] = torch.randn(outputs, generator=generator) * 0.2
        state[f"{norm}.running_var"] = torch.rand(outputs, generator=generator) + 0.5
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)
    state["cls_conv.weight"] = torch.randn(classes, aspp, 1, 1, generator=generator) * 0.03
    state["cls_conv.bias"] = torch.randn(classes, generator=generator) * 0.1
    return state


def _backbone(depth: int, deep: bool) -> Iterator[Layer]:
    if deep:
        yield "backbone.conv1.0", "backbone.conv1.1", 3, 64, 3
        yield "backbone.conv1.3", "backbone.conv1.4", 64, 64, 3
        yield "backbone.conv1.6", "backbone.bn1", 64, 128, 3
    else:
        yield "backbone.conv1", "backbone.bn1", 3, 64, 7
    channels = 128 if deep else 64
    for stage, blocks in enumerate(BLOCKS[depth]):
        width = 64 * 2**stage
        for block in range(blocks):
            name = f"backbone.layer{stage + 1}.{block}"
            yield f"{name}.conv1", f"{name}.bn1", channels, width, 1
            yield f"{name}.conv2", f"{name}.bn2", width, width, 3
            yield f"{name}.conv3", f"{name}.bn3", width, 4 * width, 1
            if block == 0:
                yield f"{name}.downsample.0", f"{name}.downsample.1", channels, 4 * width, 1
            channels = 4 * width


def _head(aspp: int, shortcut: int) -> Iterator[Layer]:
    for branch, kernel in enumerate((1, 3, 3, 3), 1):
        yield f"aspp.branch{branch}.0", f"aspp.branch{branch}.1", 2048, aspp, kernel
    yield "aspp.branch5_conv", "aspp.branch5_bn", 2048, aspp, 1
    yield "aspp.conv_cat.0", "aspp.conv_cat.1", 5 * aspp, aspp, 1
    yield "shortcut_conv.0", "shortcut_conv.1", 256, shortcut, 3
    yield "cat_conv.0", "cat_conv.1", aspp + shortcut, aspp, 3
    yield "cat_conv.3", "cat_conv.4", aspp, aspp, 3


class _Net:
    def __init__(self, state: State) -> None:
        self.state = state

    def layer(self, x: Tensor, name: str, norm: str, stride: int = 1, dilation: int = 1) -> Tensor:
        """Convolution and batch norm, without ReLU."""
        weight = self.state[f"{name}.weight"]
        x = F.conv2d(x, weight, None, stride, weight.shape[-1] // 2 * dilation, dilation)
        mean, variance, scale, bias = (
            self.state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return F.batch_norm(x, mean, variance, scale, bias, eps=1e-5)

    def stem(self, x: Tensor) -> Tensor:
        if "backbone.conv1.weight" in self.state:
            x = self.layer(x, "backbone.conv1", "backbone.bn1", 2)
        else:
            x = self.layer(x, "backbone.conv1.0", "backbone.conv1.1", 2).relu()
            x = self.layer(x, "backbone.conv1.3", "backbone.conv1.4").relu()
            x = self.layer(x, "backbone.conv1.6", "backbone.bn1")
        return F.max_pool2d(x.relu(), 3, 2, 1)

    def stage(self, x: Tensor, name: str, stride: int, first: int, rest: int) -> Tensor:
        """The first block strides, and still has the dilation of the stage before."""
        x = self.block(x, f"{name}.0", stride, first)
        index = 1
        while f"{name}.{index}.conv1.weight" in self.state:
            x = self.block(x, f"{name}.{index}", 1, rest)
            index += 1
        return x

    def block(self, x: Tensor, name: str, stride: int, dilation: int) -> Tensor:
        y = self.layer(x, f"{name}.conv1", f"{name}.bn1").relu()
        y = self.layer(y, f"{name}.conv2", f"{name}.bn2", stride, dilation).relu()
        y = self.layer(y, f"{name}.conv3", f"{name}.bn3")
        if f"{name}.downsample.0.weight" in self.state:
            x = self.layer(x, f"{name}.downsample.0", f"{name}.downsample.1", stride)
        return (x + y).relu()

    def aspp(self, x: Tensor) -> Tensor:
        rates = {1: 1, 2: 6, 3: 12, 4: 18}
        parts = [self.layer(x, f"aspp.branch{n}.0", f"aspp.branch{n}.1", 1, rate).relu() for n, rate in rates.items()]
        mean = self.layer(x.mean((2, 3), keepdim=True), "aspp.branch5_conv", "aspp.branch5_bn").relu()
        joined = torch.cat([*parts, mean.expand_as(parts[0])], 1)
        return self.layer(joined, "aspp.conv_cat.0", "aspp.conv_cat.1").relu()


def reference_logits(state: State, image: Tensor) -> Tensor:
    """Logits at the size of the image, as their net gives them in evaluation mode: float [N, C, H, W]."""
    net = _Net(state)
    low = net.stage(net.stem(image), "backbone.layer1", 1, 1, 1)
    high = net.stage(low, "backbone.layer2", 2, 1, 1)
    high = net.stage(high, "backbone.layer3", 1, 1, 2)
    high = net.stage(high, "backbone.layer4", 1, 2, 4)
    shortcut = net.layer(low, "shortcut_conv.0", "shortcut_conv.1").relu()
    high = _upsample(net.aspp(high), shortcut.shape[2:])
    x = net.layer(torch.cat([high, shortcut], 1), "cat_conv.0", "cat_conv.1").relu()
    x = net.layer(x, "cat_conv.3", "cat_conv.4").relu()
    return _upsample(F.conv2d(x, state["cls_conv.weight"], state["cls_conv.bias"]), image.shape[2:])


def _upsample(x: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)
