"""The tags of a job with all corrections, for the next run or the next training."""

import heapq
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import TextIO

from swsss.data.listing import list_images
from swsss.data.tags import read_tags, write_tag_rows
from swsss.errors import InputError, UserError
from swsss.serve.server.jobs.masks import JobMasks


def write_corrected_tags(file: TextIO, masks: JobMasks) -> None:
    """Write the tags of all images of a job, as people left them.

    Images that may hold any class have no row: tags.csv has no word for it, and `--untagged all` says it of those. What
    is not labelled (yet) has the row of the job's own tags, as long as these are there.

    Args:
        file: Text with newlines as written; flushed at the end.
        masks: The job.

    Raises:
        UserError: The job's own tags are wrong by now, or a name is no text.
    """
    names = masks.classes.names
    merged = heapq.merge(_labelled(masks), _others(masks), key=itemgetter(0))
    rows = ((image, [names[index] for index in tags]) for image, tags in merged)
    write_tag_rows(file, rows, names[1:])
    file.flush()


def _labelled(masks: JobMasks) -> Iterator[tuple[str, Sequence[int]]]:
    classes = range(1, len(masks.classes))
    for item in masks.index.walk("state = 'labelled'", "image"):
        if item.tags is not None:
            yield item.image, [index for index in item.tags if index in classes]


def _others(masks: JobMasks) -> Iterator[tuple[str, Sequence[int]]]:
    """The images that the run has not labelled, with the tags they were given."""
    given = _given(masks)
    if given:
        for item in masks.index.walk("state = 'labelled'", "image"):
            given.pop(item.image, None)
    for image in sorted(given):
        yield image, sorted(given[image])


def _given(masks: JobMasks) -> dict[str, frozenset[int]]:
    job = masks.job
    if job.labels is None or not job.labels.is_file():
        return {}
    images = {item.image for item in masks.index.walk()}
    try:
        images.update(list_images(job.images))
    except InputError:
        raise
    except UserError:  # they are gone
        pass
    return read_tags(job.labels, masks.classes, sorted(images), missing_images="skip")
