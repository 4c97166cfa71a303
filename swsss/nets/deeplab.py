"""DeepLabV3+ (Chen et al., Encoder-Decoder with Atrous Separable Convolution, ECCV 2018)."""

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional as F

from swsss.nets.backbones import build_backbone

BackboneName = Literal["resnet18", "resnet34", "resnet50", "resnet101", "mobilenet_v2", "mobilenet_v3_large"]


class NetConfig(BaseModel):
    """Everything that decides the shape of a net, and the weights it starts from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backbone: BackboneName = "resnet101"
    weights: str = Field("", description="torchvision weights name, file with a state dict, or '' for random")
    output_stride: Literal[8, 16] = 16
    deep_stem: bool = False
    aspp_channels: int = Field(256, ge=8)
    aspp_rates: tuple[int, int, int] = (6, 12, 18)
    shortcut_channels: int = Field(48, ge=1)
    shortcut_kernel: Literal[1, 3] = 3
    separable: bool = Field(False, description="depthwise separable 3×3 convolutions in ASPP and decoder")
    dropout: float = Field(0.5, ge=0, lt=1)


def conv_bn_relu(
    inputs: int, outputs: int, kernel: int = 1, dilation: int = 1, *, separable: bool = False
) -> nn.Sequential:
    """Convolution without bias, batch norm, ReLU; the spatial size stays."""
    padding = kernel // 2 * dilation
    if separable and kernel > 1:
        depthwise = nn.Conv2d(inputs, inputs, kernel, padding=padding, dilation=dilation, groups=inputs, bias=False)
        pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        return nn.Sequential(depthwise, pointwise, nn.BatchNorm2d(outputs), nn.ReLU(True))
    conv = nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(True))


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: a 1×1 branch, three dilated 3×3 branches and the image mean, joined by a 1×1."""

    def __init__(self, inputs: int, config: NetConfig) -> None:
        super().__init__()
        outputs = config.aspp_channels
        branches = [conv_bn_relu(inputs, outputs)]
        branches += [conv_bn_relu(inputs, outputs, 3, rate, separable=config.separable) for rate in config.aspp_rates]
        self.branches = nn.ModuleList(branches)
        self.pool = conv_bn_relu(inputs, outputs)
        self.project = nn.Sequential(*conv_bn_relu(5 * outputs, outputs), nn.Dropout(config.dropout))

    def forward(self, features: Tensor) -> Tensor:
        """[N, inputs, h, w] to [N, aspp_channels, h, w]."""
        mean = self.pool(features.mean((2, 3), keepdim=True)).expand(-1, -1, *features.shape[2:])
        joined: Tensor = self.project(torch.cat([*(branch(features) for branch in self.branches), mean], 1))
        return joined


class DeepLabV3Plus(nn.Module):
    """DeepLabV3+ whose forward ends at stride 4.

    The upsampling to the image belongs to the caller, because only the candidate channels need it.

    Args:
        config: Shape of the net; `config.weights` is not read here.
        num_classes: Output channels, background included.
    """

    def __init__(self, config: NetConfig, num_classes: int, *, weights: str = "") -> None:
        super().__init__()
        self.config = config
        self.num_classes = num_classes
        self.backbone = build_backbone(
            config.backbone, config.output_stride, deep_stem=config.deep_stem, weights=weights
        )
        self.aspp = ASPP(self.backbone.high_channels, config)
        self.shortcut = conv_bn_relu(self.backbone.low_channels, config.shortcut_channels, config.shortcut_kernel)
        channels = config.aspp_channels
        self.decoder = nn.Sequential(
            conv_bn_relu(channels + config.shortcut_channels, channels, 3, separable=config.separable),
            conv_bn_relu(channels, channels, 3, separable=config.separable),
        )
        self.classifier = nn.Conv2d(channels, num_classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Normalised float [N, 3, H, W] to logits [N, C, ceil(H/4), ceil(W/4)]."""
        low, high = self.backbone(image)
        shortcut = self.shortcut(low)
        logits: Tensor = self.classifier(
            self.decoder(torch.cat([upsample(self.aspp(high), shortcut.shape[2:]), shortcut], 1))
        )
        return logits


def upsample(values: Tensor, size: torch.Size | tuple[int, int]) -> Tensor:
    """Bilinear to `size` (H, W) with aligned corners, as the authors do everywhere."""
    return F.interpolate(values, size=tuple(size), mode="bilinear", align_corners=True)


def build_net(config: NetConfig, num_classes: int) -> DeepLabV3Plus:
    """A net ready for training: the backbone from `config.weights`, the rest freshly drawn.

    Raises:
        UserError: The backbone weights cannot be had or do not fit.
    """
    return DeepLabV3Plus(config, num_classes, weights=config.weights)
