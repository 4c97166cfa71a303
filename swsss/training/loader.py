"""Training batches as a pure function of (seed, step): no state to save, the same with any number of workers."""

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from swsss.candidates import candidate_ids
from swsss.data.dataset import Sample, read_sample
from swsss.data.transforms import Augment, Strong
from swsss.errors import UserError
from swsss.processors import usable_cores


@dataclass(frozen=True)
class Stream:
    """A source of samples, drawn in a new random order every time it has been gone through.

    Args:
        samples: Their masks are opened, so a sample whose mask must not be used comes without one.
        augment: What is done to each.
        per_step: Samples this stream gives to the batch of one process.
        strong: Gives each image a second, strongly augmented view.
        start: First step it takes part in.
        stop: Step from which on it takes no part any more; None for the end of the training.
        balance: Share of the samples that are drawn by class: first one of the tagged classes, then one of its samples,
            so that rare classes are seen more often (class-aware sampling; Shen et al., Relay backpropagation, 2016).
    """

    samples: Sequence[Sample]
    augment: Augment
    per_step: int
    strong: Strong | None = None
    start: int = 0
    stop: int | None = None
    balance: float = 0.0

    def takes_part(self, step: int) -> bool:
        """Whether it gives samples to the batch of a step."""
        return self.start <= step and (self.stop is None or step < self.stop)


@dataclass(frozen=True)
class Batch:
    """One batch of one process, the streams one after the other.

    Args:
        images: uint8 [N, 3, S, S] RGB.
        masks: uint8 [N, S, S] class ids, 255 = ignore; an image without a mask has 0 inside and 255 in the padding.
        labelled: bool [N], whether the image has a mask.
        tags: bool [N, C] candidates, background true.
        candidates: int64 [N, K] the same as padded class ids; made here, because K must be known to the host.
        names: Stems.
        strong: uint8 [M, 3, S, S], the strongly augmented views of the last M images; None when no stream has any.
    """

    images: Tensor
    masks: Tensor
    labelled: Tensor
    tags: Tensor
    candidates: Tensor
    names: tuple[str, ...]
    strong: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """Called by the DataLoader's pinning thread."""
        return self._mapped(Tensor.pin_memory)

    def _mapped(self, move: Callable[[Tensor], Tensor]) -> "Batch":
        images, masks, labelled = move(self.images), move(self.masks), move(self.labelled)
        strong = None if self.strong is None else move(self.strong)
        return Batch(images, masks, labelled, move(self.tags), move(self.candidates), self.names, strong)


Key = tuple[int, int, int]
"""Stream, index of the sample in it, seed of its augmentation."""


def seed_of(*numbers: int) -> int:
    """One well-mixed 32-bit seed from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


class _Keys:
    """The keys of every step, for one process of several."""

    def __init__(self, streams: Sequence[Stream], seed: int, steps: range, rank: int, world: int) -> None:
        self.streams, self.seed = streams, seed
        self.steps = steps
        self.rank, self.world = rank, world
        self.orders: dict[tuple[int, int], Tensor] = {}
        self.by_class = [_by_class(stream.samples) if stream.balance else [] for stream in streams]

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[list[Key]]:
        for step in self.steps:
            yield [
                self._key(number, (step * self.world + self.rank) * stream.per_step + place)
                for number, stream in enumerate(self.streams)
                if stream.takes_part(step)
                for place in range(stream.per_step)
            ]

    def _key(self, stream: int, position: int) -> Key:
        count = len(self.streams[stream].samples)
        seed = seed_of(self.seed, stream, position)
        if self.by_class[stream]:
            generator = np.random.default_rng(seed)
            if generator.random() < self.streams[stream].balance:
                members = self.by_class[stream][generator.integers(len(self.by_class[stream]))]
                return stream, int(members[generator.integers(len(members))]), seed
        order = self._order(stream, position // count)
        return stream, int(order[position % count]), seed

    def _order(self, stream: int, epoch: int) -> Tensor:
        if (stream, epoch) not in self.orders:
            self.orders = {key: order for key, order in self.orders.items() if key[0] != stream or key[1] >= epoch - 1}
            generator = torch.Generator().manual_seed(seed_of(self.seed, stream, epoch, 1))
            self.orders[stream, epoch] = torch.randperm(len(self.streams[stream].samples), generator=generator)
        return self.orders[stream, epoch]


def _by_class(samples: Sequence[Sample]) -> list[list[int]]:
    """The samples of every foreground class that is tagged anywhere, by their indices."""
    members: dict[int, list[int]] = {}
    for index, sample in enumerate(samples):
        for tag in sorted(sample.tags or ()):
            members.setdefault(tag, []).append(index)
    return [members[tag] for tag in sorted(members)]


class _Samples(TorchDataset[Batch]):
    def __init__(self, streams: Sequence[Stream], num_classes: int) -> None:
        self.streams = streams
        self.num_classes = num_classes

    def __getitems__(self, keys: list[Key]) -> Batch | UserError:
        # An exception would come out of a worker wrapped in its traceback; a value does not.
        try:
            return self._batch(keys)
        except UserError as error:
            return error

    def _batch(self, keys: list[Key]) -> Batch:
        samples = [self.streams[stream].samples[index] for stream, index, _ in keys]
        views = [
            _augmented(sample, self.streams[stream], seed)
            for sample, (stream, _, seed) in zip(samples, keys, strict=True)
        ]
        strong = [view for _, _, view in views if view is not None]
        tags = torch.zeros(len(samples), self.num_classes, dtype=torch.bool)
        for row, sample in enumerate(samples):
            tags[row, [0, *(sample.tags or ())]] = True
        return Batch(
            torch.stack([image for image, _, _ in views]),
            torch.stack([mask[0] for _, mask, _ in views]),
            torch.tensor([sample.mask is not None for sample in samples]),
            tags,
            candidate_ids(tags),
            tuple(sample.stem for sample in samples),
            torch.stack(strong) if strong else None,
        )


def _augmented(sample: Sample, stream: Stream, seed: int) -> tuple[Tensor, Tensor, Tensor | None]:
    """Image and mask, weakly augmented, and the strong view of the image."""
    pixels, classes = read_sample(sample)
    torch.manual_seed(seed)
    image, mask = stream.augment(torch.from_numpy(pixels).permute(2, 0, 1), torch.from_numpy(classes)[None])
    return image, mask, None if stream.strong is None else stream.strong(image)


def _start_worker(_: int) -> None:
    # Ctrl-C goes to every process of the terminal; the loop decides what it means, and ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    cv2.setNumThreads(0)


def default_workers(world: int) -> int:
    """Loader processes for each of `world` processes on this machine."""
    return max(1, min(8, usable_cores() // world))


def training_batches(
    streams: Sequence[Stream],
    num_classes: int,
    *,
    seed: int,
    steps: range,
    workers: int,
    rank: int = 0,
    world: int = 1,
    pin: bool = False,
) -> Iterator[Batch]:
    """The batches of `steps` for process `rank` of `world`.

    Together the processes see exactly what one process sees that has `world` times as many samples a step.

    Raises:
        UserError: A file cannot be read any more.
    """
    loader: DataLoader[Batch] = DataLoader(
        _Samples(streams, num_classes),
        batch_sampler=_Keys(streams, seed, steps, rank, world),
        num_workers=workers,
        collate_fn=_same,
        worker_init_fn=_start_worker,
        pin_memory=pin,
        prefetch_factor=4 if workers else None,
    )
    for item in loader:
        if isinstance(item, UserError):
            raise item
        yield item


def _same(item: Any) -> Any:
    return item
