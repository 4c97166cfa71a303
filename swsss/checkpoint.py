"""Model files of training: safetensors with everything needed to rebuild the net, and the authors' `.pth` files."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from swsss import __version__
from swsss.data.classes import ClassTable
from swsss.data.files import write_whole
from swsss.errors import UserError
from swsss.nets import NetConfig, SegmentationNet, make_net
from swsss.nets.authors import load_authors

FORMAT = 1

Task = Literal["conditioned", "plain"]
"""Whether a net was trained to choose among candidates (stage 1) or among all classes (stage 2)."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained net and what must be known to use it.

    Args:
        net: In evaluation mode, float32, on the CPU.
        classes: The class of every output channel.
        task: "conditioned" or "plain".
        role: teacher, hybridnet, pseudonet, final or baseline; "" when not known.
        temperature: Of each class, above 0, for `swsss.confidence`; empty when the net is not calibrated.
        facts: Anything else worth keeping, JSON values.
    """

    net: SegmentationNet
    classes: ClassTable
    task: Task
    role: str = ""
    temperature: tuple[float, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint as safetensors, whole or not at all; equal checkpoints give equal bytes."""
    header = {
        "format": FORMAT,
        "swsss": __version__,
        "task": checkpoint.task,
        "role": checkpoint.role,
        "temperature": checkpoint.temperature,
        "classes": checkpoint.classes.names,
        "mean": checkpoint.net.mean,
        "std": checkpoint.net.std,
        "net": checkpoint.net.config.model_copy(update={"weights": ""}).model_dump(mode="json"),
        "facts": checkpoint.facts,
    }
    state = {key: value.detach().cpu().contiguous() for key, value in checkpoint.net.state_dict().items()}
    write_whole(path, save(state, metadata={"swsss": json.dumps(header, sort_keys=True)}))


def load_checkpoint(path: Path) -> Checkpoint:
    """Load a checkpoint of ours (`.safetensors`) or the authors' state dict (`.pth`); nothing is unpickled.

    Raises:
        UserError: The file is missing, damaged, foreign, or of a newer format.
    """
    if not path.is_file():
        raise UserError(f"There is no model file {path}.", code="not-found")
    if path.suffix in {".pth", ".pt"}:
        theirs, classes = load_authors(path)
        return Checkpoint(theirs.eval(), classes, "conditioned")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a whole safetensors file ({error}).") from None
    header = _header(path, metadata)
    net = make_net(NetConfig.model_validate(header["net"]), len(header["classes"]))
    net.mean, net.std = tuple(header["mean"]), tuple(header["std"])
    try:
        net.load_state_dict(state)
    except RuntimeError:
        raise UserError(f"{path} is damaged: its weights do not fit the net it describes.") from None
    return Checkpoint(
        net.eval(),
        ClassTable(tuple(header["classes"])),
        header["task"],
        header["role"],
        _temperature(path, header),
        header["facts"],
    )


def _temperature(path: Path, header: dict[str, Any]) -> tuple[float, ...]:
    """Of each class; empty in files from before there was calibration."""
    values = header.get("temperature", [])
    if values and (len(values) != len(header["classes"]) or not all(0 < value < math.inf for value in values)):
        raise UserError(f"{path} is damaged: its temperatures are not one number above 0 for each class.")
    return tuple(values)


def _header(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    try:
        header: dict[str, Any] = json.loads(metadata["swsss"])
        if header["format"] > FORMAT:
            raise UserError(
                f"{path} has format {header['format']}, newer than this swsss reads ({FORMAT}); upgrade swsss."
            )
        NetConfig.model_validate(header["net"])
        if absent := {"classes", "task", "role", "facts", "mean", "std"} - header.keys():
            raise KeyError(*absent)
    except ValidationError as error:
        raise UserError(f"{path} holds a net that this swsss cannot build: {_first(error)}.") from None
    except (KeyError, TypeError, json.JSONDecodeError):
        raise UserError(f"{path} was not written by swsss: it carries no description of its net.") from None
    return header


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg'].removeprefix('Value error, ').rstrip('.')}"
