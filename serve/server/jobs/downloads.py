"""Sends what takes long to make, a part at a time: in threads of its own, and no longer than somebody wants it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from threading import Lock
from typing import TypeVar

import structlog
from starlette.requests import ClientDisconnect

from swsss.errors import UserError
from swsss.serve.server.jobs.events import Events
from swsss.serve.server.problems import busy

T = TypeVar("T")

_THREADS = 4
_WAIT_SECONDS = 1.0
_PATIENCE_SECONDS, _RETRY_SECONDS = 10.0, 5.0

log = structlog.get_logger()


class Downloads:
    """Downloads of all clients.

    Args:
        events: Tells when jobs change, and when the server closes.
        most: Downloads at a time; more wait a little, then are told to come again.
    """

    def __init__(self, events: Events, most: int) -> None:
        self._events = events
        self._places = asyncio.Semaphore(most)
        # Of their own: what everybody shares serves the page's files, too.
        self._pool = ThreadPoolExecutor(max(1, min(_THREADS, most)), "downloads")

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Take a place, and give it back at the end.

        Raises:
            Refused: No place has come free for a while (503).
        """
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise busy(_RETRY_SECONDS) from None
        try:
            yield
        finally:
            self._places.release()

    async def work(self, function: Callable[[], T]) -> T:
        """Run something in the threads that make downloads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    async def stream(
        self, parts: Iterator[bytes | None], whole: Callable[[], bool] = lambda: True
    ) -> AsyncIterator[bytes]:
        """Hand on parts as they are made.

        Args:
            parts: None among them means that the next has to be waited for.
            whole: Asked at the end whether nothing was taken away meanwhile.

        Raises:
            ClientDisconnect: The server closes, the disk is broken, or `whole` said no. What was sent is not all,
                which the client sees by the end of its connection.
        """
        steps, changed = _Steps(parts), asyncio.Event()
        watching = asyncio.create_task(self._watch(changed))
        try:
            while (part := await self.work(steps.next)) is not steps:
                if watching.done():
                    raise ClientDisconnect
                if isinstance(part, bytes):
                    if part:
                        yield part
                else:
                    changed.clear()
                    await _first_of(watching, changed)
            if not whole():
                raise ClientDisconnect
        except (OSError, UserError) as error:
            log.warning("download broken off", reason=str(error))
            raise ClientDisconnect from None
        finally:
            watching.cancel()
            self._end(steps)

    def _end(self, steps: "_Steps") -> None:
        try:
            self._pool.submit(steps.close)
        except RuntimeError:  # the server has closed
            steps.close()

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False)

    async def _watch(self, changed: asyncio.Event) -> None:
        """Until the server closes."""
        async for _ in self._events.listen():
            changed.set()


class _Steps:
    """An iterator that one thread at a time goes on with: a client may leave while one does."""

    def __init__(self, parts: Iterator[bytes | None]) -> None:
        self._parts, self._lock = parts, Lock()

    def next(self) -> "bytes | _Steps | None":
        """The next part; itself when there is none."""
        with self._lock:
            return next(self._parts, self)

    def close(self) -> None:
        """Let go of all files the parts are made from."""
        with self._lock:
            close = getattr(self._parts, "close", None)
            if close is not None:
                close()
            self._parts = iter(())


async def _first_of(watching: "asyncio.Task[None]", changed: asyncio.Event) -> None:
    """Wait until something changes or the server closes, but not for long: not every change is told."""
    waiting = asyncio.create_task(changed.wait())
    try:
        await asyncio.wait({watching, waiting}, timeout=_WAIT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
