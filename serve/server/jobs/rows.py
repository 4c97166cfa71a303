"""Rows of a job's index, and what may be asked of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from swsss.serve.records import Labelled

Show = Literal[
    "all", "labelled", "failed", "tag_without_pixels", "unreviewed", "accepted", "rejected", "flagged", "changed"
]
Sort = Literal["name", "confidence", "not_found"]
Order = Literal["asc", "desc"]

_SHOWN: dict[Show, str] = {
    "all": "1",
    "labelled": "state = 'labelled'",
    "failed": "state = 'failed'",
    "tag_without_pixels": "state = 'labelled' AND missing > 0",
    "unreviewed": "state = 'labelled' AND verdict = ''",
    "accepted": "verdict = 'accepted'",
    "rejected": "verdict = 'rejected'",
    "flagged": "verdict = 'flagged'",
    "changed": "changed",
}
_SORTED: dict[Sort, str] = {"name": "image", "confidence": "confidence", "not_found": "missing"}


@dataclass(frozen=True)
class Item:
    """An image of a job as people see it; `number` names it, everything else as in the manifest.

    Args:
        tags: As they are now; None when every class is allowed.
        original_tags: As the job was given them.
        verdict: accepted, rejected, flagged or "".
        changed: Whether `tags` are not `original_tags`.
        version: Grows with every change of its mask.
    """

    number: int
    image: str
    state: str
    mask: str
    width: int
    height: int
    tags: Sequence[int] | None
    original_tags: Sequence[int] | None
    found: Sequence[int]
    not_found: Sequence[int]
    confidence: float
    pixels: dict[str, int]
    class_confidence: dict[str, float]
    stage: str
    reason: str
    verdict: str
    changed: bool
    version: int

    def public(self) -> dict[str, Any]:
        """What clients are told; the mask has an address of its own."""
        return {name: value for name, value in vars(self).items() if name != "mask"}


def item_of(row: Sequence[Any]) -> Item:
    """An item from the columns of the index, in their order."""
    values = list(row)
    for place in (6, 7, 8, 9, 11, 12):
        values[place] = json.loads(values[place])
    values[16] = bool(values[16])
    return Item(*values)


def labelled_values(row: Labelled) -> dict[str, Any]:
    """What the index keeps of a labelled image."""
    return {
        "image": row.image,
        "mask": row.mask,
        "width": row.width,
        "height": row.height,
        "tags": json.dumps(None if row.tags is None else list(row.tags)),
        "found": json.dumps(row.found),
        "not_found": json.dumps(row.not_found),
        "missing": len(row.not_found),
        "confidence": round(row.mean_confidence, 4),
        "pixels": json.dumps(row.pixels),
        "class_confidence": json.dumps({index: round(value, 4) for index, value in row.confidence.items()}),
    }


class Query(BaseModel):
    """Which images, in which order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    show: Show = Field("all", description="what they must be")
    present: int | None = Field(None, alias="class", ge=0, le=255, description="a class that has pixels in them")
    search: str = Field("", max_length=200, description="text their names hold, in any case")
    sort: Sort = "name"
    order: Order = "asc"
    offset: int = Field(0, ge=0, le=2**31, description="how many to pass over")
    limit: int = Field(200, ge=1, le=500, description="at most so many")

    def where(self) -> tuple[str, list[object]]:
        """The condition, and its values."""
        conditions, values = [_SHOWN[self.show]], list[object]()
        if self.present is not None:
            conditions.append("number IN (SELECT number FROM present WHERE class = ?)")
            values.append(self.present)
        if self.search:
            conditions.append("instr(lower(image), lower(?)) > 0")
            values.append(self.search)
        return " AND ".join(f"({condition})" for condition in conditions), values

    def ordering(self) -> str:
        """What to order by; names decide between equals."""
        way = "DESC" if self.order == "desc" else "ASC"
        column = _SORTED[self.sort]
        return f"{column} {way}" if column == "image" else f"{column} {way}, image"
