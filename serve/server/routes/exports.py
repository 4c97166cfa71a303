"""`/v1/jobs/{id}/result.zip` and the like: what people take away from a job."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from swsss.errors import UserError
from swsss.serve.server.jobs.corrected_tags import write_corrected_tags
from swsss.serve.server.jobs.export_formats import format_export
from swsss.serve.server.jobs.exports import accepted_archive, check_names, made_archive, result_archive
from swsss.serve.server.jobs.masks import JobMasks, Taken
from swsss.serve.server.jobs.records import Format, Job
from swsss.serve.server.jobs.streams import Parts, blocks_of, nameless_text
from swsss.serve.server.parts import Parts as ServerParts
from swsss.serve.server.parts import TheJob, TheParts, take_download
from swsss.serve.server.routes.jobs import attachment

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["exports"], dependencies=[Depends(take_download)])

_As = Annotated[
    Taken,
    Query(
        alias="as",
        description="Masks as people left them, as the run made them, or only those that were accepted.",
    ),
]
_FILES: dict[Format, str] = {"coco": "coco.json", "cvat": "cvat.zip", "label-studio": "label-studio.zip"}


@router.get("/result.zip", summary="The labels folder", response_class=StreamingResponse)
async def result(
    parts: TheParts,
    job: TheJob,
    taken: _As = "reviewed",
    follow: Annotated[bool, Query(description="Wait for what is still to come, and send it as it is made.")] = False,
) -> Response:
    def more() -> bool:
        current = parts.desk.runner.get(job.id)
        return follow and current is not None and current.state in {"queued", "running"}

    masks = parts.review.masks(job, taken)
    if taken == "made":
        return await _sent(parts, masks, made_archive(masks, more), "labels.zip")
    check_names(masks, job.wishes.formats)
    return await _sent(parts, masks, result_archive(masks, more), "labels.zip")


@router.get("/export/{format_name}", summary="The masks in one format", response_class=StreamingResponse)
async def export(parts: TheParts, job: TheJob, format_name: Format, taken: _As = "reviewed") -> Response:
    masks = parts.review.masks(job, taken)
    check_names(masks, (format_name,))
    return await _sent(parts, masks, format_export(masks, format_name), _FILES[format_name])


@router.get("/accepted.zip", summary="Accepted masks as a dataset directory", response_class=StreamingResponse)
async def accepted(parts: TheParts, job: TheJob) -> Response:
    masks = parts.review.masks(job, "accepted")
    check_names(masks, ())
    await parts.downloads.work(lambda: _exhausted(_tags(parts, job, masks)))  # what is wrong is told before it begins
    return await _sent(parts, masks, accepted_archive(masks), "accepted.zip")


@router.get("/tags.csv", summary="The tags with all corrections", response_class=StreamingResponse)
async def tags(parts: TheParts, job: TheJob) -> Response:
    rows = _tags(parts, job, parts.review.masks(job))
    stream = parts.downloads.stream(await _begun(parts, rows))
    return StreamingResponse(stream, media_type="text/csv", headers=attachment(job, "tags.csv"))


def _tags(parts: ServerParts, job: Job, masks: JobMasks) -> Parts:
    with nameless_text(masks.place) as file:
        try:
            write_corrected_tags(file, masks)
        except UserError as error:
            raise UserError(parts.desk.files.plain(job, str(error))) from None
        yield from blocks_of(file.buffer)


def _exhausted(parts: Parts) -> None:
    for _ in parts:
        pass


async def _begun(parts: ServerParts, content: Parts) -> Parts:
    """A download whose first part is made, so that what is wrong from the start is told by a status."""
    first = await parts.downloads.work(lambda: next(content, b""))

    def all_parts() -> Parts:
        yield first
        yield from content

    return all_parts()


async def _sent(parts: ServerParts, masks: JobMasks, content: Parts, name: str) -> Response:
    kind = "application/json" if name.endswith(".json") else "application/zip"

    def whole() -> bool:
        """Whether the job is there, and every class still what it was at the beginning."""
        current = parts.desk.runner.get(masks.job.id)
        return current is not None and current.classes == masks.job.classes

    stream = parts.downloads.stream(await _begun(parts, content), whole)
    return StreamingResponse(stream, media_type=kind, headers=attachment(masks.job, name))
