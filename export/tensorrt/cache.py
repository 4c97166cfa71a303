"""TensorRT's timing cache in the user's cache folder: the next build of a similar model takes seconds, not minutes."""

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swsss.data.files import write_whole
from swsss.model.tensorrt.library import Gpu, Library


def cache_folder() -> Path:
    """`~/.cache/swsss`, or where the system keeps such files."""
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "swsss" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "swsss"


def cache_path(library: Library, gpu: Gpu) -> Path:
    """The timing cache of a library version and a GPU."""
    words = f"{library.name}-{library.version}-{gpu.name}-{gpu.compute_capability}"
    return cache_folder() / f"{re.sub(r'[^A-Za-z0-9._]+', '-', words)}.timing"


class TimingCache:
    """Attached to a builder's configuration; it must live until the engine is built.

    Args:
        config: The builder's configuration.
        path: The file; when it is missing, damaged or of another machine, the cache starts empty.
    """

    def __init__(self, config: Any, path: Path) -> None:
        self.path = path
        self.stored = b""
        with contextlib.suppress(OSError):
            self.stored = path.read_bytes()
        self.cache = _attach(config, self.stored) or _attach(config, b"")

    def save(self, tell: Callable[[str], None]) -> None:
        """Keep what the build has learned; that it cannot be kept is told and stops nothing."""
        serialized = self.cache.serialize() if self.cache is not None else None
        if serialized is None or bytes(serialized) == self.stored:
            return
        try:
            write_whole(self.path, bytes(serialized))
        except OSError as error:
            tell(f"  the timing cache {self.path} cannot be written ({error.strerror}); the next build takes as long")


def _attach(config: Any, stored: bytes) -> Any:
    cache = config.create_timing_cache(stored)
    return cache if cache is not None and config.set_timing_cache(cache, False) else None
