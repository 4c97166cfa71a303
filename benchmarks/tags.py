"""Seconds to read and check a `tags.csv` of a million rows, in both of its shapes.

    python benchmarks/tags.py

The rows name images of the VOC classes in folders of 1 000, with 50 different sets of labels. What is told: the median
time, and what the process has grown by per row, beyond the list of the images that the rows are checked against.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np

from swsss.data.classes import VOC_NAMES, ClassTable
from swsss.data.tags import read_tags

CLASSES = ClassTable(tuple(VOC_NAMES))


def image_names(rows: int) -> list[str]:
    """Paths as `list_images` gives them."""
    return [f"part_{index // 1000:05d}/image_{index:08d}.jpg" for index in range(rows)]


def label_sets(count: int = 50) -> list[list[int]]:
    """Different sets of 1 to 4 class ids."""
    random = np.random.default_rng(0)
    sets = {
        tuple(sorted(random.choice(np.arange(1, len(CLASSES)), 1 + index % 4, False))) for index in range(4 * count)
    }
    return [[int(index) for index in ids] for ids in sorted(sets)[:count]]


def lines(shape: str, images: list[str]) -> Iterator[str]:
    """The text of the file."""
    sets = label_sets()
    if shape == "labels":
        yield "image,labels\n"
        fields = [";".join(CLASSES.names[index] for index in ids) for ids in sets]
    else:
        yield ",".join(["image", *CLASSES.names[1:]]) + "\n"
        fields = [",".join("01"[index in ids] for index in range(1, len(CLASSES))) for ids in sets]
    for image, field in zip(images, cycle(fields), strict=False):
        yield f"{image},{field}\n"


def peak_bytes() -> int:
    """The most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(shape: str, rows: int, repetitions: int) -> None:
    """Write a file, read it, print a line."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tags.csv"
        images = image_names(rows)
        with path.open("w") as file:
            file.writelines(lines(shape, images))
        before = peak_bytes()
        seconds = []
        for _ in range(repetitions):
            start = time.perf_counter()
            found = read_tags(path, CLASSES, images)
            seconds.append(time.perf_counter() - start)
            if len(found) != rows:
                raise SystemExit(f"{len(found)} of {rows} rows were found.")
            del found
        grown = (peak_bytes() - before) / rows
        size = path.stat().st_size / 1e6
    print(f"{shape:<8}{rows:>12,} rows{size:>8.0f} MB{statistics.median(seconds):>8.2f} s{grown:>8.0f} bytes a row")


def main() -> None:
    """Measure each shape in a process of its own, so that the peaks are their own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--shape", choices=("labels", "wide"), help="only this one, in this process")
    options = parser.parse_args()
    if options.shape:
        measure(options.shape, options.rows, options.repetitions)
        return
    for shape in ("labels", "wide"):
        subprocess.run([sys.executable, *sys.argv, "--shape", shape], check=True)


if __name__ == "__main__":
    main()
