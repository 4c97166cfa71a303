"""Device, precision and processes, by Lightning Fabric; batch statistics over all processes."""

import os
from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from swsss.errors import UserError
from swsss.predict import fast_precision

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


def make_fabric(accelerator: str, devices: int, precision: str) -> tuple[Fabric, str]:
    """Start Fabric, and with it the other processes.

    Args:
        accelerator: "auto", "cpu" or "cuda".
        devices: Processes; under `torchrun` its own number counts.
        precision: "auto", "32", "bf16" or "16".

    Returns:
        Fabric, launched, and the precision that "auto" became.

    Raises:
        UserError: There is no such device, or not that many.

    """
    cuda = torch.cuda.device_count() if accelerator != "cpu" else 0
    if accelerator == "cuda" and not cuda:
        raise UserError("There is no CUDA device here; use --device cpu.")
    if cuda and devices > cuda:
        raise UserError(f"--devices {devices}, but this machine has {cuda} CUDA devices.")
    kind = "cuda" if cuda else "cpu"
    if precision == "auto":
        precision = fast_precision(torch.device(kind))
    if precision == "16" and kind == "cpu":
        raise UserError("run.precision = '16' needs a CUDA device; use 'bf16' or '32' on the CPU.")
    processes = int(os.environ.get("WORLD_SIZE", devices))
    strategy = "ddp" if processes > 1 else "auto"
    fabric = Fabric(accelerator=kind, devices=devices, strategy=strategy, precision=PRECISIONS[precision])  # type: ignore[arg-type]
    fabric.launch()
    return fabric, precision


def synchronise_batch_norm(module: nn.Module, fabric: Fabric) -> nn.Module:
    """Make batch norm see the whole batch of all processes."""
    if fabric.world_size == 1:
        return module
    if fabric.device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return converted
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, _CpuSyncBatchNorm.of(child))
        else:
            synchronise_batch_norm(child, fabric)
    return module


class _CpuSyncBatchNorm(nn.BatchNorm2d):
    """Batch norm over all processes on the CPU, where torch's own SyncBatchNorm refuses to work."""

    @classmethod
    def of(cls, norm: nn.BatchNorm2d) -> "_CpuSyncBatchNorm":
        made = cls(norm.num_features, norm.eps, norm.momentum)
        made.load_state_dict(norm.state_dict())
        return made

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        values = input.float()
        count = values.numel() / values.shape[1] * dist.get_world_size()
        mean = _total(values.sum((0, 2, 3))) / count
        centred = values - mean[:, None, None]
        variance = _total((centred * centred).sum((0, 2, 3))) / count
        self._follow(mean, variance * count / (count - 1))
        scale = (variance + self.eps).rsqrt() * self.weight
        normal: Tensor = centred * scale[:, None, None] + self.bias[:, None, None]
        return normal.to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        self.get_buffer("num_batches_tracked").add_(1)
        self.get_buffer("running_mean").lerp_(mean, self.momentum or 0.0)
        self.get_buffer("running_var").lerp_(variance, self.momentum or 0.0)


def _total(values: Tensor) -> Tensor:
    """Sum over all processes, through which gradients flow."""
    total: Tensor = all_reduce(values)  # type: ignore[no-untyped-call]
    return total


def summed(fabric: Fabric, values: Tensor) -> Tensor:
    """The sum over all processes; no gradient."""
    if fabric.world_size == 1:
        return values
    total: Any = fabric.all_reduce(values.clone(), reduce_op="sum")
    return torch.as_tensor(total)
