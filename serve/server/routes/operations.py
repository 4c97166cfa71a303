"""The page, its files, sessions, health, metrics, and the description of all routes."""

from http import HTTPStatus
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import fastapi_offline
from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field

from swsss.serve.server.access import COOKIE, session_of
from swsss.serve.server.bodies import JSON, check_type
from swsss.serve.server.parts import TheParts
from swsss.serve.server.problems import Refused

_DOCS = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>swsss-serve: all routes</title>
<link rel="icon" href="/page/icon.svg">
<link rel="stylesheet" href="/docs-files/swagger-ui.css">
<div id="routes"></div>
<script src="/docs-files/swagger-ui-bundle.js"></script>
<script src="/page/docs.js"></script>
</html>
"""


class Login(BaseModel):
    """What opens a session."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=1000)


def page_folder() -> Path:
    """Where the page's files lie."""
    return Path(str(files("swsss.serve.server.page")))


def docs_files() -> StaticFiles:
    """Swagger UI, from a package, so that it works offline."""
    return StaticFiles(directory=Path(fastapi_offline.__file__).parent / "static")


router = APIRouter(tags=["operations"])


@router.get("/", include_in_schema=False)
async def page() -> Response:
    return FileResponse(page_folder() / "index.html", headers={"Cache-Control": "no-cache"})


@router.get("/favicon.ico", include_in_schema=False)
async def icon() -> Response:
    return FileResponse(page_folder() / "icon.svg", media_type="image/svg+xml")


@router.get("/docs", include_in_schema=False)
async def docs() -> Response:
    return HTMLResponse(_DOCS)


@router.get("/healthz", summary="Whether this server lives, and its models are ready")
async def healthz(parts: TheParts) -> Response:
    ready = [model.name for model in parts.hub.ready()]
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse({"status": "ok" if ready else "no model", "version": version("swsss"), "models": ready}, status)


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
    token = parts.settings.token
    if token and session_of(login.token) != session_of(token):
        raise Refused(HTTPStatus.UNAUTHORIZED, "This is not the token swsss-serve was started with.")
    response = Response(status_code=HTTPStatus.NO_CONTENT)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, session_of(token), httponly=True, samesite="strict", secure=secure)
    return response


def openapi_texts() -> dict[str, Any]:
    """Title and introduction of the description of all routes."""
    return {
        "title": "swsss-serve",
        "version": version("swsss"),
        "description": (
            "Masks for images among the classes their tags allow: one at a time (`/v1/label`), as jobs (`/v1/jobs`), "
            "through the Open Inference Protocol (`/v2`), or as a backend of Label Studio (`/predict`)."
        ),
    }
