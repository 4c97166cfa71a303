"""What is exported: a checkpoint, or the labeller of a run."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from swsss.checkpoint import Checkpoint, Task, load_checkpoint
from swsss.confidence import mean_temperature
from swsss.config import LABELLER_ROLES, LabelsConfig, Tta, load_config
from swsss.data.classes import ClassTable
from swsss.errors import UserError
from swsss.nets import SegmentationNet


@dataclass(frozen=True)
class Source:
    """Nets to export.

    Args:
        name: What messages call it.
        nets: One, or several to average.
        classes: Of every net's outputs.
        task: What the nets were trained for.
        tta: Test-time augmentation its run labels with; "none" for a single checkpoint.
        sha256: Hex digest over the checkpoint files.
        temperature: Of each class, for its confidence; empty when the nets are not calibrated.
        tag_penalty: What its run's labels are made with; 0, tags are law, for a single checkpoint.
    """

    name: str
    nets: tuple[SegmentationNet, ...]
    classes: ClassTable
    task: Task
    tta: Tta
    sha256: str
    temperature: tuple[float, ...] = ()
    tag_penalty: float = 0.0


def load_source(path: Path) -> Source:
    """Load a checkpoint, or from a run folder the nets its pseudo labels come from.

    Args:
        path: `.safetensors` of ours, `.pth` of the authors, or a run folder with a finished stage 1.

    Raises:
        UserError: There is none, or it cannot be loaded.
    """
    files, labels = source_files(path)
    checkpoints = [load_checkpoint(file) for file in files]
    return Source(
        name=path.name or str(path),
        nets=tuple(checkpoint.net for checkpoint in checkpoints),
        classes=_same_classes(path, checkpoints),
        task=checkpoints[0].task,
        tta=labels.tta,
        sha256=hash_files(files),
        temperature=mean_temperature([checkpoint.temperature for checkpoint in checkpoints]),
        tag_penalty=labels.tag_penalty,
    )


def source_files(path: Path) -> tuple[list[Path], LabelsConfig]:
    """The checkpoint files behind a path, and how they are to label.

    Raises:
        UserError: There is none.
    """
    if not path.is_dir():
        if not path.is_file():
            raise UserError(f"There is no checkpoint or run folder {path}.", code="not-found")
        return [path], LabelsConfig(tta="none")
    config = path / "config.toml"
    if not config.is_file():
        raise UserError(f"{path} is no run folder of swsss-train (it has no config.toml).")
    labels = load_config(file=config).labels
    files = [path / f"{role}.safetensors" for role in LABELLER_ROLES[labels.labeller]]
    for file in files:
        if not file.is_file():
            raise UserError(f"The run {path} has no {file.name} yet; finish its stage 1, or name another checkpoint.")
    return files, labels


def default_model_file(path: Path) -> Path:
    """Where the model file of a checkpoint or run folder is put: beside it, or in it."""
    return path / "model.onnx" if path.is_dir() else path.with_suffix(".onnx")


def hash_files(files: Sequence[Path]) -> str:
    """SHA-256 (hex) over the files' bytes, one after the other."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _same_classes(path: Path, checkpoints: Sequence[Checkpoint]) -> ClassTable:
    if len({checkpoint.classes for checkpoint in checkpoints}) > 1:
        raise UserError(f"The nets in {path} know different classes; they are not of one run.")
    if len({(checkpoint.net.mean, checkpoint.net.std) for checkpoint in checkpoints}) > 1:
        raise UserError(f"The nets in {path} have encoders of different normalisation; they are not of one run.")
    return checkpoints[0].classes
