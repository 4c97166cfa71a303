"""The memory that labelling an image takes, and the budget that all images of a process share.

The numbers are measured by `benchmarks/memory.py` and listed in `benchmarks/results/memory.md`;
`cpp/src/labels/memory.cpp` has the same.
"""

import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from swsss.errors import UserError
from swsss.model.info import ModelInfo

MAX_ELEMENTS = 2**31 - 1
"""Numbers in a tensor. Beyond, ONNX Runtime's Resize counts in 32 bits, and ends the process."""

# Bytes a pixel: the decoder's copies, the upright pixels, mask and confidence; and the float planes in the graph.
_HOST, _PLANES = 24, 40
# Bytes a pixel and class: of the scores of every view, and of what is computed from their mean.
_SCORE, _DECISION = 4, 12
# Bytes a pixel that the net sees, at its largest scale; a ResNet-101 of stride 8 takes the most.
_NET = 450
# Bytes a number of a ViT's attention, of which there are as many as pairs of patches, for each head.
_ATTENTION = 10
# Largest feature map of a net, in numbers a pixel that it sees.
_FEATURES = 24

_GIB = 1 << 30
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def cost(info: ModelInfo, height: int, width: int, candidates: int) -> int:
    """Bytes that an image takes at most, from before it is decoded until its mask is written, on a CPU.

    Args:
        info: The model.
        height: Of the image, in pixels.
        width: Likewise.
        candidates: Classes it may hold, background included.
    """
    seen = _seen(info, height, width)
    views = len(info.scales) * info.nets
    a_pixel = _HOST + _PLANES + _scored(info, candidates) * (_DECISION + _SCORE * views)
    return round(height * width * a_pixel + seen * _NET + _attention(info, seen) * _ATTENTION)


def largest_tensor(info: ModelInfo, height: int, width: int, candidates: int) -> int:
    """Numbers in the largest tensor while one image is labelled; see `cost`."""
    seen = _seen(info, height, width)
    scores = height * width * max(3, _scored(info, candidates))
    return round(max(scores, seen * _FEATURES, _attention(info, seen)))


def check_image(
    info: ModelInfo, height: int, width: int, candidates: int, total: int = 0, *, on_gpu: bool = False
) -> int:
    """What an image costs, in bytes, unless it is too large.

    Args:
        info: The model.
        height: Of the image, in pixels.
        width: Likewise.
        candidates: Classes it may hold, background included.
        total: Bytes there are for all images; 0 for no limit.
        on_gpu: Whether only what it takes beside the GPU counts.

    Raises:
        UserError: It takes more than `total`, or a tensor of the runtime could not hold it.
    """
    what = f"{width}×{height} pixels with {_counted(_scored(info, candidates))}"
    if largest_tensor(info, height, width, candidates) > MAX_ELEMENTS:
        raise UserError(f"{what} are more than a tensor of this model can hold; {_advice(info)}.")
    needed = _HOST * height * width if on_gpu else cost(info, height, width, candidates)
    if total and needed > total:
        raise UserError(
            f"{what} need about {needed / _GIB:.1f} GiB of memory, more than the {total / _GIB:.1f} GiB there are for "
            f"images (--max-memory); {_advice(info)}."
        )
    return needed


def _advice(info: ModelInfo) -> str:
    advice = "reduce the image" if info.task == "plain" or info.tag_penalty else "reduce the image, or name fewer tags"
    return f"{advice}, or export the model with a smaller --max-side" if info.attention else advice


def _counted(classes: int) -> str:
    return "1 class" if classes == 1 else f"{classes} classes"


def _scored(info: ModelInfo, candidates: int) -> int:
    """Classes that are scored in full size."""
    return candidates if info.task == "conditioned" and not info.tag_penalty else len(info.classes)


def _seen(info: ModelInfo, height: int, width: int) -> float:
    """Pixels that the net sees at its largest scale."""
    reduced = min(1.0, info.max_side / max(height, width))
    return height * width * (reduced * max(info.scales)) ** 2


def _attention(info: ModelInfo, seen: float) -> float:
    return (info.attention or 0.0) * seen**2


def available_memory() -> int:
    """Bytes of memory that this machine has, or the container (cgroup, version 1 or 2) it runs in, if that is less."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in _cgroup_files():
        try:
            text = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if text.isdecimal() and int(text) > 0:  # "max" is no limit
            limits.append(int(text))
    return min(limits)


def _cgroup_files() -> Iterator[Path]:
    """Where the limits of this process may be written: of its group, and of those around it."""
    try:
        lines = _OWN_CGROUPS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in ["0::/", "0:memory:/", *lines]:
        _, controllers, group = line.split(":", 2)
        if controllers in {"", "memory"} or "memory" in controllers.split(","):
            root, name = (_CGROUPS / "memory", "memory.limit_in_bytes") if controllers else (_CGROUPS, "memory.max")
            inner = Path(group.strip("/"))
            if ".." not in inner.parts:
                yield from (root / part / name for part in (inner, *inner.parents))


class Claim:
    """A part of a budget, asked for; a thread waits for `granted.result()`, a coroutine for `wrap_future(granted)`.

    Args:
        budget: Of which it is a part.
        size: Bytes.

    Attributes:
        granted: Done as soon as it is held.
    """

    def __init__(self, budget: "MemoryBudget", size: int) -> None:
        self.granted: Future[None] = Future()
        self.size, self.held = size, False
        self._budget = budget

    def __enter__(self) -> "Claim":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def shrink(self, size: int) -> None:
        """Give back what is more than so many bytes."""
        self._budget.take_back(self, size)

    def release(self) -> None:
        """Give it back, or stop asking for it; again does nothing."""
        self._budget.take_back(self, 0)


class MemoryBudget:
    """Memory that images may take together, in requests and jobs. Who asks first is given first.

    Args:
        total: Bytes; 0 takes half of what the machine or the container has.
    """

    def __init__(self, total: int = 0) -> None:
        self.total = total or available_memory() // 2
        self._left = self.total
        self._waiting: deque[Claim] = deque()
        self._lock = threading.Lock()

    @property
    def used(self) -> int:
        """Bytes that are held."""
        return self.total - self._left

    def claim(self, size: int) -> Claim:
        """Ask for so many bytes, at most all there are."""
        claim = Claim(self, min(size, self.total))
        with self._lock:
            self._waiting.append(claim)
        self._grant()
        return claim

    def claim_now(self, size: int) -> Claim | None:
        """So many bytes, if they are there and nobody waits for them; nothing is always there."""
        with self._lock:
            if size > 0 and (size > self._left or self._waiting):
                return None
            claim = Claim(self, max(0, size))
            claim.held = True
            self._left -= claim.size
        claim.granted.set_result(None)
        return claim

    def take_back(self, claim: Claim, size: int) -> None:
        """Reduce a claim to so many bytes; 0 ends it, also one that is not granted yet."""
        with self._lock:
            if claim.held:
                given_back = max(0, claim.size - size)
                claim.size -= given_back
                self._left += given_back
            elif size == 0 and claim in self._waiting:
                self._waiting.remove(claim)
        if size == 0:
            claim.granted.cancel()
        self._grant()

    def _grant(self) -> None:
        granted = []
        with self._lock:
            while self._waiting and self._waiting[0].size <= self._left:
                claim = self._waiting.popleft()
                if claim.granted.set_running_or_notify_cancel():
                    claim.held = True
                    self._left -= claim.size
                    granted.append(claim)
        for claim in granted:
            claim.granted.set_result(None)
