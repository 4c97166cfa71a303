"""Clients that use a server while it is killed, and what they were promised."""

import random
import threading
from dataclasses import dataclass, field
from typing import Any

import cv2
import httpx
import numpy as np
from labelling import Reference, picture
from models import CLASSES
from serving import Client, zipped

NAMES = CLASSES.names[1:]
IMAGES = 12
"""Images of every job."""

Review = tuple[tuple[int, ...] | None, str]
"""Tags and verdict of an image."""


@dataclass
class Promises:
    """What a server has answered with 2xx, and what it was asked for without an answer.

    Attributes:
        jobs: Ids of the jobs it took in.
        going: Ids of the jobs it was asked to delete, whether or not it answered.
        gone: Ids of the jobs it said are deleted.
        reviews: By job and image number, what may be stored: the last review it answered, and any after that.
    """

    jobs: set[str] = field(default_factory=set)
    going: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    reviews: dict[tuple[str, int], list[Review]] = field(default_factory=dict)

    @property
    def kept(self) -> set[str]:
        """Jobs that must be there."""
        return self.jobs - self.going

    def check(self, client: Client) -> None:
        """See that the server remembers every promise."""
        listed = {job["id"]: job for job in client.get("/v1/jobs", params={"limit": 500}).json()["jobs"]}
        assert self.kept <= listed.keys(), "a job is lost"
        assert not self.gone & listed.keys(), "a deleted job is back"
        for job in self.kept:
            reviewed = {number: states for (of, number), states in self.reviews.items() if of == job}
            items = {item["number"]: item for item in client.items(job)} if reviewed else {}
            for number, states in reviewed.items():
                assert review_of(items[number]) in states, (job, number, items[number], states)
                self.reviews[job, number] = [review_of(items[number])]


def review_of(item: dict[str, Any]) -> Review:
    """What is stored of the review of an image."""
    return None if item["tags"] is None else tuple(item["tags"]), item["verdict"]


class Reviewer(threading.Thread):
    """Somebody who submits, reviews, exports, pauses and deletes, until the server is gone.

    Reviewers divide the images between them, so that what is stored can be told: nobody overwrites anybody.

    Args:
        client: A client of its own.
        promises: Shared with the others.
        number: Which of `of` reviewers this is.
        seed: Decides what it does.
    """

    def __init__(self, client: Client, promises: Promises, number: int, of: int, seed: int) -> None:
        super().__init__(name=f"reviewer-{number}")
        self.client, self.promises, self.number, self.of = client, promises, number, of
        self.random = random.Random(seed)
        self.failed: list[str] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        """Work until the server does not answer."""
        actions = [self.submit, self.upload, self.review, self.review, self.review, self.export, self.stop_and_go]
        try:
            while not self.stopped.is_set():
                self.random.choice([*actions, self.delete] if self.random.random() < 0.1 else actions)()
        except (httpx.TransportError, httpx.InvalidURL):
            pass  # killed
        except Exception as error:
            self.failed.append(f"{type(error).__name__}: {error}")

    def submit(self) -> None:
        if len(self.promises.kept) < 4:
            self._taken(self.client.post("/v1/jobs", json={"images": "images", "labels": "tags.csv"}))

    def upload(self) -> None:
        if len(self.promises.kept) < 6:
            self._taken(
                self.client.post("/v1/jobs/archive", content=archive(), headers={"Content-Type": "application/zip"})
            )

    def review(self) -> None:
        """Other tags and a verdict for an image of one's own."""
        job = self._any_job()
        if job is None:
            return
        answer = self.client.get(f"/v1/jobs/{job}/images")
        if answer.status_code == 404:
            return
        mine = [
            item
            for item in answer.json()["items"]
            if item["state"] == "labelled" and item["number"] % self.of == self.number
        ]
        if not mine:
            return
        number = self.random.choice(mine)["number"]
        tags = self.random.choice([None, (), *((index,) for index in range(1, len(CLASSES)))])
        verdict = self.random.choice(["accepted", "rejected", "flagged", ""])
        self.promises.reviews.setdefault((job, number), [review_of(item) for item in mine if item["number"] == number])
        self.promises.reviews[job, number].append((tags, verdict))
        change = {"tags": None if tags is None else list(tags), "verdict": verdict}
        answer = self.client.patch(f"/v1/jobs/{job}/images/{number}", json=change)
        if answer.status_code == 200:
            self.promises.reviews[job, number] = [(tags, verdict)]
        elif answer.status_code == 404:
            del self.promises.reviews[job, number]
        else:
            assert answer.status_code == 503, answer.text
            self.promises.reviews[job, number].pop()

    def export(self) -> None:
        job = self._any_job()
        if job is not None:
            name = self.random.choice(["result.zip", "result.zip?as=made", "export/coco", "accepted.zip", "tags.csv"])
            assert self.client.get(f"/v1/jobs/{job}/{name}").status_code in {200, 404, 503}

    def stop_and_go(self) -> None:
        job = self._any_job()
        if job is not None:
            for action in ("pause", "resume"):
                assert self.client.post(f"/v1/jobs/{job}/{action}").status_code in {200, 404, 409}

    def delete(self) -> None:
        job = self._any_job()
        if job is None or len(self.promises.kept) < 3:
            return
        self.promises.going.add(job)
        if self.client.delete(f"/v1/jobs/{job}").status_code in {204, 404}:
            self.promises.gone.add(job)
        else:
            self.promises.going.discard(job)

    def _any_job(self) -> str | None:
        kept = sorted(self.promises.kept)
        return self.random.choice(kept) if kept else None

    def _taken(self, answer: httpx.Response) -> None:
        assert answer.status_code in {201, 503}, answer.text
        if answer.status_code == 201:
            self.promises.jobs.add(answer.json()["id"])


def archive() -> bytes:
    """The images of a job with their tags, zipped."""
    files = {f"images/{number:02}.png": encoded(number) for number in range(IMAGES)}
    rows = "".join(f"{number:02}.png,{NAMES[number % len(NAMES)]}\n" for number in range(IMAGES))
    return zipped(files | {"tags.csv": f"image,labels\n{rows}".encode()})


def encoded(number: int) -> bytes:
    """A picture as PNG."""
    done, data = cv2.imencode(".png", picture(number)[:, :, ::-1])
    assert done
    return data.tobytes()


def mask_under(reference: Reference, number: int, tags: tuple[int, ...] | None) -> np.ndarray:
    """The mask of a picture among these classes, by the model file alone."""
    names = None if tags is None else tuple(CLASSES.names[index] for index in tags)
    return reference(picture(number), names)[0]
