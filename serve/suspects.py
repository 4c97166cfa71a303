"""Images that a process may have died of: tried in another process, then labelled one at a time, or given up."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from swsss.data.image_size import read_image_size
from swsss.errors import UserError
from swsss.serve.folder import LabelsFolder
from swsss.serve.intake import Outcome
from swsss.serve.memory import check_image
from swsss.serve.pipeline import Pipeline
from swsss.serve.plan import Item
from swsss.serve.records import Failed
from swsss.serve.trial import NoTrialError, deadly

_DEATHS, _DEATHS_AFTER_TRIAL = 2, 3
"""Deaths of a process after which an image is given up. One that another process survived has been killed from outside,
rather; it gets another chance."""


def label_suspects(
    items: Sequence[Item], pipeline: Pipeline, folder: LabelsFolder, stop: Callable[[], bool]
) -> Iterator[Outcome]:
    """Label images that were in flight when a process died, so that a further death blames exactly one.

    Args:
        items: The images.
        pipeline: Labels them.
        folder: Knows how many deaths each is suspected of.
        stop: Looked at between images.
    """
    survived = _try(items, pipeline, folder, stop)
    for item in items:
        if stop():
            return
        stage, deaths = folder.suspected(item)
        if deaths < (_DEATHS_AFTER_TRIAL if item.image in survived else _DEATHS):
            yield from pipeline.run(folder.begin([item]), stop)
        else:
            reason = "The process died each time this image was labelled; reduce it, or save it anew."
            yield item, Failed(item.image, stage, reason)


def _try(items: Sequence[Item], pipeline: Pipeline, folder: LabelsFolder, stop: Callable[[], bool]) -> set[str]:
    """The images that a process survives. Those it dies of are given up."""
    suspects = [item for item in items if folder.suspected(item)[1] < _DEATHS_AFTER_TRIAL]
    by_path = {pipeline.images / item.image: item for item in suspects}
    survived = set()
    try:
        for path, died in deadly(pipeline.engine, _measured(by_path, pipeline), stop):
            item = by_path[path]
            if died:
                folder.accuse(item, folder.suspected(item)[0], _DEATHS_AFTER_TRIAL)
            else:
                survived.add(item.image)
    except (NoTrialError, OSError):
        return survived
    return survived


def _measured(items: dict[Path, Item], pipeline: Pipeline) -> Iterator[tuple[Path, list[int]]]:
    """Path and candidates of each image that is not too large, while the memory for it is held."""
    info, budget = pipeline.engine.info, pipeline.budget
    for path, item in items.items():
        ids = list(range(len(info.classes))) if item.tags is None else [0, *item.tags]
        try:
            width, height = read_image_size(path)
            needed = check_image(info, height, width, len(ids), budget.total)
        except UserError:
            continue  # the pipeline will refuse it
        with budget.claim(needed) as claim:
            claim.granted.result()
            yield path, ids
