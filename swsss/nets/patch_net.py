"""A plain ViT with a light head."""

import math

from torch import Tensor, nn
from torch.nn import functional as F

from swsss.nets.config import NetConfig
from swsss.nets.deeplab import conv_bn_relu
from swsss.nets.net import STRIDE, SegmentationNet
from swsss.nets.vit import build_vit


class PatchNet(SegmentationNet):
    """The patch features of a ViT, projected by a 1×1 convolution, upsampled to stride 4, and joined by a 3×3 one.

    A ViT sees the whole image in every block, so ASPP would bring nothing; and its features are as fine in the first
    block as in the last, so there is nothing to take a shortcut from.

    Args:
        config: Shape of the net: of its fields for the decoder, `aspp_channels`, `separable` and `dropout` are used.
        num_classes: Output channels, background included.
        weights: Of the encoder; `config.weights` is not read here.
    """

    def __init__(self, config: NetConfig, num_classes: int, *, weights: str = "") -> None:
        backbone = build_vit(config.backbone, weights)
        # Whole patches, and whole cells of stride 4: of 14 pixels every second patch begins on such a cell.
        super().__init__(config, num_classes, math.lcm(backbone.patch, STRIDE))
        self.backbone = backbone
        # A number for each head and pair of patches.
        self.attention = backbone.heads / backbone.patch**4
        channels = config.aspp_channels
        self.project = nn.Sequential(*conv_bn_relu(backbone.channels, channels), nn.Dropout(config.dropout))
        self.decoder = conv_bn_relu(channels, channels, 3, separable=config.separable)
        self.classifier = nn.Conv2d(channels, num_classes, 1)
        self.finish(backbone.channels)

    def logits(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """See `SegmentationNet.logits`."""
        features = self.backbone(image)
        context = self.project(features)
        size = (image.shape[2] // STRIDE, image.shape[3] // STRIDE)
        return self.classifier(self.decoder(F.interpolate(context, size=size, mode="bilinear"))), features
