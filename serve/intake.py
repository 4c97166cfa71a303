"""Images on their way in: measured by their headers, given memory in turn, decoded ahead in threads."""

import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from swsss.data.headers import MAX_PIXELS
from swsss.data.image_size import read_image_size
from swsss.data.images import Pixels, orient, read_image
from swsss.errors import UserError
from swsss.model.engine import Engine
from swsss.serve.in_flight import InFlight
from swsss.serve.memory import Claim, MemoryBudget, check_image
from swsss.serve.plan import Item
from swsss.serve.records import Failed, Labelled
from swsss.threads import ahead

Outcome = tuple[Item, Labelled | Failed]

_GLANCE_SECONDS = 0.2
"""How often somebody who waits for memory looks whether to stop."""


@dataclass(frozen=True)
class Decoded:
    """An image on its way to the engine.

    Args:
        item: What it is.
        pixels: uint8 RGB [H, W, 3], upright.
        orientation: EXIF orientation it was stored with.
        seconds: Spent decoding.
        claim: The memory it takes; whoever is done with it releases it.
    """

    item: Item
    pixels: Pixels
    orientation: int
    seconds: float
    claim: Claim


@dataclass(frozen=True)
class _Sized:
    item: Item
    pixels: int
    needed: int  # bytes


class Intake:
    """Decodes images ahead, no further than `depth` and than the budget allows.

    Args:
        engine: Which is to label them.
        images: The image folder.
        budget: Shared with everybody else who labels in this process.
        workers: Threads.
        depth: Images looked at or decoded, and not taken yet.
        max_pixels: Images with more fail.
        flight: Told what is being decoded.
        within: Folder that no image may lead out of; None for anywhere.
    """

    def __init__(
        self,
        engine: Engine,
        images: Path,
        budget: MemoryBudget,
        workers: int,
        depth: int,
        max_pixels: int = MAX_PIXELS,
        flight: InFlight | None = None,
        within: Path | None = None,
    ) -> None:
        self._engine, self._images, self._budget, self._max_pixels = engine, images, budget, max_pixels
        self._workers, self._depth, self._flight, self._within = workers, depth, flight, within
        self.on_gpu = engine.device == "cuda"
        self._claims: set[Claim] = set()

    def run(self, items: Iterable[Item], stop: Callable[[], bool]) -> Generator[Decoded | Outcome | None, None, None]:
        """Decode images, or tell why they failed, in the order of the items.

        None comes while the next image waits for memory: whoever holds images back must let them go on.

        Args:
            items: Taken as they are needed.
            stop: Looked at while waiting for memory.
        """
        decoding: deque[Future[Decoded | Outcome]] = deque()
        with (
            ThreadPoolExecutor(self._workers, "decode") as decoders,
            ahead(self._measure, items, self._workers, self._workers) as measured,
        ):
            try:
                for image in measured:
                    if not isinstance(image, _Sized):
                        yield image
                        continue
                    claim = self._budget.claim(image.needed)
                    self._claims.add(claim)
                    while not claim.granted.done():
                        if decoding:
                            yield decoding.popleft().result()
                            continue
                        yield None
                        if stop():
                            return
                        wait_for([claim.granted], _GLANCE_SECONDS)
                    decoding.append(decoders.submit(self._decode, image, claim))
                    while len(decoding) >= self._depth - self._workers:
                        yield decoding.popleft().result()
                while decoding:
                    yield decoding.popleft().result()
            finally:
                decoders.shutdown(cancel_futures=True)

    def let_go(self, claim: Claim) -> None:
        """Release the memory of an image; from any thread."""
        claim.release()
        self._claims.discard(claim)

    def close(self) -> None:
        """Release what is still held, of images that were dropped."""
        for claim in list(self._claims):
            self.let_go(claim)

    def slots(self, item: Item) -> int:
        """How many classes an image may hold, background included."""
        return len(self._engine.info.classes) if item.tags is None else 1 + len(item.tags)

    def _measure(self, item: Item) -> _Sized | Outcome:
        path = self._images / item.image
        try:
            width, height = read_image_size(path, within=self._within)
            if width * height > self._max_pixels:
                raise UserError(f"{path} has {width}×{height} pixels, more than the {self._max_pixels} taken here.")
            try:
                total = self._budget.total
                needed = check_image(self._engine.info, height, width, self.slots(item), total, on_gpu=self.on_gpu)
                needed += path.stat().st_size  # which may be far larger than its picture
            except UserError as error:
                raise UserError(f"{path} is too large: {error}") from None
            except OSError as error:
                raise UserError(f"{path} cannot be read as an image: {error.strerror}.") from None
        except UserError as error:
            return self._failed(item, error)
        return _Sized(item, width * height, needed)

    def _decode(self, image: _Sized, claim: Claim) -> Decoded | Outcome:
        started = time.perf_counter()
        try:
            with nullcontext() if self._flight is None else self._flight.during("decode", [image.item.image]):
                # No more than it had when it was measured.
                pixels, orientation = read_image(self._images / image.item.image, image.pixels, within=self._within)
        except UserError as error:
            self.let_go(claim)
            return self._failed(image.item, error)
        except MemoryError:
            self.let_go(claim)
            return self._failed(image.item, UserError(f"{image.item.image} is too large for the memory there is."))
        return Decoded(image.item, orient(pixels, orientation), orientation, time.perf_counter() - started, claim)

    def _failed(self, item: Item, error: UserError) -> Outcome:
        # As named in the other columns, wherever the folder lies.
        return item, Failed(item.image, "decode", str(error).removeprefix(f"{self._images}{os.sep}"))
