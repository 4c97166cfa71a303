"""Tells whoever listens which jobs have changed, not more often than somebody can look."""

import asyncio
from collections.abc import AsyncIterator
from threading import Lock

_SECONDS = 0.25


class Events:
    """Hands out the ids of jobs that changed. `changed` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._listeners: dict[asyncio.Event, tuple[asyncio.AbstractEventLoop, set[str]]] = {}
        self._closed = False

    def changed(self, job_id: str) -> None:
        """Note that a job changed, or was removed."""
        with self._lock:
            for event, (loop, ids) in self._listeners.items():
                ids.add(job_id)
                if not loop.is_closed():
                    loop.call_soon_threadsafe(event.set)

    def close(self) -> None:
        """End all listening."""
        with self._lock:
            self._closed = True
            for event, (loop, _) in self._listeners.items():
                loop.call_soon_threadsafe(event.set)

    async def listen(self) -> AsyncIterator[set[str]]:
        """The ids of jobs that changed since the last time, whenever there are any; ends when the server closes."""
        event, ids = asyncio.Event(), set[str]()
        with self._lock:
            self._listeners[event] = asyncio.get_running_loop(), ids
        try:
            while not self._closed:
                await event.wait()
                event.clear()
                with self._lock:
                    now = set(ids)
                    ids.clear()
                if now:
                    yield now
                    await asyncio.sleep(_SECONDS)
        finally:
            with self._lock:
                del self._listeners[event]
