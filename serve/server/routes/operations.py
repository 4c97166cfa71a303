"""The page, its files, sessions, health, metrics, and the description of all routes."""

from http import HTTPStatus
from importlib.metadata import version
from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from swsss.serve.server.bodies import JSON, check_type
from swsss.serve.server.heads import CheckedFiles
from swsss.serve.server.parts import TheParts

_VERSION = version("swsss")
_DOCS = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>swsss-serve: all routes</title>
<link rel="icon" href="page/icon.svg">
<link rel="stylesheet" href="docs-files/swagger-ui.css">
<div id="routes"></div>
<script src="docs-files/swagger-ui-bundle.js"></script>
<script src="page/docs.js"></script>
</html>
"""


class Login(BaseModel):
    """What opens a session."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=1000)


def page_files() -> CheckedFiles:
    """The page; development installs link its files."""
    return CheckedFiles(directory=str(files("swsss.serve.server.page")), follow_symlink=True)


def docs_files() -> CheckedFiles:
    """Swagger UI, so that it works offline: the files that fastapi-offline's own application serves."""
    served = next(route.app for route in FastAPIOffline().routes if isinstance(route, Mount))
    assert isinstance(served, StaticFiles)
    return CheckedFiles(directory=served.directory)


_PAGE = page_files()


router = APIRouter(tags=["operations"])


@router.get("/", include_in_schema=False)
async def page(request: Request) -> Response:
    return await _PAGE.get_response("index.html", request.scope)


@router.get("/favicon.ico", include_in_schema=False)
async def icon(request: Request) -> Response:
    return await _PAGE.get_response("icon.svg", request.scope)


@router.get("/docs", include_in_schema=False)
async def docs() -> Response:
    return HTMLResponse(_DOCS)


@router.get("/healthz", summary="Whether this server lives")
async def healthz() -> dict[str, str]:
    return {"status": "ok", "version": _VERSION}


@router.get("/readyz", summary="Whether the default model is ready to answer")
async def readyz(parts: TheParts) -> Response:
    default = parts.hub.default
    ready = any(name == default and is_ready for name, is_ready, _ in parts.hub.index())
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse({"status": "ready" if ready else "not ready", "model": default}, status)


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
async def figures(parts: TheParts) -> Response:
    metrics = parts.metrics
    states = [job.state for job in parts.desk.runner.jobs()]
    for state in ("queued", "running", "paused", "cancelled", "done", "failed"):
        metrics.jobs.labels(state).set(states.count(state))
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


@router.post("/v1/session", status_code=HTTPStatus.NO_CONTENT, summary="Exchange the token for a cookie")
async def session(request: Request, parts: TheParts, login: Annotated[Login, Body()]) -> Response:
    check_type(request, JSON)
    response = Response(status_code=HTTPStatus.NO_CONTENT)
    # The proxy may not say that it talks TLS, but then the browser does.
    secure = "https" in {request.url.scheme, request.headers.get("origin", "").partition("://")[0]}
    client = request.client.host if request.client else ""
    parts.gate.open_session(login.token, client, response, secure)
    return response


def openapi_texts() -> dict[str, Any]:
    """Title and introduction of the description of all routes."""
    return {
        "title": "swsss-serve",
        "version": _VERSION,
        "description": (
            "Masks for images among the classes their tags allow: one at a time (`/v1/label`), as jobs (`/v1/jobs`), "
            "through the Open Inference Protocol (`/v2`), or as a backend of Label Studio (`/predict`)."
        ),
    }
