"""What is known of a job."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from swsss.data.classes import ClassTable

State = Literal["queued", "running", "paused", "cancelled", "done", "failed"]
Format = Literal["coco", "label-studio", "cvat"]

ENDED: frozenset[State] = frozenset({"cancelled", "done", "failed"})


class Wishes(BaseModel):
    """How a job labels; the options of `swsss-label` under the same names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field("", max_length=200, description="what to call the job; the folder's name when empty")
    model: str | None = Field(None, max_length=200, description="which model labels; the default when left out")
    untagged: Literal["skip", "all"] = Field(
        "skip", description="images without a row in the tags: left out, or labelled with every class allowed"
    )
    confidence: bool = Field(False, description="write a grey PNG with the confidence of every pixel as well")
    ignore_below: float = Field(0.0, ge=0, le=1, description="pixels less sure than this become 255")
    formats: tuple[Format, ...] = Field((), max_length=3, description="other formats to write as well")
    image_prefix: str = Field("", max_length=1000, description="for label-studio: what comes before an image's path")


class Retry(Wishes):
    """Other options of a job that is to run again; what is left out stays as it was."""


class FolderJob(Wishes):
    """A folder of the server, to be labelled."""

    images: str = Field(max_length=4000, description="folder with images, below the server's root", examples=["images"])
    labels: str | None = Field(
        None, max_length=4000, description="tags.csv, below the server's root", examples=["tags.csv"]
    )


@dataclass(frozen=True)
class Job:
    """A job as it is now.

    Args:
        id: Letters and digits.
        wishes: How it labels.
        source: Whether its images lie below the root or came in an archive.
        images: Its image folder.
        labels: Its tags.
        state: What it is doing.
        created: When it was asked for (UTC); likewise `started` and `finished`.
        total: Images to label, those labelled earlier included; 0 before they are counted.
        done: Labelled or failed.
        failed: Could not be labelled.
        rate: Images a second since it was started last.
        message: What there is to say: why it failed, what is missing.
        classes: Name and colour (`#rrggbb`) of each class, by id: the job's own, whatever model is loaded now.
        model_identity: SHA-256 of the model file it labels with; "" in a job of an older version, until it runs.
        task: Whether that model takes tags.
        fresh: Whether its class table has just changed, and what its index says is still of the one before.
        serial: Grows with every change that is kept: of two records of a job the one with the higher number is newer.
    """

    id: str
    wishes: Wishes
    source: Literal["folder", "archive"]
    images: Path
    labels: Path | None
    state: State = "queued"
    created: str = ""
    started: str | None = None
    finished: str | None = None
    total: int = 0
    done: int = 0
    failed: int = 0
    rate: float = 0.0
    message: str = ""
    classes: tuple[tuple[str, str], ...] = field(default_factory=tuple)
    model_identity: str = ""
    task: Literal["conditioned", "plain"] = "conditioned"
    fresh: bool = False
    serial: int = 0

    @property
    def name(self) -> str:
        """What people call it: the name it was given, or that of its image folder."""
        return self.wishes.name or self.images.name

    @property
    def class_table(self) -> ClassTable:
        """Its classes."""
        return ClassTable(tuple(name for name, _ in self.classes))

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.state in ENDED

    def now(self, **changes: object) -> "Job":
        """The job with changes."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def public(self, root: Path | None, review: Mapping[str, int]) -> dict[str, object]:
        """What clients are told of it; paths are below the root."""
        left = (self.total - self.done) / self.rate if self.state == "running" and self.rate else None
        return {
            "id": self.id,
            "state": self.state,
            "source": self.source,
            "images": _below(self.images, root) if self.source == "folder" else "",
            "labels": _below(self.labels, root) if self.source == "folder" and self.labels else None,
            **self.wishes.model_dump(exclude={"name"}),
            "name": self.name,
            "model_identity": self.model_identity,
            "task": self.task,
            "created": self.created,
            "started": self.started,
            "finished": self.finished,
            "total": self.total,
            "done": self.done,
            "failed": self.failed,
            "images_per_second": round(self.rate, 2),
            "seconds_left": None if left is None else round(left, 1),
            "message": self.message,
            "classes": [
                {"id": index, "name": name, "colour": colour} for index, (name, colour) in enumerate(self.classes)
            ],
            "review": dict(review),
        }


def now() -> str:
    """The time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _below(path: Path, root: Path | None) -> str:
    if root is not None and path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return path.name
