"""The Open Inference Protocol (KServe v2) over HTTP, with Triton's extensions for binary tensors and repositories."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.params import Depends
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException as AnyHTTPException

from swsss import __version__
from swsss.errors import UserError
from swsss.model.info import ModelInfo
from swsss.serve.server.protocols.inference_models import (
    INFER_BODY,
    PLATFORM,
    Labelling,
    model_config,
    model_metadata,
)
from swsss.serve.server.protocols.inference_request import (
    VERSION,
    InferenceRequest,
    RepositoryRequest,
    parse_request,
    unpack,
    write_response,
)
from swsss.serve.server.protocols.json_bodies import PARSED_AT_ONCE, parse_json

JSON_LENGTH = "Inference-Header-Content-Length"

ReadBody = Callable[[Request], Awaitable[bytes]]
Hold = Callable[[Request, int], None]

_EXTENSIONS = ["binary_tensor_data", "model_configuration", "model_repository", "statistics"]


def inference_router(
    labelling: Labelling,
    read_body: ReadBody,
    *,
    max_bytes: int = 1 << 28,
    hold: Hold = lambda request, size: None,
    guards: Sequence[Depends] = (),
) -> APIRouter:
    """Make the routes below `/v2`. Every error they give is `{"error": "one sentence"}`.

    Args:
        labelling: The models.
        read_body: Reads the body of a request within the server's limits.
        max_bytes: Most bytes of a body whose gzip or deflate is undone.
        hold: Called with the bytes of a body that was packed, before it is worked on; may refuse them.
        guards: Dependencies of the routes that label, looked at before a body is read.
    """
    routes = _Routes(labelling, read_body, max_bytes, hold)
    router = APIRouter(prefix="/v2", tags=["Open Inference Protocol"], route_class=_Route)

    def add(method: str, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        router.add_api_route(path, endpoint, methods=[method], response_model=None, **more)

    add("GET", "", routes.server)
    add("GET", "/health/live", routes.live)
    add("GET", "/health/ready", routes.ready)
    add("GET", "/models/stats", routes.all_statistics)
    for path in ["/models/{name}", "/models/{name}/versions/{version}"]:
        add("GET", path, routes.model)
        add("GET", f"{path}/ready", routes.model_ready)
        add("GET", f"{path}/config", routes.config)
        add("GET", f"{path}/stats", routes.statistics)
        add("POST", f"{path}/infer", routes.infer, openapi_extra=INFER_BODY, dependencies=guards)
    add("POST", "/repository/index", routes.index)
    add("POST", "/repository/models/{name}/load", routes.load)
    add("POST", "/repository/models/{name}/unload", routes.unload)
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"]:
        add(method, "/{path:path}", _not_offered, include_in_schema=False)
    return router


class _Route(APIRoute):
    """Tells errors the way the protocol wants them told."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def telling(request: Request) -> Response:
            try:
                return await handler(request)
            except UserError as error:
                return JSONResponse({"error": str(error)}, 400)
            except AnyHTTPException as error:
                return JSONResponse({"error": error.detail}, error.status_code, error.headers)

        return telling


