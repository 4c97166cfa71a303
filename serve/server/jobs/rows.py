"""Rows of a job's index, and what may be asked of them."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from swsss.serve.records import Failed, Labelled

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
_JSON = frozenset({"tags", "original_tags", "found", "not_found", "pixels", "class_confidence"})
_PRIVATE = frozenset({"mask", "reviewed", "made", "key"})


@dataclass(frozen=True)
class Item:
    """An image of a job as people see it; `number` names it, everything else as in the manifest.

    Args:
        tags: As they are now; None when every class is allowed.
        original_tags: As the job was given them.
        verdict: accepted, rejected, flagged or ""; of this version of the mask.
        changed: Whether `tags` are not `original_tags`.
        version: Grows with every change of its mask.
        revision: Grows with every change of anything.
        mask: Path below `labels/masks` of the mask that the run made.
        reviewed: Path below `reviewed/masks` of the mask under other tags; "" when there is none.
        made: The columns that the run gave it, as JSON, while `changed`; "" when they are the ones here, or not known.
        key: The journal's key of the mask that the run made, in hexadecimal; "" when it is not known.
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
    revision: int
    reviewed: str
    made: str
    key: str

    def public(self) -> dict[str, Any]:
        """What clients are told; the mask has an address of its own."""
        return {name: value for name, value in vars(self).items() if name not in _PRIVATE}

    @property
    def row(self) -> Labelled:
        """What the manifest says of it, as people left it."""
        return _row(self.image, self.mask, vars(self))

    @property
    def made_row(self) -> Labelled | None:
        """What the manifest says of the mask that the run made; None when it made none, or it is not known."""
        if not self.changed:
            return self.row if self.state == "labelled" else None
        made = {name: _value(name, value) for name, value in json.loads(self.made or "{}").items()}
        return _row(self.image, self.mask, made) if made.get("state") == "labelled" else None


@dataclass(frozen=True)
class Counts:
    """How many images people accepted, rejected, flagged, and gave other tags."""

    QUERY: ClassVar[str] = (
        "SELECT verdict, changed, count(*) AS images FROM images WHERE (verdict != '' OR changed) AND NOT gone "
        "GROUP BY verdict, changed"
    )

    accepted: int = 0
    rejected: int = 0
    flagged: int = 0
    changed: int = 0

    @classmethod
    def of(cls, rows: Iterable[sqlite3.Row]) -> "Counts":
        """From the rows of `QUERY`."""
        found = dict.fromkeys(("accepted", "rejected", "flagged", "changed"), 0)
        for row in rows:
            if row["verdict"] in found:
                found[row["verdict"]] += row["images"]
            found["changed"] += row["images"] if row["changed"] else 0
        return cls(**found)


def item_of(row: sqlite3.Row) -> Item:
    """An item from a row of the index.

    Raises:
        ValueError: The row is damaged.
    """
    return Item(**{field.name: _value(field.name, row[field.name]) for field in fields(Item)})


def labelled_values(row: Labelled) -> dict[str, Any]:
    """The columns that a label fills, but for those that name the image."""
    return {
        "state": "labelled",
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
        "stage": "",
        "reason": "",
    }


def failed_values(row: Failed) -> dict[str, Any]:
    """The columns that a failure fills: nothing is left of a label."""
    nothing = {"found": "[]", "not_found": "[]", "missing": 0, "confidence": 0.0, "pixels": "{}"}
    return {"state": "failed", "stage": row.stage, "reason": row.reason, "class_confidence": "{}", **nothing}


def _value(name: str, value: Any) -> Any:
    if name in _JSON:
        return json.loads(value)
    return bool(value) if name == "changed" else value


def _row(image: str, mask: str, values: Mapping[str, Any]) -> Labelled:
    return Labelled(
        image,
        mask,
        values["width"],
        values["height"],
        None if values["tags"] is None else tuple(values["tags"]),
        {int(index): count for index, count in values["pixels"].items()},
        {int(index): value for index, value in values["class_confidence"].items()},
        values["confidence"],
    )


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
