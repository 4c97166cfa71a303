"""Device, precision and processes, by Lightning Fabric; batch statistics over all processes."""

import os
from collections.abc import Iterator
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn

from swsss.errors import UserError
from swsss.predict import fast_precision, fit_threads

T = TypeVar("T")

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


def make_fabric(accelerator: str, devices: int, precision: str, *, idle: bool = False) -> tuple[Fabric, str]:
    """Start Fabric, and with it the other processes.

    Args:
        accelerator: "auto", "cpu" or "cuda".
        devices: Processes; under `torchrun` its own number counts.
        precision: "auto", "32", "bf16" or "16".
        idle: Whether some steps leave parameters without a gradient, as PseudoNet's in a burn-in.

    Returns:
        Fabric, launched, and the precision that "auto" became.

    Raises:
        UserError: There is no such device, or not that many.
    """
    nodes = 1
    if "TORCHELASTIC_RUN_ID" in os.environ:
        # Under torchrun Fabric wants to be told what torchrun knows.
        devices, nodes = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["GROUP_WORLD_SIZE"])
    cuda = torch.cuda.device_count() if accelerator != "cpu" else 0
    if accelerator == "cuda" and not cuda:
        raise UserError("There is no CUDA device here; use --device cpu.", code="no-device", field="device")
    if cuda and devices > cuda:
        raise UserError(f"--devices {devices}, but this machine has {cuda} CUDA devices.")
    kind = "cuda" if cuda else "cpu"
    if precision == "auto":
        precision = fast_precision(torch.device(kind))
    if precision == "16" and kind == "cpu":
        raise UserError("run.precision = '16' needs a CUDA device; use 'bf16' or '32' on the CPU.")
    strategy = DDPStrategy(find_unused_parameters=idle) if devices * nodes > 1 else "auto"
    fabric = Fabric(
        accelerator=kind,
        devices=devices,
        num_nodes=nodes,
        strategy=strategy,
        precision=PRECISIONS[precision],  # type: ignore[arg-type]
    )
    fabric.launch()
    fit_threads(devices)
    return fabric, precision


class Processes:
    """What the processes of a run tell each other from host to host, so that no device is waited for.

    Args:
        fabric: Launched; every process must make this object at the same point.
    """

    def __init__(self, fabric: Fabric) -> None:
        self.count = fabric.world_size
        self.group = cast(dist.ProcessGroup, dist.new_group(backend="gloo")) if self.count > 1 else None

    def gathered(self, value: T) -> list[T]:
        """The values of all processes, in the order of their ranks."""
        if self.group is None:
            return [value]
        everyone: list[Any] = [None] * self.count
        dist.all_gather_object(everyone, value, group=self.group)
        return everyone

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        if self.group is None:
            return flag
        told = torch.tensor(int(flag))
        dist.all_reduce(told, group=self.group)
        return bool(told)

    def agree(self, error: UserError | None) -> None:
        """Raise in every process the error that one of them met: otherwise the others would wait for it forever."""
        if self.any(error is not None):
            raise UserError(next(text for text in self.gathered(error and str(error)) if text))

    def together(self, batches: Iterator[T]) -> Iterator[T]:
        """The same batches; what one process cannot load is an error of all."""
        while True:
            error = batch = None
            try:
                batch = next(batches, None)
            except UserError as found:
                error = found
            self.agree(error)
            if batch is None:
                return
            yield batch


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


class _Total(torch.autograd.Function):
    """Sum over all processes; every process's gradient flows back into every process's values."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


def _total(values: Tensor) -> Tensor:
    total: Tensor = _Total.apply(values)
    return total


def summed(fabric: Fabric, values: Tensor) -> Tensor:
    """The sum over all processes; no gradient."""
    if fabric.world_size == 1:
        return values
    total: Any = fabric.all_reduce(values.clone(), reduce_op="sum")
    return torch.as_tensor(total)
