"""The training loop all stages share: schedule, resume, log, checks."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import SGD, Optimizer

from swsss.config import OptimizerConfig, RunConfig
from swsss.errors import Interrupted
from swsss.progress import Bar
from swsss.signals import stop_signals
from swsss.training.distributed import Processes, synchronise_batch_norm
from swsss.training.layers import layer_factors
from swsss.training.loader import Batch, Stream, default_workers, seed_of, training_batches
from swsss.training.log import TrainingLog
from swsss.training.state import load_state, save_state
from swsss.training.tasks import Task
from swsss.training.watch import RecentTerms


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
    return _Training(fabric, task, loop).run(streams)


class _Training:
    """One stage under way."""

    def __init__(self, fabric: Fabric, task: Task, loop: Loop) -> None:
        self.fabric, self.task, self.loop = fabric, task, loop
        task.module = synchronise_batch_norm(task.module, fabric).to(memory_format=torch.channels_last)
        task.memory.to(fabric.device)
        self.bare = _optimizer(task.module, loop.config)
        self.module, self.optimizer = fabric.setup(task.module, self.bare)
        self.state = loop.folder / "state.pt"
        self.start, seconds = load_state(self.state, task, self.bare, fabric)
        self.began = time.monotonic() - seconds
        self.log = TrainingLog(loop.folder, self.start) if fabric.is_global_zero else None
        self.processes = Processes(fabric)
        self.recent = RecentTerms(fabric, self.processes, loop.config.batch)

    def run(self, streams: Sequence[Stream]) -> float:
        """All steps that are left; returns the seconds of all of them."""
        loop = self.loop
        self.module.train()
        with Bar(loop.title, loop.config.steps, self.start) as bar, stop_signals() as stopped:
            for step, batch in enumerate(self.processes.together(self._batches(streams)), self.start):
                lr = self._step(step, batch)
                stop = self.processes.any(stopped())
                self._look(step + 1, lr, bar, stop)
                if stop:
                    raise Interrupted(
                        f"Stopped after step {step + 1} of {loop.config.steps} ({loop.title}); "
                        "the same command goes on there."
                    )
        return time.monotonic() - self.began

    def _batches(self, streams: Sequence[Stream]) -> Iterator[Batch]:
        workers, world = self.loop.run.workers, self.fabric.world_size
        return training_batches(
            streams,
            self.loop.num_classes,
            seed=self.loop.seed,
            steps=range(self.start, self.loop.config.steps),
            workers=default_workers(world) if workers < 0 else workers,
            rank=self.fabric.global_rank,
            world=world,
            pin=self.fabric.device.type == "cuda",
        )

    def _step(self, step: int, batch: Batch) -> float:
        lr = _set_lr(self.bare, self.loop.config, step)
        # Dropout follows from (seed, step) too, so no generator state has to be saved.
        torch.manual_seed(seed_of(self.loop.seed, step, self.fabric.global_rank, 2))
        # Before the forward pass, so that old gradients do not lie beside its activations.
        self.optimizer.zero_grad()
        terms = self.task.losses(self.module, batch.to(self.fabric.device), step)
        self.fabric.backward(terms["loss"])
        self.optimizer.step()
        self.recent.add(step + 1, terms, batch.names)
        return lr

    def _look(self, done: int, lr: float, bar: Bar, stop: bool) -> None:
        """Log, preview and save, when it is time or the user wants to stop."""
        due = _due(self.loop, done)
        if due or stop:
            values = self.recent.means()
            if self.log is not None:
                self.log.add(done, {"lr": lr, **values})
            bar.update(done, _note(values))
        if "preview" in due and self.log is not None:
            self.loop.preview(done, self.log)
            self.module.train()
        if "checkpoint" in due or stop:
            self._save(done)

    def _save(self, done: int) -> None:
        if self.log is not None:
            self.log.flush()
            save_state(self.state, done, time.monotonic() - self.began, self.task, self.bare, self.fabric)
        self.fabric.barrier()


def _optimizer(module: nn.Module, config: OptimizerConfig) -> SGD:
    named = dict(module.named_parameters())
    head = [parameter for name, parameter in named.items() if "classifier." in name]
    rest = [name for name in named if "classifier." not in name]
    layers: dict[float, list[nn.Parameter]] = {}
    for name, factor in zip(rest, layer_factors(rest, config.layer_decay), strict=True):
        layers.setdefault(factor, []).append(named[name])
    groups = [{"params": parameters, "factor": factor} for factor, parameters in layers.items()]
    groups.append({"params": head, "factor": config.head_lr_factor})
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
