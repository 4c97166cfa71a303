"""Segmentation nets."""

from swsss.nets.deeplab import DeepLabV3Plus, NetConfig, build_net

__all__ = ["DeepLabV3Plus", "NetConfig", "build_net"]