class _Routes:
    def __init__(self, labelling: Labelling, read_body: ReadBody, max_bytes: int, hold: Hold) -> None:
        self._labelling = labelling
        self._read_body = read_body
        self._max_bytes = max_bytes
        self._hold = hold
        self._parsing = asyncio.Semaphore(PARSED_AT_ONCE)

    async def server(self) -> dict[str, object]:
        """Name, version and extensions of the server."""
        return {"name": PLATFORM, "version": __version__, "extensions": _EXTENSIONS}

    async def live(self) -> dict[str, bool]:
        """Whether the server answers."""
        return {"live": True}

    async def ready(self) -> dict[str, bool]:
        """Whether there is a model to ask."""
        if not self._labelling.models():
            raise HTTPException(400, "No model is ready.")
        return {"ready": True}

    async def model(self, name: str, version: str = VERSION) -> dict[str, object]:
        """Inputs and outputs of a model."""
        return model_metadata(name, self._info(name, version))

    async def model_ready(self, name: str, version: str = VERSION) -> dict[str, object]:
        """Whether a model can be asked."""
        self._info(name, version)
        return {"name": name, "ready": True}

    async def config(self, name: str, version: str = VERSION) -> dict[str, object]:
        """Triton's configuration of a model."""
        return model_config(name, self._info(name, version))

    async def statistics(self, name: str, version: str = VERSION) -> dict[str, object]:
        """How often requests asked a model, and how long it took."""
        self._info(name, version)
        return {"model_stats": [self._labelling.statistics(name).told(name, VERSION)]}

    async def all_statistics(self) -> dict[str, object]:
        """The same of every model."""
        names = self._labelling.models()
        return {"model_stats": [self._labelling.statistics(name).told(name, VERSION) for name in names]}

    async def infer(self, request: Request, name: str, version: str = VERSION) -> Response:
        """Label images; tensors as JSON, or binary behind it (then `Inference-Header-Content-Length` is its length)."""
        # Also for a model that is not there: a client that still sends would not see the answer.
        body = await self._read_body(request)
        info = self._info(name, version)
        statistics = self._labelling.statistics(name)
        async with self._parsing:
            started = time.monotonic()
            asked = await asyncio.to_thread(self._parse, request, body, info)
            statistics.read_input(time.monotonic() - started)
        mask, confidence = await self._labelling.infer(name, asked.images, asked.candidates)
        arrays, started = {"mask": mask, "confidence": confidence}, time.monotonic()
        content, length = await asyncio.to_thread(write_response, asked, name, arrays)
        statistics.wrote_output(time.monotonic() - started)
        if length is None:
            return Response(content, media_type="application/json")
        return Response(content, headers={JSON_LENGTH: str(length)}, media_type="application/octet-stream")

    async def index(self, request: Request) -> list[dict[str, str]]:
        """Every known model, and whether it is ready."""
        asked = await self._repository(request)
        return [
            {"name": name, "version": VERSION}
            | ({"state": "READY"} if ready else {"state": "UNAVAILABLE", "reason": why})
            for name, ready, why in self._labelling.index()
            if ready or not asked.ready
        ]

    async def load(self, request: Request, name: str) -> dict[str, object]:
        """Load a model, or load it anew from its file."""
        asked = await self._repository(request)
        if any(key == "config" or key.startswith("file:") for key in asked.parameters or {}):
            raise UserError("Configurations and files cannot be sent here; a model is loaded as it is on the server.")
        await self._labelling.load(name)
        return {}

    async def unload(self, request: Request, name: str) -> dict[str, object]:
        """Take a model out of service."""
        await self._repository(request)
        await self._labelling.unload(name)
        return {}

    async def _repository(self, request: Request) -> RepositoryRequest:
        body = await self._read_body(request)
        return parse_json(RepositoryRequest, body) if body.strip() else RepositoryRequest()

    def _info(self, name: str, version: str) -> ModelInfo:
        info = self._labelling.models().get(name)
        if info is None:
            reasons = {known: reason for known, _, reason in self._labelling.index()}
            if name in reasons:
                raise HTTPException(400, f"Model '{name}' is not ready ({reasons[name]}); load it first.")
            raise HTTPException(404, f"There is no model '{name[:80]}'; POST /v2/repository/index lists them.")
        if version != VERSION:
            raise HTTPException(404, f"Model '{name}' has no version '{version[:80]}'; its only version is {VERSION}.")
        return info

    def _parse(self, request: Request, body: bytes, info: ModelInfo) -> InferenceRequest:
        encoding = request.headers.get("Content-Encoding", "").strip().lower()
        unpacked = unpack(body, encoding, self._max_bytes)
        if unpacked is not body:
            self._hold(request, len(unpacked))
        return parse_request(unpacked, request.headers.get(JSON_LENGTH), info)


async def _not_offered(path: str) -> None:
    if "sharedmemory" in path:
        raise HTTPException(404, "Shared memory is not offered here; send tensors in the body of the request.")
    raise HTTPException(404, f"There is no /v2/{path[:80]} here, or not by this method; see /docs.")
