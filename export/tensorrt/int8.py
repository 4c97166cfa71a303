"""INT8 for TensorRT, which knows only symmetric int8: ONNX Runtime's asymmetric uint8 graph rewritten."""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

_LARGEST = 127
_LIMITS = {np.dtype(np.uint8): (0, 255), np.dtype(np.int8): (-128, 127)}

Values = npt.NDArray[np.generic]


def symmetric(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite a quantised model so that activations are symmetric int8 and biases float32.

    The ranges stay those that were calibrated, so the steps of what is never negative become twice as wide. TensorRT
    refuses other zero points than 0, takes uint8 for int8 without a word, which cuts the upper half of the range off,
    and has no int32 biases.

    Args:
        model: QDQ as `quantise` writes it; not changed.
    """
    rewriter = _Rewriter(model.graph)
    rewritten = onnx.ModelProto()
    rewritten.CopyFrom(model)
    del rewritten.graph.node[:]
    for node in model.graph.node:
        rewritten.graph.node.extend(rewriter.rewrite(node))
    used = {name for node in rewritten.graph.node for name in node.input}
    del rewritten.graph.initializer[:]
    rewritten.graph.initializer.extend(weight for weight in rewriter.weights() if weight.name in used)
    onnx.checker.check_model(rewritten)
    return rewritten


class _Rewriter:
    """Rewrites node by node, and collects the weights the new nodes need."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph
        self.values = {weight.name: weight for weight in graph.initializer}
        self.new: dict[str, Values] = {}

    def weights(self) -> list[onnx.TensorProto]:
        """Old and new ones."""
        return [*self.graph.initializer, *(numpy_helper.from_array(value, name) for name, value in self.new.items())]

    def rewrite(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """The nodes that take the place of one."""
        if node.op_type not in {"QuantizeLinear", "DequantizeLinear"}:
            return [node]
        scale, zero = (numpy_helper.to_array(self.values[name]) for name in node.input[1:3])
        if zero.dtype == np.int32:
            return self._fold_bias(node, scale)
        if zero.dtype not in _LIMITS or (zero.dtype == np.int8 and not zero.any()):
            return [node]
        lowest, highest = ((limit - zero.astype(np.float64)) * scale for limit in _LIMITS[zero.dtype])
        moved = onnx.NodeProto()
        moved.CopyFrom(node)
        moved.input[1], moved.input[2] = f"{node.input[1]}/symmetric", f"{node.input[2]}/symmetric"
        self.new[moved.input[1]] = (np.maximum(-lowest, highest) / _LARGEST).astype(scale.dtype)
        self.new[moved.input[2]] = np.zeros_like(zero, np.int8)
        if node.op_type == "DequantizeLinear" or lowest.any():
            return [moved]
        # The quantiser drops a ReLU before values that cannot be negative: here they could be.
        positive = f"{node.output[0]}/positive"
        relu = onnx.helper.make_node("Relu", [node.input[0]], [positive], name=positive)
        moved.input[0] = positive
        return [relu, moved]

    def _fold_bias(self, node: onnx.NodeProto, scale: Values) -> list[onnx.NodeProto]:
        steps = numpy_helper.to_array(self.values[node.input[0]])
        self.new[node.output[0]] = (steps * scale.astype(np.float64)).astype(np.float32)
        return []
