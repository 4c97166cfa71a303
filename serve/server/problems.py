"""What clients are told when something cannot be done: one sentence, as RFC 9457 problem details."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi.responses import JSONResponse


class Refused(Exception):  # noqa: N818 - it is an answer
    """A request that is refused.

    Args:
        status: HTTP status, 4xx or 503.
        detail: What is wrong and what to do.
        headers: To be sent as well.
    """

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


def not_found(detail: str) -> Refused:
    """404: there is no such thing."""
    return Refused(HTTPStatus.NOT_FOUND, detail)


def conflict(detail: str) -> Refused:
    """409: not in the state it is in."""
    return Refused(HTTPStatus.CONFLICT, detail)


def unprocessable(detail: str) -> Refused:
    """422: something in the request is wrong."""
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def busy(seconds: float) -> Refused:
    """503: come again in so many seconds."""
    again = max(1, round(seconds))
    told = f"All places are taken; try again in {again} s (the header Retry-After says so, too)."
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, told, {"Retry-After": str(again)})


def problem(
    status: HTTPStatus, detail: str, request_id: str, path: str = "", headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The response for a refusal; on the routes of the Open Inference Protocol in that protocol's words."""
    content: dict[str, object] = {"error": detail}
    if not path.startswith("/v2"):
        content = {"title": status.phrase, "status": int(status), "detail": detail, "request_id": request_id}
    kind = "application/json" if path.startswith("/v2") else "application/problem+json"
    return JSONResponse(content, int(status), dict(headers or {}), kind)
