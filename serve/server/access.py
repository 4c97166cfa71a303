"""Who may ask: token, host names, origins; and the headers that keep browsers from doing harm."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from swsss.serve.server.problems import problem

COOKIE = "swsss_session"
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_OPEN_PATHS = frozenset({"/", "/healthz", "/favicon.ico", "/v1/session"})
_OPEN_FOLDERS = ("/page/",)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

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


def session_of(token: str) -> str:
    """What the cookie of a session holds: it lets in, and does not tell the token."""
    return hmac.new(token.encode(), b"swsss session", hashlib.sha256).hexdigest()


class Access:
    """ASGI middleware: refuses who may not ask, and adds the security headers to every answer.

    Args:
        app: What it stands around.
        token: Asked of everybody; "" for none.
        hosts: Names this server goes by when there is no token: a page of somebody else's, whose name was made to
            point to this address (DNS rebinding), is known by the name it asks for.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Iterable[str]) -> None:
        self.app, self.token = app, token
        self.hosts = LOOPBACK | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", _policy(scope["path"]))
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refusal = self._refusal(scope, Headers(scope=scope))
        if refusal is None:
            await self.app(scope, receive, with_headers)
            return
        status, detail = refusal
        extra = {"WWW-Authenticate": "Bearer"} if status == HTTPStatus.UNAUTHORIZED else None
        answer = problem(status, detail, scope["state"]["request_id"], scope["path"], extra)
        await answer(scope, receive, with_headers)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[HTTPStatus, str] | None:
        host = headers.get("host", "")
        if not self.token and _name_of(host) not in self.hosts:
            return HTTPStatus.MISDIRECTED_REQUEST, (
                f"This server does not go by the name '{_name_of(host)}'; ask for 127.0.0.1, or start it with "
                "--allow-host."
            )
        origin = headers.get("origin", "")
        if scope["method"] not in _SAFE_METHODS and origin and origin.partition("://")[2] != host:
            return HTTPStatus.FORBIDDEN, "Pages of other sites may not ask this server; use its own page or a program."
        if self.token and not _is_open(scope["path"]) and not self._has_token(headers):
            return HTTPStatus.UNAUTHORIZED, (
                "A token is needed: send 'Authorization: Bearer TOKEN' with the token swsss-serve was started with."
            )
        return None

    def _has_token(self, headers: Headers) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and _same(given.strip(), self.token):
            return True
        if kind.lower() == "basic" and _same(_password_of(given), self.token):
            return True
        return _same(_cookie_of(headers), session_of(self.token))


def _policy(path: str) -> str:
    if path == "/docs":
        return _INLINE_STYLES
    return _REPORT if path.endswith("/report.html") else _POLICY


def _is_open(path: str) -> bool:
    return path in _OPEN_PATHS or path.startswith(_OPEN_FOLDERS)


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _name_of(host: str) -> str:
    """The name in a Host header, without port and brackets, in lower case."""
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower()


def _password_of(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _cookie_of(headers: Headers) -> str:
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[COOKIE].value if COOKIE in cookies else ""
