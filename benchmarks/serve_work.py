"""What benchmarks/serve.py works on: model files, photos with their tags, and the masks `swsss-label` makes of them."""

import argparse
import csv
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from label import make_checkpoint
from serve_load import Order, read_orders
from serve_processes import Program

from swsss.data.classes import read_classes
from swsss.data.tags import write_tags
from swsss.export.exporting import ExportOptions, export_onnx
from swsss.export.int8 import Calibration
from swsss.export.source import load_source

BIN = Path(sys.executable).parent
SIZES = [(160, 120), (240, 320), (333, 250), (375, 500), (500, 333), (500, 375), (512, 512), (640, 480)]
"""Width and height of the photos of a soak."""


@dataclass(frozen=True)
class Work:
    """Photos, a model, and a folder for what comes out.

    Args:
        images: Folder of photos.
        labels: Their tags.csv.
        model: Model file.
        folder: Where labels and orders lie.
        count: How many of the photos count.
    """

    images: Path
    labels: Path
    model: Path
    folder: Path
    count: int

    @property
    def orders(self) -> Path:
        """What the clients send; see benchmarks/serve_load.py."""
        return self.folder / "orders.json"

    def first(self) -> Order:
        """The first photo, to try a server with."""
        return read_orders(self.orders)[0]

    def write_orders(self) -> None:
        """From the manifest of what was labelled: photos, their tags and their masks."""
        labels = self.folder / "labels"
        with (labels / "manifest.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        orders = [
            {
                "image": str(self.images / row["image"]),
                "tags": row["tags"].split(";") if row["tags"] else [],
                "mask": str(labels / "masks" / row["mask"]),
            }
            for row in rows
        ]
        self.orders.write_text(json.dumps(orders))

    def label(self, out: Path) -> dict[str, Any]:
        """Run `swsss-label` into a folder: its rate as it tells it, from start to end, and its memory."""
        command: list[object] = [
            BIN / "swsss-label",
            self.images,
            "--labels",
            self.labels,
            "--model",
            self.model,
            "--out",
            out,
        ]
        started = time.perf_counter()
        with Program([*command, "--device", "cpu", "--overwrite", "--limit", self.count], self.folder) as program:
            status = program.process.wait()
            seconds = time.perf_counter() - started
            told = program.told()
        found = re.search(r"(\d+) images in ([\d.]+) s \(([\d.]+) images/s\)", told)
        if status or found is None:
            raise SystemExit(f"swsss-label ended with {status}:\n{told}")
        images, spent, rate = map(float, found.groups())
        # Both are told with one decimal: the larger number is the more exact one.
        rate = images / spent if spent > rate else rate
        from_start_to_end = round(images / seconds, 3)
        peak = round(program.peak_mib, 1)
        return {"images_per_second": round(rate, 3), "whole_images_per_second": from_start_to_end, "peak_mib": peak}


def prepare(images: Path, labels: Path, model: Path, folder: Path, count: int) -> Work:
    """Label the photos once, so that there is something to compare with."""
    folder.mkdir()
    work = Work(images.resolve(), labels.resolve(), model.resolve(), folder, count)
    work.label(folder / "labels")
    work.write_orders()
    return work


def resize(work: Work, folder: Path) -> Work:
    """The same photos in eight sizes, in turn, labelled."""
    images = folder / "images"
    images.mkdir(parents=True)
    rows = []
    for index, order in enumerate(json.loads(work.orders.read_text())):
        path = images / Path(order["image"]).with_suffix(".jpg").name
        pixels = cv2.imread(order["image"], cv2.IMREAD_COLOR)
        cv2.imwrite(str(path), cv2.resize(pixels, SIZES[index % len(SIZES)], interpolation=cv2.INTER_AREA))
        rows.append((path.name, order["tags"]))
    write_tags(folder / "tags.csv", rows)
    return prepare(images, folder / "tags.csv", work.model, folder / "labelled", len(rows))


def random_models(options: argparse.Namespace, folder: Path) -> Sequence[Path]:
    """MobileNetV2 as in the recipe `small` with random weights, which change no time: fp32 and int8."""
    if options.classes is None:
        raise SystemExit("Give --model FILE, or --classes classes.txt to have random ones made.")
    known = read_classes(options.classes)
    checkpoint = folder / "net.safetensors"
    make_checkpoint(argparse.Namespace(backbone="mobilenet_v2"), known, len(known), checkpoint)
    models = []
    for precision in ("fp32", "int8"):
        calibration = Calibration(options.images, 8) if precision == "int8" else None
        models.append(folder / f"{precision}.onnx")
        export_onnx(load_source(checkpoint), models[-1], ExportOptions(precision, calibration=calibration))
    return models
