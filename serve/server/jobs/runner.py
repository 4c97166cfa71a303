"""Runs jobs in threads of its own, and keeps what is known of them."""

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Literal

import structlog

from swsss.errors import Interrupted
from swsss.serve.server.jobs.labeller import JobLabeller
from swsss.serve.server.jobs.records import Job, State, now
from swsss.serve.server.jobs.store import JobStore

Wish = Literal["pause", "cancel"]

log = structlog.get_logger()


class Runner:
    """Works off the queue of jobs, oldest first.

    Args:
        labeller: Does the work.
        store: Where jobs are kept.
        jobs: Those there are.
        changed: Called with every job that changes, from any thread.
    """

    def __init__(
        self, labeller: JobLabeller, store: JobStore, jobs: Iterable[Job], changed: Callable[[Job], None]
    ) -> None:
        self._labeller, self._store, self._told = labeller, store, changed
        self._changed = threading.Condition()
        self._jobs = {job.id: job for job in jobs}
        self._wishes: dict[str, Wish] = {}
        self._closing = False
        self._threads: list[threading.Thread] = []
        for job in list(self._jobs.values()):
            if job.state == "running":  # the server was killed
                self._put_if_it_can(job.now(state="queued"))

    def start(self, threads: int) -> None:
        """Begin to work."""
        self._threads = [threading.Thread(target=self._work, name=f"job-{number}") for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def jobs(self) -> Sequence[Job]:
        """All jobs, the newest first."""
        with self._changed:
            return sorted(self._jobs.values(), key=lambda job: (job.created, job.id), reverse=True)

    def get(self, job_id: str) -> Job | None:
        """A job as it is now."""
        with self._changed:
            return self._jobs.get(job_id)

    def put(self, job: Job) -> None:
        """Take in a job, new or with another state."""
        with self._changed:
            self._wishes.pop(job.id, None)
            self._put(job)
            self._changed.notify_all()

    def change(self, job_id: str, states: Collection[State], **changes: object) -> bool:
        """Change a job if it is in one of these states; whether it was.

        Raises:
            OSError: The disk is full or broken; the job is as it was.
        """
        with self._changed:
            job = self._jobs.get(job_id)
            if job is None or job.state not in states:
                return False
            self._wishes.pop(job_id, None)
            self._put(job.now(**changes))
            self._changed.notify_all()
            return True

    def wish(self, job_id: str, wish: Wish) -> bool:
        """Ask a job to stop; whether it runs."""
        with self._changed:
            if self._runs(job_id):
                self._wishes[job_id] = wish
            return self._runs(job_id)

    def settled(self, job_id: str, seconds: float) -> bool:
        """Wait until a job does not run; whether it does not."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._runs(job_id), seconds)

    def remove(self, job_id: str, states: Collection[State]) -> bool:
        """Take a job out if it is in one of these states, so that it cannot be started any more; whether it was."""
        with self._changed:
            job = self._jobs.get(job_id)
            return job is not None and job.state in states and self._jobs.pop(job_id) is job

    def close(self) -> None:
        """Stop after the images being labelled; what is not done goes on at the next start."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _runs(self, job_id: str) -> bool:
        job = self._jobs.get(job_id)
        return job is not None and job.state == "running"

    def _put(self, job: Job) -> None:
        kept = job.now(serial=job.serial + 1)
        self._store.put(kept)
        self._jobs[job.id] = kept
        self._told(kept)

    def _put_if_it_can(self, job: Job) -> None:
        """Take in a job also when the disk is full: a restart may then find it as it was before, and do it again."""
        try:
            self._put(job)
        except OSError as error:
            log.warning("job not kept", job=job.id, state=job.state, reason=str(error))
            self._jobs[job.id] = job.now(serial=job.serial + 1)
            self._store.put_file(self._jobs[job.id])
            self._told(job)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            with structlog.contextvars.bound_contextvars(job=job.id):
                log.info("job started")
                ended = self._run(job)
                log.info("job ended", state=ended.state, done=ended.done, failed=ended.failed, message=ended.message)
                with self._changed:
                    self._wishes.pop(job.id, None)
                    self._put_if_it_can(ended)
                    self._changed.notify_all()

    def _next(self) -> Job | None:
        """The oldest job that waits, now running; None when the server closes."""
        with self._changed:
            while not self._closing:
                waiting = [job for job in self._jobs.values() if job.state == "queued"]
                if waiting:
                    job = min(waiting, key=lambda job: (job.created, job.id))
                    started = job.now(
                        state="running", started=job.started or now(), finished=None, message="", rate=0.0
                    )
                    self._put_if_it_can(started)
                    return self._jobs[job.id]
                self._changed.wait()
            return None

    def _run(self, job: Job) -> Job:
        try:
            ended = self._labeller.label(
                job, lambda: self._stops(job.id), lambda **changes: self._progress(job.id, **changes)
            )
        except Interrupted:
            return self._stopped(job)
        return self._now(job).now(state=ended.state, message=ended.message, finished=now())

    def _stops(self, job_id: str) -> bool:
        return self._closing or job_id in self._wishes

    def _progress(self, job_id: str, **changes: object) -> None:
        with self._changed:
            job = self._jobs[job_id].now(**changes)
            if "done" in changes:  # not kept for every image: the index and the journal know those
                self._jobs[job_id] = job
                self._told(job)
            else:
                self._put(job)

    def _stopped(self, job: Job) -> Job:
        wish = self._wishes.get(job.id)
        if wish == "cancel":
            return self._now(job).now(state="cancelled", finished=now())
        return self._now(job).now(state="paused" if wish == "pause" else "queued")

    def _now(self, job: Job) -> Job:
        with self._changed:
            return self._jobs.get(job.id, job)
