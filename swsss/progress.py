"""Progress of long work: a bar on a terminal, plain lines elsewhere, a function for a program that calls."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console(stderr=True, soft_wrap=True)
LINE_SECONDS = 10.0
"""Seconds between plain progress lines where there is no terminal."""

ProgressCallback = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is, and of how much."""

_observer: ContextVar[ProgressCallback | None] = ContextVar("observer", default=None)


@contextmanager
def observed(progress: ProgressCallback | None) -> Iterator[None]:
    """Work for a program, not for a person at a terminal: in this block bars call `progress`, and nothing is printed.

    Args:
        progress: What it raises ends the work; None tells nobody.
    """
    token = _observer.set(progress or (lambda title, done, total: None))
    try:
        yield
    finally:
        _observer.reset(token)


def is_observed() -> bool:
    """Whether a program asked for the work that is being done here."""
    return _observer.get() is not None


def tell(line: str) -> None:
    """Print a line for the person at the terminal, if there is one."""
    if not is_observed():
        console.print(line, highlight=False, markup=False)


class Bar:
    """Progress on a terminal as a bar, elsewhere as a line every few seconds."""

    def __init__(self, title: str, total: int, done: int = 0) -> None:
        self.title, self.total = title, total
        self.observer = _observer.get()
        self.first = done
        self.started = self.told = time.monotonic()
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal or self.observer is not None,
        )
        self.row = self.progress.add_task(title, total=total, completed=done, note="")

    def __enter__(self) -> "Bar":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def update(self, done: int, note: str = "") -> None:
        """Tell how far it is; `note` stands behind the bar."""
        if self.observer is not None:
            self.observer(self.title, done, self.total)
            return
        self.progress.update(self.row, completed=done, note=note)
        now = time.monotonic()
        if not console.is_terminal and (now - self.told >= LINE_SECONDS or done == self.total):
            self.told = now
            left = (now - self.started) / max(done - self.first, 1) * (self.total - done)
            console.print(f"{self.title} {done}/{self.total}, {left:.0f} s left  {note}", highlight=False, markup=False)

    def counted_at_rate(self, done: int) -> None:
        """`update`, with the number of images a second behind the bar."""
        self.update(done, f"{(done - self.first) / (time.monotonic() - self.started):.1f} images/s")

    def counted(self, done: int, _total: int) -> None:
        """`update` in the shape of a progress callback."""
        self.update(done)
