"""How often a model was asked, and where the time went: in the shape of Triton's statistics."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

_PARTS = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output")


@dataclass
class _Sum:
    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.count += 1
        self.seconds += seconds


@dataclass
class Statistics:
    """What requests asked of one model since the server started; jobs are not counted. Safe for threads."""

    _sums: dict[str, _Sum] = field(default_factory=lambda: {name: _Sum() for name in _PARTS})
    _images: int = 0
    _executions: int = 0
    _last: int = 0
    _lock: Lock = field(default_factory=Lock)

    def executed(self, waited: Sequence[float], took: float) -> None:
        """Count a call of the engine.

        Args:
            waited: Seconds that each of the requests in it waited for its turn.
            took: Seconds the engine took.
        """
        with self._lock:
            self._executions += 1
            for seconds in waited:
                self._sums["queue"].add(seconds)
                self._sums["compute_infer"].add(took)

    @contextmanager
    def request(self, images: int) -> Iterator[None]:
        """Count a request for so many images: a success when nothing is raised."""
        started = time.monotonic()
        try:
            yield
        except BaseException:
            self._add("fail", time.monotonic() - started)
            raise
        with self._lock:
            self._images += images
            self._last = time.time_ns() // 1_000_000
            self._sums["success"].add(time.monotonic() - started)

    def read_input(self, seconds: float) -> None:
        """Count how long a request's images took to decode."""
        self._add("compute_input", seconds)

    def wrote_output(self, seconds: float) -> None:
        """Count how long a request's masks took to encode."""
        self._add("compute_output", seconds)

    def told(self, model: str, version: str) -> dict[str, object]:
        """An element of `model_stats` in the statistics extension of the Open Inference Protocol."""
        with self._lock:
            sums = {name: {"count": one.count, "ns": round(one.seconds * 1e9)} for name, one in self._sums.items()}
            # What is counted as a request begins with its images decoded, and ends before they are encoded.
            sums["success"]["ns"] += sums["compute_input"]["ns"] + sums["compute_output"]["ns"]
            return {
                "name": model,
                "version": version,
                "last_inference": self._last,
                "inference_count": self._images,
                "execution_count": self._executions,
                "inference_stats": sums,
            }

    def _add(self, part: str, seconds: float) -> None:
        with self._lock:
            self._sums[part].add(seconds)
