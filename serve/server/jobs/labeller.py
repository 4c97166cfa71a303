"""Labels the images of a job, as swsss-label would."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from swsss.data.below import open_below
from swsss.data.classes import palette
from swsss.data.files import write_whole
from swsss.errors import Interrupted, Unfinished, UserError
from swsss.model.info import ModelInfo
from swsss.serve.label import Order, label_folder
from swsss.serve.records import Failed, Labelled
from swsss.serve.server.hub import Hub, Model
from swsss.serve.server.jobs.files import JobFiles
from swsss.serve.server.jobs.follower import JobFollower, Told
from swsss.serve.server.jobs.records import Job
from swsss.serve.server.jobs.root import check_links
from swsss.serve.server.metrics import Metrics
from swsss.serve.server.problems import Refused, conflict

_KEPT = "What is labelled is kept; mend that, and retry the job."

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
        files: Knows where a job's files are.
    """

    hub: Hub
    metrics: Metrics
    files: JobFiles

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
            return Ended("done", self.files.plain(job, self._label(job, stop, told)))
        except Interrupted:
            raise
        except (UserError, Refused) as error:
            message = str(error)
        except Unfinished as error:
            message = f"{error} {_KEPT}"
        except OSError as error:
            message = f"{error.strerror or error}. {_KEPT}"
        except Exception:
            log.exception("job failed")
            message = "Something went wrong in the server; its log says more under this job's id."
        return Ended("failed", self.files.plain(job, message))

    def _label(self, job: Job, stop: Callable[[], bool], told: Told) -> str:
        model = model_of(job, self.hub)
        check_links(job.images, self.files.within(job))
        index = self.files.index_of(job.id)
        told(classes=classes_of(model.info), model_identity=model.engine.identity, task=model.info.task)
        follower = JobFollower(index, stop, told, lambda row: self._count(model.name, row))
        result = label_folder(self._order(job), model.for_jobs, follower, self.hub.budget)
        return " ".join(result.lines[1:-1]) if result.failed else ""

    def _order(self, job: Job) -> Order:
        wishes = job.wishes
        return Order(
            job.images,
            self._tags(job),
            out=self.files.folder_of(job.id) / "labels",
            confidence=wishes.confidence,
            ignore_below=wishes.ignore_below,
            formats=wishes.formats,
            image_prefix=wishes.image_prefix,
            untagged=wishes.untagged,
            batch=self.hub.settings.batch,
            workers=self.hub.settings.workers,
            within=self.files.within(job),
            max_pixels=self.hub.settings.limits.pixels,
        )

    def _tags(self, job: Job) -> Path | None:
        """A job's tags; those below the root as a copy, which nobody can swap for a link while it is read."""
        if job.labels is None or job.source == "archive":
            return job.labels
        copy = self.files.folder_of(job.id) / "tags.csv"
        try:
            with open_below(job.labels, self.files.within(job)) as file:
                data = file.read()
        except OSError as error:
            raise UserError(f"{job.labels} cannot be read: {error.strerror}.") from None
        write_whole(copy, data)
        return copy

    def _count(self, model: str, row: Labelled | Failed) -> None:
        if isinstance(row, Failed):
            self.metrics.failures.labels(row.stage, "job").inc()
        else:
            self.metrics.images.labels(model, "job").inc()


def model_of(job: Job, hub: Hub) -> Model:
    """The model a job labels with, which must be the one it began with.

    A job of an older version does not know which that was: it takes one with the same classes for it.

    Raises:
        Refused: It is not loaded, or its name is now that of another model (409).
    """
    name = job.wishes.model
    try:
        model = hub.get(name)
    except Refused:
        raise conflict(
            f"The model '{name}' of this job is not loaded; load it, or retry the job with another."
        ) from None
    same = model.engine.identity == job.model_identity
    if not job.model_identity:
        same = job.classes in {(), classes_of(model.info)}
    if not same:
        raise conflict(
            f"'{name}' is now another model than the one this job began with, so nothing was labelled; retry the job "
            "to label everything with the new one."
        )
    return model


def classes_of(info: ModelInfo) -> tuple[tuple[str, str], ...]:
    """Name and colour (`#rrggbb`) of each class of a model."""
    colours = palette()
    return tuple((name, f"#{colours[index].tobytes().hex()}") for index, name in enumerate(info.classes))
