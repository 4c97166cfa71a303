"""The application: parts put together, refusals turned into answers."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from swsss.errors import UserError
from swsss.serve.pipeline import OF_THE_DISK
from swsss.serve.server.access import Access, origins_of
from swsss.serve.server.bodies import read_body
from swsss.serve.server.body_limits import BodyLimits
from swsss.serve.server.forwarded import Forwarded
from swsss.serve.server.heads import Heads, PackedTexts
from swsss.serve.server.parts import Parts, take_place
from swsss.serve.server.problems import Refused, problem
from swsss.serve.server.protocols.fetching import Fetcher
from swsss.serve.server.protocols.inference_protocol import inference_router
from swsss.serve.server.protocols.label_studio import label_studio_router
from swsss.serve.server.protocols.labelling import Labelling
from swsss.serve.server.requests import Requests
from swsss.serve.server.routes import exports, jobs, label, operations, review

_THREADS = 32
_CLOSE_SECONDS = 4.0


def build_app(parts: Parts) -> FastAPI:
    """The whole server as an ASGI application."""
    settings = parts.settings

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Python's own choice, six threads on two cores, would be taken by a few uploads being unpacked.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "server"))
        parts.desk.start()
        yield
        # Jobs go on at the next start, wherever they are: nobody has to wait for a long call of the engine.
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(parts.close), _CLOSE_SECONDS)

    async def tensors(request: Request) -> bytes:
        return await read_body(request, settings.limits)

    texts = operations.openapi_texts()
    # Behind a proxy, redirects would have to know the address that clients use.
    app = FastAPI(docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan, **texts)
    app.state.parts = parts
    for routes in (operations, label, jobs, review, exports):
        app.include_router(routes.router)
    labelling = Labelling(parts.service)
    place = [Depends(take_place)]
    fetch = Fetcher(settings, parts.desk.root)
    most = settings.limits.image_bytes
    app.include_router(inference_router(labelling, tensors, max_bytes=most, hold=_hold, guards=place))
    app.include_router(label_studio_router(labelling, tensors, fetch, guards=place))
    # Development installs link the page's files.
    app.mount("/page", operations.page_files(), name="page")
    app.mount("/docs-files", operations.docs_files(), name="docs-files")
    _tell_problems(app)
    _wrap(app, parts)
    return app


def _hold(request: Request, size: int) -> None:
    request.state.held.take(size)


def _wrap(app: FastAPI, parts: Parts) -> None:
    """Put the middleware around it: the last is the outermost."""
    settings = parts.settings
    app.add_middleware(BodyLimits, limits=settings.limits, budget=parts.bodies)
    app.add_middleware(PackedTexts, minimum_size=1000, compresslevel=5)
    app.add_middleware(
        Access, gate=parts.gate, hosts=(*settings.hosts, settings.host), origins=origins_of(settings.origins)
    )
    if settings.origins:
        # Around `Access`: a page must be able to read why it is refused.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins_of(settings.origins),
            allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE"],
            allow_headers=["*"],
            expose_headers=["Content-Disposition", "ETag", "Retry-After", "X-Request-ID"],
        )
    app.add_middleware(Requests, metrics=parts.metrics)
    app.add_middleware(Heads)
    app.add_middleware(Forwarded, trusted=settings.trusted_proxies, root_path=settings.root_path)


def _tell_problems(app: FastAPI) -> None:
    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return _problem(request, error.status, error.detail, error.headers)

    @app.exception_handler(UserError)
    async def mistake(request: Request, error: UserError) -> Response:
        return _problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    @app.exception_handler(OSError)
    async def disk(request: Request, error: OSError) -> Response:
        if _was_deleted(request):
            return _problem(request, HTTPStatus.NOT_FOUND, "The job was deleted just now.")
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
        status, path = HTTPStatus(error.status_code), request.state.path[:200]
        told = {
            HTTPStatus.NOT_FOUND: f"There is nothing at {path}; /docs lists what there is.",
            HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} is not for {path}; /docs lists what is.",
        }.get(status, str(error.detail))
        return _problem(request, status, told, error.headers)


def _was_deleted(request: Request) -> bool:
    """Whether somebody has deleted the job that a request is about while the request was worked on."""
    parts: Parts = request.app.state.parts
    job_id = request.path_params.get("job_id")
    return job_id is not None and parts.desk.runner.get(job_id) is None


def _problem(request: Request, status: HTTPStatus, detail: str, headers: Any = None) -> Response:
    return problem(status, detail, request.state.request_id, request.state.path, headers)


def _sentence(error: dict[str, Any]) -> str:
    """What is wrong with a field, as a sentence."""
    place = ".".join(str(part) for part in error["loc"] if part not in {"query", "body", "path"})
    return f"{place or 'the body'}: {error['msg'][0].lower()}{error['msg'][1:]}."
