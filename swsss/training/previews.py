"""Previews of training: a few fixed images with the nets' predictions."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from swsss.data.dataset import read_sample
from swsss.data.png import write_picture
from swsss.inputs import Inputs
from swsss.nets import SegmentationNet
from swsss.predict import Predictor
from swsss.report import Picture, contact_sheet
from swsss.training.log import TrainingLog

COUNT = 4


@dataclass(frozen=True)
class Previews:
    """Writes `previews/<step>.png` and TensorBoard pictures.

    Args:
        nets: By role.
        inputs: The first pixel-labelled and the first other training images are shown.
        folder: Of the stage.
        device: Of the nets.
        precision: "32", "bf16" or "16".
        masked: Whether predictions are masked by the tags.
    """

    nets: Mapping[str, SegmentationNet]
    inputs: Inputs
    folder: Path
    device: torch.device
    precision: str
    masked: bool

    def write(self, step: int, log: TrainingLog) -> None:
        """One sheet; the nets are left in evaluation mode."""
        sheet = contact_sheet(self.pictures(), self.inputs.classes)
        write_picture(self.folder / "previews" / f"{step:06d}.png", sheet)
        log.picture("predictions", sheet, step)

    def pictures(self) -> list[Picture]:
        """The images with every net's prediction."""
        others = [sample for sample in self.inputs.train if not sample.mask]
        samples = [*self.inputs.strong[: COUNT // 2], *others[: COUNT - COUNT // 2]]
        found = []
        for sample in samples:
            image, mask = read_sample(sample)
            tags = sample.tags if self.masked else None
            labels = {
                role: Predictor([net], self.device, self.precision).mask(image, tags) for role, net in self.nets.items()
            }
            found.append(Picture(sample.stem, image, mask if sample.mask else None, labels))
        return found
