"""The one place that knows where a job's files are."""

from dataclasses import dataclass
from pathlib import Path

from swsss.serve.server.jobs.data_folder import DataFolder
from swsss.serve.server.jobs.index import Index
from swsss.serve.server.jobs.records import Job
from swsss.serve.server.jobs.root import Root
from swsss.serve.server.problems import not_found


@dataclass(frozen=True)
class JobFiles:
    """Finds what belongs to a job.

    Args:
        data: Holds the folders of jobs.
        root: Where images lie that were not uploaded.
    """

    data: DataFolder
    root: Root

    def folder_of(self, job_id: str) -> Path:
        """Where a job's labels, index and review lie."""
        return self.data.job(job_id)

    def index_of(self, job_id: str) -> Index:
        """The images of a job.

        Raises:
            Refused: Its folder is gone (404).
        """
        if not self.folder_of(job_id).is_dir():  # not made anew for a job that was just deleted
            raise not_found(f"The folder of the job '{job_id}' is gone.")
        return Index(self.folder_of(job_id) / "index.sqlite")

    def within(self, job: Job) -> Path:
        """The folder that a job's images and tags must not lead out of, whatever links there are."""
        return self.folder_of(job.id) if job.source == "archive" or self.root.path is None else self.root.path

    def plain(self, job: Job, message: str) -> str:
        """A message about a job without the paths of this machine."""
        for folder in (self.folder_of(job.id), job.images.parent, self.within(job)):
            message = message.replace(f"{folder}/", "")
        return message
