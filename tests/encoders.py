"""Small encoders of every family of timm, with random weights that show every mistake."""

import functools
from unittest.mock import patch

import timm
import torch
from torch import nn

from swsss.nets import NetConfig, SegmentationNet, make_net

NARROW = {"aspp_channels": 8, "aspp_rates": (1, 2, 3), "shortcut_channels": 8}

TINY = {
    "vit_small_patch14_reg4_dinov2": {"depth": 2, "embed_dim": 48, "num_heads": 3, "img_size": 140},
    "vit_small_patch16_dinov3": {"depth": 2, "embed_dim": 48, "num_heads": 3},
    "deit_tiny_distilled_patch16_224": {"depth": 1, "embed_dim": 48, "num_heads": 3, "img_size": 96},
    "vit_base_patch16_siglip_224": {"depth": 1, "embed_dim": 48, "num_heads": 3, "img_size": 96},
}
"""What makes a known ViT small; everything that tells the families apart stays."""


def net_of(backbone: str, classes: int = 5, **settings: object) -> SegmentationNet:
    real, options = timm.create_model, TINY.get(backbone, {})
    with patch("timm.create_model", lambda name, **given: real(name, **given, **options)):
        return make_net(NetConfig.model_validate({"backbone": backbone, **NARROW, **settings}), classes).eval()


@functools.cache
def lively_net(backbone: str, **settings: object) -> SegmentationNet:
    """A random net whose blocks, positions and batch norms all do something."""
    torch.manual_seed(0)
    net = net_of(backbone, **settings)
    for name, values in net.named_parameters():
        # LayerScale begins at 1e-5, positions at 0.02.
        if "gamma" in name or "layer_scale" in name:
            values.data.fill_(0.5)
        if "pos_embed" in name:
            nn.init.normal_(values)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    net.train()
    with torch.no_grad():
        for _ in range(2):
            net(torch.randn(2, 3, 96, 96))
        net.classifier.weight.mul_(3)
        net.classifier.bias.zero_()
    return net.eval()
