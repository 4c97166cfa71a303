"""DeepLabV3+ (Chen et al., Encoder-Decoder with Atrous Separable Convolution, ECCV 2018)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swsss.nets.backbones import build_backbone
from swsss.nets.config import NetConfig
from swsss.nets.names import TORCHVISION
from swsss.nets.net import SegmentationNet
from swsss.nets.timm_backbones import build_timm_backbone


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


class DeepLabV3Plus(SegmentationNet):
    """DeepLabV3+ over a convolutional encoder.

    Args:
        config: Shape of the net; `config.weights` is not read here.
        num_classes: Output channels, background included.
        weights: Of the encoder.
    """

    def __init__(self, config: NetConfig, num_classes: int, *, weights: str = "") -> None:
        build = build_backbone if config.backbone in TORCHVISION else build_timm_backbone
        backbone = build(config.backbone, config.output_stride, deep_stem=config.deep_stem, weights=weights)
        super().__init__(config, num_classes, backbone.multiple)
        self.backbone = backbone
        self.aspp = ASPP(backbone.high_channels, config)
        self.shortcut = conv_bn_relu(backbone.low_channels, config.shortcut_channels, config.shortcut_kernel)
        channels = config.aspp_channels
        self.decoder = nn.Sequential(
            conv_bn_relu(channels + config.shortcut_channels, channels, 3, separable=config.separable),
            conv_bn_relu(channels, channels, 3, separable=config.separable),
        )
        self.classifier = nn.Conv2d(channels, num_classes, 1)
        self.finish(backbone.high_channels)

    @property
    def corners(self) -> bool:
        """Whether the corner features of both strides see the same pixels.

        Overlapping convolutions with symmetric padding look at pixels 0, s, 2 s, ...; patches, which need padding to a
        multiple of their side, lie beside each other like the pixels of a smaller image.
        """
        return self.multiple == 1

    def logits(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """See `SegmentationNet.logits`."""
        low, high = self.backbone(image)
        shortcut = self.shortcut(low)
        context = F.interpolate(self.aspp(high), size=shortcut.shape[2:], mode="bilinear", align_corners=self.corners)
        return self.classifier(self.decoder(torch.cat([context, shortcut], 1))), high


def upsample(values: Tensor, size: torch.Size | tuple[int, int]) -> Tensor:
    """Bilinear to `size` (H, W) with aligned corners, as the authors do everywhere."""
    return F.interpolate(values, size=tuple(size), mode="bilinear", align_corners=True)
