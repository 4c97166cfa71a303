"""What a Label Studio project says: which field holds the image, where brushes go, and which classes a task allows."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from swsss.data.classes import ClassTable
from swsss.data.tag_labels import SEPARATORS
from swsss.errors import UserError

_LABELS = "".join(f'<Label value="{name}"/>' for name in ("starfish", "clam", "cat", "dog", "person"))
EXAMPLE_CONFIG = (
    f'<View><Image name="image" value="$image"/><BrushLabels name="tag" toName="image">{_LABELS}</BrushLabels></View>'
)
"""An interface with classes of the demo and of Pascal VOC."""

_LONGEST = 1 << 20
"""Characters of a labelling interface; real ones have thousands."""

_MOST_TAGS = 50_000
"""Characters of the tags of a task, or tags in a list."""


@dataclass(frozen=True)
class BrushConfig:
    """The part of a labelling interface that masks of this model need.

    Args:
        key: Of the image in a task's data.
        from_name: Name of the brush.
        to_name: Name of the image tag.
        labels: Label by name of the class, in the order of the interface.
        left_out: Foreground classes that have no label, so that nobody could correct them.
    """

    key: str
    from_name: str
    to_name: str
    labels: Mapping[str, str]
    left_out: tuple[str, ...]


def read_config(text: str, classes: ClassTable) -> BrushConfig:
    """Read a labelling interface.

    Args:
        text: Its XML; nothing in it is trusted.
        classes: Of the model. A label stands for the class that its value or its alias names.

    Raises:
        UserError: It is no XML, or has no `BrushLabels` for an `Image`, or none of its labels is a class.
    """
    root = parse_config(text)
    images = {tag.get("name", ""): tag.get("value", "") for tag in _tags(root, "image")}
    brush = next((tag for tag in _tags(root, "brushlabels") if tag.get("toName") in images), None)
    if brush is None:
        raise UserError("The labelling interface has no BrushLabels for an Image; add both, as label-studio.xml does.")
    from_name, to_name = brush.get("name", ""), brush.get("toName", "")
    value = images[to_name]
    if not value.startswith("$"):
        raise UserError(f"The Image '{to_name[:80]}' has no value like \"$image\" that names a field of the tasks.")
    found = [(tag.get("value", ""), tag.get("alias", "")) for tag in _tags(brush, "label")]
    labels = {name: label for label, alias in found for name in (label, alias) if classes.ids.get(name)}
    if not labels:
        names = ", ".join(classes.names[1:][:30])
        raise UserError(
            f"No label of the BrushLabels '{from_name[:80]}' is a class of the model; its classes: {names}."
        )
    left_out = tuple(name for name in classes.names[1:] if name not in labels)
    return BrushConfig(value[1:], from_name, to_name, labels, left_out)


def parse_config(text: str) -> ET.Element:
    """Parse the XML of a labelling interface.

    Raises:
        UserError: It is none, is too long, or has a DOCTYPE.
    """
    if len(text) > _LONGEST:
        raise UserError(f"The labelling interface has more than {_LONGEST} characters; shorten it.")
    if "<!DOCTYPE" in text:
        raise UserError("The labelling interface has a DOCTYPE, which is not read here; remove it.")
    try:
        return ET.fromstring(text)  # noqa: S314 - see the import
    except (ET.ParseError, ValueError) as error:
        raise UserError(f"The labelling interface is not well-formed XML ({error}); correct it.") from None


def tags_of(data: Mapping[str, Any], annotations: Sequence[Any], classes: ClassTable) -> tuple[str, ...] | None:
    """Find which classes a task's image may hold.

    Args:
        data: The task's data; `tags`, or else `labels`, counts: a list of names, or names separated by `;`, `|` or `,`.
        annotations: What was annotated already. Without tags in the data, `Choices` that are classes count.
        classes: Of the model.

    Returns:
        Foreground classes, none for background alone; None when nothing is said, and every class is allowed.

    Raises:
        UserError: The tags are no names, or one is no class.
    """
    for key in ("tags", "labels"):
        if data.get(key) is not None:
            return _names(data[key], key, classes)
    for annotation in reversed(annotations):
        if chosen := [name for name in _choices(annotation) if name in classes.ids]:
            return _foreground(chosen, classes)
    return None


def _tags(root: ET.Element, name: str) -> Iterator[ET.Element]:
    # Label Studio does not look at the case of tags.
    return (tag for tag in root.iter() if tag.tag.lower() == name)


def _names(value: Any, key: str, classes: ClassTable) -> tuple[str, ...]:
    if isinstance(value, str | list) and len(value) > _MOST_TAGS:
        raise UserError(f"'{key}' is longer than {_MOST_TAGS}; give the classes of one image.")
    if isinstance(value, str):
        value = [value] if value.strip() in classes.ids else SEPARATORS.split(value)
    if not isinstance(value, list):
        raise UserError(f"'{key}' must be a list of classes, or text like \"cat;dog\".")
    names = []
    for entry in value:
        # Lists of labels in tasks are [{"value": "cat"}, ...].
        name = entry.get("value") if isinstance(entry, dict) else entry
        if not isinstance(name, str):
            raise UserError(f"'{key}' holds something that is no name of a class.")
        names.append(name.strip())
    for name in names:
        if name and name not in classes.ids and name != "background":
            raise UserError(f"'{key}' holds the unknown class '{name[:80]}'; {classes.suggestion(name[:80])}")
    return _foreground(names, classes)


def _foreground(names: Sequence[str], classes: ClassTable) -> tuple[str, ...]:
    return tuple(name for name in dict.fromkeys(names) if classes.ids.get(name))


def _choices(annotation: Any) -> Iterator[str]:
    if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
        return
    results = annotation.get("result")
    for result in results if isinstance(results, list) else []:
        value = result.get("value") if isinstance(result, dict) else None
        choices = value.get("choices") if isinstance(value, dict) else None
        yield from (choice for choice in (choices if isinstance(choices, list) else []) if isinstance(choice, str))
