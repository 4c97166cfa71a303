"""Models as the Open Inference Protocol sees them: what is asked of the server, what is told of each."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from swsss.data.images import Pixels
from swsss.model.engine import Candidates
from swsss.model.info import ModelInfo
from swsss.serve.server.protocols.inference_request import VERSION
from swsss.serve.server.protocols.inference_tensors import OUTPUTS, TensorSpec, inputs_of
from swsss.serve.server.statistics import Statistics

PLATFORM = "swsss"

_IMAGE = {"name": "image", "datatype": "UINT8", "shape": [1, 2, 2, 3], "data": [90] * 12}
_CANDIDATES = {"name": "candidates", "datatype": "INT64", "shape": [1, 2], "data": [0, 1]}
INFER_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": {"inputs": [_IMAGE, _CANDIDATES]}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
"""Of the OpenAPI description, with an example that runs."""


class Labelling(Protocol):
    """What these routes need of the server."""

    def models(self) -> Mapping[str, ModelInfo]:
        """The models that are ready, by name."""
        ...

    def index(self) -> Sequence[tuple[str, bool, str]]:
        """Every known model: its name, whether it is ready, and why not."""
        ...

    def statistics(self, model: str) -> Statistics:
        """How often a model was asked; who calls `infer` counts reading and writing."""
        ...

    async def infer(self, model: str, images: Pixels, candidates: Candidates) -> tuple[Pixels, Pixels]:
        """Label uint8 [N, H, W, 3] with int64 [N, K] candidates: masks and confidences, uint8 [N, H, W]."""
        ...

    async def load(self, name: str) -> None:
        """Load a model, or load it anew; `UserError` when it cannot be."""
        ...

    async def unload(self, name: str) -> None:
        """Take a model out of service; `UserError` when it cannot be."""
        ...


def model_metadata(name: str, info: ModelInfo) -> dict[str, object]:
    """The protocol's metadata of a model."""
    return {
        "name": name,
        "versions": [VERSION],
        "platform": PLATFORM,
        "inputs": _tensors(inputs_of(info)),
        "outputs": _tensors(OUTPUTS),
    }


def model_config(name: str, info: ModelInfo) -> dict[str, object]:
    """As much of Triton's `ModelConfig` as there is to say. The number of images is part of the shapes, hence the 0."""
    return {
        "name": name,
        "platform": PLATFORM,
        "backend": PLATFORM,
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": 0,
        "input": _config_tensors(inputs_of(info)),
        "output": _config_tensors(OUTPUTS),
    }


def _tensors(specs: Sequence[TensorSpec]) -> list[dict[str, object]]:
    return [{"name": spec.name, "datatype": spec.datatype, "shape": spec.shape} for spec in specs]


def _config_tensors(specs: Sequence[TensorSpec]) -> list[dict[str, object]]:
    return [{"name": spec.name, "data_type": f"TYPE_{spec.datatype}", "dims": spec.shape} for spec in specs]
