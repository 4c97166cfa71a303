"""Looking at a job's images, and correcting them: pictures, masks, other tags, verdicts."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from swsss.data.files import write_whole
from swsss.data.images import Pixels, orient, read_image, read_mask
from swsss.data.png import encode_mask
from swsss.errors import UserError
from swsss.serve.server.jobs.desk import Desk
from swsss.serve.server.jobs.pictures import Recent, picture, thumbnail
from swsss.serve.server.jobs.records import Job
from swsss.serve.server.jobs.rows import Item
from swsss.serve.server.problems import conflict, not_found, unprocessable
from swsss.serve.server.service import Service

T = TypeVar("T")

_OPEN_IMAGES, _THUMBNAILS = 4, 2000


class Review:
    """The images of all jobs, as people look at them.

    Args:
        desk: The jobs.
        service: Labels again what gets other tags.
    """

    def __init__(self, desk: Desk, service: Service) -> None:
        self.desk, self.service = desk, service
        self._pool = ThreadPoolExecutor(2, "pictures")
        self._images = Recent[tuple[str, int], tuple[Pixels, int]](_OPEN_IMAGES)
        self._thumbnails = Recent[tuple[str, int, int], bytes](_THUMBNAILS)
        self._turns = [asyncio.Lock() for _ in range(64)]

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
        """
        if item.state != "labelled":
            raise conflict(f"{item.image} could not be labelled: {item.reason}")
        labels = self.desk.folder_of(job.id) / "labels/masks" / item.mask
        path = self._reviewed(job, item) if item.changed else labels
        if not path.is_file():
            raise not_found(f"The mask of {item.image} is gone from the server's data folder.")
        return path

    def mask(self, job: Job, item: Item) -> Pixels:
        """The mask of an image, uint8 [H, W], upright.

        Raises:
            Refused: It has none.
            UserError: It cannot be read.
        """
        mask = read_mask(self.mask_path(job, item))
        return orient(mask, self._decoded(job, item)[1])

    def picture(self, job: Job, item: Item) -> bytes:
        """An image as JPEG, upright, for a browser.

        Raises:
            UserError: It cannot be read.
        """
        pixels, _ = self._decoded(job, item)
        return picture(pixels)

    def thumbnail(self, job: Job, item: Item) -> bytes:
        """A small JPEG of an image with its mask on it; of one that failed, the image alone.

        Raises:
            UserError: It cannot be read.
        """
        key = (job.id, item.number, item.version)
        made = self._thumbnails.get(key)
        if made is None:
            pixels, orientation = self._decode(job, item)
            labelled = item.state == "labelled"
            mask = orient(read_mask(self.mask_path(job, item)), orientation) if labelled else None
            made = thumbnail(pixels, mask)
            self._thumbnails.put(key, made)
        return made

    async def relabel(self, job: Job, number: int, tags: Sequence[int] | None) -> tuple[Item, Pixels]:
        """Label an image again under other tags, and keep that.

        Args:
            job: The job.
            number: The image.
            tags: Foreground ids; None for every class.

        Returns:
            The image as it is now, and its mask, uint8 [H, W], upright.

        Raises:
            Refused: A tag is no class, the model takes no tags, or the image failed.
            UserError: The image cannot be read, or the model could not label it.
        """
        model = self.desk.hub.get(job.wishes.model)
        if model.info.task != "conditioned":
            raise conflict("The model takes no tags (it was exported plain), so changing them changes nothing.")
        wrong = [index for index in tags or () if not 0 < index < len(model.info.classes)]
        if wrong:
            raise unprocessable(
                f"The tag {wrong[0]} is no class; tags are ids from 1 to {len(model.info.classes) - 1}."
            )
        # One after the other: the tags asked for last are those that stay.
        async with self._turns[hash((job.id, number)) % len(self._turns)]:
            item = self.item(job, number)
            self.mask_path(job, item)
            pixels, orientation = await self.work(lambda: self._decoded(job, item))
            wanted = None if tags is None else tuple(sorted(set(tags)))
            below = job.wishes.ignore_below
            answer = await self.service.label_pixels(model, pixels, orientation, item.image, wanted, below)
            row = replace(answer.row, mask=item.mask)

            def keep() -> Item:
                write_whole(self._reviewed(job, item), encode_mask(answer.mask))
                self.desk.index_of(job.id).review(number, row)
                return self.item(job, number)

            kept = await self.work(keep)
            self.desk.events.changed(job.id)
            return kept, orient(answer.mask, orientation)

    async def judge(self, job: Job, number: int, verdict: str) -> Item:
        """Note what somebody thinks of an image."""
        self.item(job, number)
        await self.work(lambda: self.desk.index_of(job.id).judge(number, verdict))
        self.desk.events.changed(job.id)
        return self.item(job, number)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _reviewed(self, job: Job, item: Item) -> Path:
        return self.desk.folder_of(job.id) / "reviewed/masks" / item.mask

    def _decoded(self, job: Job, item: Item) -> tuple[Pixels, int]:
        """An image, upright, and the orientation it is stored with; the last few are kept."""
        key = (job.id, item.number)
        found = self._images.get(key)
        if found is None:
            found = self._decode(job, item)
            self._images.put(key, found)
        return found

    def _decode(self, job: Job, item: Item) -> tuple[Pixels, int]:
        try:
            pixels, orientation = read_image(job.images / item.image)
        except UserError as error:
            raise UserError(str(error).replace(f"{job.images}/", "")) from None
        return orient(pixels, orientation), orientation
