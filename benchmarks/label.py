"""Labelling throughput: the engine alone, `swsss-label` end to end, and the authors' way, side by side in one run.

    python benchmarks/label.py IMAGES --labels tags.csv --classes classes.txt --json benchmarks/results/label.json
    python benchmarks/label.py IMAGES ... --backbone resnet50 --images 24

(a) the engine alone on images that are decoded already: the ceiling; (b) `swsss-label`: listing, decoding, inference,
encoding, writing, journal, manifest and report; (c) PyTorch eager, batch 1, all classes upsampled, softmax, tags,
`cv2.imwrite` (benchmarks/authors_label.py). They take turns; the median of the rounds counts. Weights are
random, which changes no time; tags keep their names, and classes the net has besides are never tagged.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import torch
from authors_label import AuthorsLabeller

from swsss.checkpoint import Checkpoint, save_checkpoint
from swsss.data.classes import ClassTable, read_classes
from swsss.data.images import Pixels, read_upright
from swsss.data.listing import list_images
from swsss.data.tags import read_tags, write_tags
from swsss.export.exporting import ExportOptions, export_onnx
from swsss.export.int8 import Calibration
from swsss.export.source import load_source
from swsss.model.engine import Candidates
from swsss.nets import DeepLabV3Plus, NetConfig
from swsss.serve.engines.onnx import OnnxEngine
from swsss.serve.label import Order, carry_out

SMALL = {"aspp_channels": 128, "aspp_rates": (3, 6, 9), "shortcut_channels": 32, "shortcut_kernel": 1}


class Work:
    """Some of the user's images in a folder of their own, with their tags."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.known, self.folder, self.images = read_classes(options.classes), folder, folder / "images"
        everything = list_images(options.images)
        self.names = everything[: options.count]
        tags = read_tags(options.labels, self.known, everything)
        self.tags = {name: sorted(tags.get(name, frozenset())) for name in self.names}
        self.images.mkdir()
        for name in self.names:
            shutil.copy(options.images / name, self.images / name)
        write_tags(
            folder / "tags.csv", [(name, [self.known.names[tag] for tag in self.tags[name]]) for name in self.names]
        )


def make_checkpoint(options: argparse.Namespace, known: ClassTable, count: int, path: Path) -> DeepLabV3Plus:
    """A random net of `count` classes, the known ones first, saved as a checkpoint."""
    torch.manual_seed(0)
    shape = SMALL if options.backbone.startswith("mobilenet") else {}
    net = DeepLabV3Plus(NetConfig.model_validate({"backbone": options.backbone, **shape}), count).eval()
    names = (*known.names, *(f"other {index}" for index in range(count - len(known))))
    save_checkpoint(path, Checkpoint(net, ClassTable(names), "conditioned", "hybridnet"))
    return net


def engine_rate(engine: OnnxEngine, ready: Sequence[tuple[Pixels, Candidates]]) -> float:
    """Images/s of an engine on images decoded before, once it is warm."""
    engine.label(*ready[0])
    started = time.perf_counter()
    for pixels, candidates in ready:
        engine.label(pixels, candidates)
    return len(ready) / (time.perf_counter() - started)


def engine_alone(model: Path, work: Work, device: str) -> Callable[[], float]:
    """Images/s of the engine on images decoded before."""
    engine = OnnxEngine(model, device)

    def run() -> float:
        ready = [(read_upright(work.images / name)[None], np.array([[0, *work.tags[name]]])) for name in work.names]
        return engine_rate(engine, ready)

    return run


def end_to_end(model: Path, work: Work, device: str) -> Callable[[], float]:
    """Images/s from the listing to the report; the model is loaded before, as in (a)."""

    def run() -> float:
        out = work.folder / "labels"
        shutil.rmtree(out, ignore_errors=True)
        told: list[float] = []
        order = Order(work.images, work.folder / "tags.csv", model, out, device=device)
        carry_out(order, tell=lambda line: told.append(time.perf_counter()))
        return len(work.names) / (time.perf_counter() - told[0])  # the first line names the engine, loaded by then

    return run


