"""The training loop all stages share: schedule, resume, log, checks."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from swsss.config import OptimizerConfig, RunConfig
from swsss.errors import Interrupted
from swsss.progress import Bar
from swsss.signals import stop_signals
from swsss.training.distributed import Processes, synchronise_batch_norm
from swsss.training.layers import layer_factors
from swsss.training.loader import Batch, Stream, default_workers, seed_of, training_batches
from swsss.training.log import TrainingLog
from swsss.training.selection import Selection
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
        selection: Keeps the best states by held-aside masks; None where there are none.
    """

    title: str
    folder: Path
    config: OptimizerConfig
    run: RunConfig
    seed: int
    num_classes: int
    preview: Callable[[int, TrainingLog], None] = field(default=lambda step, log: None)
    selection: Selection | None = None


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
        self.start, seconds = load_state(self.state, task, self.bare, fabric, loop.selection)
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
        self.task.after_step()
        self.recent.add(step + 1, terms, batch.names)
        return lr

    def _look(self, done: int, lr: float, bar: Bar, stop: bool) -> None:
        """Log, score, preview and save, when it is time or the user wants to stop."""
        due = _due(self.loop, done)
        if due or stop:
            values = self.recent.means()
            bar.update(done, _note(values))
            self._log(done, {"lr": lr, **values})
        if self.loop.selection and done in self.loop.selection.steps:
            rank = self.fabric.global_rank
            self._log(done, self.loop.selection.look(done, self.task.nets, self.processes, rank))
            self.module.train()
        if "preview" in due and self.log is not None:
            self.loop.preview(done, self.log)
            self.module.train()
        if "checkpoint" in due or stop:
            self._save(done)

    def _log(self, done: int, values: dict[str, float]) -> None:
        if self.log is not None:
            self.log.add(done, values)

    def _save(self, done: int) -> None:
        if self.log is not None:
            self.log.flush()
            seconds, selection = time.monotonic() - self.began, self.loop.selection
            save_state(self.state, done, seconds, self.task, self.bare, self.fabric, selection)
        self.fabric.barrier()


def _optimizer(module: nn.Module, config: OptimizerConfig) -> Optimizer:
    named = dict(module.named_parameters())
    factors = {"backbone": 1.0, "decoder": config.decoder_lr_factor, "classifier": config.head_lr_factor}
    groups: dict[float, list[nn.Parameter]] = {}
    for name, layer in zip(named, layer_factors(list(named), config.layer_decay), strict=True):
        groups.setdefault(layer * factors[_part(name)], []).append(named[name])
    grouped = [{"params": parameters, "factor": factor} for factor, parameters in groups.items()]
    if config.optimizer == "adamw":
        return AdamW(grouped, lr=config.lr, weight_decay=config.weight_decay)
    return SGD(grouped, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)


def _part(name: str) -> str:
    """The part of a net a parameter belongs to; all that is neither encoder nor classifier counts as decoder."""
    parts = {"backbone.": "backbone", "classifier.": "classifier", "tag_head.": "classifier"}
    return next((part for key, part in parts.items() if key in name), "decoder")


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
