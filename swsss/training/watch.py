"""What the loop keeps an eye on: the terms of recent steps."""

import time

import torch
from lightning_fabric import Fabric
from torch import Tensor

from swsss.errors import UserError
from swsss.training.distributed import Processes, summed


class RecentTerms:
    """The terms of the steps since the last look, still on the device, so that no step waits for the host."""

    def __init__(self, fabric: Fabric, processes: Processes, batch: int) -> None:
        self.fabric, self.processes, self.batch = fabric, processes, batch
        self.steps: list[tuple[int, tuple[str, ...]]] = []
        self.terms: list[Tensor] = []
        self.since = time.monotonic()

    def add(self, step: int, terms: dict[str, Tensor], names: tuple[str, ...]) -> None:
        """Keep the terms of a step (scalars on the device) and the names of its images."""
        self.names = list(terms)
        self.steps.append((step, names))
        self.terms.append(torch.stack([term.detach().double() for term in terms.values()]))

    def means(self) -> dict[str, float]:
        """Means over steps and processes, and forget them; a loss that is not finite raises."""
        table = (summed(self.fabric, torch.stack(self.terms)) / self.fabric.world_size).cpu()
        broken = (~table[:, self.names.index("loss")].isfinite()).nonzero().flatten()
        if len(broken):
            step, names = self.steps[int(broken[0])]
            raise UserError(self._not_finite(step, names))
        seconds, self.since = time.monotonic() - self.since, time.monotonic()
        rate = self.batch * len(self.steps) / seconds
        self.steps, self.terms = [], []
        return {**dict(zip(self.names, table.mean(0).tolist(), strict=True)), "images_per_second": rate}

    def _not_finite(self, step: int, names: tuple[str, ...]) -> str:
        listed = ", ".join(name for part in self.processes.gathered(names) for name in part)
        return (
            f"The loss is not finite at step {step}; the images of its batch: {listed}. Lower the learning rate "
            "(--set stage1.lr=... or stage2.lr=...) or look at these images; the last good state is kept."
        )
