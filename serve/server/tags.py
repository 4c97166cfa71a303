"""The tags of a request: from names to the ids an engine is given."""

from collections.abc import Sequence

import numpy as np

from swsss.data.classes import ClassTable
from swsss.data.tag_labels import parse_labels
from swsss.model.engine import Candidates
from swsss.serve.server.problems import unprocessable

Tags = tuple[int, ...] | None
"""Foreground ids, ascending; None for every class."""


def candidates(tags: Tags, classes: int) -> Candidates:
    """The class ids an image may hold, background first: int64 [1, K]."""
    return np.array([range(classes) if tags is None else (0, *tags)], np.int64)


def tags_of(names: Sequence[str] | None, classes: ClassTable, conditioned: bool, untagged: str) -> Tags:
    """Read the tags of a request.

    Args:
        names: Class names, each text one or several separated by `;`, `|` or `,`; None when none were given.
        classes: The model's.
        conditioned: Whether the model takes tags.
        untagged: "all" when an image without tags may hold every class.

    Raises:
        Refused: A class is unknown, or tags are missing or not taken (422).
    """
    if not conditioned:
        if names:
            raise unprocessable("This model takes no tags (it was exported plain); leave 'tags' out.")
        return None
    if names is None:
        if untagged == "all":
            return None
        raise unprocessable(
            "This model labels by tags: give tags=cat&tags=dog (tags= alone for background), or untagged=all to allow "
            "every class."
        )
    found: set[int] = set()
    for text in names:
        ids, wrong = parse_labels(text, classes)
        if wrong:
            raise unprocessable(" ".join(f"{sentence[0].upper()}{sentence[1:]}" for sentence in wrong))
        found |= ids
    return tuple(sorted(found))
