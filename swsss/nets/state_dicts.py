"""Weights as state dicts: from a file, into a net."""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from swsss.errors import UserError


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a state dict, `.safetensors` or what torch saves, without unpickling anything but tensors.

    Raises:
        UserError: The file is not a state dict of tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen kinds, and each means the same to the user
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path} cannot be loaded as weights only ({first}).") from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in state.items()):
        raise UserError(f"{path} holds no state dict (a mapping of names to tensors).")
    return {key.removeprefix("module."): value for key, value in state.items()}


def load_weights(net: nn.Module, weights: dict[str, Tensor] | None, prefix_dropped: str | None) -> None:
    """Load what `net` has; only tensors whose name begins with `prefix_dropped` may be missing.

    Raises:
        UserError: Others are.
    """
    if weights is None:
        return
    wanted = net.state_dict()
    fitting = {key: value for key, value in weights.items() if key in wanted and value.shape == wanted[key].shape}
    missing = [
        key
        for key in wanted
        if key not in fitting
        and not (prefix_dropped and key.startswith(prefix_dropped))
        and not key.endswith("num_batches_tracked")
    ]
    if missing:
        raise UserError(
            f"The backbone weights do not fit this net: {len(missing)} of {len(wanted)} tensors are missing or of "
            f"another shape (first: {missing[0]}); check net.backbone and net.deep_stem."
        )
    net.load_state_dict(fitting, strict=False)
