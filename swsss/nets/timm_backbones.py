"""Convolutional models of timm as dilated feature extractors."""

import math
import re
from typing import Any, cast

import torch
from torch import Tensor, nn

from swsss.errors import UserError
from swsss.nets.backbones import no_deep_stem
from swsss.nets.state_dicts import load_weights
from swsss.nets.timm_weights import create, local_weights

_LOW = 4
_PROBES = ((97, 134), (1, 1))


class TimmBackbone(nn.Module):
    """A model of timm, of whose features two are used.

    Args:
        body: What timm makes with `features_only`.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        info = cast(Any, body).feature_info
        self.strides: list[int] = info.reduction()
        # Of several at stride 4 the last, as of several at the output stride.
        self.low = max(index for index, stride in enumerate(self.strides) if stride == _LOW)
        self.low_channels: int = info.channels()[self.low]
        self.high_channels: int = info.channels()[-1]
        self.multiple = 1 if self._rounds_up() else max(self.strides)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Float [N, 3, H, W] to features at stride 4 and features at the output stride."""
        features = self.body(image)
        return features[self.low], features[-1]

    def _rounds_up(self) -> bool:
        """Whether any size will do: no padding depends on it, and odd sides are rounded up as torchvision's nets do."""
        if any(_pads_by_size(module) for module in self.body.modules()):
            return False
        strides = (_LOW, self.strides[-1])
        try:
            found = [[tuple(map.shape[2:]) for map in self._features(size)] for size in _PROBES]
        except (RuntimeError, AssertionError):
            return False
        return found == [[tuple(math.ceil(side / stride) for side in size) for stride in strides] for size in _PROBES]

    def check(self, name: str) -> None:
        """See that the features are maps of the strides and channels timm says.

        Raises:
            UserError: They are not.
        """
        side = 2 * max(self.strides)
        wanted = [(self.low_channels, side // _LOW), (self.high_channels, side // self.strides[-1])]
        try:
            found = [(map.shape[1], map.shape[2]) for map in self._features((side, side))]
        except (RuntimeError, AssertionError) as error:
            raise UserError(f"{name} cannot be used on images of other sizes than its own ({_first(error)}).") from None
        if found != wanted:
            raise UserError(f"The features of {name} are not maps at strides 4 and {self.strides[-1]}; {_OTHERS}.")

    def _features(self, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        training, device = self.training, next(self.parameters()).device
        with torch.no_grad():
            features: tuple[Tensor, Tensor] = self.eval()(torch.zeros(1, 3, *size, device=device))
        self.train(training)
        return features


_OTHERS = "choose a convolutional model or a plain ViT"


def build_timm_backbone(name: str, output_stride: int, *, deep_stem: bool, weights: str) -> TimmBackbone:
    """Cut a convolutional model of timm into features.

    Args:
        name: Of the model, with or without a tag.
        output_stride: 8, 16 or 32: input pixels per feature pixel of the last stage.
        deep_stem: Must be false.
        weights: "" for random, "pretrained", a tag of timm, or a file with timm's state dict.

    Raises:
        UserError: timm cannot make features of the model, or the weights cannot be had or do not fit.
    """
    no_deep_stem(deep_stem)
    state = local_weights(weights)
    body = _features_of(name, output_stride, "" if state is not None else weights)
    strides = cast(Any, body).feature_info.reduction()
    if _LOW not in strides:
        raise UserError(f"net.backbone = '{name}' has no features at stride 4; {_OTHERS}.")
    if strides[-1] != output_stride:
        raise UserError(f"net.output_stride = {output_stride}: {name} ends at {strides[-1]}; set that.")
    if state is not None:
        load_weights(body, _renamed(state, body), prefix_dropped=None)
    _make_static(body)
    _make_plain(body)
    backbone = TimmBackbone(body)
    backbone.check(name)
    return backbone


def _features_of(name: str, output_stride: int, weights: str) -> nn.Module:
    # timm dilates from stride 32, and some models do not know the argument.
    stride = {} if output_stride == 32 else {"output_stride": output_stride}
    try:
        return create(name, weights, features_only=True, **stride)
    except (TypeError, AssertionError, NotImplementedError, RuntimeError, AttributeError, ValueError) as error:
        if stride and _can(name):
            raise UserError(
                f"timm cannot dilate {name} to an output stride of {output_stride}; set net.output_stride = 32."
            ) from None
        raise UserError(f"timm makes no feature maps of {name} ({_first(error)}); {_OTHERS}.") from None


def _can(name: str) -> bool:
    """Whether timm makes the features we need of a model when it need not dilate."""
    try:
        with torch.device("meta"):
            strides = cast(Any, create(name, "", features_only=True)).feature_info.reduction()
    except Exception:  # whatever it raises, the answer is no
        return False
    return _LOW in strides and strides[-1] == 32


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _renamed(state: dict[str, Tensor], body: nn.Module) -> dict[str, Tensor]:
    """A model's weights under the names they have in its feature extractor, where `stages.0` is `stages_0`."""
    named = {}
    for key in body.state_dict():
        bare = re.sub(r"^(model|body)\.", "", key)
        for old in (bare, re.sub(r"_(\d+)\.", r".\1.", bare, count=1)):
            if old in state:
                named[key] = state[old]
    return named


def _make_static(module: nn.Module) -> None:
    """Give strided convolutions with TensorFlow's padding the symmetric one, which does not depend on the size.

    Of an even side TensorFlow pads only the end: its convolutions look at pixels 1, 3, 5, ... instead of 0, 2, 4, ...
    All layers of a stage shift alike, so the features are the same, seen a pixel further left and up.
    """
    for name, child in module.named_children():
        if type(child).__name__ == "Conv2dSame" and all(side % 2 for side in cast(nn.Conv2d, child).kernel_size):
            setattr(module, name, _symmetric(cast(nn.Conv2d, child)))
        else:
            _make_static(child)


def _make_plain(module: nn.Module) -> None:
    """Take timm's batch norms with activation apart, so that who replaces one does not lose the activation."""
    for name, child in module.named_children():
        if type(child).__name__ == "BatchNormAct2d":
            setattr(module, name, _taken_apart(cast(Any, child)))
        else:
            _make_plain(child)


def _taken_apart(norm: Any) -> nn.Sequential:
    plain = nn.BatchNorm2d(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    plain.to(norm.weight.device)
    plain.load_state_dict(norm.state_dict())
    return nn.Sequential(plain, norm.drop, norm.act)


def _symmetric(conv: nn.Conv2d) -> nn.Conv2d:
    made = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        cast(tuple[int, int], conv.kernel_size),
        cast(tuple[int, int], conv.stride),
        (conv.kernel_size[0] // 2 * conv.dilation[0], conv.kernel_size[1] // 2 * conv.dilation[1]),
        cast(tuple[int, int], conv.dilation),
        conv.groups,
        conv.bias is not None,
        device="meta",
    )
    made.weight, made.bias = conv.weight, conv.bias
    return made


def _pads_by_size(module: nn.Module) -> bool:
    """Whether a layer still has TensorFlow's padding: at stride 1 that is the same for all sizes."""
    if not (type(module).__name__.endswith("Same") or getattr(module, "same_pad", False)):
        return False
    stride = getattr(module, "stride", 1)
    return any(step > 1 for step in (stride if isinstance(stride, tuple) else (stride,)))
