"""Jobs as JSON: a row of the job list, and `job.json` in the job's own folder, which says the same."""

import json
import os
import stat
from dataclasses import fields
from functools import cache
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from swsss.data.files import write_whole
from swsss.serve.server.jobs.records import Job

JOB_FILE = "job.json"

_MAX_BYTES = 1 << 20
_PATHS = {"images", "labels"}

log = structlog.get_logger()


def job_to_json(job: Job, folder: Path) -> str:
    """A job as JSON; what lies in its folder is named from there, so that the data folder can be moved."""
    values = {one.name: getattr(job, one.name) for one in fields(job)}
    paths = {"images": _relative(job.images, folder), "labels": job.labels and _relative(job.labels, folder)}
    return json.dumps(values | paths | {"wishes": job.wishes.model_dump()})


def job_from_json(text: str, folder: Path) -> Job:
    """A job that was written by `job_to_json`, also by an older version.

    Args:
        text: The JSON.
        folder: The job's folder, whose name is its id.

    Raises:
        ValueError: It is damaged, or the job of another folder.
    """
    values = json.loads(text)
    if not isinstance(values, dict) or not is_job_id(values.get("id")) or values["id"] != folder.name:
        raise ValueError("it is not the job of this folder")
    images, labels = values.get("images"), values.get("labels")
    if not isinstance(images, str) or not isinstance(labels, str | None) or "\0" in f"{images}{labels}":
        raise ValueError("its paths are none")
    try:
        job = _adapter().validate_python(values | {"images": Path(), "labels": None})
    except ValidationError as error:
        raise ValueError(f"{error.error_count()} fields are wrong") from None
    # A path that is absolute stays as it is.
    return job.now(images=folder / images, labels=None if labels is None else folder / labels)


def is_job_id(value: object) -> bool:
    """Whether a value can be the id of a job: letters and digits, so that it names a folder and no path."""
    return isinstance(value, str) and value.isascii() and value.isalnum() and len(value) <= 64


def write_job_file(job: Job, folder: Path) -> None:
    """Write `job.json`, if there is room; the job list has it, too."""
    try:
        if folder.is_dir():  # not made anew when the job has just been deleted
            write_whole(folder / JOB_FILE, job_to_json(job, folder).encode())
    except OSError as error:
        log.warning("job.json not written", job=job.id, reason=str(error))


def read_job_file(folder: Path) -> Job | None:
    """The job of a folder, or None when there is no `job.json` of ours in it."""
    try:
        return job_from_json(read_small_file(folder / JOB_FILE), folder)
    except (OSError, ValueError, RecursionError):
        return None


def read_small_file(path: Path) -> str:
    """The text of a file of ours, which may be anything by now; no link is followed, and no pipe waited for.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not a file, is too large, or is not UTF-8.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is not a file")
        text = os.read(descriptor, _MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(text) > _MAX_BYTES:
        raise ValueError("it is too large")
    return text.decode()


@cache
def _adapter() -> TypeAdapter[Job]:
    return TypeAdapter(Job)


def _relative(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
