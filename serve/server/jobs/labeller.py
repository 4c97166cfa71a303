"""Labels the images of a job, as swsss-label would."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from swsss.data.classes import palette
from swsss.errors import Interrupted, Unfinished, UserError
from swsss.export.metadata import ModelInfo
from swsss.serve.label import Order, label_folder
from swsss.serve.records import Failed, Labelled
from swsss.serve.server.hub import Hub
from swsss.serve.server.jobs.follower import JobFollower, Told
from swsss.serve.server.jobs.index import Index
from swsss.serve.server.jobs.records import Job
from swsss.serve.server.jobs.root import check_links
from swsss.serve.server.metrics import Metrics
from swsss.serve.server.problems import Refused

log = structlog.get_logger()


@dataclass(frozen=True)
class Ended:
    """How a job ended, and what there is to say."""

    state: Literal["done", "failed"]
    message: str


@dataclass(frozen=True)
class JobLabeller:
    """Labels jobs.

    Args:
        hub: The models.
        metrics: Told about every image.
        folder_of: The folder of a job, by its id.
        index_of: The index of a job, by its id.
        within: The folder that a job's images must not lead out of.
        plain: Takes the paths of this machine out of a message about a job.
    """

    hub: Hub
    metrics: Metrics
    folder_of: Callable[[str], Path]
    index_of: Callable[[str], Index]
    within: Callable[[Job], Path]
    plain: Callable[[Job, str], str]

    def label(self, job: Job, stop: Callable[[], bool], told: Told) -> Ended:
        """Label what is not labelled yet of a job. Whatever goes wrong is how it ended.

        Args:
            job: The job.
            stop: Whether to stop.
            told: Called with what changes of it.

        Raises:
            Interrupted: `stop` said so.
        """
        try:
            return Ended("done", self.plain(job, self._label(job, stop, told)))
        except Interrupted:
            raise
        except (UserError, Unfinished, Refused) as error:
            message = str(error)
        except OSError as error:
            message = f"{error}. What is labelled is kept; mend that, and resume."
        except Exception:
            log.exception("job failed")
            message = "Something went wrong in the server; its log says more under this job's id."
        return Ended("failed", self.plain(job, message))

    def _label(self, job: Job, stop: Callable[[], bool], told: Told) -> str:
        model = self.hub.get(job.wishes.model)
        check_links(job.images, self.within(job))
        told(classes=classes_of(model.info))
        follower = JobFollower(self.index_of(job.id), stop, told, lambda row: self._count(model.name, row))
        result = label_folder(self._order(job), model.for_jobs, follower, self.hub.budget)
        return " ".join(result.lines[1:-1]) if result.failed else ""

    def _order(self, job: Job) -> Order:
        wishes = job.wishes
        return Order(
            job.images,
            job.labels,
            out=self.folder_of(job.id) / "labels",
            confidence=wishes.confidence,
            ignore_below=wishes.ignore_below,
            formats=wishes.formats,
            image_prefix=wishes.image_prefix,
            untagged=wishes.untagged,
            batch=self.hub.settings.batch,
            workers=self.hub.settings.workers,
            max_pixels=self.hub.settings.limits.pixels,
        )

    def _count(self, model: str, row: Labelled | Failed) -> None:
        if isinstance(row, Failed):
            self.metrics.failures.labels(row.stage, "job").inc()
        else:
            self.metrics.images.labels(model, "job").inc()


def classes_of(info: ModelInfo) -> tuple[tuple[str, str], ...]:
    """Name and colour (`#rrggbb`) of each class of a model."""
    colours = palette()
    return tuple((name, f"#{colours[index].tobytes().hex()}") for index, name in enumerate(info.classes))
