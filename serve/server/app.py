"""The application: parts put together, refusals turned into answers."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from swsss.errors import UserError
from swsss.serve.pipeline import OF_THE_DISK
from swsss.serve.server.access import Access
from swsss.serve.server.bodies import read_body
from swsss.serve.server.parts import Parts, take_place
from swsss.serve.server.problems import Refused, problem
from swsss.serve.server.protocols.fetching import Fetcher
from swsss.serve.server.protocols.inference_protocol import inference_router
from swsss.serve.server.protocols.label_studio import label_studio_router
from swsss.serve.server.protocols.labelling import Labelling
from swsss.serve.server.requests import Requests
from swsss.serve.server.routes import exports, jobs, label, operations, review

_THREADS = 32


def build_app(parts: Parts) -> FastAPI:
    """The whole server as an ASGI application."""
    settings = parts.settings

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Python's own choice, six threads on two cores, would be taken by a few uploads being unpacked.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "server"))
        parts.desk.start()
        yield
        await asyncio.to_thread(parts.close)

    async def tensors(request: Request) -> bytes:
        return await read_body(request, settings.limits)

    app = FastAPI(docs_url=None, redoc_url=None, lifespan=lifespan, **operations.openapi_texts())
    app.state.parts = parts
    for routes in (operations, label, jobs, review, exports):
        app.include_router(routes.router)
    labelling = Labelling(parts.service)
    place = [Depends(take_place)]
    fetch = Fetcher(settings, parts.desk.root)
    app.include_router(inference_router(labelling, tensors, max_bytes=settings.limits.image_bytes, guards=place))
    app.include_router(label_studio_router(labelling, tensors, fetch, guards=place))
    # Development installs link the page's files.
    app.mount("/page", StaticFiles(directory=operations.page_folder(), follow_symlink=True), name="page")
    app.mount("/docs-files", operations.docs_files(), name="docs-files")
    _tell_problems(app)
    app.add_middleware(Access, token=settings.token, hosts=(*settings.hosts, settings.host))
    app.add_middleware(Requests, metrics=parts.metrics)
    return app


def _tell_problems(app: FastAPI) -> None:
    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return _problem(request, error.status, error.detail, error.headers)

    @app.exception_handler(UserError)
    async def mistake(request: Request, error: UserError) -> Response:
        return _problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    @app.exception_handler(OSError)
    async def disk(request: Request, error: OSError) -> Response:
        if error.errno not in OF_THE_DISK:
            raise error
        told = f"The server's disk refuses: {error.strerror}; nothing was changed. Tell who runs it, and try again."
        return _problem(request, HTTPStatus.INSUFFICIENT_STORAGE, told)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        sentences = [_sentence(one) for one in error.errors()[:5]]
        return _problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, " ".join(sentences))

    @app.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        told = {
            HTTPStatus.NOT_FOUND: f"There is nothing at {request.url.path}; /docs lists what there is.",
            HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not for {request.url.path}; /docs lists what is.",
        }.get(status, str(error.detail))
        return _problem(request, status, told, error.headers)


def _problem(request: Request, status: HTTPStatus, detail: str, headers: Any = None) -> Response:
    return problem(status, detail, request.state.request_id, request.url.path, headers)


def _sentence(error: dict[str, Any]) -> str:
    """What is wrong with a field, as a sentence."""
    place = ".".join(str(part) for part in error["loc"] if part not in {"query", "body", "path"})
    return f"{place or 'the body'}: {error['msg'][0].lower()}{error['msg'][1:]}."
