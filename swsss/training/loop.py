"""The training loop all stages share: schedule, resume, log, checks."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from swsss.config import OptimizerConfig, RunConfig
from swsss.data.loader import Stream, default_workers, seed_of, training_batches
from swsss.errors import Interrupted, UserError
from swsss.training.distributed import Processes, summed, synchronise_batch_norm
from swsss.training.log import Bar, TrainingLog
from swsss.training.state import load_state, save_state
from swsss.training.tasks import Task


@dataclass(frozen=True)
class Loop:
    """Settings of one stage's loop.

    Args:
        title: What the progress bar calls it.
        folder: Where state and logs go.
        config: Schedule and batch.
        run: How it is carried out.
        seed: Of the batches and the dropout.
        num_classes: Background included.
        preview: Called now and then with a step and the log, on the first process.

    """

    title: str
    folder: Path
    config: OptimizerConfig
    run: RunConfig
    seed: int
    num_classes: int
    preview: Callable[[int, TrainingLog], None] = field(default=lambda step, log: None)


def train(fabric: Fabric, task: Task, streams: Sequence[Stream], loop: Loop) -> float:
    """Train `task.module` in place, from the saved state if there is one.

    Returns:
        Seconds it took, those before a resume included.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; the same command goes on from there.
        UserError: A file cannot be read any more, or the loss is not finite.

    """
    task.module = synchronise_batch_norm(task.module, fabric).to(memory_format=torch.channels_last)
    task.memory.to(fabric.device)
    bare = _optimizer(task.module, loop.config)
    module, optimizer = fabric.setup(task.module, bare)
    state = loop.folder / "state.pt"
    start, seconds = load_state(state, task, bare, fabric)
    began = time.monotonic() - seconds
    batches = training_batches(
        streams,
        loop.num_classes,
        seed=loop.seed,
        start=start,
        stop=loop.config.steps,
        workers=default_workers(fabric.world_size) if loop.run.workers < 0 else loop.run.workers,
        rank=fabric.global_rank,
        world=fabric.world_size,
        pin=fabric.device.type == "cuda",
    )
    log = TrainingLog(loop.folder, start) if fabric.is_global_zero else None
    module.train()
    processes = Processes(fabric)
    recent = _Recent(fabric, processes, loop.config.batch)
    with Bar(loop.title, loop.config.steps, start) as bar, _stop_signals() as stopped:
        for step, batch in enumerate(processes.together(batches), start):
            lr = _set_lr(bare, loop.config, step)
            # Dropout follows from (seed, step) too, so no generator state has to be saved.
            torch.manual_seed(seed_of(loop.seed, step, fabric.global_rank, 2))
            # Before the forward pass, so that old gradients do not lie beside its activations.
            optimizer.zero_grad()
            terms = task.losses(module, batch.to(fabric.device), step)
            fabric.backward(terms["loss"])
            optimizer.step()
            done = step + 1
            recent.add(done, terms, batch.names)
            due = _due(loop, done)
            stop = processes.any(stopped())
            if due or stop:
                values = recent.means()
                if log is not None:
                    log.add(done, {"lr": lr, **values})
                bar.update(done, _note(values))
            if "preview" in due and log is not None:
                loop.preview(done, log)
                module.train()
            if "checkpoint" in due or stop:
                if log is not None:
                    log.flush()
                    save_state(state, done, time.monotonic() - began, task, bare, fabric)
                fabric.barrier()
            if stop:
                raise Interrupted(
                    f"Stopped after step {done} of {loop.config.steps} ({loop.title}); the same command goes on there."
                )
    return time.monotonic() - began


def _optimizer(module: nn.Module, config: OptimizerConfig) -> SGD:
    head = [parameter for name, parameter in module.named_parameters() if "classifier." in name]
    rest = [parameter for name, parameter in module.named_parameters() if "classifier." not in name]
    groups = [{"params": rest, "factor": 1.0}, {"params": head, "factor": config.head_lr_factor}]
    return SGD(groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)


def _set_lr(optimizer: Optimizer, config: OptimizerConfig, step: int) -> float:
    lr = config.lr * float((1 - step / config.steps) ** config.power)
    for group in optimizer.param_groups:
        group["lr"] = lr * group["factor"]
    return lr


def _due(loop: Loop, done: int) -> set[str]:
    every = {"log": loop.run.log_every, "checkpoint": loop.run.checkpoint_every, "preview": loop.run.preview_every}
    last = done == loop.config.steps
    return {name for name, steps in every.items() if last or done % steps == 0} | ({"log"} if last else set())


def _note(values: dict[str, float]) -> str:
    shown = [f"{key} {value:.3f}" for key, value in values.items() if key not in {"images_per_second", "pct_weight"}]
    return "  ".join([*shown, f"{values['images_per_second']:.1f} images/s"])


class _Recent:
    """The terms of the steps since the last look, still on the device, so that no step waits for the host."""

    def __init__(self, fabric: Fabric, processes: Processes, batch: int) -> None:
        self.fabric, self.processes, self.batch = fabric, processes, batch
        self.steps: list[tuple[int, tuple[str, ...]]] = []
        self.terms: list[Tensor] = []
        self.since = time.monotonic()

    def add(self, step: int, terms: dict[str, Tensor], names: tuple[str, ...]) -> None:
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


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Turn the first SIGINT or SIGTERM into a flag that the loop looks at between two steps; a second one kills."""
    seen: list[int] = []

    def remember(number: int, _: FrameType | None) -> None:
        seen.append(number)
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
