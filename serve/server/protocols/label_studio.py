"""The routes of a Label Studio ML backend: a project asks, and its tasks get brush masks as predictions."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.params import Depends
from pydantic import FailFast, Field
from pydantic_core import to_json
from starlette.requests import ClientDisconnect

from swsss.data.classes import ClassTable
from swsss.data.images import Pixels
from swsss.errors import UserError
from swsss.model.info import ModelInfo
from swsss.serve.records import Labelled
from swsss.serve.server.protocols.inference_tensors import Part
from swsss.serve.server.protocols.json_bodies import PARSED_AT_ONCE, parse_json
from swsss.serve.server.protocols.label_studio_config import (
    EXAMPLE_CONFIG,
    BrushConfig,
    parse_config,
    read_config,
    tags_of,
)
from swsss.serve.server.protocols.label_studio_regions import brush_regions

_AT_ONCE = 8
"""Tasks of a request that are worked on together, so that the server can batch them; more would only wait."""

_MOST_TASKS = 16
"""Tasks of all requests whose images are in memory at a time."""

_FETCH_SECONDS = 90.0
"""After which a request fetches no more images: Label Studio itself waits for 100 s."""

logger = logging.getLogger(__name__)

_PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAFElEQVR4nGOMqjjBgA0wYRUdtBIA"
    "Q8UBqttjjicAAAAASUVORK5CYII="
)

ReadBody = Callable[[Request], Awaitable[bytes]]
Fetch = Callable[[str], Awaitable[bytes]]


class Labelling(Protocol):
    """What these routes need of the server."""

    def models(self) -> Mapping[str, ModelInfo]:
        """The models that are ready, by name."""
        ...

    def default(self) -> str:
        """Name of the model that answers."""
        ...

    def identity(self, model: str) -> str:
        """SHA-256 (hex) of its file."""
        ...

    async def label_bytes(
        self, model: str, data: bytes, name: str, tags: Sequence[str] | None
    ) -> tuple[Labelled, Pixels]:
        """Label an image file: its record, and its upright mask, uint8 [H, W]. `None` allows every class."""
        ...


class _Task(Part):
    id: int | str | None = None
    data: dict[str, Any]
    annotations: list[Any] | None = None


class _Predict(Part):
    tasks: Annotated[list[_Task], FailFast()] = Field(max_length=1000)
    label_config: str


class _Setup(Part):
    interface: str | None = Field(None, alias="schema")


def label_studio_router(
    labelling: Labelling, read_body: ReadBody, fetch: Fetch, *, guards: Sequence[Depends] = ()
) -> APIRouter:
    """Make the routes. Mistakes are raised as `HTTPException` with a sentence.

    Args:
        labelling: The models; the default one answers.
        read_body: Reads the body of a request within the server's limits.
        fetch: Gets the bytes behind the address of an image; `UserError` when it cannot or must not.
        guards: Dependencies of the route that labels, looked at before a body is read.
    """
    routes = _Routes(labelling, read_body, fetch)
    router = APIRouter(tags=["Label Studio"])
    router.add_api_route("/health", routes.health, methods=["GET"])
    router.add_api_route("/versions", routes.versions, methods=["GET"])
    example = {"tasks": [{"id": 1, "data": {"image": _PICTURE}}], "label_config": EXAMPLE_CONFIG}
    for path, endpoint, body in [
        ("/setup", routes.setup, {"schema": EXAMPLE_CONFIG}),
        ("/predict", routes.predict, example),
        ("/webhook", routes.webhook, {"action": "START_TRAINING"}),
    ]:
        content = {"application/json": {"schema": {"type": "object"}, "example": body}}
        more = {"requestBody": {"required": True, "content": content}}
        looked_at = guards if path == "/predict" else ()
        router.add_api_route(
            path, endpoint, methods=["POST"], response_model=None, openapi_extra=more, dependencies=looked_at
        )
    return router


class _Routes:
    def __init__(self, labelling: Labelling, read_body: ReadBody, fetch: Fetch) -> None:
        self._labelling = labelling
        self._read_body = read_body
        self._parsing = asyncio.Semaphore(PARSED_AT_ONCE)
        self._tasks = asyncio.Semaphore(_MOST_TASKS)
        self._fetch = fetch

    async def health(self) -> dict[str, str]:
        """Whether the backend answers."""
        return {"status": "UP", "model_class": "swsss"}

    async def versions(self) -> dict[str, list[str]]:
        """The model version that predictions get."""
        return {"versions": [self._version(self._model()[0])]}

    async def setup(self, request: Request) -> dict[str, str]:
        """Connect a project: the model version that its predictions will have."""
        model, classes = self._model()
        body = await self._read_body(request)
        with _told():
            text = (await asyncio.to_thread(parse_json, _Setup, body)).interface
            # A project may be connected before its interface is made, so only what cannot be read is refused.
            await asyncio.to_thread(parse_config, text or "<View/>")
        try:
            await asyncio.to_thread(read_config, text or "<View/>", classes)
        except UserError as error:
            logger.warning("A Label Studio project that connects cannot be labelled yet: %s", error)
        return {"model_version": self._version(model)}

    async def predict(self, request: Request) -> Response:
        """Label the images of tasks. A task that fails gets an empty list, so that it can be asked for again."""
        body = await self._read_body(request)
        model, classes = self._model()
        version = self._version(model)
        with _told():
            async with self._parsing:
                asked = await asyncio.to_thread(parse_json, _Predict, body)
            config = await asyncio.to_thread(read_config, asked.label_config, classes)
        if config.left_out:
            logger.warning("Without a label in the interface, these are left out: %s", ", ".join(config.left_out))
        del body
        found: list[dict[str, object] | UserError] = []
        until = asyncio.get_running_loop().time() + _FETCH_SECONDS

        async def prediction(task: _Task) -> dict[str, object] | UserError:
            async with self._tasks:
                return await self._prediction(task, until, model, version, classes, config)

        for start in range(0, len(asked.tasks), _AT_ONCE):
            if await request.is_disconnected():
                raise ClientDisconnect
            some = asked.tasks[start : start + _AT_ONCE]
            found += await asyncio.gather(*map(prediction, some))
        failed = [one for one in found if isinstance(one, UserError)]
        if failed and len(failed) == len(found):
            raise HTTPException(422, f"None of the tasks ({len(found)}) could be labelled; the first: {failed[0]}")
        # Label Studio stores nothing for an empty list. A prediction without regions it would take for an answer: the
        # task would look empty to people, and would not be asked for again.
        results = [[] if isinstance(one, UserError) else one for one in found]
        return Response(await asyncio.to_thread(to_json, {"results": results}), media_type="application/json")

    async def webhook(self, request: Request) -> dict[str, str]:
        """Accept events of a project; nothing is learnt from them here."""
        await self._read_body(request)
        return {"status": "ignored"}

    def _model(self) -> tuple[str, ClassTable]:
        model = self._labelling.default()
        info = self._labelling.models().get(model)
        if info is None:
            raise HTTPException(503, "No model is ready to answer; load the default one.", {"Retry-After": "10"})
        return model, info.table

    def _version(self, model: str) -> str:
        # Label Studio asks again for tasks whose predictions are of another version.
        return f"{model}-{self._labelling.identity(model)[:12]}"

    async def _prediction(
        self, task: _Task, until: float, model: str, version: str, classes: ClassTable, config: BrushConfig
    ) -> dict[str, object] | UserError:
        try:
            address = _address(task, config.key)
            tags = await asyncio.to_thread(tags_of, task.data, task.annotations or [], classes)
            data = await self._fetch_until(until, address)
            row, mask = await self._labelling.label_bytes(model, data, "its image", tags)
        except UserError as error:
            logger.warning("Task %s could not be labelled: %s", task.id, error)
            return error
        unique = f"{address if task.id is None else task.id}\n{version}"
        result = await asyncio.to_thread(brush_regions, row, mask, classes, config, unique)
        return {"result": result, "score": row.mean_confidence, "model_version": version}

    async def _fetch_until(self, until: float, address: str) -> bytes:
        try:
            async with asyncio.timeout_at(until):
                return await self._fetch(address)
        except TimeoutError:
            raise UserError("there was no time left to fetch its image.") from None


def _address(task: _Task, key: str) -> str:
    address = task.data.get(key)
    if not isinstance(address, str) or not address:
        raise UserError(f"it has no '{key[:80]}', where the labelling interface looks for the image.")
    return address


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise HTTPException(400, str(error)) from None
