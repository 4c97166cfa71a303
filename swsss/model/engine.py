"""Engines: whatever turns uint8 pixels and candidates into uint8 masks and confidences."""

from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from swsss.data.images import Pixels
from swsss.model.info import ModelInfo

Candidates = npt.NDArray[np.int64]
Device = Literal["cpu", "cuda"]


class Engine(Protocol):
    """A model that is loaded and ready; images of a call have one size.

    On a CPU several threads may call it at the same time, on a GPU one.
    """

    @property
    def info(self) -> ModelInfo:
        """What the model file says of itself."""
        ...

    @property
    def identity(self) -> str:
        """SHA-256 (hex) of the model file: masks of another one are labelled anew."""
        ...

    @property
    def device(self) -> Device:
        """Where it computes, and whose memory that takes."""
        ...

    @property
    def reopen(self) -> tuple[str, str, int] | None:
        """What `open_engine` is to be given in another process; None when it cannot be opened there."""
        ...

    @property
    def description(self) -> str:
        """Library, its version, device and threads, for people."""
        ...

    def label(self, images: Pixels, candidates: Candidates) -> tuple[Pixels, Pixels]:
        """Label a batch.

        Args:
            images: uint8 RGB [N, H, W, 3], upright.
            candidates: int64 [N, K] class ids, background included, padded with -1; not looked at by a plain model.

        Returns:
            uint8 [N, H, W] class ids, each a candidate of its image (of any class where the model has a tag penalty),
            and uint8 [N, H, W] round(255 · probability).
        """
        ...


def self_test(engine: Engine) -> bool:
    """Whether the engine gives the golden mask of its model file."""
    golden = engine.info.golden
    if golden is None:
        return True
    mask, _ = engine.label(golden.pixels(), np.array([golden.candidates], np.int64))
    return golden.matches(mask)
