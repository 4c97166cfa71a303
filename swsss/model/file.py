"""Model files: reading what an ONNX file says of itself, and writing it so that equal models give equal bytes."""

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from swsss.errors import UserError
from swsss.model.info import KEY, ModelInfo, parse_info

_NO_MODEL = "is not a whole ONNX file; make one with swsss-export CHECKPOINT --out model.onnx."


def pack(model: onnx.ModelProto, info: ModelInfo) -> bytes:
    """The bytes of a model file: what nothing reads is dropped, the description goes in, the order is fixed."""
    _drop_unused(model.graph)
    onnx.helper.set_model_props(model, {KEY: info.model_dump_json()})
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def read_info(path: Path) -> ModelInfo:
    """What an ONNX model file says of itself.

    Raises:
        UserError: It is missing, cut short, not ours, or of a newer format.
    """
    if not path.is_file():
        raise UserError(f"There is no model file {path}.")
    try:
        # Told, because of a name such as model.json onnx would conclude another format.
        model = onnx.load(path, format="protobuf", load_external_data=False)
    except OSError as error:
        raise UserError(f"The model file {path} cannot be read: {error.strerror}.") from None
    except DecodeError:
        raise UserError(f"{path} {_NO_MODEL}") from None
    return parse_info({entry.key: entry.value for entry in model.metadata_props}.get(KEY), str(path))


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Remove nodes whose outputs nothing reads, last first, and then the weights nothing reads."""
    needed = {value.name for value in graph.output}
    kept: list[onnx.NodeProto] = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    weights = [weight for weight in graph.initializer if weight.name in needed]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(weights)
