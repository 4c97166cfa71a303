"""Progress of long work: a bar on a terminal, plain lines elsewhere."""

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console(stderr=True, soft_wrap=True)
LINE_SECONDS = 10.0
"""Seconds between plain progress lines where there is no terminal."""


class Bar:
    """Progress on a terminal as a bar, elsewhere as a line every few seconds."""

    def __init__(self, title: str, total: int, done: int = 0) -> None:
        self.title, self.total = title, total
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
            disable=not console.is_terminal,
        )
        self.row = self.progress.add_task(title, total=total, completed=done, note="")

    def __enter__(self) -> "Bar":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def update(self, done: int, note: str = "") -> None:
        """Tell how far it is; `note` stands behind the bar."""
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
