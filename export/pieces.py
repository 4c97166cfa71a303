"""The parts of a net whose nodes do not depend on the size of the image, as ONNX by torch's exporter.

An encoder and a decoder hold all the convolutions. What has to know sizes (resizing, the candidates) stands between
and behind them, in `envelope`. Exported so, torch needs no symbolic shapes: seconds instead of a minute.
"""

import copy
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import cast

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from swsss.errors import UserError
from swsss.nets import DeepLabV3Plus, SegmentationNet
from swsss.nets.net import gate_of
from swsss.nets.patch_net import PatchNet

OPSET = 18


class Encoder(nn.Module):
    """Normalised image [N, 3, H, W] to the decoder's two inputs: shortcut at stride 4, context at the output stride."""

    def __init__(self, net: DeepLabV3Plus) -> None:
        super().__init__()
        self.net = net
        self.backbone, self.shortcut, self.aspp = net.backbone, net.shortcut, SizelessASPP(net)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return shortcut and context."""
        low, high = self.backbone(image)
        return self.shortcut(low), _with_gate(self.net, self.aspp(high), high)


class PatchEncoder(nn.Module):
    """Normalised image [N, 3, H, W] of whole patches to the context that is upsampled."""

    def __init__(self, net: PatchNet) -> None:
        super().__init__()
        self.net, self.project = net, net.project

    def forward(self, image: Tensor) -> Tensor:
        """Return the context, one place a patch."""
        features = self.net.backbone(image)
        return _with_gate(self.net, self.project(features), features)


def _with_gate(net: SegmentationNet, context: Tensor, features: Tensor) -> Tensor:
    """The context and, of a net that its tags gate, what they add to each class: C channels, the same at every place.

    So the gate passes the graph as features do, through the resizing, which does not change what is the same
    everywhere, to a classifier that adds it.
    """
    if net.tag_head is None or not net.config.gate:
        return context
    gate = gate_of(net.tag_head(features)).to(context.dtype)
    # Spread by adding it to zeros of the context's size, which the graph does not know.
    return torch.cat([context, gate + 0 * context[:, :1]], 1)


class GatedDecoder(nn.Module):
    """A decoder past which the gate of `_with_gate` goes: [context, gate, shortcut] to [features, gate]."""

    def __init__(self, net: SegmentationNet, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder
        self.context, self.gate = net.config.aspp_channels, net.num_classes

    def forward(self, joined: Tensor) -> Tensor:
        """[N, context + gate + shortcut, h, w] to [N, features + gate, h, w]."""
        context, gate, shortcut = joined.tensor_split((self.context, self.context + self.gate), 1)
        return torch.cat([self.decoder(torch.cat([context, shortcut], 1)), gate], 1)


def classifier_of(net: SegmentationNet) -> tuple[Tensor, Tensor]:
    """Weight [C, F, 1, 1] and bias [C] of the classifier behind the decoder, which adds the gate if there is one."""
    weight, bias = net.classifier.weight.detach(), net.classifier.bias
    assert bias is not None, "the classifier has a bias"
    if net.config.gate and net.tag_head is not None:
        weight = torch.cat([weight, torch.eye(net.num_classes)[:, :, None, None]], 1)
    return weight, bias.detach()


class SizelessASPP(nn.Module):
    """`ASPP` without spreading the image mean over the map: its share of the projection is added by broadcasting."""

    def __init__(self, net: DeepLabV3Plus) -> None:
        super().__init__()
        self.branches, self.pool = net.aspp.branches, net.aspp.pool
        joined = cast(nn.Conv2d, net.aspp.project[0])
        spatial = joined.in_channels - net.config.aspp_channels
        self.spatial = nn.Conv2d(spatial, joined.out_channels, 1)
        self.mean = nn.Conv2d(net.config.aspp_channels, joined.out_channels, 1, bias=False)
        assert joined.bias is not None, "batch norm is folded before"
        self.spatial.weight.data, self.mean.weight.data = joined.weight[:, :spatial], joined.weight[:, spatial:]
        self.spatial.bias = joined.bias

    def forward(self, features: Tensor) -> Tensor:
        """[N, inputs, h, w] to [N, aspp_channels, h, w]."""
        mean = self.mean(self.pool(features.mean((2, 3), keepdim=True)))
        return torch.relu(self.spatial(torch.cat([branch(features) for branch in self.branches], 1)) + mean)


@dataclass(frozen=True)
class Piece:
    """Nodes and weights of a module, cleaned of everything that is not computing."""

    graph: onnx.GraphProto

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs."""
        return [value.name for value in self.graph.input]

    @property
    def outputs(self) -> list[str]:
        """Names of the outputs."""
        return [value.name for value in self.graph.output]


