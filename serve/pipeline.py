"""The bulk pipeline: decode ahead in threads, batch by size, infer, write in threads; what is done is handed on."""

import errno
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from swsss.data.headers import MAX_PIXELS
from swsss.data.images import Pixels
from swsss.errors import UserError
from swsss.model.engine import Candidates, Engine
from swsss.serve.in_flight import InFlight
from swsss.serve.intake import Decoded, Intake, Outcome
from swsss.serve.memory import MemoryBudget, cost
from swsss.serve.plan import Item
from swsss.serve.records import Failed
from swsss.serve.writer import Writer

OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}
"""Errors that every following file would meet as well."""


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
        budget: Memory that images may take, shared with whoever else labels in this process.
        max_pixels: Images with more fail.
        flight: Told what is being decoded and labelled.
        within: Folder that no image may lead out of; None for anywhere.
    """

    engine: Engine
    images: Path
    writer: Writer
    batch: int
    workers: int
    budget: MemoryBudget = field(default_factory=MemoryBudget)
    max_pixels: int = MAX_PIXELS
    flight: InFlight | None = None
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
        intake = Intake(
            self.engine,
            self.images,
            self.budget,
            self.workers,
            depth,
            self.max_pixels,
            self.flight,
            self.within,
        )
        with (
            closing(intake),
            ThreadPoolExecutor(self.workers, "write") as writers,
            closing(intake.run(items, stop)) as decoded,
        ):
            for result in self._inferred(decoded, intake, stop):
                if isinstance(result, Inferred):
                    writing.append(writers.submit(self._write, result, intake))
                else:
                    yield result
                while writing and (len(writing) > depth or writing[0].done()):
                    yield writing.popleft().result()
            while writing:
                yield writing.popleft().result()

    def _inferred(
        self, decoded: Iterable[Decoded | Outcome | None], intake: Intake, stop: Callable[[], bool]
    ) -> Iterator[Inferred | Outcome]:
        for group in self._groups(decoded, stop):
            if isinstance(group, list):
                yield from self._infer(group, intake)
            else:
                yield group

    def _groups(
        self, decoded: Iterable[Decoded | Outcome | None], stop: Callable[[], bool]
    ) -> Iterator[list[Decoded] | Outcome]:
        """Images of one size, as they come together; the oldest goes when too many wait for others like them.

        All go when the next image waits for the memory they hold.
        """
        waiting: dict[tuple[int, ...], list[Decoded]] = {}
        for image in decoded:
            if stop():
                return
            if image is None:
                yield from waiting.values()
                waiting = {}
                continue
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

    def _infer(self, group: Sequence[Decoded], intake: Intake) -> Iterator[Inferred | Outcome]:
        started = time.perf_counter()
        claim = self.budget.claim_now(self._padding(group, intake))
        try:
            if claim is None:
                raise MemoryError
            with claim:
                masks, confidences = self._ask(group)
        except Exception as error:  # whatever the runtime raises: out of memory, most likely
            if len(group) > 1:
                for image in group:
                    yield from self._infer([image], intake)
                return
            intake.let_go(group[0].claim)
            kind = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
            item = group[0].item
            yield item, Failed(item.image, "infer", kind + " ".join(str(error).split()))
            return
        seconds = (time.perf_counter() - started) / len(group)
        for image, mask, confidence in zip(group, masks, confidences, strict=True):
            yield Inferred(image, mask, confidence, image.seconds + seconds)

    def _padding(self, group: Sequence[Decoded], intake: Intake) -> int:
        """Bytes a batch takes besides those of its images, because the candidates of all are padded to the most."""
        if len(group) == 1 or intake.on_gpu:
            return 0
        height, width, _ = group[0].pixels.shape
        most = max(intake.slots(image.item) for image in group)
        return len(group) * cost(self.engine.info, height, width, most) - sum(image.claim.size for image in group)

    def _ask(self, group: Sequence[Decoded]) -> tuple[Pixels, Pixels]:
        pixels = group[0].pixels[None] if len(group) == 1 else np.stack([image.pixels for image in group])
        names = [image.item.image for image in group]
        with nullcontext() if self.flight is None else self.flight.during("infer", names):
            return self.engine.label(pixels, self._candidates(group))

    def _candidates(self, group: Sequence[Decoded]) -> Candidates:
        everything = range(len(self.engine.info.classes))
        rows = [everything if image.item.tags is None else (0, *image.item.tags) for image in group]
        candidates = np.full((len(rows), max(map(len, rows))), -1, np.int64)
        for slots, ids in zip(candidates, rows, strict=True):
            slots[: len(ids)] = ids
        return candidates

    def _write(self, result: Inferred, intake: Intake) -> Outcome:
        item, started = result.image.item, time.perf_counter()
        try:
            row = self.writer.write(item, result.image.orientation, result.mask, result.confidence)
        except OSError as error:
            if error.errno in OF_THE_DISK:
                raise
            return item, Failed(item.image, "write", f"{item.mask} cannot be written: {error.strerror}.")
        finally:
            intake.let_go(result.image.claim)
        return item, replace(row, seconds=result.seconds + time.perf_counter() - started)
