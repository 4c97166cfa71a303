"""The authors' released checkpoints (YudeWang/Learning-Pseudo-Label, model zoo) in our net."""

import re
from pathlib import Path

from pydantic import ValidationError
from torch import Tensor

from swsss.data.classes import VOC_NAMES, ClassTable
from swsss.errors import UserError
from swsss.nets.config import NetConfig
from swsss.nets.deeplab import DeepLabV3Plus
from swsss.nets.state_dicts import read_state_dict

# Their parameter names -> ours, first match wins.
_NAMES = [
    (r"backbone\.conv1\.", "backbone.stem.0."),
    (r"backbone\.bn1\.", "backbone.stem.1."),
    (r"backbone\.layer1\.", "backbone.stages.0."),
    (r"backbone\.layer2\.", "backbone.stages.1."),
    (r"backbone\.layer3\.", "backbone.stages.2."),
    (r"backbone\.layer4\.", "backbone.stages.3."),
    (r"aspp\.branch1\.", "aspp.branches.0."),
    (r"aspp\.branch2\.", "aspp.branches.1."),
    (r"aspp\.branch3\.", "aspp.branches.2."),
    (r"aspp\.branch4\.", "aspp.branches.3."),
    (r"aspp\.branch5_conv\.", "aspp.pool.0."),
    (r"aspp\.branch5_bn\.", "aspp.pool.1."),
    (r"aspp\.conv_cat\.", "aspp.project."),
    (r"shortcut_conv\.", "shortcut."),
    (r"cat_conv\.([012])\.", r"decoder.0.\1."),
    (r"cat_conv\.3\.", "decoder.1.0."),
    (r"cat_conv\.4\.", "decoder.1.1."),
    (r"cls_conv\.", "classifier."),
]

# Blocks of the third stage tell the depth.
_DEPTHS = {6: "resnet50", 23: "resnet101"}


def load_authors(path: Path) -> tuple[DeepLabV3Plus, ClassTable]:
    """Load a state dict of the authors' `deeplabv3plus`.

    The file does not say its classes: 21 are taken to be VOC's, any other number gets the names class_1, class_2, ...

    Returns:
        The net, float32 on the CPU, and its classes.

    Raises:
        UserError: The file is no such state dict.
    """
    state = {_rename(key): value for key, value in read_state_dict(path).items()}
    config = _config(path, state)
    net = DeepLabV3Plus(config, len(state["classifier.weight"]))
    missing = [key for key in net.state_dict() if key not in state and not key.endswith("num_batches_tracked")]
    if missing:
        raise UserError(f"{path} lacks {len(missing)} tensors of a DeepLabV3+ (first: {missing[0]}).")
    try:
        net.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise UserError(
            f"{path} does not fit a DeepLabV3+ of the authors: {str(error).splitlines()[-1].strip()}."
        ) from None
    return net, _classes(net.num_classes)


def _rename(key: str) -> str:
    for theirs, ours in _NAMES:
        if re.match(theirs, key):
            return re.sub(theirs, ours, key, count=1)
    return key


def _config(path: Path, state: dict[str, Tensor]) -> NetConfig:
    blocks = {key.split(".")[3] for key in state if key.startswith("backbone.stages.2.")}
    if len(blocks) not in _DEPTHS or "classifier.weight" not in state or "shortcut.0.weight" not in state:
        raise UserError(f"{path} is not a DeepLabV3+ checkpoint of the authors' code (ResNet-50 or -101).")
    shortcut = state["shortcut.0.weight"]
    try:
        return NetConfig(
            backbone=_DEPTHS[len(blocks)],
            output_stride=8,
            deep_stem="backbone.stem.0.0.weight" in state,
            aspp_channels=state["classifier.weight"].shape[1],
            shortcut_channels=shortcut.shape[0],
            shortcut_kernel=shortcut.shape[-1],
        )
    except (IndexError, ValidationError):
        raise UserError(
            f"{path} does not fit a DeepLabV3+ of the authors: its classifier or shortcut has another shape."
        ) from None


def _classes(count: int) -> ClassTable:
    if count == len(VOC_NAMES):
        return ClassTable(tuple(VOC_NAMES))
    return ClassTable(("background", *(f"class_{index}" for index in range(1, count))))
