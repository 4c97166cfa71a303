"""What a start finds in the data folder: jobs of the list, jobs that only their folders know, and what a kill left."""

from pathlib import Path

import structlog

from swsss.data.below import OutsideError, check_below
from swsss.serve.server.jobs.data_folder import DataFolder
from swsss.serve.server.jobs.job_file import JOB_FILE, read_job_file
from swsss.serve.server.jobs.records import Job
from swsss.serve.server.jobs.restored import see_index
from swsss.serve.server.jobs.store import JobStore

log = structlog.get_logger()


def find_jobs(data: DataFolder, store: JobStore) -> list[Job]:
    """All jobs of a data folder. Only what was recorded as begun is removed; what nobody knows is left where it is.

    A job that the list lacks, as after a partial restore, is adopted with what its `job.json` says; one that was to
    run then waits for somebody to resume it. Of list and `job.json` the newer one counts.
    """
    _finish_what_was_begun(data, store)
    listed = {job.id: job for job in store.all()}
    found = dict[str, Job]()
    for folder in data.folders():
        job = _newest(listed.get(folder.name), folder)
        if job is None:
            log.warning("folder left alone: it is not a job's, or its job.json is damaged", folder=str(folder))
            continue
        see_index(job, folder)
        if job.fresh:
            job = job.now(fresh=False)
        found[job.id] = job
        if job is not listed.get(job.id):
            _put(store, job)
        elif not (folder / JOB_FILE).is_file():
            store.put_file(job)
    for job_id in listed.keys() - found.keys():  # it stays in the list: the disk may be mounted later
        log.warning("job not shown: its folder is not there", job=job_id)
    return list(found.values())


def allowed_paths(job: Job, within: Path | None, folder: Path) -> bool:
    """Whether a job's images and tags lie where they may: below the root, or in the job's folder if they were uploaded.

    Args:
        job: The job.
        within: The server's root, or None when there is none.
        folder: The job's folder.
    """
    inside = folder if job.source == "archive" else within
    if inside is None:
        return False
    try:
        for path in (job.images, *((job.labels,) if job.labels else ())):
            check_below(path, inside)
    except (OutsideError, OSError, ValueError):
        return False
    return True


def _newest(listed: Job | None, folder: Path) -> Job | None:
    written = read_job_file(folder)
    if listed is None and written is not None:
        log.info("job adopted", job=written.id, state=written.state)
        if written.state in {"queued", "running"}:
            told = "The server's job list had lost this job, which was not done; resume it to go on."
            return written.now(state="paused", message=told)
        return written
    if listed is not None and written is not None and written.serial > listed.serial:
        return written
    return listed


def _finish_what_was_begun(data: DataFolder, store: JobStore) -> None:
    for kind, name in store.pending():
        if kind == "upload":
            done = data.remove_upload(name)
        elif kind == "new" and read_job_file(data.job(name)) is not None:
            done = True  # it was taken in after this list was saved
        else:
            done = data.remove_job(name)
            if done and kind == "delete":
                store.remove(name)
        if done:
            log.info("leftover removed", kind=kind, name=name)
            store.end(kind, name)


def _put(store: JobStore, job: Job) -> None:
    try:
        store.put(job)
    except OSError as error:
        log.warning("job not kept", job=job.id, reason=str(error))
