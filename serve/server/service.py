"""Images in, masks out: what every route that labels goes through."""

import asyncio
import time
import weakref
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from starlette.requests import ClientDisconnect

from swsss.data.headers import UndecodableError
from swsss.data.image_size import image_size
from swsss.data.images import Pixels, decode_image, orient, orient_back
from swsss.errors import UserError
from swsss.model.engine import Candidates
from swsss.serve.memory import Claim, check_image
from swsss.serve.records import Labelled
from swsss.serve.server.hub import Hub, Model
from swsss.serve.server.metrics import Metrics
from swsss.serve.server.problems import busy
from swsss.serve.server.settings import Limits
from swsss.serve.server.tags import Tags, candidates
from swsss.serve.settings import default_workers
from swsss.serve.writer import describe, leave_out

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """A labelled image.

    Args:
        name: What it is called.
        tags: What it could hold.
        mask: uint8 [H, W] class ids.
        confidence: uint8 [H, W], round(255 · probability).
    """

    name: str
    tags: Tags
    mask: Pixels
    confidence: Pixels

    @cached_property
    def row(self) -> Labelled:
        """What is known of it; counted when somebody wants to know: a PNG tells nothing of it."""
        return describe(self.name, "", self.tags, self.mask, self.confidence)


class Service:
    """Labels images for requests, with few decoded at a time.

    Args:
        hub: The models.
        metrics: Told how long each stage took.
        limits: How much is taken.
        workers: Threads that decode and encode; 0 by cores.
    """

    def __init__(self, hub: Hub, metrics: Metrics, limits: Limits, workers: int = 0) -> None:
        self.hub, self.metrics, self.limits = hub, metrics, limits
        workers = workers or default_workers()
        self._pool = ThreadPoolExecutor(workers, "decode")
        # As many decoded images as keep the engine busy; what waits beyond them is still compressed.
        self._decoded = asyncio.Semaphore(2 * workers + 8)
        self._inside = 0
        self._seconds = 0.1

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Take a place in the queue, and give it back at the end.

        Raises:
            Refused: All places are taken (503).
        """
        if self._inside >= self.limits.requests:
            # Places come free one by one: who waited for the whole queue to be answered would find it empty.
            raise busy(self._inside * self._seconds / 4)
        self._inside += 1
        self.metrics.queue.set(self._inside)
        started = time.monotonic()
        try:
            yield
        finally:
            # What a place is taken for, shared by those inside: how long the queue takes to move by one.
            share = (time.monotonic() - started) / self._inside
            self._seconds += 0.1 * (share - self._seconds)
            self._inside -= 1
            self.metrics.queue.set(self._inside)

    async def work(self, function: Callable[[], T]) -> T:
        """Run something short in the threads that decode and encode."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    async def label(
        self,
        model: Model,
        data: bytes,
        name: str,
        tags: Tags,
        *,
        ignore_below: float = 0.0,
        upright: bool = False,
        gone: Callable[[], Awaitable[bool]] | None = None,
    ) -> Answer:
        """Decode and label an image.

        Args:
            model: Which labels.
            data: The file.
            name: What to call it in errors.
            tags: What it may hold.
            ignore_below: Pixels less sure than this (0..1) become 255.
            upright: Whether the mask is in the upright grid, not that of the file.
            gone: Whether nobody waits for the answer any more.

        Raises:
            UserError: It cannot be decoded, or has too many pixels.
            ClientDisconnect: `gone` said so.
        """
        async with self._decoded:
            if gone is not None and await gone():
                raise ClientDisconnect
            height, width = await self.work(lambda: self._measure(data, name))
            claim = await self._claim(self._needed(model, height, width, tags, name))

            async def labelling() -> Answer:
                started = time.monotonic()
                pixels, orientation = await self.work(lambda: self._decode(data, name))
                self.metrics.statistics(model.name).read_input(time.monotonic() - started)
                return await self._label(model, pixels, orientation, name, tags, ignore_below, upright)

            return await self._keeping(claim, labelling())

    async def label_pixels(
        self,
        model: Model,
        pixels: Pixels,
        orientation: int,
        name: str,
        tags: Tags,
        ignore_below: float = 0.0,
        upright: bool = False,
    ) -> Answer:
        """Label an image that is decoded: upright uint8 RGB [H, W, 3], and the orientation it was stored with.

        Raises:
            UserError: It is too large, or the engine could not label it.
        """
        claim = await self._claim(self._needed(model, pixels.shape[0], pixels.shape[1], tags, name))
        labelling = self._label(model, pixels, orientation, name, tags, ignore_below, upright)
        return await self._keeping(claim, labelling)

    async def _label(
        self,
        model: Model,
        pixels: Pixels,
        orientation: int,
        name: str,
        tags: Tags,
        ignore_below: float,
        upright: bool,
    ) -> Answer:
        """`label_pixels`, when the memory is held."""
        masks, confidences = await self._infer(model, pixels[None], candidates(tags, len(model.info.classes)))

        def finish() -> Answer:
            mask, confidence = leave_out(masks[0], confidences[0], ignore_below), confidences[0]
            if not upright:
                mask, confidence = orient_back(mask, orientation), orient_back(confidence, orientation)
            return Answer(name, tags, mask, confidence)

        return await self.work(finish)

    async def infer(self, model: Model, images: Pixels, wanted: Candidates) -> tuple[Pixels, Pixels]:
        """Ask a model: uint8 RGB [N, H, W, 3] and int64 [N, K] to masks and confidences, uint8 [N, H, W].

        Raises:
            UserError: They are too large, or the engine could not, most likely for want of memory.
        """
        count, height, width, _ = images.shape
        try:
            each = check_image(model.info, height, width, wanted.shape[1], self.hub.budget.total, on_gpu=model.on_gpu)
        except UserError as error:
            raise UserError(f"The images are too large: {error}") from None
        # All are there already, but no more are labelled at a time than the engine takes.
        with await self._claim(each * min(count, model.at_once) + images.nbytes):
            return await self._infer(model, images, wanted)

    async def _infer(self, model: Model, images: Pixels, wanted: Candidates) -> tuple[Pixels, Pixels]:
        try:
            limit = model.batcher.limit
            with self.metrics.statistics(model.name).request(len(images)):
                parts = [
                    asyncio.wrap_future(
                        model.batcher.submit(images[start : start + limit], wanted[start : start + limit])
                    )
                    for start in range(0, len(images), limit)
                ]
                answers = await asyncio.gather(*parts)
        except Exception as error:
            self.metrics.failures.labels("infer", "request").inc(len(images))
            raise UserError(f"The model could not label this: {type(error).__name__}: {error}") from error
        self.metrics.images.labels(model.name, "request").inc(len(images))
        if len(answers) == 1:
            return answers[0]
        masks, confidences = zip(*answers, strict=True)
        return np.concatenate(masks), np.concatenate(confidences)

    def _needed(self, model: Model, height: int, width: int, tags: Tags, name: str) -> int:
        """Bytes an image takes.

        Raises:
            UserError: It is too large.
        """
        slots = candidates(tags, len(model.info.classes)).shape[1]
        try:
            return check_image(model.info, height, width, slots, self.hub.budget.total, on_gpu=model.on_gpu)
        except UserError as error:
            raise UserError(f"{name} is too large: {error}") from None

    async def _claim(self, size: int) -> Claim:
        """Memory, in its turn."""
        claim = self.hub.budget.claim(size)
        try:
            await asyncio.wrap_future(claim.granted)
        except BaseException:
            claim.release()
            raise
        return claim

    async def _keeping(self, claim: Claim, labelling: Awaitable[Answer]) -> Answer:
        """An answer, which holds the memory of mask and confidence as long as it lives."""
        try:
            answer = await labelling
        except BaseException:
            claim.release()
            raise
        claim.shrink(answer.mask.nbytes + answer.confidence.nbytes)
        weakref.finalize(answer, claim.release).atexit = False
        return answer

    def _measure(self, data: bytes, name: str) -> tuple[int, int]:
        """Height and width in the file's grid; no more pixels than the limit."""
        try:
            width, height = image_size(data)
        except UndecodableError as error:
            self.metrics.failures.labels("decode", "request").inc()
            raise UserError(f"{name} cannot be read as an image: {error}.") from None
        if width * height > self.limits.pixels:
            self.metrics.failures.labels("decode", "request").inc()
            raise UserError(
                f"{name} has {width}×{height} pixels, more than the {self.limits.pixels} this server takes "
                "(--max-pixels)."
            )
        return height, width

    def _decode(self, data: bytes, name: str) -> tuple[Pixels, int]:
        started = time.monotonic()
        try:
            pixels, orientation = decode_image(data, name, self.limits.pixels)
        except UserError:
            self.metrics.failures.labels("decode", "request").inc()
            raise
        upright = orient(pixels, orientation)
        self.metrics.stage.labels("decode").observe(time.monotonic() - started)
        return upright, orientation

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)
