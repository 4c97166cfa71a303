"""`/v1/jobs/{id}/images`: looking at what a job made, and correcting it."""

import asyncio
import re
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from swsss.serve.server.bodies import JSON, check_type
from swsss.serve.server.jobs.changes import Outdated
from swsss.serve.server.jobs.corrections import Change, Verdict
from swsss.serve.server.jobs.pictures import deflated
from swsss.serve.server.jobs.rows import Item
from swsss.serve.server.jobs.rows import Query as ImageQuery
from swsss.serve.server.parts import TheDesk, TheItem, TheJob, TheParts, TheReview

_FOR_EVER = {"Cache-Control": "private, max-age=86400"}
"""For what has its version in its address."""


class Patch(BaseModel):
    """A correction of an image; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    tags: list[int] | None = Field(
        None, max_length=255, description="class ids it holds; null for any", examples=[[1, 2]]
    )
    verdict: Verdict | None = Field(None, description="what you think of this mask; another mask has none yet")


router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["review"])


@router.get("/images", summary="Images of a job, sorted and filtered")
async def images(desk: TheDesk, job: TheJob, query: Annotated[ImageQuery, Query()]) -> dict[str, Any]:
    total, items = await asyncio.to_thread(desk.index_of(job.id).items, query)
    return {"total": total, "offset": query.offset, "items": [item.public() for item in items]}


@router.get("/images/{number}", summary="One image")
async def image(item: TheItem, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    headers = _tag(item) | {"Cache-Control": "private, no-cache"}
    if if_none_match is not None and _revision_among(if_none_match, item.revision):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return JSONResponse(item.public(), headers=headers)


@router.patch(
    "/images/{number}",
    summary="Other tags, or a verdict",
    description="With `If-Match` (the ETag of the image) only if nobody has changed it since: else 409, with the newer "
    "image as the problem's `item`.",
)
async def change(
    request: Request,
    parts: TheParts,
    job: TheJob,
    item: TheItem,
    asked: Annotated[Patch, Body()],
    if_match: Annotated[str | None, Header()] = None,
) -> Response:
    check_type(request, JSON)
    retag = "tags" in asked.model_fields_set
    # Nobody's revision is negative.
    expected = (
        None
        if if_match is None or if_match.strip() == "*"
        else item.revision
        if _revision_among(if_match, item.revision)
        else -1
    )
    try:
        if retag:
            with parts.service.admitted():
                item = await parts.corrections.change(
                    job, item.number, Change(retag, asked.tags, asked.verdict), expected
                )
        else:
            item = await parts.corrections.change(job, item.number, Change(verdict=asked.verdict), expected)
    except Outdated as error:
        return _newer(request, error.item)
    shown = retag and item.state == "labelled"
    mask = await parts.review.work(lambda: deflated(parts.review.mask(job, item))) if shown else None
    return JSONResponse({"item": item.public(), "mask": mask}, headers=_tag(item))


@router.get("/images/{number}/thumbnail", summary="A small picture with its mask", response_class=Response)
async def thumbnail(review: TheReview, job: TheJob, item: TheItem) -> Response:
    data = await review.work(lambda: review.thumbnail(job, item))
    return Response(data, media_type="image/jpeg", headers=_FOR_EVER)


@router.get("/images/{number}/picture", summary="The image as a browser shows it", response_class=Response)
async def picture(review: TheReview, job: TheJob, item: TheItem) -> Response:
    data = await review.work(lambda: review.picture(job, item))
    return Response(data, media_type="image/jpeg", headers=_FOR_EVER)


@router.get("/images/{number}/mask.json", summary="The mask, upright, for scripts")
async def mask_json(review: TheReview, job: TheJob, item: TheItem) -> dict[str, Any]:
    return await review.work(lambda: deflated(review.mask(job, item)))


@router.get("/images/{number}/mask.png", summary="The mask in the grid of the file", response_class=FileResponse)
async def mask_png(review: TheReview, job: TheJob, item: TheItem) -> Response:
    return FileResponse(review.mask_path(job, item), media_type="image/png")


def _tag(item: Item) -> dict[str, str]:
    return {"ETag": f'"{item.revision}"'}


def _revision_among(header: str, revision: int) -> bool:
    """Whether `If-Match` or `If-None-Match` names a revision. A proxy that compresses makes a tag weak (`W/`)."""
    return header.strip() == "*" or str(revision) in re.findall(r'(?:W/)?"([^"]*)"', header)


def _newer(request: Request, item: Item) -> Response:
    status = HTTPStatus.CONFLICT
    content = {
        "title": status.phrase,
        "status": int(status),
        "detail": f"Somebody else has changed {item.image} since; look at it as it is now, and say it again.",
        "request_id": request.state.request_id,
        "item": item.public(),
    }
    return JSONResponse(content, status, _tag(item), "application/problem+json")
