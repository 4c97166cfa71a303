"""Images with what is known of them, beside each other."""

from collections.abc import Iterator, Sequence

from swsss.serve.report import words
from swsss.serve.report.pictures import Card, classes_in
from swsss.serve.report.values import View, class_of

_CHIPS = 8
"""An image can have every class; a few of them are enough to know it by."""


def gallery(cards: Sequence[Card], names: Sequence[str], *, pairs: bool) -> View:
    """Pictures with a legend.

    Args:
        cards: The images.
        names: Names of the classes.
        pairs: Whether to show each image twice, without its mask and with it.
    """
    return {
        "shape": "pairs" if pairs else "single",
        "legend": [class_of(index, names) for index in classes_in(cards)],
        "cards": [_card(card, names, pairs=pairs) for card in cards],
    }


def _card(card: Card, names: Sequence[str], *, pairs: bool) -> View:
    row = card.row
    return {
        "name": words.shortened(row.image),
        "confidence": words.percentage(row.mean_confidence),
        "problem": card.problem,
        "views": list(_views(card, names, pairs=pairs)),
        "lacking": list(_lacking(row.not_found, names)),
        "classes": [class_of(index, names) for index in row.found[:_CHIPS]],
        "remarks": list(_remarks(card)),
    }


def _views(card: Card, names: Sequence[str], *, pairs: bool) -> Iterator[View]:
    if card.problem:
        return
    image = words.shortened(card.row.image)
    if pairs:
        yield {"source": card.image, "told": f"{image}: the image"}
    found = ", ".join(names[index] for index in card.row.found[:_CHIPS])
    yield {"source": card.overlay, "told": f"{image}, mask: {found or 'background only'}"}


def _lacking(not_found: Sequence[int], names: Sequence[str]) -> Iterator[str]:
    for index in not_found[:_CHIPS]:
        yield f"{names[index]}: no pixel"
    if len(not_found) > _CHIPS:
        yield f"{len(not_found) - _CHIPS} more: no pixel"


def _remarks(card: Card) -> Iterator[str]:
    count = len(card.row.found)
    if not count:
        yield "background only"
    if count > _CHIPS:
        yield f"and {count - _CHIPS} more"
    if card.row.tags is None:
        yield "(no tags)"
