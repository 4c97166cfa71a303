"""Tells whoever listens which jobs have changed, not more often than somebody can look."""

import asyncio
from collections.abc import AsyncIterator
from threading import Lock

_SECONDS = 0.25


Change = tuple[str, int | None]
"""A job that changed: its id, and the number of the image when a reviewer changed one."""


class Events:
    """Hands out what changed. `changed` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._listeners: dict[asyncio.Event, tuple[asyncio.AbstractEventLoop, set[Change]]] = {}
        self._closed = False

    def changed(self, job_id: str, number: int | None = None) -> None:
        """Note that a job changed, or was removed; or, with a number, that one of its images was reviewed."""
        with self._lock:
            for event, (loop, changes) in self._listeners.items():
                changes.add((job_id, number))
                if not loop.is_closed():
                    loop.call_soon_threadsafe(event.set)

    def close(self) -> None:
        """End all listening."""
        with self._lock:
            self._closed = True
            for event, (loop, _) in self._listeners.items():
                loop.call_soon_threadsafe(event.set)

    async def listen(self) -> AsyncIterator[set[Change]]:
        """What changed since the last time, whenever anything did; ends when the server closes.

        The first set comes at once and is empty: from then on no change is missed.
        """
        event, changes = asyncio.Event(), set[Change]()
        with self._lock:
            self._listeners[event] = asyncio.get_running_loop(), changes
        try:
            yield set()
            while not self._closed:
                await event.wait()
                event.clear()
                with self._lock:
                    now = set(changes)
                    changes.clear()
                if now:
                    yield now
                    await asyncio.sleep(_SECONDS)
        finally:
            with self._lock:
                del self._listeners[event]
