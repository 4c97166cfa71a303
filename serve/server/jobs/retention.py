"""Deletes jobs that ended long ago, if the server was told to."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import structlog

from swsss.serve.server.jobs.records import Job
from swsss.serve.server.problems import Refused

_SECONDS = 3600.0
_MAX_DAYS = 365_000

log = structlog.get_logger()


class Retention:
    """Looks for jobs to delete at the start and every hour.

    Args:
        days: How long a job is kept after its end; 0 for ever.
        jobs: Tells all jobs.
        delete: Deletes one.
    """

    def __init__(self, days: int, jobs: Callable[[], Sequence[Job]], delete: Callable[[Job], None]) -> None:
        self._days, self._jobs, self._delete = days, jobs, delete
        self._closing = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin."""
        if self._days:
            self._thread = Thread(target=self._work, name="retention")
            self._thread.start()

    def close(self) -> None:
        """Stop after the job being deleted."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            before = datetime.now(UTC) - timedelta(days=min(self._days, _MAX_DAYS))
            for job in self._jobs():
                if self._closing.is_set():
                    return
                if job.ended and _ended_before(job, before):
                    self._remove(job)
            if self._closing.wait(_SECONDS):
                return

    def _remove(self, job: Job) -> None:
        try:
            self._delete(job)
            log.info("job deleted: kept long enough", job=job.id, finished=job.finished, days=self._days)
        except Refused as refusal:  # somebody has started or deleted it
            log.info("job not deleted", job=job.id, reason=refusal.detail)


def _ended_before(job: Job, time: datetime) -> bool:
    try:
        ended = datetime.fromisoformat(job.finished or job.created)
    except ValueError:
        return False
    return (ended if ended.tzinfo else ended.replace(tzinfo=UTC)) < time
