"""Correcting a job's images: other tags, verdicts. Whole or not at all, and never over what somebody else has said."""

import asyncio
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from swsss.data.files import write_whole
from swsss.data.png import encode_grey, encode_mask
from swsss.serve.server.hub import Model
from swsss.serve.server.jobs.changes import Correction, Outdated
from swsss.serve.server.jobs.records import Job
from swsss.serve.server.jobs.review import Review
from swsss.serve.server.jobs.rows import Item
from swsss.serve.server.problems import conflict, not_found, unprocessable
from swsss.serve.server.service import Answer, Service

Verdict = Literal["", "accepted", "rejected", "flagged"]


@dataclass(frozen=True)
class Change:
    """What somebody asks to be changed of an image.

    Args:
        retag: Whether the tags change.
        tags: To these; None for every class.
        verdict: What they think of it; None to leave that as it is.
    """

    retag: bool = False
    tags: Sequence[int] | None = None
    verdict: Verdict | None = None


class Corrections:
    """Takes corrections of the images of all jobs.

    Args:
        review: Finds images and masks.
        service: Labels again what gets other tags.
    """

    def __init__(self, review: Review, service: Service) -> None:
        self.review, self.service, self.desk = review, service, review.desk
        self._turns = [asyncio.Lock() for _ in range(64)]

    async def change(self, job: Job, number: int, change: Change, expected: int | None = None) -> Item:
        """Change an image, whole or not at all.

        Args:
            job: The job.
            number: The image.
            change: What changes. Under other tags the image is labelled again.
            expected: The revision it must have; None for any.

        Returns:
            The image as it is then.

        Raises:
            Outdated: It has another revision, from before or since it was labelled again; nothing was changed.
            Refused: A tag is not a class (422); the image failed, or the model it was labelled with is not there or
                takes no tags (409).
            UserError: The image cannot be read, or the model could not label it.
        """
        if not change.retag:
            return await self._correct(job, number, Correction(change.verdict), expected)
        wanted = None if change.tags is None else tuple(sorted(set(change.tags)))
        _check_tags(job, wanted or ())
        # One after the other: the tags asked for last are those that stay.
        async with self._turns[hash((job.id, number)) % len(self._turns)]:
            item = await self.review.work(lambda: self.review.item(job, number))
            if expected is not None and item.revision != expected:
                raise Outdated(item)
            if wanted == _tuple(item.tags) and item.state == "labelled":
                return await self._correct(job, number, Correction(change.verdict), expected)
            if item.made and wanted == _tuple(item.original_tags):
                return await self._correct(job, number, Correction(change.verdict, restored=True), expected)
            self.review.mask_path(job, item)
            answer = await self._relabel(job, item, wanted)
            kept = await self.review.work(lambda: self._keep(job, item, answer, change.verdict, expected))
        self.desk.events.changed(job.id, number)
        return kept

    async def _correct(self, job: Job, number: int, correction: Correction, expected: int | None) -> Item:
        before = await self.review.work(lambda: self.review.item(job, number))
        kept = await self.review.work(
            lambda: self.desk.index_of(job.id).correct(number, correction, expected, self._check(job, correction))
        )
        if kept is None:
            raise not_found(f"The job has no image number {number} any more.")
        if kept.revision != before.revision:
            self.desk.events.changed(job.id, number)
        return kept

    async def _relabel(self, job: Job, item: Item, tags: tuple[int, ...] | None) -> Answer:
        model = self._model(job)
        pixels, orientation = await self.review.work(lambda: self.review.decoded(job, item))
        return await self.service.label_pixels(model, pixels, orientation, item.image, tags, job.wishes.ignore_below)

    def _model(self, job: Job) -> Model:
        """The model a job was labelled with, whatever it is called by now.

        Raises:
            Refused: It is not loaded, or takes no tags (409).
        """
        identity, classes = job.model_identity, tuple(name for name, _ in job.classes)
        for model in sorted(self.desk.hub.ready(), key=lambda model: model.name != job.wishes.model):
            # Jobs of older versions do not know their model: one of that name with the same classes is taken for it.
            same = model.name == job.wishes.model and model.info.classes == classes
            if model.engine.identity == identity or (not identity and same):
                if model.info.task != "conditioned":
                    raise conflict("The model takes no tags (it was exported plain), so changing them changes nothing.")
                return model
        raise conflict(
            f"The model that labelled this job ('{job.wishes.model}' as it was then) is not loaded, so the image "
            "cannot be labelled again; load it, or retry the job to label everything with another."
        )

    def _check(self, job: Job, correction: Correction) -> Callable[[Item], None]:
        """A check, while nothing else can change, that what is said of an image can be said of what it is now."""

        def check(item: Item) -> None:
            if self.desk.get(job.id).classes != job.classes:
                raise conflict("The job has other classes by now; look at the image again.")
            if correction.restored and not item.made:
                raise Outdated(item)
            row = item.made_row if correction.restored else item.row if item.state == "labelled" else None
            if correction.verdict == "accepted" and (correction.label or row) is None:
                raise conflict(f"{item.image} has no mask that could be accepted: {item.reason}")

        return check

    def _keep(self, job: Job, item: Item, answer: Answer, verdict: Verdict | None, expected: int | None) -> Item:
        """Write the mask under a name of its own, then have the index name it: a kill leaves a pair that fits."""
        self.desk.get(job.id)  # a job deleted meanwhile gets no folder again
        folder, name = self.desk.files.folder_of(job.id) / "reviewed", f"{item.number}/{uuid.uuid4().hex[:16]}.png"
        correction = Correction(verdict, replace(answer.row, mask=item.mask), name)
        try:
            write_whole(folder / "masks" / name, encode_mask(answer.mask))
            if job.wishes.confidence:
                write_whole(folder / "confidence" / name, encode_grey(answer.confidence))
            check = self._check(job, correction)
            kept = self.desk.index_of(job.id).correct(item.number, correction, expected, check)
            if kept is None:
                raise not_found(f"The job has no image number {item.number} any more.")
        except BaseException:
            for part in ("masks", "confidence"):
                (folder / part / name).unlink(missing_ok=True)
            raise
        # The one before stays for those who are just about to read it.
        _tidy(folder, item.number, {kept.reviewed, item.reviewed})
        return kept


def _check_tags(job: Job, tags: Sequence[int]) -> None:
    wrong = [index for index in tags if not 0 < index < len(job.classes)]
    if wrong:
        raise unprocessable(f"The tag {wrong[0]} is no class; tags are ids from 1 to {len(job.classes) - 1}.")


def _tuple(tags: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if tags is None else tuple(tags)


def _tidy(folder: Path, number: int, kept: set[str]) -> None:
    for part in ("masks", "confidence"):
        of_image = folder / part / str(number)
        for name in os.listdir(of_image) if of_image.is_dir() else []:
            if f"{number}/{name}" not in kept:
                (of_image / name).unlink(missing_ok=True)
