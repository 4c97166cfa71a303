"""Batch and threads, chosen from the machine; `benchmarks/label.py` measures them."""

import os

from swsss.serve.engines import Engine

_GPU_BATCH = 8


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))


def default_workers() -> int:
    """Threads that decode, and as many that write."""
    return max(2, min(8, cores()))


def default_batch(engine: Engine) -> int:
    """Images a call: on a CPU one image fills all cores, and more only fill the memory."""
    return 1 if "CPU" in engine.description else _GPU_BATCH


def default_lanes(engine: Engine) -> int:
    """Calls of the engine at a time, for a server: on a CPU two keep the cores busier (benchmarks/serve.py)."""
    return min(2, cores()) if "CPU" in engine.description else 1
