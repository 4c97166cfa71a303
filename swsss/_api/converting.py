"""`swsss.convert`: what `swsss-convert` does."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from swsss._api.checks import check_choice, python_call
from swsss.errors import UserError
from swsss.progress import ProgressCallback
from swsss.serve import convert as conversion
from swsss.serve.formats import FORMATS

StrPath: TypeAlias = str | Path
Format: TypeAlias = Literal["coco", "label-studio", "cvat"]


def convert(
    labels: StrPath, formats: Sequence[Format], *, image_prefix: str = "", progress: ProgressCallback | None = None
) -> list[Path]:
    """Write the masks of a labels folder in other formats, beside them, as `swsss-convert` does.

    An image that a format cannot hold, or whose mask is damaged, is left out of it: then there is a warning, and
    `convert-failures.csv` in the folder lists them all.

    Args:
        labels: The labels folder.
        formats: What to write.
        image_prefix: For "label-studio": what comes before the path of an image.
        progress: Called with "converting", images done and in all. What it raises ends the call.

    Returns:
        The files, in the order of the formats.

    Raises:
        UserError: The folder is no labels folder, or a format is unknown or cannot hold a class.
    """
    with python_call("convert", progress):
        told = progress or (lambda title, done, total: None)
        converted = conversion.convert(
            Path(labels),
            known_formats(formats),
            image_prefix=image_prefix,
            progress=lambda done, total: told("converting", done, total),
        )
    if converted.complaint:
        warnings.warn(converted.complaint, stacklevel=2)
    return converted.files


def known_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """The formats of a call.

    Raises:
        UserError: One is unknown, or they are no list.
    """
    if isinstance(formats, str):
        raise UserError(f"formats is a list; write [{formats!r}].", code="invalid-value", field="formats")
    for name in formats:
        check_choice("formats", name, FORMATS, "unknown-format")
    return tuple(formats)
