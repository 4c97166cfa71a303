"""Behind a reverse proxy: who really asks, under which name and scheme, and below which path prefix."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from swsss.errors import UserError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_OURS = frozenset({"v1", "v2", "page", "docs", "docs-files", "health", "healthz", "readyz", "metrics", "predict"})


def networks_of(addresses: Iterable[str]) -> tuple[Network, ...]:
    """Read addresses, or networks such as 10.0.0.0/8.

    Raises:
        UserError: One is neither.
    """
    networks = []
    for text in addresses:
        try:
            networks.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            raise UserError(f"--trust-proxy {text} is not an IP address or network such as 10.0.0.0/8.") from None
    return tuple(networks)


def prefix_of(text: str) -> str:
    """Read a path prefix: "/swsss", or "" for none.

    Raises:
        UserError: It is not one, or is one of this server's own paths.
    """
    prefix = text.strip().rstrip("/")
    if not prefix:
        return ""
    if not _PREFIX.fullmatch(prefix) or {".", ".."} & set(prefix.split("/")):
        raise UserError(f"--root-path {text} is not a path like /swsss (letters, digits, '.', '_', '-' and '/').")
    if prefix.split("/")[1] in _OURS:
        raise UserError(f"--root-path {text} begins like a path of this server's own; choose another, such as /swsss.")
    return prefix


class Forwarded:
    """ASGI middleware, the outermost: believes a trusted proxy's X-Forwarded-For, -Proto and -Host, and no others'.

    It also settles the path: whether or not the proxy strips the prefix, `root_path` is the prefix and `path` begins
    with it, as ASGI wants it; `scope["state"]["path"]` is the path below the prefix.

    Args:
        app: What it stands around.
        trusted: Addresses and networks of proxies.
        root_path: The prefix, "" for none.
    """

    def __init__(self, app: ASGIApp, trusted: Iterable[str] = (), root_path: str = "") -> None:
        self._networks, self._prefix = networks_of(trusted), prefix_of(root_path)
        believing: Any = ProxyHeadersMiddleware(app, [str(network) for network in self._networks])  # type: ignore[arg-type]
        self._app: ASGIApp = believing if self._networks else app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._settle_path(scope)
        _settle_client(scope)
        if self._is_trusted(scope):
            _settle_host(scope)
        if self._prefix and scope["path"] == self._prefix:
            # Links of the page are relative to its folder.
            await RedirectResponse(f"{self._prefix}/", 308)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_trusted(self, scope: Scope) -> bool:
        try:
            address = ipaddress.ip_address((scope.get("client") or ("",))[0])
        except ValueError:
            return False
        return any(address in network for network in self._networks)

    def _settle_path(self, scope: Scope) -> None:
        path = scope["path"]
        if path != self._prefix and not path.startswith(f"{self._prefix}/"):
            scope["path"] = self._prefix + path
            scope["raw_path"] = self._prefix.encode() + scope.get("raw_path", b"")
        scope["root_path"] = self._prefix
        scope.setdefault("state", {})["path"] = scope["path"].removeprefix(self._prefix)


def _settle_client(scope: Scope) -> None:
    """Write an IPv4 address as one, also where the socket takes both kinds (::ffff:10.0.0.1)."""
    host, port = scope.get("client") or ("", 0)
    if host.startswith("::ffff:") and "." in host:
        scope["client"] = (host.removeprefix("::ffff:"), port)


def _settle_host(scope: Scope) -> None:
    """Put the name the client asked for in the place of the one the proxy asks for."""
    # Each proxy adds to the end: the last is from the one that is trusted.
    given = ",".join(Headers(scope=scope).getlist("x-forwarded-host")).rpartition(",")[2].strip()
    if _HOST.fullmatch(given):
        scope["headers"] = list(scope["headers"])
        MutableHeaders(scope=scope)["host"] = given
