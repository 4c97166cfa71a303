"""From settings to a net."""

from swsss.errors import UserError
from swsss.nets.config import NetConfig
from swsss.nets.deeplab import DeepLabV3Plus
from swsss.nets.names import TORCHVISION
from swsss.nets.net import SegmentationNet
from swsss.nets.patch_net import PatchNet
from swsss.nets.vit import is_plain_vit


def make_net(config: NetConfig, num_classes: int, *, weights: str = "") -> SegmentationNet:
    """A net of the family its encoder belongs to: random, or with the encoder's `weights`.

    Raises:
        UserError: The weights cannot be had or do not fit, or the encoder cannot be cut into features.
    """
    if config.backbone in TORCHVISION or not is_plain_vit(config.backbone):
        return DeepLabV3Plus(config, num_classes, weights=weights)
    if config.deep_stem:
        raise UserError(f"net.deep_stem has no meaning for the ViT {config.backbone}; set net.deep_stem = false.")
    return PatchNet(config, num_classes, weights=weights)


def build_net(config: NetConfig, num_classes: int) -> SegmentationNet:
    """A net ready for training: the encoder from `config.weights`, the rest freshly drawn.

    Raises:
        UserError: As `make_net`.
    """
    return make_net(config, num_classes, weights=config.weights)
