"""Whose turn it is on an engine that takes one call at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Turns:
    """Hands out an engine: requests before jobs, for somebody waits for them; but a waiting job is not kept for ever.

    Args:
        in_a_row: Turns of requests after which a job that waits has one.
    """

    def __init__(self, in_a_row: int = 4) -> None:
        self._in_a_row = in_a_row
        self._changed = Condition()
        self._taken = False
        self._requests = self._jobs = self._row = 0

    @contextmanager
    def request(self) -> Iterator[None]:
        """Hold the engine for a request."""
        with self._changed:
            self._requests += 1
            self._changed.wait_for(lambda: not self._taken and not (self._jobs and self._row >= self._in_a_row))
            self._requests -= 1
            self._row += 1
            self._taken = True
        yield from self._held()

    @contextmanager
    def job(self) -> Iterator[None]:
        """Hold the engine for a job."""
        with self._changed:
            self._jobs += 1
            self._changed.wait_for(lambda: not self._taken and (not self._requests or self._row >= self._in_a_row))
            self._jobs -= 1
            self._row = 0
            self._taken = True
        yield from self._held()

    def _held(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                self._changed.notify_all()
