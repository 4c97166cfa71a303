"""The run folder: everything one training leaves, and the settings it must be gone on with."""

import json
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from swsss import __version__
from swsss.config import RESUMABLE_CHANGES, Config, load_config
from swsss.data.files import write_whole
from swsss.errors import UserError
from swsss.inputs import Inputs
from swsss.nets import SegmentationNet

LEFTOVER = ".*.tmp"
"""What `write_whole` names a file before it is whole."""


@dataclass(frozen=True)
class Run:
    """One run.

    Args:
        folder: Where everything goes.
        config: Resolved configuration.
        inputs: Checked inputs.
        fabric: Launched.
        precision: "32", "bf16" or "16".
    """

    folder: Path
    config: Config
    inputs: Inputs
    fabric: Fabric
    precision: str

    def path(self, role: str) -> Path:
        """The checkpoint of a role: teacher, hybridnet, pseudonet, final or baseline."""
        return checkpoint_path(self.folder, role)

    def placed(self, net: SegmentationNet) -> SegmentationNet:
        """A net on the run's device, in the layout it computes fastest in."""
        return net.to(self.fabric.device).to(memory_format=torch.channels_last)

    @property
    def labels(self) -> Path:
        """The folder of the pseudo labels."""
        return self.folder / "labels"


def checkpoint_path(folder: Path, role: str) -> Path:
    """Where a run keeps the checkpoint of a role."""
    return folder / f"{role}.safetensors"


def begin_run(folder: Path, config: Config, inputs: Inputs, data: Path) -> None:
    """Store the configuration, or see that the run in `folder` has the same.

    Raises:
        UserError: The folder holds a run with other settings or other data, or something that is no run.
    """
    stored = folder / "config.toml"
    about = folder / "run.json"
    if not about.is_file():
        _see_empty(folder, {stored.name})
        _sweep(folder)
        facts = {"swsss": __version__, "torch": torch.__version__, "data": str(data), "inputs": inputs.fingerprint()}
        write_whole(stored, config.to_toml().encode())
        # Last: a folder without it is one whose run was killed before it began.
        write_whole(about, json.dumps(facts, indent=1).encode())
        return
    _same_config(stored, config)
    if json.loads(about.read_text(encoding="utf-8"))["inputs"] != inputs.fingerprint():
        raise UserError(
            f"The images, masks or tags have changed since the run in {folder} began; choose another --out."
        )
    _sweep(folder)


def _see_empty(folder: Path, ours: set[str]) -> None:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; name a folder with --out.")
    held = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if any(name not in ours and not fnmatch(name, LEFTOVER) for name in held):
        raise UserError(f"{folder} is not empty and holds no run; choose another --out.")


def _sweep(folder: Path) -> None:
    """Remove what a killed process was just writing: its name holds that process's id, so nothing would replace it."""
    for path in folder.rglob(LEFTOVER):
        path.unlink(missing_ok=True)


def _same_config(stored: Path, config: Config) -> None:
    # Read as settings, so that one that is newer than the run has its default.
    before = _flat(tomllib.loads(load_config(file=stored).to_toml()))
    now = _flat(tomllib.loads(config.to_toml()))
    free = {f"run.{name}" for name in RESUMABLE_CHANGES}
    changed = [key for key in sorted({*before, *now} - free) if before.get(key) != now.get(key)]
    if changed:
        told = "; ".join(f"{key} was {before.get(key, 'absent')}, is {now.get(key, 'absent')}" for key in changed[:5])
        raise UserError(
            f"{stored.parent} holds a run with other settings ({told}); choose another --out or the same settings."
        )


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def note_seconds(run: Run, stage: str, seconds: float) -> None:
    """Remember how long a stage took, over all its resumes."""
    path = run.folder / "seconds.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    write_whole(path, json.dumps({**known, stage: round(seconds, 1)}, indent=1).encode())
