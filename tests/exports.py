"""For test_export_*.py: nets, exports without the seconds torch's exporter takes, and the comparison of two results."""

import copy
import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import onnx
import torch
from models import CLASSES, SMALL, random_checkpoint
from onnx import TensorProto, numpy_helper

from swsss.config import Tta
from swsss.export.assemble import assemble
from swsss.export.decision import Decision
from swsss.export.graph import MAX_SIDE
from swsss.export.pieces import Piece, net_pieces
from swsss.export.proof import run_case, start_session
from swsss.export.samples import Case, synthetic_images
from swsss.export.source import Source
from swsss.nets import DeepLabV3Plus, NetConfig
from swsss.predict import VIEWS

_pieces: dict[tuple[str, bool], tuple[Piece, Piece]] = {}


def calm_net(seed: int = 0, config: NetConfig = SMALL) -> DeepLabV3Plus:
    """A random net with logits as a trained one has them: between -10 and 10, so that confidences show everything."""
    net = copy.deepcopy(random_checkpoint(seed, config).net)
    net.classifier.weight.data.mul_(0.1)
    return net


def with_classifier(net: DeepLabV3Plus, weight: torch.Tensor, bias: torch.Tensor) -> DeepLabV3Plus:
    """The same net with another classifier; weight [C, F], bias [C]."""
    net = copy.deepcopy(net)
    net.classifier.weight.data, net.classifier.bias.data = weight[:, :, None, None], bias
    net.num_classes = len(bias)
    return net


def source_of(*nets: DeepLabV3Plus, task: str = "conditioned", tta: Tta = "none") -> Source:
    return Source("small.safetensors", nets, CLASSES, task, tta, "0" * 64)


def cached_pieces(net: DeepLabV3Plus, *, half: bool) -> tuple[Piece, Piece]:
    """`net_pieces`, once for all nets with the same encoder and decoder."""
    digest = hashlib.sha256(net.config.model_dump_json().encode())
    for name, values in net.state_dict().items():
        if not name.startswith("classifier."):
            digest.update(values.numpy().tobytes())
    key = (digest.hexdigest(), half)
    if key not in _pieces:
        _pieces[key] = net_pieces(net, half=half)
    return _pieces[key]


@contextmanager
def quick_exports() -> Iterator[None]:
    """Let every export in this block use what another one has made of the same net."""
    with patch("swsss.export.assemble.net_pieces", cached_pieces):
        yield


def assembled(
    *nets: DeepLabV3Plus,
    tta: Tta = "none",
    conditioned: bool = True,
    half: bool = False,
    max_side: int = MAX_SIDE,
    temperature: tuple[float, ...] = (),
    tag_penalty: float = 0.0,
) -> onnx.ModelProto:
    decision = Decision(conditioned, temperature, tag_penalty)
    with quick_exports():
        return assemble(nets, VIEWS[tta], max_side, half=half, decision=decision)


def change_weights(model: onnx.ModelProto, name: str, change: Callable[[np.ndarray], np.ndarray]) -> onnx.ModelProto:
    """Change a weight, all of a part ("decoder0/"), or a constant of the graph, in place."""
    changed = 0
    for weight in model.graph.initializer:
        of_part = weight.name.startswith(name) and weight.data_type in {TensorProto.FLOAT, TensorProto.FLOAT16}
        if weight.name == name or of_part:
            values = numpy_helper.to_array(weight)
            weight.CopyFrom(numpy_helper.from_array(change(values).astype(values.dtype), weight.name))
            changed += 1
    for node in model.graph.node:
        if node.op_type == "Constant" and node.name == name:
            node.attribute[0].f = change(np.array(node.attribute[0].f))
            changed += 1
    assert changed
    return model


@contextmanager
def changed_exports(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Iterator[None]:
    """In this block exports go wrong: `change_weights` gets between the graph and its proof."""

    def wrong(*arguments: Any, **options: Any) -> onnx.ModelProto:
        return change_weights(assemble(*arguments, **options), name, change)

    with quick_exports(), patch("swsss.export.exporting.assemble", wrong):
        yield


def run(model: onnx.ModelProto | bytes, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Mask and confidence from ONNX Runtime."""
    data = model if isinstance(model, bytes) else model.SerializeToString()
    return run_case(start_session(data), case)


def run_torch(graph: torch.nn.Module, case: Case, *, conditioned: bool = True) -> tuple[np.ndarray, np.ndarray]:
    with torch.inference_mode():
        mask, confidence = graph(
            torch.from_numpy(case.image), torch.from_numpy(case.candidates) if conditioned else None
        )
    return mask.numpy(), confidence.numpy()


def case_of(candidates: Sequence[Sequence[int]], height: int, width: int, seed: int = 7) -> Case:
    ids = np.full((len(candidates), max(map(len, candidates))), -1, np.int64)
    for row, chosen in zip(ids, candidates, strict=True):
        row[: len(chosen)] = chosen
    return Case(synthetic_images(len(ids), height, width, seed), ids)


def assert_same(found: tuple[np.ndarray, np.ndarray], expected: tuple[np.ndarray, np.ndarray]) -> None:
    """The same masks and confidences but for rounding: float32 in two orders of summation."""
    (mask, confidence), (expected_mask, expected_confidence) = found, expected
    assert mask.dtype == confidence.dtype == np.uint8
    assert mask.shape == confidence.shape == expected_mask.shape
    same = mask == expected_mask
    assert (~same).mean() <= 1e-3
    difference = np.abs(confidence[same].astype(int) - expected_confidence[same])
    assert difference.max() <= 1
    assert (difference > 0).mean() <= 0.02


@functools.cache
def family_net(**settings: object) -> DeepLabV3Plus:
    """A narrow net of any shape."""
    narrow = {"aspp_channels": 8, "aspp_rates": (1, 2, 3), "shortcut_channels": 8}
    return calm_net(config=NetConfig(**narrow, **settings))
