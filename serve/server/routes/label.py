"""`/v1/label`, `/v1/models`, `/v1/info`: one image at a time, and what labels it."""

import time
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse

from swsss.data.classes import IGNORE
from swsss.data.images import Pixels
from swsss.data.png import encode_mask
from swsss.serve.formats import FORMATS
from swsss.serve.formats.coco import compress_counts
from swsss.serve.formats.runs import foreground_runs
from swsss.serve.server.bodies import IMAGES, check_type, read_body
from swsss.serve.server.hub import Model
from swsss.serve.server.jobs.labeller import classes_of
from swsss.serve.server.parts import TheParts, take_place
from swsss.serve.server.problems import Refused, unprocessable
from swsss.serve.server.service import Answer
from swsss.serve.server.tags import tags_of

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The image file.",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("image/jpeg", "image/png", "image/webp", "image/tiff", "image/bmp", "application/octet-stream")
        },
    }
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The mask, as an indexed PNG (pixel = class id) or as JSON, as the header Accept asks.",
        "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}, "application/json": {}},
    },
    408: {"description": "The body came too slowly."},
    413: {"description": "The body is too large."},
    415: {"description": "The body is no image."},
    422: {"description": "The image or a parameter is wrong; `detail` says what."},
    503: {"description": "All places are taken; Retry-After says when to come again."},
}

router = APIRouter(prefix="/v1", tags=["label"])


@router.get("/info", summary="What this server is and takes")
async def info(parts: TheParts) -> dict[str, Any]:
    limits, hub = parts.settings.limits, parts.hub
    return {
        "version": version("swsss"),
        "default_model": hub.default,
        "models": [describe_model(model) for model in hub.ready()],
        "root": parts.settings.root is not None,
        "formats": list(FORMATS),
        "limits": {
            "image_bytes": limits.image_bytes,
            "archive_bytes": limits.archive_bytes,
            "pixels": limits.pixels,
        },
    }


@router.get("/models", summary="The models that are loaded")
async def models(parts: TheParts) -> dict[str, Any]:
    return {"models": [describe_model(model) for model in parts.hub.ready()]}


@router.post(
    "/label",
    summary="Label one image",
    dependencies=[Depends(take_place)],
    openapi_extra=_BODY,
    responses=_ANSWERS,
    response_class=Response,
)
async def label(
    request: Request,
    parts: TheParts,
    tags: Annotated[
        list[str] | None,
        Query(description="Classes the image may hold, repeated or separated by ';'; empty for background alone."),
    ] = None,
    model: Annotated[str | None, Query(max_length=200, description="Which model; the default when left out.")] = None,
    untagged: Annotated[
        Literal["refuse", "all"], Query(description="Without tags: refuse, or allow every class.")
    ] = "refuse",
    ignore_below: Annotated[float, Query(ge=0, le=1, description="Pixels less sure than this become 255.")] = 0.0,
    grid: Annotated[
        Literal["stored", "upright"],
        Query(description="The mask in the grid of the file, or turned upright (EXIF)."),
    ] = "stored",
) -> Response:
    check_type(request, IMAGES)
    wants_json = _wants_json(request)
    chosen, service = parts.hub.get(model), parts.service
    wanted = tags_of(tags, chosen.info.table, chosen.info.task == "conditioned", untagged)
    data = await read_body(request, parts.settings.limits)
    if not data:
        raise unprocessable("The body is empty; send the bytes of an image.")
    upright, gone = grid == "upright", request.is_disconnected
    answer = await service.label(
        chosen, data, "The image", wanted, ignore_below=ignore_below, upright=upright, gone=gone
    )
    started = time.monotonic()
    response = await service.work(lambda: _respond(chosen, answer, wants_json))
    took = time.monotonic() - started
    service.metrics.stage.labels("encode").observe(took)
    service.metrics.statistics(chosen.name).wrote_output(took)
    return response


def describe_model(model: Model) -> dict[str, Any]:
    """What clients are told of a model."""
    info = model.info
    return {
        "name": model.name,
        "task": info.task,
        "precision": info.precision,
        "engine": model.engine.description,
        "identity": model.engine.identity,
        "max_side": info.max_side,
        "tag_penalty": info.tag_penalty,
        "classes": [
            {"id": index, "name": name, "colour": colour} for index, (name, colour) in enumerate(classes_of(info))
        ],
    }


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "*/*").lower()
    if "application/json" in accepted:
        return True
    if "*/*" in accepted or "image/*" in accepted or "image/png" in accepted:
        return False
    raise Refused(HTTPStatus.NOT_ACCEPTABLE, "Ask for image/png or application/json in the header Accept.")


def _respond(model: Model, answer: Answer, as_json: bool) -> Response:
    if not as_json:
        return Response(encode_mask(answer.mask), media_type="image/png")
    row = answer.row
    return JSONResponse(
        {
            "model": model.name,
            "width": row.width,
            "height": row.height,
            "tags": None if row.tags is None else list(row.tags),
            "found": list(row.found),
            "not_found": list(row.not_found),
            "mean_confidence": round(row.mean_confidence, 4),
            "classes": _classes(model, answer),
        }
    )


def _classes(model: Model, answer: Answer) -> list[dict[str, Any]]:
    size, row = list(answer.mask.shape), answer.row
    rle = _run_lengths(answer.mask)
    classes: list[dict[str, Any]] = []
    for index, pixels in sorted(row.pixels.items()):
        name = "ignore" if index == IGNORE else model.info.classes[index]
        confidence = round(row.confidence[index], 4) if index in row.confidence else None
        one = {"id": index, "name": name, "pixels": pixels, "confidence": confidence}
        if index in rle:
            one["rle"] = {"size": size, "counts": rle[index]}
        classes.append(one)
    return classes


def _run_lengths(mask: Pixels) -> dict[int, str]:
    return {runs.index: compress_counts(runs.lengths) for runs in foreground_runs(mask.T.ravel())}
