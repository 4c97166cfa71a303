"""Time and peak memory of one stage-1 step: ours against the same formulas written as the authors' loop does it.

    python benchmarks/train_step.py --json benchmarks/results/train_step.json
    python benchmarks/train_step.py --device cuda --backbone resnet101 --output-stride 8 --crop 384 --batch 10 --steps 5

The variants, with the same nets, weights and images, take turns in one process: the transcription, ours in float32
(so that the share of the precision shows), ours with the precision that `run.precision = "auto"` chooses here; and,
one net each, CCE with every image labelled and the teacher rule with half of them, at that precision. Peak memory is
what a process of each variant grows by over its first steps, in processes of their own.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from authors_step import AuthorsStep
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim import SGD

from swsss.candidates import candidate_ids
from swsss.config import load_config
from swsss.nets import DeepLabV3Plus, NetConfig
from swsss.nets.names import TORCHVISION
from swsss.predict import fast_precision
from swsss.training.distributed import PRECISIONS
from swsss.training.loader import Batch
from swsss.training.tasks import CrossTraining, Supervised, Task
from swsss.training.teacher import TeacherTraining

Step = Callable[[], Tensor]
Figures = dict[str, dict[str, Any]]


class OurStep:
    """One step as `swsss.training.loop.train` does it."""

    def __init__(self, make: Callable[[Fabric], Task], batch: Batch, device: str, precision: str) -> None:
        self.fabric = Fabric(accelerator=device, devices=1, precision=PRECISIONS[precision])
        self.fabric.launch()
        self.task = make(self.fabric)
        self.task.module.to(memory_format=torch.channels_last)
        self.task.memory.to(self.fabric.device)
        bare = SGD(self.task.module.parameters(), lr=1e-3, momentum=0.9, weight_decay=4e-5)
        self.module, self.optimizer = self.fabric.setup(self.task.module, bare)
        self.module.train()
        self.batch = batch

    def __call__(self) -> Tensor:
        """The loss, still on the device."""
        self.optimizer.zero_grad()
        terms = self.task.losses(self.module, self.batch.to(self.fabric.device), 0)
        self.fabric.backward(terms["loss"])
        self.optimizer.step()
        self.task.after_step()
        return terms["loss"].detach()


def make_batch(size: int, crop: int, classes: int) -> Batch:
    """Random images of one to three foreground classes each (VOC: 1.5 on average); masks in the first half."""
    generator = torch.Generator().manual_seed(0)
    tags = torch.zeros(size, classes, dtype=torch.bool)
    tags[:, 0] = True
    for row in range(size):
        tags[row, 1 + torch.randperm(classes - 1, generator=generator)[: 1 + row % 3]] = True
    patches, masks = -(-crop // 32), torch.zeros(size, crop, crop, dtype=torch.uint8)
    for row in range(size // 2):
        ids = tags[row].nonzero().flatten()
        drawn = ids[torch.randint(len(ids), (patches, patches), generator=generator)].to(torch.uint8)
        masks[row] = drawn.repeat_interleave(32, 0).repeat_interleave(32, 1)[:crop, :crop]
    images = torch.randint(0, 256, (size, 3, crop, crop), generator=generator, dtype=torch.uint8)
    return Batch(images, masks, torch.arange(size) < size // 2, tags, candidate_ids(tags), ("",) * size)


def make_step(variant: str, options: argparse.Namespace) -> Step:
    """A variant ("auto", "32" or "authors") with fresh nets, the same for all."""
    torch.manual_seed(0)
    # Without dropout the first losses of the variants can be compared.
    config = NetConfig(backbone=options.backbone, output_stride=options.output_stride, dropout=0.0)
    nets = DeepLabV3Plus(config, options.classes), DeepLabV3Plus(config, options.classes)
    batch = make_batch(options.batch, options.crop, options.classes)
    if variant == "authors":
        return AuthorsStep(nets, batch, torch.device(options.device))
    precision = "32" if variant == "32" else fast_precision(torch.device(options.device))
    if variant == "cce":
        labelled = {"masks": _twice(batch.masks), "tags": _twice(batch.tags), "candidates": _twice(batch.candidates)}
        batch = replace(batch, **labelled, labelled=torch.ones_like(batch.labelled))
    if variant == "teacher":
        batch = replace(batch, strong=batch.images[options.batch // 2 :])
    return OurStep(lambda fabric: _task(variant, nets, fabric), batch, options.device, precision)


def _twice(values: Tensor) -> Tensor:
    """The labelled half, in place of the other one as well."""
    half = values[: len(values) // 2]
    return torch.cat([half, half])


def _task(variant: str, nets: tuple[DeepLabV3Plus, DeepLabV3Plus], fabric: Fabric) -> Task:
    if variant == "cce":
        config = load_config("small").stage2.model_copy(update={"loss": "cce"})
        return Supervised(nets[0], "baseline", config, fabric)
    if variant == "teacher":
        return TeacherTraining(nets[0], load_config("small").stage1, fabric)
    return CrossTraining(*nets, load_config("paper").stage1, fabric)


def variants(options: argparse.Namespace) -> dict[str, str]:
    """What to call the variants that differ on this machine."""
    auto = fast_precision(torch.device(options.device))
    named = {"authors": "transcription", "32": "ours, float32"}
    if auto != "32":
        named["auto"] = f"ours, {auto}"
    return {**named, "cce": f"CCE, {auto}", "teacher": f"teacher, {auto}"}


def take_times(steps: dict[str, Step], options: argparse.Namespace) -> Figures:
    """Losses of the first step, then seconds a step, the variants taking turns."""
    found: Figures = {name: {"first_loss": step().item(), "seconds": []} for name, step in steps.items()}
    for _ in range(options.repetitions):
        for name, step in steps.items():
            _wait(options.device)
            start = time.perf_counter()
            for _ in range(options.steps):
                step()
            _wait(options.device)
            found[name]["seconds"].append((time.perf_counter() - start) / options.steps)
    return found


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def growth(variant: str, options: argparse.Namespace) -> int:
    """Bytes that this process, which does nothing else, grows by over two steps."""
    step = make_step(variant, options)
    before = torch.cuda.memory_allocated() if options.device == "cuda" else _peak_rss()
    for _ in range(2):
        step()
    _wait(options.device)
    return (torch.cuda.max_memory_allocated() if options.device == "cuda" else _peak_rss()) - before


def _peak_rss() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def growth_elsewhere(variant: str) -> int:
    """The same from a process of its own, with this one's options."""
    command = [sys.executable, __file__, *sys.argv[1:], "--memory-of", variant]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def machine(device: str) -> dict[str, Any]:
    """What the figures were taken on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if device == "cuda" else None,
        "torch": torch.__version__,
    }


def parse() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", choices=TORCHVISION, default="resnet50")
    parser.add_argument("--output-stride", type=int, choices=(8, 16), default=16)
    parser.add_argument("--crop", type=int, default=192, help="pixels")
    parser.add_argument("--batch", type=int, default=8, help="images, half of them pixel-labelled")
    parser.add_argument("--classes", type=int, default=21, help="background included")
    parser.add_argument("--steps", type=int, default=1, help="steps in a row that are timed together")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure, print, write."""
    options = parse()
    if options.memory_of:
        print(growth(options.memory_of, options))
        return
    named = variants(options)
    # Before anything is built here: on Linux a process inherits the peak of the one that starts it.
    memory = {name: growth_elsewhere(name) for name in named}
    results = take_times({name: make_step(name, options) for name in named}, options)
    base = statistics.median(results["authors"]["seconds"])
    where = machine(options.device)
    print(f"{where['gpu'] or where['cpu']}, {where['threads']} threads, torch {where['torch']}")
    print(f"{'variant':<16}{'s/step':>9}{'speed':>8}{'peak MiB':>10}{'memory':>8}{'first loss':>12}")
    for name, values in results.items():
        median = statistics.median(values["seconds"])
        values |= {"median": median, "speed": base / median, "peak_bytes": memory[name]}
        values["memory"] = memory[name] / memory["authors"]
        print(
            f"{named[name]:<16}{median:>9.3f}{values['speed']:>7.2f}×{memory[name] / 2**20:>10.0f}"
            f"{values['memory']:>7.2f}×{values['first_loss']:>12.4f}"
        )
    pairs = zip(results["cce"]["seconds"], results["teacher"]["seconds"], strict=True)
    cost = statistics.median(teacher / cce for cce, teacher in pairs)
    print(f"a step of the teacher rule costs {cost:.2f} of a CCE step")
    if options.json:
        settings = {key: value for key, value in vars(options).items() if key not in {"json", "memory_of"}}
        figures = {"machine": where, "settings": settings, "variants": {named[key]: results[key] for key in results}}
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
