"""Batch and threads, chosen from the machine; `benchmarks/label.py` measures them."""

from swsss.model.engine import Engine
from swsss.processors import usable_cores

_GPU_BATCH = 8


def cores() -> int:
    """Cores this process may use, by its affinity and the quota of its container."""
    return usable_cores()


def default_workers() -> int:
    """Threads that decode, and as many that write."""
    return max(2, min(8, cores()))


def default_batch(engine: Engine) -> int:
    """Images a call: on a CPU one image fills all cores, and more only fill the memory."""
    return 1 if engine.device == "cpu" else _GPU_BATCH


def default_lanes(engine: Engine) -> int:
    """Calls of the engine at a time, for a server.

    On a CPU two calls of an int8 model keep two cores busier than one (1.1 times the images); two of an fp32 model only
    push each other's data out of the caches (0.85 times).
    """
    return min(2, cores()) if engine.device == "cpu" and engine.info.precision == "int8" else 1
