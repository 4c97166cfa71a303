"""What can be taken away from a job: archives, streamed in constant memory, and the corrected tags."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile

from swsss.data.listing import list_images
from swsss.data.tags import read_tags, write_tags
from swsss.export.metadata import ModelInfo
from swsss.serve.folder import JOURNAL
from swsss.serve.formats.archive import Archive
from swsss.serve.server.jobs.index import Index
from swsss.serve.server.jobs.records import Job

_WAIT_SECONDS = 0.5


def labels_archive(labels: Path, index: Index, follow: Callable[[], bool]) -> Iterator[bytes]:
    """A ZIP file of a labels folder.

    Args:
        labels: The folder.
        index: Its images.
        follow: Whether more masks are to come; as long as it says so, they are taken in as they are made.

    Yields:
        The parts of the file.
    """
    with _archive() as archive:
        number = 0
        while True:
            more_to_come = follow()  # looked at before the index: what came since is taken in the next round
            items = index.page_after(number, "state = 'labelled'")
            for item in items:
                number = item.number
                for part in ("masks", "confidence"):
                    yield from archive.add(f"{part}/{item.mask}", labels / part / item.mask)
            if not items:
                if not more_to_come:
                    break
                time.sleep(_WAIT_SECONDS)
        for name in sorted(os.listdir(labels)) if labels.is_dir() else []:
            if not name.startswith((".", JOURNAL)) and (labels / name).is_file():
                yield from archive.add(name, labels / name)
        yield from archive.end()


def accepted_archive(job: Job, index: Index, mask_of: Callable[[str, bool], Path], tags: Path) -> Iterator[bytes]:
    """A ZIP file in the layout of a dataset directory: the accepted masks as pixel labels for the next training.

    It holds `classes.txt`, `masks/`, `tags.csv` and `splits/accepted.txt`; the images belong beside them.

    Args:
        job: The job.
        index: Its images.
        mask_of: Where a mask lies, by its path below `masks/` and whether its tags were changed.
        tags: The corrected tags.

    Yields:
        The parts of the file.
    """
    with _archive() as archive:
        yield from archive.add_bytes("classes.txt", "".join(f"{name}\n" for name, _ in job.classes).encode())
        stems, number = list[str](), 0
        while items := index.page_after(number, "verdict = 'accepted' AND state = 'labelled'"):
            for item in items:
                number = item.number
                yield from archive.add(f"masks/{item.mask}", mask_of(item.mask, item.changed))
                stems.append(item.mask.removesuffix(".png"))
        yield from archive.add_bytes("splits/accepted.txt", "".join(f"{stem}\n" for stem in sorted(stems)).encode())
        yield from archive.add("tags.csv", tags)
        yield from archive.end()


def write_corrected_tags(job: Job, index: Index, info: ModelInfo, path: Path) -> None:
    """Write the job's tags with all corrections, in the shape `image,labels`, also of images not labelled yet.

    Raises:
        UserError: A class name cannot stand in a tags file, or the job's tags or images are gone.
    """
    images = list_images(job.images)
    found = read_tags(job.labels, info.table, images) if job.labels else {}
    tags = {name: tuple(sorted(ids)) for name, ids in found.items()}
    for name, ids in index.changed_tags().items():
        if ids is not None:
            tags[name] = tuple(ids)
    names = info.classes
    write_tags(path, ((image, [names[index] for index in tags[image]]) for image in sorted(tags)))


class _Streamed:
    """An `Archive` whose bytes are handed on as they come."""

    def __init__(self, file: "_Drained", archive: Archive) -> None:
        self._file, self._archive = file, archive

    def add(self, name: str, path: Path) -> Iterator[bytes]:
        """Add a file, if it is still there."""
        try:
            data = path.read_bytes()
        except OSError:
            return
        yield from self.add_bytes(name, data)

    def add_bytes(self, name: str, data: bytes) -> Iterator[bytes]:
        """Add a file's content."""
        self._archive.add(name, data)
        yield from self._file.drain()

    def end(self) -> Iterator[bytes]:
        """The table of contents."""
        self._archive.close()
        yield from self._file.drain()


class _Drained(BytesIO):
    """A file that forgets what was taken from it, and still knows where it stands."""

    def __init__(self) -> None:
        super().__init__()
        self._before = 0

    def tell(self) -> int:
        return self._before + super().tell()

    def drain(self) -> Iterator[bytes]:
        data = self.getvalue()
        self._before += len(data)
        self.seek(0)
        self.truncate()
        if data:
            yield data


@contextmanager
def _archive() -> Iterator[_Streamed]:
    with TemporaryFile() as directory:
        file = _Drained()
        yield _Streamed(file, Archive(file, directory))
