"""What can be asked about jobs: submit, stop, go on, look at; the one place that knows where a job's files are."""

import uuid
from pathlib import Path

from swsss.serve.server.hub import Hub
from swsss.serve.server.jobs.archives import remove, unpack
from swsss.serve.server.jobs.events import Events
from swsss.serve.server.jobs.index import Index
from swsss.serve.server.jobs.labeller import JobLabeller, classes_of
from swsss.serve.server.jobs.records import FolderJob, Job, Wishes, now
from swsss.serve.server.jobs.root import Root
from swsss.serve.server.jobs.runner import Runner
from swsss.serve.server.jobs.store import JobStore
from swsss.serve.server.metrics import Metrics
from swsss.serve.server.problems import busy, conflict, not_found, unprocessable
from swsss.serve.server.settings import Settings

_STOP_SECONDS = 10.0
_RETRY_SECONDS = 60.0


class Desk:
    """All jobs of a server.

    Args:
        settings: Where jobs are kept and how many there may be.
        hub: The models.
        metrics: Told about images.

    Raises:
        UserError: The data folder cannot be used.
    """

    def __init__(self, settings: Settings, hub: Hub, metrics: Metrics) -> None:
        self.settings, self.hub = settings, hub
        self.root = Root(settings.root)
        self.events = Events()
        self._folder = settings.data.resolve() / "jobs"
        self._uploads = self._folder.parent / "uploads"
        self.store = JobStore(settings.data / "jobs.sqlite")
        self._sweep()
        labeller = JobLabeller(hub, metrics, self.folder_of, self.index_of, self._within, self.plain)
        self.runner = Runner(labeller, self.store, lambda job: self.events.changed(job.id))

    def start(self) -> None:
        """Begin to work off jobs, those left over first."""
        self.runner.start(self.settings.jobs)

    def close(self) -> None:
        """Stop; what is not done goes on at the next start."""
        self.events.close()
        self.runner.close()
        self.store.close()

    def folder_of(self, job_id: str) -> Path:
        """Where a job's labels, index and review lie."""
        return self._folder / job_id

    def index_of(self, job_id: str) -> Index:
        """The images of a job."""
        return Index(self.folder_of(job_id) / "index.sqlite")

    def plain(self, job: Job, message: str) -> str:
        """A message about a job without the paths of this machine."""
        for folder in (self.folder_of(job.id), job.images.parent, self._within(job)):
            message = message.replace(f"{folder}/", "")
        return message

    def get(self, job_id: str) -> Job:
        """A job.

        Raises:
            Refused: There is none of that id (404).
        """
        job = self.runner.get(job_id)
        if job is None:
            raise not_found(f"There is no job '{job_id}'; it was deleted, or never was.")
        return job

    def public(self, job: Job) -> dict[str, object]:
        """What clients are told of a job."""
        return job.public(self.root.path, vars(self.index_of(job.id).counts()))

    def submit(self, asked: FolderJob) -> Job:
        """Take in a folder below the root.

        Raises:
            Refused: A path is not there, the model takes no tags or needs some, or too many jobs wait.
        """
        self._check_room()
        images = self.root.find(asked.images)
        if not images.is_dir():
            raise unprocessable(f"'{asked.images}' is no folder; name the folder that holds the images.")
        labels = None if asked.labels is None else self.root.find(asked.labels)
        if labels is not None and not labels.is_file():
            raise unprocessable(f"'{asked.labels}' is no file; name a tags.csv.")
        wishes = Wishes.model_validate(asked.model_dump(exclude={"images", "labels"}))
        return self._take(self._checked(Job(_new_id(), wishes, "folder", images, labels, created=now())))

    def archive_path(self) -> Path:
        """A new file for an upload.

        Raises:
            Refused: Too many jobs wait.
        """
        self._check_room()
        self._uploads.mkdir(parents=True, exist_ok=True)
        return self._uploads / f"{_new_id()}.zip"

    def submit_archive(self, archive: Path, wishes: Wishes) -> Job:
        """Take in an uploaded archive; takes as long as unpacking it.

        Raises:
            UserError: The archive cannot be used.
            Refused: As for `submit`.
        """
        job_id = _new_id()
        try:
            unpacked = unpack(archive, self.folder_of(job_id) / "upload", self.settings.limits)
            job = Job(job_id, wishes, "archive", unpacked.images, unpacked.labels, created=now())
            return self._take(self._checked(job))
        except BaseException:
            remove(self.folder_of(job_id))
            raise

    def pause(self, job: Job) -> Job:
        """Stop a job for a while, after the images being labelled.

        Raises:
            Refused: It is neither waiting nor running (409).
        """
        if job.state == "running":
            self.runner.wish(job.id, "pause")
            self.runner.settled(job.id, _STOP_SECONDS)
        elif job.state == "queued":
            self.runner.put(job.now(state="paused"))
        else:
            raise conflict(f"The job is {job.state}; only one that waits or runs can be paused.")
        return self.get(job.id)

    def resume(self, job: Job) -> Job:
        """Let a job go on where it was.

        Raises:
            Refused: It is not paused, cancelled or failed (409).
        """
        if job.state not in {"paused", "cancelled", "failed"}:
            raise conflict(f"The job is {job.state}; only one that is paused, cancelled or failed can be resumed.")
        self.runner.put(job.now(state="queued", finished=None, message=""))
        return self.get(job.id)

    def cancel(self, job: Job) -> Job:
        """End a job; what is labelled stays.

        Raises:
            Refused: It has ended already (409).
        """
        if job.state == "running":
            self.runner.wish(job.id, "cancel")
            self.runner.settled(job.id, _STOP_SECONDS)
        elif job.state in {"queued", "paused"}:
            self.runner.put(job.now(state="cancelled", finished=now()))
        else:
            raise conflict(f"The job is {job.state} already.")
        return self.get(job.id)

    def delete(self, job: Job) -> None:
        """Forget a job and all that belongs to it; images below the root stay.

        Raises:
            Refused: It runs (409).
        """
        if job.state == "running":
            raise conflict("The job is running; cancel it first.")
        self.runner.remove(job.id)
        remove(self.folder_of(job.id))
        self.events.changed(job.id)

    def _checked(self, job: Job) -> Job:
        model = self.hub.get(job.wishes.model)
        conditioned = model.info.task == "conditioned"
        if conditioned and job.labels is None and job.wishes.untagged == "skip":
            raise unprocessable(
                "This model labels by tags: give labels (tags.csv), or untagged 'all' to allow every class."
            )
        if not conditioned and job.labels is not None:
            raise unprocessable(
                "This model takes no tags (it was exported plain): leave labels out, or name another model."
            )
        wishes = job.wishes.model_copy(update={"model": model.name})  # also when another becomes the default
        return job.now(classes=classes_of(model.info), wishes=wishes)

    def _take(self, job: Job) -> Job:
        self.folder_of(job.id).mkdir(parents=True, exist_ok=True)
        self.runner.put(job)
        return self.get(job.id)

    def _check_room(self) -> None:
        if sum(not job.ended for job in self.runner.jobs()) >= self.settings.limits.most_jobs:
            raise busy(_RETRY_SECONDS)

    def _sweep(self) -> None:
        """Remove what a killed server was just taking in."""
        remove(self._uploads)
        known = {job.id for job in self.store.all()}
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            if folder.name not in known:
                remove(folder)

    def _within(self, job: Job) -> Path:
        return self.folder_of(job.id) if job.source == "archive" or self.root.path is None else self.root.path


def _new_id() -> str:
    return uuid.uuid4().hex[:12]
