"""What a stage tells while it runs: a progress bar or plain lines, a CSV log, TensorBoard."""

import csv
import io
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch.utils.tensorboard import SummaryWriter

from swsss.data.images import Pixels, write_whole

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

    def counted(self, done: int, _total: int) -> None:
        """`update` in the shape of a progress callback."""
        self.update(done)


class TrainingLog:
    """CSV and TensorBoard of one stage; rows at and after the step it resumes from are dropped, to be written again."""

    def __init__(self, folder: Path, start: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "log.csv"
        self.rows = [row for row in _read(self.path) if int(row["step"]) <= start]
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=start + 1)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """One row: `values` after `step` steps."""
        self.rows.append({"step": str(step), **{key: f"{value:.6g}" for key, value in values.items()}})
        for key, value in values.items():
            self.board.add_scalar(key, value, step)

    def picture(self, name: str, pixels: Pixels, step: int) -> None:
        """One picture, uint8 [H, W, 3], to TensorBoard."""
        self.board.add_image(name, pixels, step, dataformats="HWC")

    def flush(self) -> None:
        """Bring everything to disk; the CSV is whole at any moment."""
        if self.rows:
            text = io.StringIO()
            writer = csv.DictWriter(text, self.rows[-1].keys(), restval="", extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
            write_whole(self.path, text.getvalue().encode())
        self.board.flush()


def _read(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
