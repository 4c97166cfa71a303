"""Labels images in a process of its own, to see whether that ends it."""

import json
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from swsss.data.images import read_upright
from swsss.model.engine import Engine

_GLANCE_SECONDS = 0.2
_ASKED_TO_END = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class NoTrialError(Exception):
    """The engine cannot be opened in another process."""


def deadly(
    engine: Engine, images: Iterable[tuple[Path, list[int]]], stop: Callable[[], bool]
) -> Iterator[tuple[Path, bool]]:
    """Label images in another process, and tell of each whether the process died of it.

    Args:
        engine: Which labels; its `reopen` says how to open it again.
        images: Paths, and the candidates of each.
        stop: Looked at while waiting.

    Raises:
        NoTrialError: It cannot be opened there, or is another one by now.
    """
    reopen = engine.reopen
    if reopen is None:
        raise NoTrialError
    process: _Process | None = None
    try:
        for path, candidates in images:
            process = process or _Process(reopen, engine.identity, stop)
            died = process.dies_of(path, candidates)
            if stop():
                return
            yield path, died
            process = None if died else process
    finally:
        if process is not None:
            process.end()


class _Process:
    def __init__(self, reopen: tuple[str, str, int], identity: str, stop: Callable[[], bool]) -> None:
        self._stop = stop
        # A session of its own: Ctrl-C at the terminal is for the process that waits.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "swsss.serve.trial"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        if self._ask(reopen) != identity:
            self.end()
            raise NoTrialError

    def dies_of(self, path: Path, candidates: list[int]) -> bool:
        """Whether the process dies of an image."""
        if self._ask((str(path), candidates)) is not None:
            return False
        code = self.end()
        return code < 0 and -code not in _ASKED_TO_END

    def end(self) -> int:
        """Wait for the process, or end it where it is still at work; its exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._stop():
            self._process.terminate()
        return self._process.wait()

    def _ask(self, what: object) -> str | None:
        """The answer to a question; None when none comes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(what).encode() + b"\n")
        except BrokenPipeError:
            return None
        while not select.select([self._process.stdout], [], [], _GLANCE_SECONDS)[0]:
            if self._stop():
                return None
        return self._process.stdout.readline().decode().strip() or None


def _main() -> None:
    from swsss.serve.models import open_engine  # noqa: PLC0415 - only this process needs it

    path, device, threads = json.loads(sys.stdin.readline())
    engine = open_engine(Path(path), device, threads)
    print(engine.identity, flush=True)
    for line in sys.stdin:
        image, candidates = json.loads(line)
        try:
            engine.label(read_upright(Path(image))[None], np.array([candidates], np.int64))
        except Exception as error:  # whatever it is, the process lives
            print(type(error).__name__, flush=True)
        else:
            print("lives", flush=True)


if __name__ == "__main__":
    _main()
