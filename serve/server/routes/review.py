"""`/v1/jobs/{id}/images`: looking at what a job made, and correcting it."""

import asyncio
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from swsss.errors import UserError
from swsss.serve.server.bodies import JSON, check_type
from swsss.serve.server.jobs.desk import Desk
from swsss.serve.server.jobs.downloads import accepted_archive, write_corrected_tags
from swsss.serve.server.jobs.pictures import deflated
from swsss.serve.server.jobs.records import Job
from swsss.serve.server.jobs.rows import Query as ImageQuery
from swsss.serve.server.parts import TheDesk, TheItem, TheJob, TheParts, TheReview
from swsss.serve.server.routes.jobs import attachment

_FOR_EVER = {"Cache-Control": "private, max-age=86400"}
"""For what has its version in its address."""


class Change(BaseModel):
    """A correction of an image."""

    model_config = ConfigDict(extra="forbid")

    tags: list[int] | None = Field(
        None, max_length=255, description="class ids it holds; null for any", examples=[[1, 2]]
    )
    verdict: Literal["", "accepted", "rejected", "flagged"] | None = Field(None, description="what you think of it")


router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["review"])


@router.get("/images", summary="Images of a job, sorted and filtered")
async def images(desk: TheDesk, job: TheJob, query: Annotated[ImageQuery, Query()]) -> dict[str, Any]:
    total, items = await asyncio.to_thread(desk.index_of(job.id).items, query)
    return {"total": total, "offset": query.offset, "items": [item.public() for item in items]}


@router.get("/images/{number}", summary="One image")
async def image(item: TheItem) -> dict[str, Any]:
    return item.public()


@router.patch("/images/{number}", summary="Other tags, or a verdict")
async def change(
    request: Request, parts: TheParts, job: TheJob, item: TheItem, asked: Annotated[Change, Body()]
) -> dict[str, Any]:
    check_type(request, JSON)
    review, mask = parts.review, None
    if "tags" in asked.model_fields_set:
        with parts.service.admitted():
            item, pixels = await review.relabel(job, item.number, asked.tags)
        mask = await review.work(lambda: deflated(pixels))
    if asked.verdict is not None:
        item = await review.judge(job, item.number, asked.verdict)
    return {"item": item.public(), "mask": mask}


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


@router.get("/tags.csv", summary="The tags with all corrections", response_class=FileResponse)
async def tags(desk: TheDesk, job: TheJob) -> Response:
    path = await _corrected_tags(desk, job)
    return FileResponse(path, media_type="text/csv", headers=attachment(job, "tags.csv"))


@router.get("/accepted.zip", summary="Accepted masks as a dataset directory", response_class=StreamingResponse)
async def accepted(desk: TheDesk, job: TheJob) -> Response:
    tags = await _corrected_tags(desk, job)
    folder = desk.folder_of(job.id)

    def mask_of(mask: str, changed: bool) -> Path:
        return folder / ("reviewed/masks" if changed else "labels/masks") / mask

    parts = accepted_archive(job, desk.index_of(job.id), mask_of, tags)
    return StreamingResponse(parts, media_type="application/zip", headers=attachment(job, "accepted.zip"))


async def _corrected_tags(desk: Desk, job: Job) -> Path:
    path = desk.folder_of(job.id) / "reviewed" / "tags.csv"
    info = desk.hub.get(job.wishes.model).info
    try:
        await asyncio.to_thread(write_corrected_tags, job, desk.index_of(job.id), info, path)
    except UserError as error:
        raise UserError(desk.plain(job, str(error))) from None
    return path
