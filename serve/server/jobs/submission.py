"""New jobs: a folder below the root or an uploaded archive, checked and taken in so that a kill leaves nothing half."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from swsss.serve.server.hub import Hub
from swsss.serve.server.jobs.archives import unpack
from swsss.serve.server.jobs.data_folder import DataFolder
from swsss.serve.server.jobs.labeller import classes_of
from swsss.serve.server.jobs.records import FolderJob, Job, Wishes, now
from swsss.serve.server.jobs.root import Root, check_no_dataset
from swsss.serve.server.jobs.runner import Runner
from swsss.serve.server.jobs.store import JobStore
from swsss.serve.server.problems import busy, unprocessable
from swsss.serve.server.settings import Limits

_RETRY_SECONDS = 60.0


@dataclass(frozen=True)
class Submissions:
    """Takes in jobs.

    Args:
        data: Where their folders are made.
        store: Told what is begun, so that the next start removes what a kill left of it.
        runner: Gets the jobs.
        hub: The models.
        root: The folder that may be named.
        limits: How many jobs there may be, and how much an archive may hold.
    """

    data: DataFolder
    store: JobStore
    runner: Runner
    hub: Hub
    root: Root
    limits: Limits

    def folder(self, asked: FolderJob) -> Job:
        """Take in a folder below the root.

        Raises:
            Refused: A path is not there, it is a dataset directory, the model takes no tags or needs some, or too many
                jobs wait.
            OSError: The disk is full.
        """
        self.check_room()
        images = self.root.find(asked.images)
        if not images.is_dir():
            raise unprocessable(f"'{asked.images}' is not a directory; name the one that holds the images.")
        check_no_dataset(images, asked.images)
        labels = None if asked.labels is None else self.root.find(asked.labels)
        if labels is not None and not labels.is_file():
            raise unprocessable(f"'{asked.labels}' is not a file; name a tags.csv.")
        wishes = Wishes.model_validate(asked.model_dump(exclude={"images", "labels"}))
        job = self.checked(Job(_new_id(), wishes, "folder", images, labels, created=now()))
        return self._take(job.id, lambda: job)

    def archive_path(self) -> Path:
        """A new file for an upload; `archive_done` when it is not needed any more.

        Raises:
            Refused: Too many jobs wait.
            OSError: The disk is full.
        """
        self.check_room()
        name = f"{_new_id()}.zip"
        self.store.begin("upload", name)
        self.data.uploads.mkdir(exist_ok=True)
        return self.data.uploads / name

    def archive_done(self, archive: Path) -> None:
        """Delete an upload."""
        if self.data.remove_upload(archive.name):
            self.store.end("upload", archive.name)

    def archive(self, archive: Path, wishes: Wishes) -> Job:
        """Take in an uploaded archive; takes as long as unpacking it.

        Raises:
            UserError: The archive cannot be used.
            Refused, OSError: As for `folder`.
        """
        job_id = _new_id()

        def unpacked() -> Job:
            found = unpack(archive, self.data.job(job_id) / "upload", self.limits)
            return self.checked(Job(job_id, wishes, "archive", found.images, found.labels, created=now()))

        return self._take(job_id, unpacked)

    def checked(self, job: Job) -> Job:
        """A job with the model that now has the name it asks for, and that model's classes.

        Raises:
            Refused: There is no such model, or it takes no tags or needs some.
        """
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
        return job.now(
            classes=classes_of(model.info),
            model_identity=model.engine.identity,
            task=model.info.task,
            wishes=job.wishes.model_copy(update={"model": model.name}),  # also when another becomes the default
        )

    def check_room(self) -> None:
        """See that one more job may wait.

        Raises:
            Refused: Too many wait already (503).
        """
        if sum(not job.ended for job in self.runner.jobs()) >= self.limits.most_jobs:
            raise busy(_RETRY_SECONDS)

    def _take(self, job_id: str, make: Callable[[], Job]) -> Job:
        self.store.begin("new", job_id)
        try:
            self.data.make_job(job_id)
            job = make()
            self.runner.put(job)
        except BaseException:
            if self.data.remove_job(job_id):
                self.store.end("new", job_id)
            raise
        return self.runner.get(job_id) or job


def _new_id() -> str:
    return uuid.uuid4().hex[:12]
