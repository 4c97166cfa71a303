"""Whose turn it is on an engine that takes few calls at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Turns:
    """Hands out an engine: requests before jobs, for somebody waits for them; but a waiting job is not kept for ever.

    Args:
        lanes: Calls the engine takes at a time.
        in_a_row: Turns of requests after which a job that waits has one.
    """

    def __init__(self, lanes: int = 1, in_a_row: int = 4) -> None:
        self._in_a_row = in_a_row
        self._changed = Condition()
        self._free = lanes
        self._requests = self._jobs = self._row = 0

    @contextmanager
    def request(self) -> Iterator[None]:
        """Hold the engine for a request."""
        with self._changed:
            self._requests += 1
            self._changed.wait_for(lambda: self._free and not (self._jobs and self._row >= self._in_a_row))
            self._requests -= 1
            self._row += 1
            self._free -= 1
        yield from self._held()

    @contextmanager
    def job(self) -> Iterator[None]:
        """Hold the engine for a job."""
        with self._changed:
            self._jobs += 1
            self._changed.wait_for(lambda: self._free and (not self._requests or self._row >= self._in_a_row))
            self._jobs -= 1
            self._row = 0
            self._free -= 1
        yield from self._held()

    def _held(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()
