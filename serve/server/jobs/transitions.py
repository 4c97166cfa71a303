"""From one state of a job to another: pause, resume, retry, cancel, delete."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock

from swsss.serve.server.hub import Hub
from swsss.serve.server.jobs.counts import ReviewCounts
from swsss.serve.server.jobs.data_folder import DataFolder
from swsss.serve.server.jobs.events import Events
from swsss.serve.server.jobs.index import Index
from swsss.serve.server.jobs.labeller import model_of
from swsss.serve.server.jobs.records import ENDED, Job, Retry, State, now
from swsss.serve.server.jobs.runner import Runner
from swsss.serve.server.jobs.store import JobStore
from swsss.serve.server.jobs.submission import Submissions
from swsss.serve.server.problems import Refused, conflict, not_found

_STOP_SECONDS = 10.0
_NOT_RUN = {"started": None, "finished": None, "message": "", "total": 0, "done": 0, "failed": 0, "rate": 0.0}
_BY_MODEL = ("wishes", "classes", "model_identity", "task")
_AT_REST: frozenset[State] = frozenset({"queued", "paused", *ENDED})


@dataclass(frozen=True)
class Transitions:
    """Changes the states of jobs.

    Args:
        data: Where they lie.
        store: Told what is deleted.
        runner: Has them.
        hub: The models.
        new: Checks options.
        counts: Whether people have reviewed their images.
        events: Told when one is deleted.
    """

    data: DataFolder
    store: JobStore
    runner: Runner
    hub: Hub
    new: Submissions
    counts: ReviewCounts
    events: Events
    _turn: Lock = field(default_factory=Lock)
    """Of those who start jobs again."""

    def pause(self, job: Job) -> Job:
        """Stop a job for a while, after the images being labelled.

        Raises:
            Refused: It is neither waiting nor running (409).
        """
        if not self.runner.change(job.id, {"queued"}, state="paused"):
            if not self.runner.wish(job.id, "pause"):
                raise conflict(f"The job is {self._now(job).state}; only one that waits or runs can be paused.")
            self.runner.settled(job.id, _STOP_SECONDS)
        return self._now(job)

    def resume(self, job: Job) -> Job:
        """Let a job go on where it was.

        Raises:
            Refused: It is not paused, cancelled or failed, or its model is not the one it began with (409).
        """
        states: set[State] = {"paused", "cancelled", "failed"}
        with self._turn:
            job = self._now(job)
            if job.state in states:
                model_of(job, self.hub)
                _check_inputs(job)
            if not self.runner.change(job.id, states, state="queued", finished=None, message=""):
                state = self._now(job).state
                hint = "; retry it to run it again" if state == "done" else ""
                raise conflict(
                    f"The job is {state}; only one that is paused, cancelled or failed can be resumed{hint}."
                )
            return self._now(job)

    def retry(self, job: Job, asked: Retry) -> Job:
        """Run a job again, with other options, and with the model that now has the name.

        Raises:
            Refused: It waits or runs, or people have reviewed what the new model's classes do not fit (409); or there
                is no such model, or it takes no tags or needs some.
        """
        with self._turn:
            job = self._now(job)
            _check_inputs(job)
            wishes = job.wishes.model_copy(update=asked.model_dump(exclude_unset=True))
            changed = self.new.checked(job.now(wishes=wishes))
            kept = {name: getattr(changed, name) for name in _BY_MODEL}
            if job.fresh or [name for name, _ in changed.classes] != [name for name, _ in job.classes]:
                self._take_other_classes(job, kept)
            if not self.runner.change(job.id, _AT_REST - {"queued"}, **kept, state="queued", fresh=False, **_NOT_RUN):
                raise self._not_at_rest(job)
            return self._now(job)

    def _take_other_classes(self, job: Job, kept: Mapping[str, object]) -> None:
        """Forget the masks of the old classes before anybody can read them under the new names, or review them.

        Meanwhile the job is `fresh`: nobody looks at its images, or starts it.
        """
        index, forgotten = Index(self.data.job(job.id) / "index.sqlite"), False
        if not index.reviewed():
            if not self.runner.change(job.id, _AT_REST - {"queued"}, **kept, state="paused", fresh=True):
                raise self._not_at_rest(job)
            try:
                forgotten = index.reset()  # unless somebody has just said something
            finally:
                if not forgotten:
                    before = {name: getattr(job, name) for name in (*kept, "state", "fresh")}
                    self.runner.change(job.id, {"paused"}, **before)
        if not forgotten:
            raise conflict(
                "The model has other classes than this job, and people have reviewed its images; make a new job, so "
                "that their work stays."
            )

    def _not_at_rest(self, job: Job) -> Refused:
        return conflict(f"The job is {self._now(job).state}; pause or cancel it before it is retried.")

    def cancel(self, job: Job) -> Job:
        """End a job; what is labelled stays.

        Raises:
            Refused: It has ended already (409).
        """
        if not self.runner.change(job.id, {"queued", "paused"}, state="cancelled", finished=now()):
            if not self.runner.wish(job.id, "cancel"):
                raise conflict(f"The job is {self._now(job).state} already.")
            self.runner.settled(job.id, _STOP_SECONDS)
        return self._now(job)

    def delete(self, job: Job, states: Collection[State] = _AT_REST) -> None:
        """Forget a job and all that belongs to it; images below the root stay. Needs no room on the disk.

        Args:
            job: The job.
            states: It must be in one of these, none of them "running".

        Raises:
            Refused: It is not (409), or somebody else has just deleted it (404).
        """
        if not self.runner.remove(job.id, states):
            raise conflict(f"The job is {self._now(job).state}; cancel it first.")
        with suppress(OSError):  # on a full disk only a kill in the next moment would bring half of the job back
            self.store.begin("delete", job.id)
        if self.data.remove_job(job.id):
            self.store.remove(job.id)
        self.counts.forget(job.id)
        self.events.changed(job.id)

    def _now(self, job: Job) -> Job:
        found = self.runner.get(job.id)
        if found is None:
            raise not_found(f"There is no job '{job.id}'; it was just deleted.")
        return found


def _check_inputs(job: Job) -> None:
    if not job.images.is_dir():
        raise conflict(f"The job cannot run: its images are not there. {job.message}".rstrip())
