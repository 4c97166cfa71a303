"""Segmentation nets."""

from swsss.nets.build import build_net, make_net
from swsss.nets.config import NetConfig
from swsss.nets.deeplab import DeepLabV3Plus
from swsss.nets.net import SegmentationNet

__all__ = ["DeepLabV3Plus", "NetConfig", "SegmentationNet", "build_net", "make_net"]
