"""From what the user told `swsss-serve` to a server that answers."""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

import structlog
import uvicorn

from swsss.errors import UserError
from swsss.serve.server.access import LOOPBACK
from swsss.serve.server.app import build_app
from swsss.serve.server.connections import guarded_protocol
from swsss.serve.server.hub import Hub
from swsss.serve.server.jobs.desk import Desk
from swsss.serve.server.logs import configure_logs
from swsss.serve.server.metrics import Metrics
from swsss.serve.server.parts import Parts
from swsss.serve.server.settings import Settings

_KEEP_ALIVE_SECONDS = 20
_LEAVE_SECONDS = 30

log = structlog.get_logger()


@dataclass(frozen=True)
class Opened:
    """A server whose models are loaded and that has its address; `run` serves until it is told to stop.

    Args:
        server: uvicorn's.
        listening: What it listens on.
    """

    server: uvicorn.Server
    listening: socket.socket

    @property
    def address(self) -> str:
        """Where it is found, as http://HOST:PORT."""
        host, port = self.listening.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def run(self) -> None:
        """Serve until SIGINT, SIGTERM, or `server.should_exit`."""
        self.server.run(sockets=[self.listening])


def open_server(settings: Settings) -> Opened:
    """Load the models and take the address.

    Raises:
        UserError: A model, a folder or the address cannot be used, or a token is missing.
    """
    _check(settings)
    metrics = Metrics()
    hub = Hub(settings, metrics)
    _load_models(hub)
    listening = _listen(settings)
    desk = Desk(settings, hub, metrics)
    config = uvicorn.Config(
        build_app(Parts(settings, metrics, hub, desk)),
        http=guarded_protocol(settings.limits.header_seconds, settings.limits.connections),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LEAVE_SECONDS,
    )
    return Opened(_Server(config, desk.events.close), listening)


def run(settings: Settings, tell: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: What the user told.
        tell: Called with a line for the user, once it listens.

    Raises:
        UserError: As for `open_server`.
    """
    configure_logs()
    opened = open_server(settings)
    tell(f"swsss-serve listens on {opened.address}")
    opened.run()


class _Server(uvicorn.Server):
    """uvicorn, which tells those who listen to events that it closes, or it would wait for them to leave."""

    def __init__(self, config: uvicorn.Config, closing: Callable[[], None]) -> None:
        super().__init__(config)
        self._closing = closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._closing()
        super().handle_exit(sig, frame)
        # uvicorn raises it again once all is done; to be asked to end is no failure.
        self._captured_signals.clear()


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


def _check(settings: Settings) -> None:
    if not settings.token and not _is_loopback(settings.host):
        raise UserError(
            f"--host {settings.host} lets other machines in, so a token is needed: set the environment variable "
            "SWSSS_TOKEN, or name a file with --token-file."
        )
    for option, folder in (("--root", settings.root), ("--models", settings.folder)):
        if folder is not None and not folder.is_dir():
            raise UserError(f"{option} {folder} is no folder.")


def _is_loopback(host: str) -> bool:
    if host in LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except (OSError, OverflowError) as error:
        listening.close()
        told = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"{settings.host}:{settings.port} cannot be listened on: {told}; choose another --port."
        ) from None
    return listening
