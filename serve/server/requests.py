"""Around every request: its id, its log line, its figures; and nothing of our insides to the client when it fails."""

import re
import time
import uuid
from http import HTTPStatus

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from swsss.serve.server.metrics import Metrics
from swsss.serve.server.problems import problem

log = structlog.get_logger()

_PLAIN_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = {"/healthz", "/readyz", "/metrics", "/health", "/v2/health/live", "/v2/health/ready"}
_GONE = 499
"""What nginx writes when a client leaves before it is answered."""


class Requests:
    """ASGI middleware, the outermost.

    Args:
        app: What it stands around.
        metrics: Told about every request.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _id_of(scope)
        scope["state"]["request_id"] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started, status, path = time.monotonic(), 0, scope["state"]["path"]

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            status = _GONE
        except Exception:
            log.exception("request failed", path=path)
            told = "Something went wrong in the server; its log says more under this request id."
            if not status:
                answer = problem(HTTPStatus.INTERNAL_SERVER_ERROR, told, request_id, path)
                await answer(scope, receive, watched)
        finally:
            self._take_down(scope, status or _GONE, time.monotonic() - started)

    def _take_down(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "") or "other"
        self.metrics.requests.labels(route, scope["method"], status).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        path = scope["state"]["path"]
        if path not in _QUIET:
            log.info(
                "request",
                method=scope["method"],
                path=path,
                status=status,
                seconds=round(seconds, 4),
                client=(scope.get("client") or ("",))[0],
            )


def _id_of(scope: Scope) -> str:
    """The id a client gave its request, when it is one that can be logged; else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _PLAIN_ID.fullmatch(value.decode("latin-1")):
            return str(value.decode("latin-1"))
    return uuid.uuid4().hex[:16]