def net_pieces(net: SegmentationNet, *, half: bool) -> tuple[Piece, Piece]:
    """Encoder and decoder of a net, batch norm folded into the convolutions.

    The attention of a ViT has to know how many patches there are: its encoder is exported with symbolic sizes.

    Args:
        net: In evaluation mode; not changed.
        half: Compute in float16.

    Raises:
        UserError: torch cannot export the encoder.
    """
    net = copy.deepcopy(net).eval()
    fold_batch_norm(net)
    dtype = torch.float16 if half else torch.float32
    try:
        if isinstance(net, PatchNet):
            return _patch_pieces(net, dtype)
        assert isinstance(net, DeepLabV3Plus), "there is no third family"
        return _convolutional_pieces(net, dtype)
    except torch.onnx.OnnxExporterError as error:
        raise UserError(
            f"torch {torch.__version__} cannot export the encoder {net.config.backbone} ({_first(error)}); "
            "choose another net.backbone."
        ) from None


def _first(error: Exception) -> str:
    cause = error.__cause__ or error
    return (str(cause).splitlines() or [type(cause).__name__])[0].rstrip(".")


def _patch_pieces(net: PatchNet, dtype: torch.dtype) -> tuple[Piece, Piece]:
    encoder, decoder = PatchEncoder(net).to(dtype), _decoder_of(net, net.decoder).to(dtype)
    # No side is 1 or equal to another: of such sizes the exporter would think that they are always so.
    rows, columns = 3 * net.multiple, 5 * net.multiple
    channels = net.config.aspp_channels + (net.num_classes if isinstance(decoder, GatedDecoder) else 0)
    context = torch.zeros(1, channels, 16, 24, dtype=dtype)
    return _piece(encoder, torch.zeros(2, 3, rows, columns, dtype=dtype), free=(0, 2, 3)), _piece(decoder, context)


def _convolutional_pieces(net: DeepLabV3Plus, dtype: torch.dtype) -> tuple[Piece, Piece]:
    encoder, decoder = Encoder(net).to(dtype), _decoder_of(net, net.decoder).to(dtype)
    image = torch.zeros(1, 3, 64, 96, dtype=dtype)
    with torch.no_grad():
        shortcut, context = encoder(image)
    joined = torch.zeros(1, shortcut.shape[1] + context.shape[1], *shortcut.shape[2:], dtype=dtype)
    return _piece(encoder, image), _piece(decoder, joined)


def _decoder_of(net: SegmentationNet, decoder: nn.Module) -> nn.Module:
    return GatedDecoder(net, decoder) if net.config.gate and net.tag_head is not None else decoder


def fold_batch_norm(module: nn.Module) -> None:
    """Fold every batch norm that follows a convolution into it, in place."""
    previous = ""
    for name, child in list(module.named_children()):
        before = getattr(module, previous) if previous else None
        if isinstance(child, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            setattr(module, previous, fuse_conv_bn_eval(before, child))
            setattr(module, name, nn.Identity())
        else:
            fold_batch_norm(child)
        previous = name


def _piece(module: nn.Module, example: Tensor, free: Sequence[int] = ()) -> Piece:
    """Export a module; the dimensions `free` of its input become symbolic."""
    shapes = (dict.fromkeys(free, torch.export.Dim.DYNAMIC),) if free else None
    with _quiet():
        program = torch.onnx.export(
            module.eval(),
            (example,),
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            verbose=False,
            dynamic_shapes=shapes,
        )
    assert program is not None
    graph = program.model_proto.graph
    for value in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        # Stack traces with paths of this machine.
        value.ClearField("doc_string")
        if not isinstance(value, onnx.TensorProto):
            value.ClearField("metadata_props")
    return Piece(graph)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's progress and its advice to developers off the user's terminal."""
    level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
