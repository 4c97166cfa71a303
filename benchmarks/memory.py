"""Memory of one image: what an engine takes beyond the model, by size and candidates, and what it gives back.

    python benchmarks/memory.py --markdown benchmarks/results/memory.md

Each cell is a process of its own that labels a small image and then a large one: `peak` is the highest resident set
while the large one was labelled, less that before; `left` is what is resident a moment after. `cost` is what
`swsss.serve.memory` expects, which must not be below the peak. Weights are random, which changes no memory.
"""

import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from PIL import Image

from swsss.checkpoint import Checkpoint, save_checkpoint
from swsss.data.classes import ClassTable
from swsss.export.exporting import ExportOptions, export_onnx
from swsss.export.int8 import Calibration
from swsss.export.source import load_source
from swsss.nets import NetConfig, build_net
from swsss.serve.engines.onnx import OnnxEngine
from swsss.serve.memory import cost

CLASSES = 60
MOST = 6.0
SMALL = {"aspp_channels": 128, "aspp_rates": (3, 6, 9), "shortcut_channels": 32, "shortcut_kernel": 1}
MODELS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mobilenet_v2": ({"backbone": "mobilenet_v2", **SMALL}, {}),
    "mobilenet_v2 int8": ({"backbone": "mobilenet_v2", **SMALL}, {"precision": "int8"}),
    "mobilenet_v2 plain": ({"backbone": "mobilenet_v2", **SMALL}, {"plain": True}),
    "mobilenet_v2 flip": ({"backbone": "mobilenet_v2", **SMALL}, {"tta": "flip"}),
    "mobilenet_v2 paper": ({"backbone": "mobilenet_v2", **SMALL}, {"tta": "paper"}),
    "resnet50": ({"backbone": "resnet50"}, {}),
    "resnet101 stride 8": ({"backbone": "resnet101", "output_stride": 8}, {}),
    "dinov2 small": ({"backbone": "vit_small_patch14_reg4_dinov2"}, {}),
}
SIZES = {"0.2": (375, 500), "1": (1000, 1000), "3": (1536, 2048), "12": (3000, 4000), "48": (6000, 8000)}


def main() -> None:
    """Measure what the options name, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=list(MODELS))
    parser.add_argument("--sizes", nargs="*", default=list(SIZES))
    parser.add_argument("--candidates", nargs="*", type=int, default=[2, 4, 21, 60])
    parser.add_argument("--most", type=float, default=MOST, help="GiB; cells expected to take more are left out")
    parser.add_argument("--folder", type=Path, help="keep the model files here")
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--cell", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cell:
        print(json.dumps(cell(Path(options.cell[0]), *map(int, options.cell[1:]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = list(measured(options, options.folder or Path(folder)))
    if options.markdown:
        options.markdown.write_text(page(rows), encoding="utf-8")


def measured(options: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """A row a cell."""
    for name in options.models:
        model = made(name, folder)
        engine = OnnxEngine(model, "cpu", 1)
        for size in options.sizes:
            for candidates in options.candidates:
                height, width = SIZES[size]
                expected = cost(engine.info, height, width, candidates)
                if expected > options.most * 2**30 or (candidates != CLASSES and engine.info.task == "plain"):
                    continue
                command = [sys.executable, "-P", __file__, "--cell", model, str(height), str(width), str(candidates)]
                told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
                found = json.loads(told.stdout) if told.returncode == 0 else {"peak": -1, "left": -1, "seconds": -1}
                row = {"model": name, "pixels": height * width, "candidates": candidates, "cost": expected, **found}
                print(json.dumps(row), flush=True)
                yield row


def made(name: str, folder: Path) -> Path:
    """A model file with random weights."""
    path = folder / f"{name.replace(' ', '_')}.onnx"
    if path.exists():
        return path
    config, options = MODELS[name]
    torch.manual_seed(0)
    net = build_net(NetConfig.model_validate(config), CLASSES).eval()
    names = ("background", *(f"class {index}" for index in range(1, CLASSES)))
    checkpoint = path.with_suffix(".safetensors")
    save_checkpoint(checkpoint, Checkpoint(net, ClassTable(names), "conditioned", "hybridnet"))
    if options.get("precision") == "int8":
        noise = folder / "noise"
        noise.mkdir(exist_ok=True)
        for index, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (4, 96, 128, 3), np.uint8)):
            Image.fromarray(pixels).save(noise / f"{index}.png")
        options = options | {"calibration": Calibration(noise)}
    export_onnx(load_source(checkpoint), path, ExportOptions(**options))
    return path


def cell(model: Path, height: int, width: int, candidates: int) -> dict[str, float]:
    """Label a small image, then one of this size; bytes, seconds."""
    engine = OnnxEngine(model, "cpu", 2)
    ids = np.arange(candidates)[None]
    engine.label(np.zeros((1, 64, 64, 3), np.uint8), ids)
    image = np.random.default_rng(0).integers(0, 256, (1, height, width, 3), np.uint8)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    started = time.perf_counter()
    engine.label(image, ids)
    seconds = time.perf_counter() - started
    return {"peak": resident("VmHWM") - before, "left": resident("VmRSS") - before, "seconds": round(seconds, 3)}


def resident(field: str) -> int:
    """Bytes, by a field of `/proc/self/status`."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


def page(rows: Sequence[dict[str, Any]]) -> str:
    """The table."""
    lines = [
        "# Memory of one image",
        "",
        f"    python benchmarks/memory.py --most {MOST:g} --markdown benchmarks/results/memory.md",
        "",
        f"{processor()}; ONNX Runtime {onnxruntime.__version__}, {CLASSES} classes, random weights. MB beyond what is",
        "resident with the model loaded: expected by `swsss.serve.memory.cost`, the peak that was measured, and what",
        "was left when the image was labelled. Cells expected to take more than the limit were left out.",
        "",
        "| model | megapixels | candidates | expected | peak | left |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        numbers = " | ".join(f"{row[name] / 1e6:.0f}" for name in ("cost", "peak", "left"))
        lines.append(f"| {row['model']} | {row['pixels'] / 1e6:.2f} | {row['candidates']} | {numbers} |")
    return "\n".join(lines) + "\n"


def processor() -> str:
    """Its name."""
    found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return found[1] if found else platform.machine()


if __name__ == "__main__":
    main()
