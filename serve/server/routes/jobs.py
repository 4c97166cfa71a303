"""`/v1/jobs`: folders labelled in the background."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request, Response
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from swsss.serve.server.bodies import ARCHIVES, JSON, check_type, save_body
from swsss.serve.server.jobs.desk import Desk
from swsss.serve.server.jobs.records import FolderJob, Job, Retry, State, Wishes
from swsss.serve.server.parts import TheDesk, TheJob
from swsss.serve.server.problems import Refused, not_found

_ARCHIVE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A ZIP file with images, and tags.csv.",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("application/octet-stream", "application/zip")
        },
    }
}

router = APIRouter(prefix="/v1", tags=["jobs"])


@router.get("/folders", summary="Look into a folder below the server's root")
async def folders(desk: TheDesk, path: Annotated[str, Query(max_length=4000)] = "") -> dict[str, Any]:
    return await asyncio.to_thread(desk.root.look, path)


@router.get("/jobs", summary="Jobs, the newest first")
async def jobs(
    desk: TheDesk,
    offset: Annotated[int, Query(ge=0, le=2**31, description="how many to pass over")] = 0,
    limit: Annotated[int, Query(ge=1, le=500, description="at most so many")] = 50,
    search: Annotated[str, Query(max_length=200, description="text their names or ids hold, in any case")] = "",
    state: Annotated[State | Literal[""], Query(description="what they are doing; all when empty")] = "",
) -> dict[str, Any]:
    found = desk.find(search, state or None)
    page = await asyncio.to_thread(lambda: [desk.public(job) for job in found[offset : offset + limit]])
    return {"jobs": page, "total": len(found), "offset": offset}


@router.post("/jobs", status_code=HTTPStatus.CREATED, summary="Label a folder below the server's root")
async def submit(request: Request, desk: TheDesk, job: Annotated[FolderJob, Body()]) -> dict[str, Any]:
    check_type(request, JSON)
    return await asyncio.to_thread(lambda: desk.public(desk.new.folder(job)))


@router.post(
    "/jobs/archive",
    status_code=HTTPStatus.CREATED,
    summary="Upload images and tags as a ZIP file, and label them",
    openapi_extra=_ARCHIVE,
)
async def submit_archive(request: Request, desk: TheDesk, wishes: Annotated[Wishes, Query()]) -> dict[str, Any]:
    check_type(request, ARCHIVES)
    path = await asyncio.to_thread(desk.new.archive_path)
    try:
        await save_body(request, desk.settings.limits, path)
        async with desk.unpacking:
            job = await asyncio.to_thread(desk.new.archive, path, wishes)
    finally:
        await asyncio.shield(asyncio.to_thread(desk.new.archive_done, path))
    return await asyncio.to_thread(desk.public, job)


@router.get("/jobs/events", response_class=EventSourceResponse, summary="Jobs as they change (server-sent events)")
async def all_events(desk: TheDesk) -> AsyncIterator[ServerSentEvent]:
    """First every job that has not ended, then `job`, `removed`, and `image` when a reviewer changed one."""
    listening = desk.events.listen()
    await anext(listening, None)
    for job in desk.runner.jobs():
        if not job.ended:
            yield await _told(desk, job.id)
    async for changes in listening:
        for job_id in sorted({job_id for job_id, _ in changes}):
            yield await _told(desk, job_id)
        for job_id, number in sorted((job_id, number) for job_id, number in changes if number is not None):
            if (event := await asyncio.to_thread(_image, desk, job_id, number)) is not None:
                yield event


@router.get("/jobs/{job_id}", summary="One job")
async def one(desk: TheDesk, job: TheJob) -> dict[str, Any]:
    return await asyncio.to_thread(desk.public, job)


@router.get("/jobs/{job_id}/events", response_class=EventSourceResponse, summary="One job as it changes, until it ends")
async def events(desk: TheDesk, job_id: str) -> AsyncIterator[ServerSentEvent]:
    first = True
    async for changes in desk.events.listen():
        if not first and all(changed != job_id for changed, _ in changes):
            continue
        first, job = False, desk.runner.get(job_id)
        yield await _told(desk, job_id)
        if job is None or job.ended:
            return


@router.post("/jobs/{job_id}/pause", summary="Stop for a while")
async def pause(desk: TheDesk, job: TheJob) -> dict[str, Any]:
    return await asyncio.to_thread(lambda: desk.public(desk.control.pause(job)))


@router.post("/jobs/{job_id}/resume", summary="Go on")
async def resume(desk: TheDesk, job: TheJob) -> dict[str, Any]:
    return await asyncio.to_thread(lambda: desk.public(desk.control.resume(job)))


@router.post("/jobs/{job_id}/retry", summary="Run again, with other options or another model")
async def retry(
    request: Request, desk: TheDesk, job: TheJob, asked: Annotated[Retry | None, Body()] = None
) -> dict[str, Any]:
    if "content-type" in request.headers:
        check_type(request, JSON)
    return await asyncio.to_thread(lambda: desk.public(desk.control.retry(job, asked or Retry())))


@router.post("/jobs/{job_id}/cancel", summary="End; what is labelled stays")
async def cancel(desk: TheDesk, job: TheJob) -> dict[str, Any]:
    return await asyncio.to_thread(lambda: desk.public(desk.control.cancel(job)))


@router.delete("/jobs/{job_id}", status_code=HTTPStatus.NO_CONTENT, summary="Forget a job and its labels")
async def delete(desk: TheDesk, job: TheJob) -> Response:
    await asyncio.to_thread(desk.control.delete, job)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get("/jobs/{job_id}/failures.csv", summary="What could not be labelled, and why")
async def failures(desk: TheDesk, job: TheJob) -> Response:
    return _file(desk, job, "failures.csv", "text/csv")


@router.get("/jobs/{job_id}/report.html", summary="The report of swsss-label")
async def report(desk: TheDesk, job: TheJob) -> Response:
    return _file(desk, job, "report.html", "text/html")


def attachment(job: Job, name: str) -> dict[str, str]:
    """The header that makes browsers keep a file, under a name that says which job it is of."""
    return {"Content-Disposition": f'attachment; filename="{job.id}-{name}"'}


async def _told(desk: Desk, job_id: str) -> ServerSentEvent:
    with suppress(Refused):
        return ServerSentEvent(event="job", data=await asyncio.to_thread(lambda: desk.public(desk.get(job_id))))
    return ServerSentEvent(event="removed", data={"id": job_id})


def _image(desk: Desk, job_id: str, number: int) -> ServerSentEvent | None:
    """An image as a reviewer left it; None when it, its job, or its index cannot be read by now."""
    try:
        item = desk.index_of(job_id).item(number)
    except (Refused, OSError):
        return None
    if item is None:
        return None
    return ServerSentEvent(event="image", data={"job": job_id, "number": number, "revision": item.revision})


def _file(desk: Desk, job: Job, name: str, kind: str) -> Response:
    path = desk.files.folder_of(job.id) / "labels" / name
    if not path.is_file():
        raise not_found(f"The job has no {name} yet; it is made when the job is done.")
    headers = {} if kind == "text/html" else attachment(job, name)
    return FileResponse(path, media_type=kind, headers=headers)
