"""From what the user told `swsss-serve` to a server that answers."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from swsss.errors import UserError
from swsss.serve.server.app import build_app
from swsss.serve.server.checks import check_settings
from swsss.serve.server.connections import SEND_BUFFER, guarded_protocol
from swsss.serve.server.forwarded import prefix_of
from swsss.serve.server.hub import Hub
from swsss.serve.server.jobs.desk import Desk
from swsss.serve.server.logs import configure_logs
from swsss.serve.server.metrics import Metrics
from swsss.serve.server.parts import Parts
from swsss.serve.server.settings import Settings

_KEEP_ALIVE_SECONDS = 20
_LEAVE_SECONDS = 7
_SWITCH_SECONDS = 0.0005
_END_SECONDS = 13
"""From the wish to end to the end. Kubernetes kills after 30 s; what is running then goes on at the next start."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Opened:
    """A server whose models are loaded and that has its address; `run` serves until it is told to stop.

    Args:
        server: uvicorn's.
        listening: What it listens on.
    """

    server: "Server"
    listening: socket.socket

    @property
    def address(self) -> str:
        """Where it is found, as http://HOST:PORT."""
        host, port = self.listening.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM, or `server.should_exit`."""
        self.server.run(sockets=[self.listening])


def open_server(settings: Settings) -> Opened:
    """Load the models and take the address.

    Raises:
        UserError: A model, a folder or the address cannot be used, or a token is missing.
    """
    check_settings(settings)
    metrics = Metrics()
    hub = Hub(settings, metrics)
    _load_models(hub)
    listening = _listen(settings)
    desk = Desk(settings, hub, metrics)
    config = uvicorn.Config(
        build_app(Parts(settings, metrics, hub, desk)),
        http=guarded_protocol(settings.limits),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LEAVE_SECONDS,
    )
    return Opened(Server(config, desk.events.close), listening)


def run(settings: Settings, tell: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: What the user told.
        tell: Called with a line for the user, once it listens.

    Raises:
        UserError: As for `open_server`.
    """
    configure_logs()
    # Of Python's threads one runs at a time: those that unpack or list must not hold up the one that answers.
    sys.setswitchinterval(_SWITCH_SECONDS)
    opened = open_server(settings)
    # A thread that is deep in an engine or a disk cannot be asked to end, and Python would wait for it.
    opened.server.exit_anyway = True
    tell(f"swsss-serve listens on {opened.address}")
    tell(_how_to_open(settings, opened.address))
    opened.run()


class Server(uvicorn.Server):
    """uvicorn, which tells those who listen to events that it closes, or it would wait for them to leave.

    Attributes:
        exit_anyway: Whether the process ends in time even if something in it does not; for a process of its own.
    """

    exit_anyway = False

    def __init__(self, config: uvicorn.Config, closing: Callable[[], None]) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn."""
        if self.exit_anyway:
            end = threading.Timer(_END_SECONDS, os._exit, [0])
            end.daemon = True
            end.start()
        self._closing()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As in uvicorn, which would raise the signal again at the end: to be asked to end is no failure."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _how_to_open(settings: Settings, address: str) -> str:
    """A line that says where the page is, and what to log in with."""
    if settings.host in {"0.0.0.0", "::"}:  # noqa: S104 - only compared
        address = f"http://{socket.gethostname()}:{address.rpartition(':')[2]}"
    told = f"Open {address}{prefix_of(settings.root_path)}/ in a browser"
    if settings.token:
        told += "; log in with the token this server was started with (SWSSS_TOKEN or --token-file)"
    return f"{told}."


def _load_models(hub: Hub) -> None:
    for name in hub.settings.models:
        hub.load(name)
    for name, ready, _ in hub.index():
        if not ready:
            # One of the folder that is no use must not keep the others from serving.
            try:
                hub.load(name)
            except UserError as error:
                log.warning("model left out", model=name, reason=str(error))


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Connections that are taken from it inherit this.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    try:
        listening.bind((settings.host, settings.port))
    except (OSError, OverflowError) as error:
        listening.close()
        told = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"{settings.host}:{settings.port} cannot be listened on: {told}; choose another --port."
        ) from None
    return listening
