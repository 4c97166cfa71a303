"""Looking at a job's images: pictures and masks."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from swsss.data.below import OutsideError, open_below
from swsss.data.image_size import read_image_size
from swsss.data.images import Pixels, decode_image, orient, read_mask
from swsss.errors import UserError
from swsss.serve.server.jobs.desk import Desk
from swsss.serve.server.jobs.masks import JobMasks, Taken, checked_name
from swsss.serve.server.jobs.pictures import Recent, picture, thumbnail
from swsss.serve.server.jobs.records import Job
from swsss.serve.server.jobs.rows import Item
from swsss.serve.server.problems import conflict, not_found
from swsss.serve.server.settings import Limits

T = TypeVar("T")

_IMAGE_BYTES, _THUMBNAIL_BYTES = 256 << 20, 64 << 20
"""How much is kept of what was decoded or drawn last."""
_BYTES_A_PIXEL = 8  # of no file are more decoded
_HEADER_BYTES = 1 << 20


class Review:
    """The images of all jobs, as people look at them.

    Args:
        desk: The jobs.
        limits: How large images may be.
    """

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self.desk, self._limits = desk, limits
        self._pool = ThreadPoolExecutor(2, "pictures")
        self._images = Recent[tuple[str, int, int], tuple[Pixels, int]](_IMAGE_BYTES, lambda image: image[0].nbytes)
        self._thumbnails = Recent[tuple[str, int, int], bytes](_THUMBNAIL_BYTES, len)

    def masks(self, job: Job, taken: Taken = "reviewed") -> JobMasks:
        """The masks of a job."""
        return JobMasks(
            self.desk.within_bounds(job), self.desk.files.folder_of(job.id), self.desk.index_of(job.id), taken
        )

    def item(self, job: Job, number: int) -> Item:
        """An image of a job.

        Raises:
            Refused: There is none of that number (404).
        """
        item = self.desk.index_of(job.id).item(number)
        if item is None:
            raise not_found(f"The job has no image number {number} (yet).")
        return item

    async def work(self, function: Callable[[], T]) -> T:
        """Run something in the threads that make pictures."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    def mask_path(self, job: Job, item: Item) -> Path:
        """Where the mask of an image lies: the one made for other tags, if there is one.

        Raises:
            Refused: It has none (409), or it is gone (404).
            UserError: The index names a path outside of the job's folder.
        """
        if item.state != "labelled":
            raise conflict(f"{item.image} could not be labelled: {item.reason}")
        path = self.masks(job).path(item)
        if not path.is_file():
            raise not_found(f"The mask of {item.image} is gone from the server's data folder.")
        return path

    def mask(self, job: Job, item: Item) -> Pixels:
        """The mask of an image, uint8 [H, W], upright.

        Raises:
            Refused: It has none.
            UserError: It or the image cannot be read, or it is too large to be shown.
        """
        return orient(self._stored_mask(job, item), self.decoded(job, item)[1])

    def picture(self, job: Job, item: Item) -> bytes:
        """An image as JPEG, upright, for a browser.

        Raises:
            UserError: It cannot be read.
        """
        return picture(self.decoded(job, item)[0])

    def thumbnail(self, job: Job, item: Item) -> bytes:
        """A small JPEG of an image with its mask on it; of one that failed, the image alone.

        Raises:
            UserError: It cannot be read.
        """
        key = (job.id, item.number, item.version)
        made = self._thumbnails.get(key)
        if made is None:
            pixels, orientation = self._decode(job, item)
            mask = orient(self._stored_mask(job, item), orientation) if item.state == "labelled" else None
            made = thumbnail(pixels, mask)
            self._thumbnails.put(key, made)
        return made

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _stored_mask(self, job: Job, item: Item) -> Pixels:
        path = self.mask_path(job, item)
        try:
            width, height = read_image_size(path)
            if width * height > self._limits.pixels:
                raise UserError(f"{path} has {width}×{height} pixels, more than the {self._limits.pixels} shown here.")
            return read_mask(path)
        except UserError as error:
            raise UserError(str(error).replace(str(path), f"The mask of {item.image}")) from None

    def decoded(self, job: Job, item: Item) -> tuple[Pixels, int]:
        """An image, upright, uint8 RGB [H, W, 3], and the orientation it is stored with; the last few are kept.

        Raises:
            UserError: It cannot be read.
        """
        key = (job.id, item.number, item.version)
        found = self._images.get(key)
        if found is None:
            found = self._decode(job, item)
            self._images.put(key, found)
        return found

    def _decode(self, job: Job, item: Item) -> tuple[Pixels, int]:
        pixels, orientation = decode_image(self._read(job, item), item.image, self._limits.pixels)
        return orient(pixels, orientation), orientation

    def _read(self, job: Job, item: Item) -> bytes:
        """The file of an image, which must not lead out of the folder that the job may read."""
        most = max(_HEADER_BYTES, _BYTES_A_PIXEL * self._limits.pixels)
        try:
            with open_below(job.images / checked_name(item.image), self.desk.files.within(job)) as file:
                if os.fstat(file.fileno()).st_size > most:
                    raise UserError(f"{item.image} cannot be read as an image: it is larger than is shown here.")
                return file.read()
        except OSError as error:
            raise UserError(f"{item.image} cannot be read as an image: {error.strerror}.") from None
        except OutsideError:
            raise UserError(
                f"{item.image} leads out of the server's root; copy the file instead of linking it."
            ) from None
