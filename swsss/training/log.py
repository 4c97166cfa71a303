"""What a stage leaves while it runs: a CSV log, TensorBoard."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from swsss.data.files import write_whole
from swsss.data.images import Pixels


class TrainingLog:
    """CSV and TensorBoard of one stage; rows at and after the step it resumes from are dropped, to be written again."""

    def __init__(self, folder: Path, start: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "log.csv"
        self.rows = [row for row in _read(self.path) if int(row["step"]) <= start]
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=start + 1)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """`values` after `step` steps, in one row with those that are there already."""
        if not self.rows or self.rows[-1]["step"] != str(step):
            self.rows.append({"step": str(step)})
        self.rows[-1] |= {key: f"{value:.6g}" for key, value in values.items()}
        for key, value in values.items():
            self.board.add_scalar(key, value, step)

    def picture(self, name: str, pixels: Pixels, step: int) -> None:
        """One picture, uint8 [H, W, 3], to TensorBoard."""
        self.board.add_image(name, pixels, step, dataformats="HWC")

    def flush(self) -> None:
        """Bring everything to disk; the CSV is whole at any moment."""
        if self.rows:
            text = io.StringIO()
            columns = dict.fromkeys(key for row in self.rows for key in row)
            writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
            write_whole(self.path, text.getvalue().encode())
        self.board.flush()


def _read(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
