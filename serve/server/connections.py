"""Connections: what uvicorn leaves open is closed here, such as headers that never end, and readers that stall."""

import asyncio
import socket
import struct
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from swsss.serve.server.settings import Limits

SEND_BUFFER = 256 * 1024
"""Bytes the kernel keeps of an answer: left to itself it takes megabytes for every client that does not read."""

_MOST_HEADER_BYTES = 64 * 1024
_MOST_PIPELINED = 1000
_LEAST_TAKEN = 16 * 1024
"""Bytes of its answer that a client must take between two looks at it, to count as one that reads."""


class Guarded(HttpToolsProtocol):
    """uvicorn's protocol, with limits on what a client may leave unfinished.

    uvicorn waits for ever for the end of a header (slowloris), for the end of a body that was answered already, and
    for clients that do not take their answer.

    Attributes:
        limits: `connections`, `header_seconds` and `slowest_reader_seconds` count here.
    """

    limits: ClassVar[Limits] = Limits()
    _deadline: asyncio.TimerHandle | None = None
    _next_look: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _whole = True  # the last request's body has come to its end
    _resumed = False  # the client has taken a buffer full since the last look
    _unsent, _since = 0, 0.0  # bytes that waited for the client at the last progress, and when that was

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first header."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._look_again()
        if len(self.connections) > self.limits.connections:
            transport.close()
            return
        self._wait_for_client()

    def on_message_begin(self) -> None:
        """Begin to wait for the header of a request."""
        if len(self.pipeline) >= _MOST_PIPELINED:
            # uvicorn answers what the parser raises with 400 and closes.
            raise ValueError("too many requests that wait for one another")
        super().on_message_begin()
        self._header_bytes, self._whole = 0, False
        self._wait_for_client()

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

    def on_message_complete(self) -> None:
        """The body is there."""
        self._whole = True
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """What is left of the body of an answered request is thrown away, for as long as a header may take."""
        super().on_response_complete()
        if not self._whole and self.cycle.response_complete:
            self._wait_for_client()

    def resume_writing(self) -> None:
        """The client takes its answer."""
        self._resumed = True
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget about it."""
        self._stop_waiting()
        if self._next_look is not None:
            self._next_look.cancel()
        super().connection_lost(exc)

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > _MOST_HEADER_BYTES:
            self._close()

    def _wait_for_client(self) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(self.limits.header_seconds, self._close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()

    def _disconnect(self) -> None:
        """Drop the connection with all that is left to send, in this process and in the kernel (RST)."""
        opened = self.transport.get_extra_info("socket")
        if opened is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _look_again(self) -> None:
        self._next_look = self.loop.call_later(self.limits.slowest_reader_seconds / 4, self._look)

    def _look(self) -> None:
        """Disconnect a client that has not taken enough of its answer; also one whose connection is closing."""
        size, now = self.transport.get_write_buffer_size(), self.loop.time()
        if not size or self._resumed or size <= self._unsent - _LEAST_TAKEN:
            self._unsent, self._since, self._resumed = size, now, False
        elif now - self._since >= self.limits.slowest_reader_seconds:
            self._disconnect()
            return
        self._unsent = max(self._unsent, size)
        self._look_again()


def guarded_protocol(limits: Limits) -> type[asyncio.Protocol]:
    """The protocol for uvicorn, with these limits: it makes one for each connection by itself."""
    return type("Guarded", (Guarded,), {"limits": limits})
