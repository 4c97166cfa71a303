"""One ONNX graph from the envelope and the nets' pieces."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnx.parser
from onnx import numpy_helper

from swsss.export.decision import Decision
from swsss.export.envelope import Layout, envelope
from swsss.export.pieces import OPSET, Piece, classifier_of, net_pieces
from swsss.nets import DeepLabV3Plus, SegmentationNet
from swsss.predict import Views

IR_VERSION = 10
"""Read by ONNX Runtime 1.18 and newer."""


def assemble(
    nets: Sequence[SegmentationNet], views: Views, max_side: int, *, half: bool, decision: Decision
) -> onnx.ModelProto:
    """Build the ONNX model of `LabelGraph`, without metadata.

    Args:
        nets: In evaluation mode; not changed.
        views: Test-time augmentation.
        max_side: See `LabelGraph`.
        half: Encoders and decoders in float16.
        decision: How scores become mask and confidence.
    """
    text = envelope([_layout(net) for net in nets], views.scales, flip=views.flip, half=half, decision=decision)
    graph = onnx.parser.parse_graph(text)
    weights: dict[str, npt.NDArray[np.generic]] = {
        "mean": np.array(nets[0].mean, np.float32) * 255,
        "variance": np.ones(3, np.float32),
        "scale": 1 / (np.array(nets[0].std, np.float32) * 255),
        "offset": np.zeros(3, np.float32),
        "max_side": np.array([max_side], np.int64),
        **decision.weights(nets[0].num_classes),
    }
    pieces: dict[str, Piece] = {}
    for index, net in enumerate(nets):
        pieces[f"encoder{index}"], pieces[f"decoder{index}"] = net_pieces(net, half=half)
        weight, bias = (values.numpy() for values in classifier_of(net))
        weights[f"head{index}_weight"] = weight[:, :, 0, 0] if decision.gathered else weight
        weights[f"head{index}_bias"] = bias
    graph.initializer.extend(numpy_helper.from_array(values, name) for name, values in weights.items())
    _splice(graph, pieces)
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="swsss")


def _layout(net: SegmentationNet) -> Layout:
    deeplab = isinstance(net, DeepLabV3Plus)
    return Layout(net.multiple, shortcut=deeplab, corners=deeplab and net.multiple == 1)


def _splice(graph: onnx.GraphProto, pieces: Mapping[str, Piece]) -> None:
    """Put the nodes of each piece where the envelope names it; its weights are there once, however often it is used."""
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes += _renamed(node, pieces[node.op_type]) if node.domain == "swsss" else [node]
    for name, piece in pieces.items():
        for weight in piece.graph.initializer:
            copied = graph.initializer.add()
            copied.CopyFrom(weight)
            copied.name = f"{name}/{weight.name}"
    for node in nodes:
        node.name = node.output[0]  # a stable name that says what it is
    del graph.node[:]
    graph.node.extend(nodes)


def _renamed(place: onnx.NodeProto, piece: Piece) -> list[onnx.NodeProto]:
    names = {weight.name: f"{place.op_type}/{weight.name}" for weight in piece.graph.initializer}
    names |= dict(zip(piece.inputs, place.input, strict=True)) | dict(zip(piece.outputs, place.output, strict=True))
    renamed = []
    for node in piece.graph.node:
        copied = onnx.NodeProto()
        copied.CopyFrom(node)
        for field in (copied.input, copied.output):
            field[:] = [names.get(name, f"{place.output[0]}/{name}") if name else "" for name in field]
        renamed.append(copied)
    return renamed
