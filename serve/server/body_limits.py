"""Every body has a limit: those that no route of ours reads itself are read here, before FastAPI would read them."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from swsss.serve.server.bodies import Budget, read_body
from swsss.serve.server.problems import Refused, problem
from swsss.serve.server.settings import Limits

_READ_BY_ROUTES = frozenset({"/v1/label", "/v1/jobs/archive", "/predict", "/setup", "/webhook"})
_READ_BY_ROUTES_BELOW = "/v2/models/"


class BodyLimits:
    """ASGI middleware: reads small bodies whole and within limits; and counts what all requests hold in memory.

    Whoever reads by itself, `Request.json` or FastAPI's `Body`, gets what was read here, whatever the route.

    Args:
        app: What it stands around.
        limits: `json_bytes`, and how slowly a body may come.
        budget: Of all bodies together.
    """

    def __init__(self, app: ASGIApp, limits: Limits, budget: Budget) -> None:
        self.app, self.limits, self.budget = app, limits, budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        held = scope["state"]["held"] = self.budget.hold()
        try:
            await self._within_limits(scope, receive, send)
        finally:
            held.give_back()

    async def _within_limits(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, request = scope["state"]["path"], Request(scope, receive)
        if _has_its_own_reader(scope["method"], path) or not _has_body(request):
            await self.app(scope, receive, send)
            return
        try:
            body = await read_body(request, self.limits, self.limits.json_bytes)
            if body and "json" in request.headers.get("content-type", "").lower():
                check_json(body)
        except Refused as refused:
            answer = problem(refused.status, refused.detail, scope["state"]["request_id"], path, refused.headers)
            await answer(scope, receive, send)
            return
        await self.app(scope, _replayed(body, receive), send)


def check_json(body: bytes) -> None:
    """See that a body is JSON that means one thing only; whether it is the right thing is looked at later.

    Raises:
        Refused: It is not JSON, is nested too deeply, names a field twice, or has text that is no Unicode (400).
    """
    try:
        value = json.loads(body, object_pairs_hook=_once, parse_constant=_no_number)
        # Half of a surrogate pair can be escaped in JSON, but not be written to a file or a database.
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise Refused(HTTPStatus.BAD_REQUEST, "The JSON is nested too deeply.") from None
    except ValueError as error:
        told = "it is not UTF-8" if isinstance(error, UnicodeError) else str(error)
        raise Refused(HTTPStatus.BAD_REQUEST, f"The body is not valid JSON: {told[:200]}.") from None


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice in one object")
    return found


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")


def _has_its_own_reader(method: str, path: str) -> bool:
    return method == "POST" and (path in _READ_BY_ROUTES or path.startswith(_READ_BY_ROUTES_BELOW))


def _has_body(request: Request) -> bool:
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body once, and then what comes from the client: that it is gone."""
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
