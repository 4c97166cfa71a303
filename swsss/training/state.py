"""Training state on disk: whole or absent, loaded without unpickling."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch.optim import Optimizer

from swsss.data.files import write_whole
from swsss.errors import UserError
from swsss.training.selection import Selection
from swsss.training.tasks import Task


def save_state(
    path: Path, step: int, seconds: float, task: Task, optimizer: Optimizer, fabric: Fabric, selection: Selection | None
) -> None:
    """Write everything a resume at `step` needs. Batches and dropout follow from (seed, step) and need no state."""
    state = {
        "step": step,
        "seconds": seconds,
        "module": task.module.state_dict(),
        "memory": task.memory.state_dict(),
        "optimizer": optimizer.state_dict(),
        "precision": fabric.strategy.precision.state_dict(),
        "best": selection.state_dict() if selection else {},
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_whole(path, buffer.getvalue())


def load_state(
    path: Path, task: Task, optimizer: Optimizer, fabric: Fabric, selection: Selection | None
) -> tuple[int, float]:
    """Restore a state in place and return its step and the seconds spent; zeros when there is none.

    Raises:
        UserError: The file is damaged or belongs to another net.
    """
    if not path.is_file():
        return 0, 0.0
    try:
        state: dict[str, Any] = torch.load(path, map_location=fabric.device, weights_only=True)
        task.module.load_state_dict(state["module"])
        task.memory.load_state_dict(state["memory"])
        optimizer.load_state_dict(state["optimizer"])
        fabric.strategy.precision.load_state_dict(state["precision"])
        if selection:
            selection.load_state_dict(state.get("best", {}))
    except Exception as error:  # torch raises half a dozen kinds, and each means the same to the user
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path} cannot be resumed from ({first}); delete it to start this stage again.") from None
    return int(state["step"]), float(state.get("seconds", 0.0))
