"""The server as the protocols of other tools see it: models by name, tensors or files in, masks out."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from swsss.data.images import Pixels
from swsss.errors import UserError
from swsss.model.engine import Candidates
from swsss.model.info import ModelInfo
from swsss.serve.records import Labelled
from swsss.serve.server.service import Service
from swsss.serve.server.statistics import Statistics
from swsss.serve.server.tags import tags_of


@dataclass(frozen=True)
class Labelling:
    """What `inference_protocol` and `label_studio` ask for.

    Args:
        service: Does it.
    """

    service: Service

    def models(self) -> Mapping[str, ModelInfo]:
        """The models that are ready."""
        return {model.name: model.info for model in self.service.hub.ready()}

    def default(self) -> str:
        """The model of who names none."""
        return self.service.hub.default

    def identity(self, model: str) -> str:
        """SHA-256 (hex) of a model's file."""
        return self.service.hub.get(model).engine.identity

    def index(self) -> Sequence[tuple[str, bool, str]]:
        """Every model there is a file for: name, whether it is ready, and if not, why."""
        return self.service.hub.index()

    def statistics(self, model: str) -> Statistics:
        """How often a model was asked."""
        return self.service.metrics.statistics(model)

    async def load(self, name: str) -> None:
        """Load a model, or load it anew."""
        await asyncio.to_thread(self.service.hub.load, name)

    async def unload(self, name: str) -> None:
        """Take a model away."""
        self.service.hub.unload(name)

    async def infer(self, model: str, images: Pixels, candidates: Candidates) -> tuple[Pixels, Pixels]:
        """Label images of one size: uint8 [N, H, W, 3] and int64 [N, K] to masks and confidences, uint8 [N, H, W].

        Raises:
            UserError: They have too many pixels together, or the engine could not label them.
        """
        pixels, most = images[..., 0].size, self.service.limits.pixels
        if pixels > most:
            raise UserError(f"The images have {pixels} pixels together, more than the {most} taken here; send fewer.")
        return await self.service.infer(self.service.hub.get(model), images, candidates)

    async def label_bytes(
        self, model: str, data: bytes, name: str, tags: Sequence[str] | None
    ) -> tuple[Labelled, Pixels]:
        """Decode and label a file; the mask, uint8 [H, W], is upright."""
        chosen = self.service.hub.get(model)
        conditioned = chosen.info.task == "conditioned"
        wanted = tags_of(tags if conditioned else None, chosen.info.table, conditioned, "all")
        answer = await self.service.label(chosen, data, name, wanted, upright=True)
        return answer.row, answer.mask
