"""`swsss.load`: a model that labels images of a program."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from swsss._api.checks import check_choice, check_range, python_call
from swsss._api.images import ImageLike, read_upright
from swsss.data.classes import ClassTable
from swsss.data.images import Pixels, orient_back
from swsss.errors import UserError, concerning
from swsss.model.engine import Engine
from swsss.model.info import ModelInfo
from swsss.serve.label import Order, engine_for
from swsss.serve.memory import MemoryBudget, check_image, cost
from swsss.serve.settings import default_batch
from swsss.serve.writer import leave_out

Device: TypeAlias = Literal["auto", "cpu", "cuda", "tensorrt"]
DEVICES = ("auto", "cpu", "cuda", "tensorrt")

StrPath: TypeAlias = str | Path
Tags: TypeAlias = Sequence[str] | None
"""Names of the classes that an image may hold besides background: [] for background alone, None for every class."""


class Labels(NamedTuple):
    """What a model says of an image, in the pixel grid the image is stored in.

    Attributes:
        mask: uint8 [H, W] of class ids; 255 where the model is less sure than `ignore_below`.
        confidence: uint8 [H, W], round(255 · probability).
    """

    mask: Pixels
    confidence: Pixels


@dataclass(frozen=True)
class _Ready:
    """An image that can be labelled: its number, upright pixels, orientation and the ids it may hold."""

    number: int
    pixels: Pixels
    orientation: int
    ids: tuple[int, ...]


class Labeller:
    """A model that is loaded; `swsss.load` makes it. Several threads may use it; they take turns.

    Args:
        engine: The model.
        memory: Bytes that images may take at a time; 0 for half of what there is.

    Attributes:
        engine: The model, for `label_folder`; private to swsss.
    """

    def __init__(self, engine: Engine, memory: int = 0) -> None:
        self.engine, self._lock = engine, Lock()
        self._memory = MemoryBudget(memory).total
        self._table = ClassTable(engine.info.classes)

    def __repr__(self) -> str:
        return f"<swsss.Labeller: {self.info.task}, {len(self.classes)} classes, {self.engine.description}>"

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of their ids, background first."""
        return self.info.classes

    @property
    def info(self) -> ModelInfo:
        """Everything the model file says of itself."""
        return self.engine.info

    def label(self, image: ImageLike, tags: Tags = None, *, ignore_below: float = 0.0) -> Labels:
        """Label one image.

        Args:
            image: A path; a Pillow image; or uint8 RGB [H, W, 3] or grey [H, W], upright. The EXIF orientation of a
                file or Pillow image is respected: the model sees it upright, and the mask has the grid it is stored in.
            tags: Names of the classes it may hold besides background; None for every class.
            ignore_below: Pixels less sure than this (0..1) become 255.

        Raises:
            UserError: The image cannot be read or is too large, or a class is unknown.
        """
        with python_call("Labeller.label"):
            check_range("ignore_below", ignore_below, 0, 1)
            ids = self._ids(tags)
            with concerning("image", "unreadable-image"):
                return self._label([self._read(0, image, ids)], ignore_below)[0]

    def label_batch(
        self,
        images: Iterable[ImageLike],
        tags: Sequence[Tags] | None = None,
        *,
        ignore_below: float = 0.0,
        batch: int = 0,
    ) -> list[Labels]:
        """Label images of any sizes; each gets what `label` gives it. Those of one size are labelled together.

        Args:
            images: As for `label`; read as they are needed.
            tags: Of each image; None for every class in all of them.
            ignore_below: As for `label`.
            batch: Images at a time; 0 for what is fast on the device: one on a CPU.

        Returns:
            In the order of the images.

        Raises:
            UserError: As for `label`; the message says which image, counted from 0.
        """
        with python_call("Labeller.label_batch"):
            check_range("ignore_below", ignore_below, 0, 1)
            check_range("batch", batch, 0)
            found: dict[int, Labels] = {}
            for group in self._groups(self._ready(list(images), tags), batch or default_batch(self.engine)):
                with concerning("images"):
                    labels = self._label(group, ignore_below)
                found |= {ready.number: one for ready, one in zip(group, labels, strict=True)}
            return [found[number] for number in sorted(found)]

    def _ready(self, images: Sequence[ImageLike], tags: Sequence[Tags] | None) -> Iterator[_Ready]:
        if tags is not None and (isinstance(tags, str) or len(tags) != len(images)):
            told = f"tags must hold one list of class names, or None, for each of the {len(images)} images."
            raise UserError(told, code="invalid-value", field="tags")
        # All, before anything is labelled: a class that is unknown is found at once.
        allowed = [self._ids(one) for one in tags] if tags is not None else [self._ids(None)] * len(images)
        for number, (image, ids) in enumerate(zip(images, allowed, strict=True)):
            try:
                with concerning("images", "unreadable-image"):
                    yield self._read(number, image, ids)
            except UserError as error:
                error.message = f"Image {number}: {error.message}"
                raise

    def _groups(self, images: Iterable[_Ready], batch: int) -> Iterator[list[_Ready]]:
        """Images of one size, few of which wait for others like them."""
        waiting: dict[tuple[int, ...], list[_Ready]] = {}
        for image in images:
            group = waiting.setdefault(image.pixels.shape, [])
            group.append(image)
            if len(group) == batch:
                yield waiting.pop(image.pixels.shape)
            elif sum(map(len, waiting.values())) > 4 * batch:
                yield waiting.pop(next(iter(waiting)))
        yield from waiting.values()

    def _ids(self, tags: Tags) -> tuple[int, ...]:
        """The class ids that tags allow, background first."""
        if tags is None:
            return tuple(range(len(self.classes)))
        if self.info.task != "conditioned":
            told = "This model takes no tags (it was exported plain); leave tags out."
            raise UserError(told, code="tags-not-taken", field="tags")
        if isinstance(tags, str):
            told = f"tags is a list of class names; write [{tags!r}]."
            raise UserError(told, code="invalid-value", field="tags")
        unknown = [name for name in dict.fromkeys(tags) if name not in self._table.ids and name != "background"]
        if unknown:
            told = " ".join(f"Unknown class {name!r}; {self._table.suggestion(str(name))}" for name in unknown)
            raise UserError(told, code="unknown-class", field="tags")
        return (0, *sorted({self._table.ids.get(name, 0) for name in tags} - {0}))

    def _read(self, number: int, image: ImageLike, ids: tuple[int, ...]) -> _Ready:
        def check_size(height: int, width: int) -> None:
            try:
                check_image(self.info, height, width, len(ids), self._memory, on_gpu=self._on_gpu)
            except UserError as error:
                raise UserError(f"The image is too large: {error}", code="image-too-large") from None

        pixels, orientation = read_upright(image, check_size)
        return _Ready(number, pixels, orientation, ids)

    @property
    def _on_gpu(self) -> bool:
        return self.engine.device == "cuda"

    def _label(self, group: Sequence[_Ready], ignore_below: float) -> list[Labels]:
        """Label images of one size, no more at a time than there is memory for."""
        height, width, _ = group[0].pixels.shape
        most = max(len(image.ids) for image in group)
        together = len(group) if self._on_gpu else max(1, self._memory // cost(self.info, height, width, most))
        labels: list[Labels] = []
        for start in range(0, len(group), together):
            part = group[start : start + together]
            masks, confidences = self._ask(part)
            for image, mask, confidence in zip(part, masks, confidences, strict=True):
                kept = orient_back(leave_out(mask, confidence, ignore_below), image.orientation)
                labels.append(Labels(kept, orient_back(confidence, image.orientation)))
        return labels

    def _ask(self, images: Sequence[_Ready]) -> tuple[Pixels, Pixels]:
        candidates = np.full((len(images), max(len(image.ids) for image in images)), -1, np.int64)
        for slots, image in zip(candidates, images, strict=True):
            slots[: len(image.ids)] = image.ids
        pixels = images[0].pixels[None] if len(images) == 1 else np.stack([image.pixels for image in images])
        try:
            with self._lock:
                return self.engine.label(pixels, candidates)
        except UserError:
            raise
        except Exception as error:  # whatever the runtime raises: out of memory, most likely
            told = f"The model could not label this: {type(error).__name__}: {error}"
            raise UserError(told, code="inference-failed") from error


def load(model: StrPath, *, device: Device = "auto", threads: int = 0, max_memory: float | None = None) -> Labeller:
    """Load a model that labels images.

    Args:
        model: A model file, or a checkpoint or run folder, which is exported first, beside or in it.
        device: "auto" takes the GPU where one can be used.
        threads: On a CPU; 0 takes every core this process may use.
        max_memory: GiB that images may take at a time; half of what there is when None. Larger ones are refused.

    Raises:
        UserError: The model is missing, damaged or foreign, or the device cannot be used.
    """
    with python_call("load"):
        check_choice("device", device, DEVICES)
        check_range("threads", threads, 0)
        if max_memory is not None:
            check_range("max_memory", max_memory, 0.25)
        order = Order(Path(), model=Path(model), device=device, threads=threads)
        return Labeller(engine_for(order, lambda line: None), int((max_memory or 0) * 2**30))
