"""Connections: what uvicorn leaves open is closed here, and clients that never finish a header are let go."""

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MOST_HEADER_BYTES = 64 * 1024


class Guarded(HttpToolsProtocol):
    """uvicorn's protocol, whose clients must send a request's header in time and of a reasonable length.

    uvicorn waits for ever for the end of a header (slowloris), and keeps whatever length of it.

    Attributes:
        header_seconds: From the connection, or from a request's first byte, to the end of its header.
        most: Connections at a time; more are closed at once.
    """

    header_seconds: ClassVar[float] = 10.0
    most: ClassVar[int] = 1000
    _deadline: asyncio.TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first header."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.close()
            return
        self._wait_for_header()

    def on_message_begin(self) -> None:
        """Begin to wait for the header of a request."""
        super().on_message_begin()
        self._header_bytes = 0
        self._wait_for_header()

    def on_url(self, url: bytes) -> None:
        """Count it."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count it."""
        super().on_header(name, value)
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """The header is there: how long the body takes is looked at where it is read."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget about it."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > _MOST_HEADER_BYTES:
            self._close()

    def _wait_for_header(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(self.header_seconds, self._close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()


def guarded_protocol(seconds: float, connections: int) -> type[asyncio.Protocol]:
    """The protocol for uvicorn, with these limits: it makes one for each connection by itself."""
    return type("Guarded", (Guarded,), {"header_seconds": seconds, "most": connections})
