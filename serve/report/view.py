"""What the page says, in words: every decision is made here, the template only puts it into its places.

`cpp/src/report/` does the same for the same template; whoever changes one side changes the other.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from swsss.serve.report import words
from swsss.serve.report.galleries import gallery
from swsss.serve.report.histogram import histogram
from swsss.serve.report.pictures import Card
from swsss.serve.report.summary import SHOWN, Summary
from swsss.serve.report.tables import lacking, lacking_class, used_and_unused
from swsss.serve.report.values import View


@dataclass(frozen=True)
class Speed:
    """How fast the last start was.

    Args:
        images: Images labelled in it.
        seconds: What that took.
        earlier: Images that earlier starts had labelled.
    """

    images: int
    seconds: float
    earlier: int = 0


def view(
    summary: Summary, missing: Sequence[Card], least_sure: Sequence[Card], facts: Mapping[str, str], speed: Speed
) -> View:
    """The values of the template; a section that is not shown is None.

    Args:
        summary: What to report.
        missing: Pictures of `summary.missing`.
        least_sure: Pictures of `summary.least_sure`.
        facts: Labels and values, shown word for word.
        speed: How fast the last start was.
    """
    return {
        "headline": _headline(summary),
        "start": list(_start(summary)),
        "tiles": list(_tiles(summary, speed)),
        "failed": _failed(summary) if summary.failed else None,
        "missing": _missing(summary, missing) if summary.tags_missing else None,
        "least": _least(summary, least_sure) if summary.images else None,
        "classes": used_and_unused(summary) if summary.images else None,
        "confidence": histogram(summary.histogram) if summary.images else None,
        "facts": [{"name": name, "told": value} for name, value in facts.items()],
    }


def _headline(summary: Summary) -> str:
    total = summary.images + summary.failed
    if not total:
        return "There was no image to label."
    if not summary.images:
        which = f"None of the {words.number(total)} images could" if total > 1 else "The one image could not"
        return f"{which} be labelled."
    if summary.failed:
        images, failed = words.number(summary.images), words.number(summary.failed)
        return f"{images} of {words.many(total, 'image')} labelled, {failed} failed."
    return f"All {words.number(total)} images are labelled." if total > 1 else "The one image is labelled."


def _start(summary: Summary) -> Iterator[View]:
    """Sections to look at first, with the words between them."""
    before = ""
    if summary.failed:
        yield _place(before, "failed", "what failed" if summary.failed > 1 else "the one that failed")
        before = ", then at "
    if summary.tags_missing:
        behind = f" (most often {summary.classes.names[lacking(summary)[0]]})"
        yield _place(before, "missing", f"{words.many(summary.tags_missing, 'tag')} without a pixel", behind)
        before = ", then at "
    if summary.images:
        count = len(summary.least_sure)
        images = f"{count} images" if count > 1 else "image"
        yield _place(before, "least", f"the {images} the model was least sure of")


def _place(before: str, section: str, what: str, behind: str = "") -> View:
    return {"before": before, "section": section, "what": what, "behind": behind}


def _tiles(summary: Summary, speed: Speed) -> Iterator[View]:
    total = summary.images + summary.failed
    if not total:
        return
    untagged = f"; {words.number(summary.untagged)} without tags" if summary.untagged else ""
    yield _tile("Labelled", words.number(summary.images), "", f"of {words.many(total, 'image')}{untagged}")
    note = "all listed in failures.csv" if summary.failed else "nothing was left behind"
    yield _tile("Failed", words.number(summary.failed), "", note, warn=summary.failed > 0)
    if summary.tags:
        note = f"{words.percentage(summary.tags_missing / summary.tags)} of {words.many(summary.tags, 'tag')}"
        yield _tile("Tags without a pixel", words.number(summary.tags_missing), "", note)
    if summary.mean_confidence is not None:
        yield _tile("Mean confidence", words.percentage(summary.mean_confidence), "", "mean over images")
        left_out = words.percentage(summary.left_out / (summary.pixels or 1))
        note = f"{left_out} left out as unsure" if summary.left_out else "none left out"
        yield _tile("Pixels", *words.in_words(summary.pixels), note)
    yield _speed(speed)


def _speed(speed: Speed) -> View:
    earlier = f"; {words.number(speed.earlier)} were done before" if speed.earlier else ""
    if not speed.images or speed.seconds <= 0:
        return _tile("Speed", "–", "", f"nothing labelled in this start{earlier}")
    note = f"{words.number(speed.images)} in {words.duration(speed.seconds)}{earlier}"
    return _tile("Speed", words.rate(speed.images / speed.seconds), "images/s", note)


def _tile(name: str, figure: str, unit: str, note: str, *, warn: bool = False) -> View:
    return {"name": name, "figure": figure, "unit": unit, "note": note, "warn": warn}


def _failed(summary: Summary) -> View:
    told = f"{'These images have' if summary.failed > 1 else 'This image has'} no mask."
    listed = len(summary.failures)
    if summary.failed > listed:
        told += f" The first {listed} of {words.number(summary.failed)} are listed; failures.csv has them all."
    kinds: list[View] = [
        {"images": words.number(count), "stage": stage, "reason": words.shortened(reason)}
        for stage, reason, count in summary.kinds
    ]
    failures: list[View] = [
        {"image": words.shortened(row.image), "stage": row.stage, "reason": words.shortened(row.reason)}
        for row in summary.failures
    ]
    return {"told": told, "kinds": kinds if len(kinds) < summary.failed else None, "failures": failures}


def _missing(summary: Summary, cards: Sequence[Card]) -> View:
    in_turn = "Taken from the classes in turn; within a class every image has the same chance."
    return {
        "classes": [lacking_class(summary, index) for index in lacking(summary)],
        "told": in_turn if len(cards) == SHOWN else "These are all.",
        "gallery": gallery(cards, summary.classes.names, pairs=False),
    }


def _least(summary: Summary, cards: Sequence[Card]) -> View:
    count = len(cards)
    which = f"The {count} images of lowest mean confidence, lowest first" if count > 1 else "The image"
    hatched = ", hatched where it was left out" if summary.left_out else ""
    return {
        "told": f"{which}; on the right with the mask{hatched}.",
        "gallery": gallery(cards, summary.classes.names, pairs=True),
    }
