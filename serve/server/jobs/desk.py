"""The jobs of a server, put together."""

import asyncio
from collections.abc import Sequence

from swsss.serve.server.hub import Hub, Model
from swsss.serve.server.jobs.adoption import allowed_paths, find_jobs
from swsss.serve.server.jobs.counts import ReviewCounts
from swsss.serve.server.jobs.data_folder import DataFolder
from swsss.serve.server.jobs.events import Events
from swsss.serve.server.jobs.files import JobFiles
from swsss.serve.server.jobs.index import Index
from swsss.serve.server.jobs.labeller import JobLabeller, model_of
from swsss.serve.server.jobs.records import ENDED, Job, State
from swsss.serve.server.jobs.retention import Retention
from swsss.serve.server.jobs.root import Root
from swsss.serve.server.jobs.runner import Runner
from swsss.serve.server.jobs.store import JobStore
from swsss.serve.server.jobs.submission import Submissions
from swsss.serve.server.jobs.transitions import Transitions
from swsss.serve.server.metrics import Metrics
from swsss.serve.server.problems import conflict, not_found
from swsss.serve.server.settings import Settings

_UNPACKED_AT_ONCE = 2


class Desk:
    """All jobs of a server.

    Args:
        settings: Where jobs are kept and how many there may be.
        hub: The models.
        metrics: Told about images.

    Attributes:
        new: Takes in new jobs.
        control: Pauses, resumes, retries, cancels and deletes them.
        files: Knows where their files are.
        unpacking: Held while an archive is unpacked; what waits does not keep threads from other requests.

    Raises:
        UserError: The data folder cannot be used.
    """

    def __init__(self, settings: Settings, hub: Hub, metrics: Metrics) -> None:
        self.settings, self.hub = settings, hub
        self.root = Root(settings.root)
        self.events = Events()
        self.unpacking = asyncio.Semaphore(_UNPACKED_AT_ONCE)
        self.data = DataFolder(settings.data)
        self.store = JobStore(self.data)
        self.files = JobFiles(self.data, self.root)
        self._counts = ReviewCounts(self.files.folder_of)
        jobs = map(self.within_bounds, find_jobs(self.data, self.store))
        labeller = JobLabeller(hub, metrics, self.files)
        self.runner = Runner(labeller, self.store, jobs, lambda job: self.events.changed(job.id))
        self.new = Submissions(self.data, self.store, self.runner, hub, self.root, settings.limits)
        self.control = Transitions(self.data, self.store, self.runner, hub, self.new, self._counts, self.events)
        self._retention = Retention(settings.keep_days, self.runner.jobs, lambda job: self.control.delete(job, ENDED))

    def start(self) -> None:
        """Begin to work off jobs, those left over first."""
        self.runner.start(self.settings.jobs)
        self._retention.start()

    def close(self) -> None:
        """Stop; what is not done goes on at the next start."""
        self.events.close()
        self.runner.close()
        self._retention.close()
        self.store.close()

    def index_of(self, job_id: str) -> Index:
        """The images of a job, for people to look at and review.

        Raises:
            Refused: Its folder is gone (404), or it is just being given other classes (409).
        """
        job = self.runner.get(job_id)
        if job is not None and job.fresh:
            raise conflict("The job is just being given the classes of another model; ask again.")
        return self.files.index_of(job_id)

    def get(self, job_id: str) -> Job:
        """A job.

        Raises:
            Refused: There is none of that id (404).
        """
        job = self.runner.get(job_id)
        if job is None:
            raise not_found(f"There is no job '{job_id}'; it was deleted, or never was.")
        return job

    def model_of(self, job: Job) -> Model:
        """The model a job labels with.

        Raises:
            Refused: It is not loaded, or its name is now that of another model (409).
        """
        return model_of(job, self.hub)

    def public(self, job: Job) -> dict[str, object]:
        """What clients are told of a job."""
        return job.public(self.root.path, self._counts.of(job.id))

    def find(self, search: str, state: State | None) -> Sequence[Job]:
        """The jobs whose name or id holds a text, in any case, the newest first; of one state, or of all."""
        wanted = search.casefold()
        return [
            job
            for job in self.runner.jobs()
            if state in {None, job.state} and (wanted in job.name.casefold() or wanted in job.id.casefold())
        ]

    def within_bounds(self, job: Job) -> Job:
        """A job whose paths may be read. Otherwise it has none, and what was made of it can still be taken away.

        That is not kept: with the right root the next start finds it as it was.
        """
        folder = self.files.folder_of(job.id)
        if allowed_paths(job, self.root.path, folder):
            return job
        return job.now(
            images=folder / "unavailable",
            labels=None,
            wishes=job.wishes.model_copy(update={"name": job.name}),
            state=job.state if job.ended else "failed",
            message="Its images or tags do not lie below this server's --root; start swsss-serve with the right one.",
        )
