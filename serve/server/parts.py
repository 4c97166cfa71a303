"""What the routes are given: the server's parts, as FastAPI's dependencies."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Path, Request

from swsss.serve.server.bodies import budget_of
from swsss.serve.server.gate import Gate
from swsss.serve.server.hub import Hub
from swsss.serve.server.jobs.corrections import Corrections
from swsss.serve.server.jobs.desk import Desk
from swsss.serve.server.jobs.downloads import Downloads
from swsss.serve.server.jobs.records import Job
from swsss.serve.server.jobs.review import Review
from swsss.serve.server.jobs.rows import Item
from swsss.serve.server.metrics import Metrics
from swsss.serve.server.service import Service
from swsss.serve.server.settings import Settings


class Parts:
    """All of a server.

    Args:
        settings: What it was told.
        metrics: Its figures.
        hub: Its models.
        desk: Its jobs.

    Attributes:
        gate: Knows who may come in.
        bodies: Bytes of requests that are in memory.
        service: Labels images for requests.
        review: Shows what jobs made.
        corrections: Takes what people say of it.
        downloads: Sends what people take away.
    """

    def __init__(self, settings: Settings, metrics: Metrics, hub: Hub, desk: Desk) -> None:
        self.settings, self.metrics, self.hub, self.desk = settings, metrics, hub, desk
        self.gate, self.bodies = Gate(settings), budget_of(settings.limits)
        metrics.bodies.set_function(lambda: self.bodies.held)
        self.service = Service(hub, metrics, settings.limits, settings.workers)
        self.review = Review(desk, settings.limits)
        self.corrections = Corrections(self.review, self.service)
        self.downloads = Downloads(desk.events, settings.limits.downloads)

    def close(self) -> None:
        """Stop working; jobs go on at the next start."""
        self.desk.close()
        self.review.close()
        self.downloads.close()
        self.service.close()


# Coroutines, though they wait for nothing: FastAPI would send plain functions through its threads.
async def _parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


TheParts = Annotated[Parts, Depends(_parts)]


async def take_place(parts: TheParts) -> AsyncIterator[None]:
    """A place in the queue until the request is answered.

    Raises:
        Refused: All places are taken (503).
    """
    with parts.service.admitted():
        yield


async def take_download(parts: TheParts) -> AsyncIterator[None]:
    """A place among the downloads until all is sent.

    Raises:
        Refused: No place has come free for a while (503).
    """
    async with parts.downloads.admitted():
        yield


async def _desk(parts: TheParts) -> Desk:
    return parts.desk


async def _review(parts: TheParts) -> Review:
    return parts.review


TheDesk = Annotated[Desk, Depends(_desk)]
TheReview = Annotated[Review, Depends(_review)]


async def _job(job_id: str, desk: TheDesk) -> Job:
    return desk.get(job_id)


TheJob = Annotated[Job, Depends(_job)]


# SQLite's integers end somewhere, and so do the images of a job.
def _item(job: TheJob, number: Annotated[int, Path(ge=0, lt=2**31)], review: TheReview) -> Item:
    return review.item(job, number)


TheItem = Annotated[Item, Depends(_item)]