def authors_way(net: DeepLabV3Plus, tta: str, work: Work, options: argparse.Namespace) -> Callable[[], float]:
    """Images/s of the authors' script, on the first few images."""
    labeller = AuthorsLabeller(net, tta, options.device)
    out = work.folder / "authors"
    out.mkdir(exist_ok=True)
    names = work.names[: options.authors_count]

    def run() -> float:
        labeller.label(work.images / names[0], work.tags[names[0]], out)
        started = time.perf_counter()
        for name in names:
            labeller.label(work.images / name, work.tags[name], out)
        return len(names) / (time.perf_counter() - started)

    return run


def measure(runs: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Images/s of each, the median over rounds in which they take turns."""
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            rates[name].append(run())
    return {name: statistics.median(values) for name, values in rates.items()}


def case(options: argparse.Namespace, work: Work, count: int, tta: str) -> list[dict[str, Any]]:
    """Rows of one net and one test-time augmentation: fp32 and int8."""
    checkpoint = work.folder / f"net{count}.safetensors"
    net = make_checkpoint(options, work.known, count, checkpoint)
    runs: dict[str, Callable[[], float]] = {"c": authors_way(net, tta, work, options)}
    for precision in options.precisions:
        model = work.folder / f"{count}-{tta}-{precision}.onnx"
        calibration = Calibration(work.images, 8) if precision == "int8" else None
        export_onnx(load_source(checkpoint), model, ExportOptions(precision, tta, calibration=calibration))  # type: ignore[arg-type]
        runs[f"a {precision}"] = engine_alone(model, work, options.device)
        runs[f"b {precision}"] = end_to_end(model, work, options.device)
    rates = measure(runs, options.rounds)
    return [
        {
            "classes": count,
            "tta": tta,
            "precision": precision,
            "a_engine_images_per_second": round(rates[f"a {precision}"], 2),
            "b_swsss_label_images_per_second": round(rates[f"b {precision}"], 2),
            "c_authors_images_per_second": round(rates["c"], 2),
            "b_over_a": round(rates[f"b {precision}"] / rates[f"a {precision}"], 2),
            "b_over_c": round(rates[f"b {precision}"] / rates["c"], 2),
        }
        for precision in options.precisions
    ]


def machine(options: argparse.Namespace) -> dict[str, Any]:
    """Where it was measured."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": names[0].partition(": ")[2] if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "gpu": torch.cuda.get_device_name() if options.device == "cuda" else None,
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "opencv": cv2.__version__,
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as markdown."""
    lines = ["| classes | TTA | precision | (a) engine | (b) swsss-label | (c) authors | b/a | b/c |", "|---" * 8 + "|"]
    lines += ["| " + " | ".join(str(value) for value in row.values()) + " |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    """Measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--classes", type=Path, required=True, help="classes.txt of the tags")
    parser.add_argument("--backbone", default="mobilenet_v2")
    parser.add_argument("--num-classes", type=int, nargs="*", default=[21, 171])
    parser.add_argument("--tta", nargs="*", default=["none", "paper"])
    parser.add_argument("--precisions", nargs="*", default=["fp32", "int8"])
    parser.add_argument("--count", type=int, default=200, help="images")
    parser.add_argument("--paper-count", type=int, default=16, help="images with --tta paper")
    parser.add_argument("--authors-count", type=int, default=16, help="of them, for (c)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for tta in options.tta:
        options.count = options.paper_count if tta == "paper" else options.count
        with tempfile.TemporaryDirectory() as folder:
            work = Work(options, Path(folder))
            for count in options.num_classes:
                rows += case(options, work, count, tta)
                print(table(rows), flush=True)
    if options.json:
        told = {"machine": machine(options), "backbone": options.backbone, "rounds": options.rounds, "rows": rows}
        options.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
