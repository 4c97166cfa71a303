"""What a model file says about itself: the JSON under `swsss` in the metadata of an ONNX file or beside an engine."""

import base64
import hashlib
from typing import Literal

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from swsss.data.classes import ClassTable
from swsss.data.images import Pixels
from swsss.errors import UserError

FORMAT = 1
KEY = "swsss"
"""Key of the JSON in `metadata_props`."""

Precision = Literal["fp32", "fp16", "int8"]

_NOT_OURS = "it is no model of swsss; make one with swsss-export CHECKPOINT --out model.onnx."


class _Info(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Golden(_Info):
    """An input and the hash of its mask, with which any runner can check itself."""

    image: str = Field(description="PNG of the RGB image, base64")
    candidates: tuple[int, ...] = Field(description="class ids, background included; every class in a plain model")
    mask: str = Field(description="SHA-256 (hex) of the mask's uint8 [H, W] bytes")

    def pixels(self) -> Pixels:
        """The input: uint8 RGB [1, H, W, 3]."""
        decoded = cv2.imdecode(np.frombuffer(base64.b64decode(self.image), np.uint8), cv2.IMREAD_COLOR_RGB)
        return np.asarray(decoded, np.uint8)[None]

    def matches(self, mask: Pixels) -> bool:
        """Whether a runner's uint8 [1, H, W] mask is the expected one."""
        return hash_mask(mask) == self.mask


class ModelInfo(_Info):
    """Everything a runner has to know about a model file (DESIGN §4)."""

    format: int = FORMAT
    task: Literal["conditioned", "plain"]
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...] = Field(description="RGB of each class")
    mean: tuple[float, float, float] = Field(description="of RGB in 0..1; applied inside the graph")
    std: tuple[float, float, float]
    scales: tuple[float, ...] = Field(description="of test-time augmentation; applied inside the graph")
    flip: bool
    max_side: int = Field(description="larger images are reduced to it inside the graph; the mask keeps full size")
    precision: Precision
    temperature: tuple[float, ...] = Field((), description="of each class's confidence; empty when not calibrated")
    tag_penalty: float | None = Field(None, description="logits taken off classes that are no candidates; null: never")
    source: str = Field(description="SHA-256 (hex) of the source checkpoint, or of several, one after the other")
    tools: dict[str, str] = Field(description="versions that made the file")
    nets: int = Field(1, description="that are averaged")
    attention: float | None = Field(
        None, description="numbers in a ViT's attention over squared pixels, 0 for other nets; null: not known"
    )
    golden: Golden | None = None

    @property
    def table(self) -> ClassTable:
        """The classes as the table all parts share."""
        return ClassTable(self.classes)

    @property
    def about_tags(self) -> str:
        """What a user has to know of a model whose masks may leave the tags; "" of every other."""
        if not self.tag_penalty:
            return ""
        return f"tags are a hint (penalty {self.tag_penalty:g}): masks may hold classes that an image's tags exclude"


def parse_info(text: str | None, where: str) -> ModelInfo:
    """Read the JSON of a model file.

    Args:
        text: The JSON, or None when the file carries none.
        where: The file, for messages.

    Raises:
        UserError: There is none, it is damaged, or of a newer format.
    """
    if text is None:
        raise UserError(f"{where} carries no description; {_NOT_OURS}")
    try:
        info = ModelInfo.model_validate_json(text)
    except ValidationError:
        newer = _format_of(text)
        if newer > FORMAT:
            raise UserError(_too_new(where, newer)) from None
        raise UserError(f"The description in {where} cannot be read; {_NOT_OURS}") from None
    if info.format > FORMAT:
        raise UserError(_too_new(where, info.format))
    return info


class _Format(_Info):
    format: int


def _format_of(text: str) -> int:
    try:
        return _Format.model_validate_json(text).format
    except ValidationError:
        return 0


def _too_new(where: str, found: int) -> str:
    return f"{where} has format {found}, newer than this swsss reads ({FORMAT}); upgrade swsss."


def hash_mask(mask: Pixels) -> str:
    """SHA-256 (hex) of a uint8 mask's bytes, row by row."""
    return hashlib.sha256(np.ascontiguousarray(mask).tobytes()).hexdigest()
