"""Bodies of requests, within limits of size and time."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from http import HTTPStatus
from pathlib import Path
from threading import Lock

from fastapi import Request

from swsss.serve.server.problems import Refused
from swsss.serve.server.settings import Limits

IMAGES = frozenset(
    {
        "image/jpeg",
        "image/png",
        "image/webp",
        "image/bmp",
        "image/x-ms-bmp",
        "image/tiff",
        "image/gif",
        "application/octet-stream",
    }
)
ARCHIVES = frozenset({"application/zip", "application/x-zip-compressed", "application/octet-stream"})
JSON = frozenset({"application/json"})

_TOO_SLOW = {"Connection": "close"}
_ALL_BODIES = 4
"""Bodies of the largest size that fit into memory together; most are far smaller."""


class Budget:
    """Bytes of bodies that are in memory, of all requests together.

    Args:
        most: How many there may be.
    """

    def __init__(self, most: int) -> None:
        self.most, self.held = most, 0
        self.lock = Lock()

    def hold(self) -> "Held":
        """A share for one request, to be given back at its end."""
        return Held(self)


class Held:
    """What one request holds of the budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget, self._size = budget, 0

    def take(self, size: int) -> None:
        """Hold so many bytes more.

        Raises:
            Refused: There is no room for them now (503).
        """
        with self._budget.lock:
            if self._budget.held + size > self._budget.most:
                told = "The bodies of other requests take all the memory there is for them; try again in a moment."
                raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, told, {"Retry-After": "1"})
            self._budget.held += size
            self._size += size

    def give_back(self) -> None:
        """Hold nothing any more."""
        with self._budget.lock:
            self._budget.held -= self._size
            self._size = 0


def budget_of(limits: Limits) -> Budget:
    """The budget of a server with these limits."""
    return Budget(_ALL_BODIES * max(limits.image_bytes, 16 * limits.json_bytes))


def check_type(request: Request, allowed: Collection[str]) -> None:
    """See that the body is of a kind that is taken.

    Raises:
        Refused: It is of another (415).
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in allowed:
        named = f"'{given}'" if given else "missing"
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"The Content-Type is {named}; send one of {', '.join(sorted(allowed))}."
        )


async def read_body(request: Request, limits: Limits, most: int | None = None) -> bytes:
    """All of a body that fits into memory.

    Args:
        request: Its body has not been read.
        limits: Of size and speed.
        most: Bytes it may have; None for `image_bytes`.

    Raises:
        Refused: It is larger than that (413), or comes too slowly (408), or all bodies together are too many (503).
    """
    held: Held = request.state.held
    parts = []
    async for part in _parts(request, limits, limits.image_bytes if most is None else most):
        held.take(len(part))
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def save_body(request: Request, limits: Limits, path: Path) -> None:
    """Write a body to a file.

    Raises:
        Refused: It is larger than `archive_bytes` (413), or comes too slowly (408).
        OSError: The file cannot be written.
    """
    with path.open("wb") as file:
        async for part in _parts(request, limits, limits.archive_bytes):
            # The disk may be slow, or far away.
            await asyncio.to_thread(file.write, part)


async def _parts(request: Request, limits: Limits, most: int) -> AsyncIterator[bytes]:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most:
        raise _too_large(most)
    stream, size, started = request.stream(), 0, time.monotonic()
    while True:
        left = limits.header_seconds + size / limits.slowest_body - (time.monotonic() - started)
        try:
            async with asyncio.timeout(left):
                part = await anext(stream, b"")
        except TimeoutError:
            raise Refused(
                HTTPStatus.REQUEST_TIMEOUT,
                f"The body comes at less than {limits.slowest_body // 1024} KiB a second; send it again, faster.",
                _TOO_SLOW,
            ) from None
        if not part:
            return
        size += len(part)
        if size > most:
            raise _too_large(most)
        yield part


def _too_large(most: int) -> Refused:
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is larger than the {most} bytes taken here; send less."
    )
