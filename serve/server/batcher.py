"""Requests of one size, that come together, become one call of the engine."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Thread

import numpy as np

from swsss.data.images import Pixels
from swsss.model.engine import Candidates, Engine
from swsss.serve.server.turns import Turns

Answer = tuple[Pixels, Pixels]
"""Masks and confidences, uint8 [N, H, W]."""

_IDLE_SECONDS = 5.0


@dataclass(eq=False)
class _Ask:
    images: Pixels
    candidates: Candidates
    answer: "Future[Answer]" = field(default_factory=Future)
    arrived: float = field(default_factory=time.monotonic)


class Batcher:
    """Collects images and asks the engine in threads of its own, which go when nothing is asked any more.

    A batch is given to the engine when it is full, or when its oldest image has waited long enough. With a limit of 1,
    as on a CPU, nothing ever waits for others.

    Args:
        engine: The model.
        turns: Shared with everybody else who uses the engine.
        limit: Images a call; those of one ask stay together, also when they are more.
        wait: Seconds an image waits for others of its size.
        lanes: Calls of the engine at a time.
        observe: Called with the images of a call, the seconds each ask in it waited, and the seconds it took.
    """

    def __init__(
        self,
        engine: Engine,
        turns: Turns,
        limit: int,
        wait: float,
        lanes: int = 1,
        observe: Callable[[int, Sequence[float], float], None] = lambda images, waited, took: None,
    ) -> None:
        self.limit = limit
        self._engine, self._turns, self._wait, self._observe = engine, turns, wait, observe
        self._lanes, self._threads, self._idle = lanes, 0, 0
        self._asks: deque[_Ask] = deque()
        self._changed = Condition()

    def submit(self, images: Pixels, candidates: Candidates) -> "Future[Answer]":
        """Ask for images of one size.

        Args:
            images: uint8 RGB [N, H, W, 3], upright.
            candidates: int64 [N, K], padded with -1.

        Returns:
            What the engine gives, or raises. Cancelling it before its turn drops it.
        """
        ask = _Ask(images, candidates)
        with self._changed:
            self._asks.append(ask)
            if self._idle < len(self._asks) and self._threads < self._lanes:
                self._threads += 1
                Thread(target=self._run, name="batcher", daemon=True).start()
            self._changed.notify_all()
        return ask.answer

    def _run(self) -> None:
        while batch := self._next():
            self._answer(batch)

    def _next(self) -> list[_Ask]:
        """The next batch; empty when nobody asked for a while, and this thread is to end."""
        with self._changed:
            while self._asks_came():
                first = self._asks[0]
                left = first.arrived + self._wait - time.monotonic()
                if left <= 0 or sum(len(ask.images) for ask in self._alike(first)) >= self.limit:
                    return self._take(first)
                self._changed.wait(left)
            self._threads -= 1
            return []

    def _asks_came(self) -> bool:
        self._idle += 1
        try:
            return self._changed.wait_for(lambda: bool(self._asks), _IDLE_SECONDS)
        finally:
            self._idle -= 1

    def _alike(self, first: _Ask) -> list[_Ask]:
        return [ask for ask in self._asks if ask.images.shape[1:] == first.images.shape[1:]]

    def _take(self, first: _Ask) -> list[_Ask]:
        batch, images = [first], len(first.images)
        for ask in self._alike(first)[1:]:
            if images + len(ask.images) > self.limit:
                break
            batch.append(ask)
            images += len(ask.images)
        for ask in batch:
            self._asks.remove(ask)
        return batch

    def _answer(self, batch: Sequence[_Ask]) -> None:
        batch = [ask for ask in batch if ask.answer.set_running_or_notify_cancel()]
        if batch:
            self._ask_engine(batch)

    def _ask_engine(self, batch: Sequence[_Ask]) -> None:
        started = time.monotonic()
        try:
            with self._turns.request():
                started = time.monotonic()
                masks, confidences = self._engine.label(*_together(batch))
        except Exception as error:  # whatever the runtime raises: out of memory, most likely
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
                return
            for ask in batch:
                self._ask_engine([ask])
            return
        self._observe(len(masks), [started - ask.arrived for ask in batch], time.monotonic() - started)
        start = 0
        for ask in batch:
            part = slice(start, start := start + len(ask.images))
            ask.answer.set_result((masks[part], confidences[part]))


def _together(batch: Sequence[_Ask]) -> tuple[Pixels, Candidates]:
    if len(batch) == 1:
        return batch[0].images, batch[0].candidates
    width = max(ask.candidates.shape[1] for ask in batch)
    candidates = [
        np.pad(ask.candidates, ((0, 0), (0, width - ask.candidates.shape[1])), constant_values=-1) for ask in batch
    ]
    return np.concatenate([ask.images for ask in batch]), np.concatenate(candidates)
