"""How many cores this process may use: its affinity, and the CPU quota of the container it runs in."""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def usable_cores(root: Path = Path("/")) -> int:
    """Cores that are worth a thread each, at least 1: a quota of 1.5 CPUs counts as 2 cores.

    More threads than the quota feeds are stopped for the rest of each period (100 ms, usually), all of them at once.

    Args:
        root: Where `proc/` and `sys/` are; for tests.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, math.ceil(min(_quotas(root), default=allowed))))


def _quotas(root: Path) -> Iterator[float]:
    """The quota, in CPUs, of each control group the process is in, and of those around it."""
    for line in _read(root / "proc" / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        mounts = root / "sys" / "fs" / "cgroup"
        # Version 2 has one tree without a name, version 1 a tree for each set of controllers.
        for folder in _folders(mounts / controllers, path):
            if not controllers:
                yield from _quotient(_read(folder / "cpu.max"))
            elif "cpu" in controllers.split(","):
                yield from _quotient(_read(folder / "cpu.cfs_quota_us") + _read(folder / "cpu.cfs_period_us"))


def _folders(mount: Path, path: str) -> Iterator[Path]:
    """A group's folder and those above it. In a container the path may be the host's: what is not there reads as ""."""
    yield mount
    for part in PurePosixPath(path.lstrip("/")).parts:
        if part == "..":
            return
        mount /= part
        yield mount


def _quotient(text: str) -> Iterator[float]:
    """The quota in a text with microseconds of CPU time and of the period; nothing when there is no quota."""
    words = text.split()
    if len(words) == 2 and all(word.isdecimal() for word in words) and int(words[1]):
        yield int(words[0]) / int(words[1])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
