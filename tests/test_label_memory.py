"""Memory stays flat over twenty thousand images.

A net would take minutes, so the engine is a stand-in; everything else is what `swsss-label` does.
"""

import os
import subprocess
import sys

import pytest
from labelling import picture, save, table

FEW, MANY = 1_000, 20_000
MOST = 2_000
"""Bytes an image may take: names, tags and times; a row of the manifest or a mask kept would be more."""

PROGRAM = """
import os, re, sys, types
from pathlib import Path
from swsss.data.classes import ClassTable
from swsss.serve import label

info = types.SimpleNamespace(
    task="conditioned", classes=("background", "cat", "dog"), table=ClassTable(("background", "cat", "dog")),
    scales=(1.0,), flip=False, precision="fp32", max_side=2048, about_tags="", tag_penalty=None, nets=1,
    attention=0.0,
)

class Engine:
    info, identity, description, device, reopen = info, "stand-in", "a stand-in", "cpu", None

    def label(self, images, candidates):
        return images[..., 0] // 128, images[..., 1]

os.fsync = lambda number: None  # the slowest part by far, and none of it memory
label.open_engine = lambda *_: Engine()
images, out = map(Path, sys.argv[1:])
result = label.carry_out(label.Order(images, model=Path("any.onnx"), out=out, untagged="all"))
status = Path("/proc/self/status").read_text()
print(result.failed, int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) * 1024)
"""


@pytest.fixture
def shelf(tmp_path):
    """Eight small pictures and something that is none."""
    files = [save(tmp_path / f"{number}.jpg", picture(number, 16, 16)) for number in range(8)]
    (tmp_path / "bad.jpg").write_bytes(b"bad")
    return [*files, tmp_path / "bad.jpg"]


def peak(folder, shelf, count):
    """Bytes at the most while labelling so many images under as many names."""
    for number in range(count):
        path = folder / "images" / f"{number // 1000}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(shelf[number % len(shelf)], path)
    command = [sys.executable, "-c", PROGRAM, folder / "images", folder / "labels"]
    told = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    assert int(told[0]) == count // len(shelf)
    assert len(table(folder / "labels" / "manifest.csv")) == count - count // len(shelf)
    return int(told[1])


def test_label__memory_is_flat(shelf, tmp_path):
    few = peak(tmp_path / "few", shelf, FEW)
    many = peak(tmp_path / "many", shelf, MANY)
    assert many - few < MOST * (MANY - FEW)
