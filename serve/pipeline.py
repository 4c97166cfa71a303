"""The bulk pipeline: decode ahead in threads, batch by size, infer, write in threads; what is done is handed on."""

import errno
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from swsss.data.images import Pixels, orient, read_image
from swsss.errors import UserError
from swsss.serve.engines import Candidates, Engine
from swsss.serve.plan import Item
from swsss.serve.records import Failed, Labelled
from swsss.serve.writer import Writer
from swsss.threads import ahead

Outcome = tuple[Item, Labelled | Failed]

OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
"""Errors that every following file would meet as well."""


@dataclass(frozen=True)
class Decoded:
    """An image on its way to the engine.

    Args:
        item: What it is.
        pixels: uint8 RGB [H, W, 3], upright.
        orientation: EXIF orientation it was stored with.
        seconds: Spent decoding.
    """

    item: Item
    pixels: Pixels
    orientation: int
    seconds: float


@dataclass(frozen=True)
class Inferred:
    """An image on its way to the disk: its upright mask and confidence, uint8 [H, W]."""

    image: Decoded
    mask: Pixels
    confidence: Pixels
    seconds: float


@dataclass(frozen=True)
class Pipeline:
    """How images become files.

    Args:
        engine: The model.
        images: The image folder.
        writer: Where masks go.
        batch: Images of one size given to the engine at a time.
        workers: Threads that decode, and as many that write.
        within: Folder that no image may lead out of; None for anywhere.
    """

    engine: Engine
    images: Path
    writer: Writer
    batch: int
    workers: int
    within: Path | None = None

    def run(self, items: Iterable[Item], stop: Callable[[], bool] = lambda: False) -> Iterator[Outcome]:
        """Label images.

        Args:
            items: Taken as they are needed.
            stop: Looked at between images; once it is true, what is inferred is written and nothing new begins.

        Yields:
            Every image that was written or failed, in no particular order.

        Raises:
            OSError: The disk is full, broken or read-only; what was written is whole.
        """
        writing: deque[Future[Outcome]] = deque()
        depth = 2 * (self.workers + self.batch)
        with (
            ThreadPoolExecutor(self.workers, "write") as writers,
            ahead(self._decode, items, self.workers, depth) as decoded,
        ):
            for result in self._inferred(decoded, stop):
                if isinstance(result, Inferred):
                    writing.append(writers.submit(self._write, result))
                else:
                    yield result
                while writing and (len(writing) > depth or writing[0].done()):
                    yield writing.popleft().result()
            while writing:
                yield writing.popleft().result()

    def _decode(self, item: Item) -> Decoded | Outcome:
        started = time.perf_counter()
        try:
            pixels, orientation = read_image(self.images / item.image, within=self.within)
        except UserError as error:
            # As named in the other columns, wherever the folder lies.
            return item, Failed(item.image, "decode", str(error).removeprefix(f"{self.images}{os.sep}"))
        return Decoded(item, orient(pixels, orientation), orientation, time.perf_counter() - started)

    def _inferred(self, decoded: Iterable[Decoded | Outcome], stop: Callable[[], bool]) -> Iterator[Inferred | Outcome]:
        for group in self._groups(decoded, stop):
            if isinstance(group, list):
                yield from self._infer(group)
            else:
                yield group

    def _groups(
        self, decoded: Iterable[Decoded | Outcome], stop: Callable[[], bool]
    ) -> Iterator[list[Decoded] | Outcome]:
        """Images of one size, as they come together; the oldest goes when too many wait for others like them."""
        waiting: dict[tuple[int, ...], list[Decoded]] = {}
        for image in decoded:
            if stop():
                return
            if not isinstance(image, Decoded):
                yield image
                continue
            group = waiting.setdefault(image.pixels.shape, [])
            group.append(image)
            if len(group) == self.batch:
                yield waiting.pop(image.pixels.shape)
            elif sum(map(len, waiting.values())) > 4 * self.batch:
                yield waiting.pop(next(iter(waiting)))
        yield from waiting.values()

    def _infer(self, group: Sequence[Decoded]) -> Iterator[Inferred | Outcome]:
        started = time.perf_counter()
        try:
            pixels = group[0].pixels[None] if len(group) == 1 else np.stack([image.pixels for image in group])
            masks, confidences = self.engine.label(pixels, self._candidates(group))
        except Exception as error:  # whatever the runtime raises: out of memory, most likely
            if len(group) > 1:
                for image in group:
                    yield from self._infer([image])
                return
            item = group[0].item
            yield item, Failed(item.image, "infer", f"{type(error).__name__}: {' '.join(str(error).split())}")
            return
        seconds = (time.perf_counter() - started) / len(group)
        for image, mask, confidence in zip(group, masks, confidences, strict=True):
            yield Inferred(image, mask, confidence, image.seconds + seconds)

    def _candidates(self, group: Sequence[Decoded]) -> Candidates:
        everything = range(len(self.engine.info.classes))
        rows = [everything if image.item.tags is None else (0, *image.item.tags) for image in group]
        candidates = np.full((len(rows), max(map(len, rows))), -1, np.int64)
        for slots, ids in zip(candidates, rows, strict=True):
            slots[: len(ids)] = ids
        return candidates

    def _write(self, result: Inferred) -> Outcome:
        item, started = result.image.item, time.perf_counter()
        try:
            row = self.writer.write(item, result.image.orientation, result.mask, result.confidence)
        except OSError as error:
            if error.errno in OF_THE_DISK:
                raise
            return item, Failed(item.image, "write", f"{item.mask} cannot be written: {error.strerror}.")
        return item, replace(row, seconds=result.seconds + time.perf_counter() - started)
