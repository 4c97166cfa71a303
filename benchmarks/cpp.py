"""The native program beside `swsss-label`: the same bytes, and what they cost, side by side in one run.

    python benchmarks/cpp.py IMAGES --labels tags.csv --model model.onnx --json benchmarks/results/cpp.json

Both programs label IMAGES as a user starts them, in processes of their own, in turns; the median of rounds counts.

- all files are compared byte for byte, also those of a run that one program began and the other finished;
- images/s from start to end, start and model included, and of the labelling alone as both programs tell it;
- of the engine alone (Python, images decoded before): the ceiling;
- seconds from the start of the process to the first mask, of `--limit 1`;
- peak memory (largest resident set);
- where `swsss-run --profile` says the time goes, and how large an installation is without ONNX Runtime.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from label import engine_rate

from swsss.data.images import read_upright
from swsss.data.listing import list_images
from swsss.data.tags import read_tags
from swsss.serve.engines.onnx import OnnxEngine

PYTHON = Path(sys.executable).parent / "swsss-label"


@dataclass(frozen=True)
class Ended:
    """A command that has run: what it told, how long it took, and the most memory it held."""

    told: str
    seconds: float
    peak_mib: float
    first_mask: float


def watch(command: Sequence[object], out: Path) -> Ended:
    """Run a labelling command to its end."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(list(map(str, command)), stdout=told, stderr=subprocess.STDOUT)
        first = peak = 0.0
        while process.poll() is None:
            # Looked at every half millisecond until the first mask has its name, and seldom after.
            if not first and (out / "masks").is_dir() and any((out / "masks").glob("[!.]*.png")):
                first = time.perf_counter() - started
            peak = max(peak, peak_mib(process.pid))
            time.sleep(0.05 if first else 0.0005)
        seconds = time.perf_counter() - started
        status = process.returncode
        told.seek(0)
        text = told.read()
    if status:
        raise SystemExit(f"{command[0]} ended with {status}:\n{text}")
    return Ended(text, seconds, peak, first or seconds)


def peak_mib(process: int) -> float:
    """The most memory a process has held up to now; what wait4 tells counts this benchmark's own from before exec."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def contents(out: Path) -> dict[str, str]:
    """Hash of every file but the journal and the report, which tell times."""
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "report.html" and not path.name.startswith("journal.sqlite")
    }


class Programs:
    """Both programs with the user's options."""

    def __init__(self, options: argparse.Namespace, work: Path) -> None:
        self.work = work
        self.rest = [options.images, "--labels", options.labels, "--model", options.model, "--device", options.device]
        self.rest += ["--threads", options.threads]
        self.first = {"python": PYTHON, "native": options.native}

    def run(self, program: str, name: str, *options: object, fresh: bool = True) -> Ended:
        """Label into a folder of that name."""
        out = self.work / name
        if fresh:
            shutil.rmtree(out, ignore_errors=True)
        return watch([self.first[program], *self.rest, "--out", out, *options], out)


def same_bytes(programs: Programs, count: int) -> dict[str, Any]:
    """Compare what the programs leave, each alone and one after the other."""
    for program in ("python", "native"):
        programs.run(program, program, "--confidence")
    expected = contents(programs.work / "python")
    found = {"native": contents(programs.work / "native") == expected}
    for first, second in (("python", "native"), ("native", "python")):
        name = f"{first} then {second}"
        programs.run(first, name, "--confidence", "--limit", count // 2)
        told = programs.run(second, name, "--confidence", fresh=False).told
        went_on = f"{count // 2} of" in told
        found[name] = went_on and contents(programs.work / name) == expected
    masks = sum(1 for name in expected if name.startswith("masks/"))
    return {"files": len(expected), "masks": masks, "equal": found}


def engine_alone(options: argparse.Namespace) -> Callable[[], float]:
    """Images/s of the engine on images decoded before."""
    engine = OnnxEngine(options.model, options.device, options.threads)
    names = list_images(options.images)
    tags = read_tags(options.labels, engine.info.table, names)
    chosen = [name for name in names if name in tags]
    ready = [(read_upright(options.images / name)[None], np.array([[0, *sorted(tags[name])]])) for name in chosen]
    return lambda: engine_rate(engine, ready)


def labelling_rate(ended: Ended) -> float:
    """Images/s as the program tells them: labelling alone, without start and finish."""
    found = re.search(r"(\d+) images in ([\d.]+) s \(([\d.]+) images/s\)", ended.told)
    if found is None:
        raise SystemExit(f"no rate was told:\n{ended.told}")
    return float(found[3])


def measure(options: argparse.Namespace, programs: Programs, count: int) -> dict[str, Any]:
    """Figures of the rounds in which engine and programs take turns."""
    alone = engine_alone(options)
    rates: dict[str, list[float]] = {}

    def note(name: str, value: float) -> None:
        rates.setdefault(name, []).append(value)

    for _ in range(options.rounds):
        note("engine alone, images/s", alone())
        for program in ("python", "native"):
            whole = programs.run(program, program)
            note(f"{program}: labelling, images/s", labelling_rate(whole))
            note(f"{program}: from start to end, images/s", count / whole.seconds)
            note(f"{program}: peak memory, MiB", whole.peak_mib)
            note(f"{program}: start to first mask, s", programs.run(program, program, "--limit", 1).first_mask)
    return {name: round(statistics.median(values), 3) for name, values in rates.items()}


def ratios(figures: dict[str, float]) -> dict[str, float]:
    """What the targets are about."""
    kinds = ["labelling, images/s", "from start to end, images/s", "peak memory, MiB", "start to first mask, s"]
    found = {f"native / python: {kind}": figures[f"native: {kind}"] / figures[f"python: {kind}"] for kind in kinds}
    alone = figures["native: labelling, images/s"] / figures["engine alone, images/s"]
    return {name: round(value, 3) for name, value in {**found, "native labelling / engine alone": alone}.items()}


def installed_mib(build: Path) -> float:
    """Megabytes that `cmake --install` puts down: program, library, headers."""
    with tempfile.TemporaryDirectory() as prefix:
        subprocess.run(["cmake", "--install", build, "--prefix", prefix, "--strip"], check=True, capture_output=True)
        sizes = [path.stat().st_size for path in Path(prefix).rglob("*") if path.is_file()]
    return round(sum(sizes) / 2**20, 2)


def machine() -> dict[str, Any]:
    """Where it was measured."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpu": names[0].partition(": ")[2] if names else "",
        "cores": len(os.sched_getaffinity(0)),
        "onnxruntime": onnxruntime.__version__,
    }


def main() -> None:
    """Compare, measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--build", type=Path, default=Path("build/cpp/release"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.native = options.build / "app" / "swsss-run"
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(options, Path(folder))
        count = len(list_images(options.images))
        equality = same_bytes(programs, count)
        print(json.dumps(equality, indent=1), flush=True)
        figures = measure(options, programs, count)
        profile = programs.run("native", "native", "--profile").told
    told = {
        "machine": machine(),
        "model": {"file": options.model.name, "precision": OnnxEngine(options.model, "cpu").info.precision},
        "threads": options.threads or "all",
        "rounds": options.rounds,
        "bytes": equality,
        "figures": figures,
        "ratios": ratios(figures),
        "profile": [line.strip() for line in profile.splitlines() if "ms an image" in line],
        "installed without ONNX Runtime, MiB": installed_mib(options.build),
    }
    print(json.dumps(told, indent=1))
    if options.json:
        options.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
