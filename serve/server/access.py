"""Who may ask: token, host names, origins; and the headers that keep browsers from doing harm."""

import re
from collections.abc import Iterable
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from swsss.errors import UserError
from swsss.serve.server.gate import Gate, Given
from swsss.serve.server.problems import Refused, problem

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_PROBES = frozenset({"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"})
_OPEN_PATHS = frozenset({"/", "/favicon.ico", "/v1/session"}) | _PROBES
_OPEN_FOLDERS = ("/page/",)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
_PORTS = {"http": "80", "https": "443"}

_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; script-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Swagger UI and the reports of jobs style their elements in place; the latter show their pictures as data.
_INLINE_STYLES = _POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
_REPORT = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "frame-ancestors 'none'; sandbox allow-scripts"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Access:
    """ASGI middleware: refuses who may not ask, and adds the security headers to every answer.

    Args:
        app: What it stands around.
        gate: Knows the token, which is asked of everybody when there is one.
        hosts: Names this server goes by when there is no token: a page of somebody else's, whose name was made to
            point to this address (DNS rebinding), is known by the name it asks for.
        origins: Other sites whose pages may ask; with the token in a header, never by a cookie.
    """

    def __init__(self, app: ASGIApp, gate: Gate, hosts: Iterable[str], origins: Iterable[str] = ()) -> None:
        self.app, self.gate = app, gate
        self.hosts = LOOPBACK | {host.lower() for host in hosts}
        self.origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path: str = scope["state"]["path"]

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _policy(path))
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refused = self._refusal(scope, Headers(scope=scope), path)
        # Nobody else needs them, and FastAPI would read them with Python's slow reader (CVE-2024-7592).
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name != b"cookie"]
        if refused is None:
            await self.app(scope, receive, with_headers)
            return
        answer = problem(refused.status, refused.detail, scope["state"]["request_id"], path, refused.headers)
        await answer(scope, receive, with_headers)

    def _refusal(self, scope: Scope, headers: Headers, path: str) -> Refused | None:
        host = headers.get("host", "")
        if not self.gate.token and _name_of(host) not in self.hosts:
            return Refused(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"This server does not go by the name '{_name_of(host)}'; ask for 127.0.0.1, or start it with "
                "--allow-host.",
            )
        origin = headers.get("origin", "")
        own = not origin or _is_own(origin, host) or headers.get("sec-fetch-site") == "same-origin"
        if scope["method"] not in _SAFE_METHODS and not own and origin not in self.origins:
            return Refused(
                HTTPStatus.FORBIDDEN, "Pages of other sites may not ask this server; use its own page or a program."
            )
        if not self.gate.token or _is_open(path):
            return None
        return self._without_token(scope, headers, own)

    def _without_token(self, scope: Scope, headers: Headers, own: bool) -> Refused | None:
        given = self.gate.judge(headers, cookies=own)
        if given is Given.RIGHT:
            return None
        if given is Given.WRONG:
            return self.gate.refuse_wrong((scope.get("client") or ("",))[0])
        return Refused(
            HTTPStatus.UNAUTHORIZED,
            "A token is needed: send 'Authorization: Bearer TOKEN' with the token this server was started with "
            "(SWSSS_TOKEN or --token-file).",
            {"WWW-Authenticate": "Bearer"},
        )


def origins_of(given: Iterable[str]) -> tuple[str, ...]:
    """Read origins of other sites, such as https://tool.example:8443.

    Raises:
        UserError: One has no scheme, or holds more than scheme, host and port.
    """
    origins = [text.strip().rstrip("/").lower() for text in given]
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise UserError(f"--allow-origin {origin} is not an origin like https://tool.example or http://host:8080.")
    return tuple(origins)


def _policy(path: str) -> str:
    if path == "/docs":
        return _INLINE_STYLES
    return _REPORT if path.endswith("/report.html") else _POLICY


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith(_OPEN_FOLDERS)


def _is_own(origin: str, host: str) -> bool:
    """Whether a page comes from the host it asks; the usual port may be there or not."""
    scheme, _, site = origin.partition("://")
    port = _PORTS.get(scheme, "")
    return bool(port) and site.removesuffix(f":{port}") == host.removesuffix(f":{port}")


def _name_of(host: str) -> str:
    """The name in a Host header, without port and brackets, in lower case."""
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower()
