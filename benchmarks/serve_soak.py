"""The checks of benchmarks/serve.py that take one server only: a thousand at once, and hours of mixed sizes."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from serve_processes import Program, Server
from serve_work import Work

_SAMPLE_SECONDS = 5
_LOAD = Path(__file__).with_name("serve_load.py")


def send(server: Server, work: Work, **options: float) -> dict[str, Any]:
    """Put load on a server; what the clients tell."""
    given = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, _LOAD, server.url, work.orders, *given], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"The clients ended with {done.returncode}:\n{done.stderr}\nThe server:\n{server.told()}")
    return dict(json.loads(done.stdout))


def all_at_once(command: Sequence[object], work: Work, count: int) -> dict[str, Any]:
    """That many clients send one photo each at one moment, and once only: each is answered or refused."""
    with Server(command, work.folder, work.first()) as server:
        told = send(server, work, clients=count, requests=count, tries=1)
        return {"sent": count, **told, "peak_mib": round(server.peak_mib, 1)}


def soak(command: Sequence[object], work: Work, clients: int, seconds: float) -> dict[str, Any]:
    """Mixed sizes for a long time: what the memory does."""
    with Server(command, work.folder, work.first()) as server, Samples(server) as samples:
        told = send(server, work, clients=clients, seconds=seconds)
    return {"clients": clients, **told, **samples.summary()}


class Samples:
    """The resident memory of a program, looked at every few seconds while this context is open."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.taken: list[tuple[float, float]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._take)

    def __enter__(self) -> "Samples":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _take(self) -> None:
        started = time.monotonic()
        while True:
            self.taken.append((round(time.monotonic() - started, 1), round(self.program.resident_mib(), 1)))
            if self._over.wait(_SAMPLE_SECONDS):
                return

    def summary(self) -> dict[str, Any]:
        """Memory at the quarters, and how it grows: over all, and after the first quarter, when all is warm."""
        taken = np.array(self.taken)
        marks = np.linspace(0, len(taken) - 1, 5).round().astype(int)
        names = ["start", "1/4", "1/2", "3/4", "end"]
        return {
            "resident_mib": dict(zip(names, taken[marks, 1].tolist(), strict=True)),
            "mib_per_hour": _slope(taken),
            "mib_per_hour_after_first_quarter": _slope(taken[marks[1] :]),
            "samples_seconds_mib": self.taken,
        }


def _slope(taken: np.ndarray) -> float | None:
    """MiB an hour of the line through the samples."""
    if len(taken) < 3:
        return None
    return round(float(np.polyfit(taken[:, 0], taken[:, 1], 1)[0]) * 3600, 2)
