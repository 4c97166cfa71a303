"""What several test modules share: a tiny data set, settings for a run of seconds, and ways to start a command."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from models import random_checkpoint

from swsss.checkpoint import save_checkpoint
from swsss.config import Config, load_config
from swsss.data.dataset import Dataset, open_dataset
from swsss.demo import write_demo
from swsss.export.exporting import export_onnx
from swsss.export.source import load_source

TINY = """
[net]
backbone = "mobilenet_v2"
aspp_channels = 8
aspp_rates = [1, 2, 3]
shortcut_channels = 8
shortcut_kernel = 1
dropout = 0.1

[stage1]
steps = 12
batch = 4
crop = 32
lr = 0.01
zero_iou = "skip"
labelled = { scale = [0.8, 1.25], flip = 0.5, jitter = [0.2, 0.2, 0.2, 0.02], operations = 1 }
unlabelled = { flip = 0.5 }

[labels]
labeller = "average"
tta = "flip"

[stage2]
steps = 8
batch = 4
crop = 32
lr = 0.01

[run]
precision = "32"
workers = 1
log_every = 2
checkpoint_every = 2
preview_every = 6
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option of `make faults`."""
    parser.addoption("--full-faults", action="store_true", help="every fault: 100 kills, 1000 hostile requests")


@pytest.fixture(scope="session")
def full_faults(pytestconfig: pytest.Config) -> bool:
    """Whether `make faults` runs, which tries everything and takes long, or `make test`."""
    return bool(pytestconfig.getoption("--full-faults"))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo data set of a few kilobytes; tests that change it work on a `copied` one."""
    root = tmp_path_factory.mktemp("tiny") / "data"
    write_demo(root, train=12, strong=4, val=4, size=64)
    return root


@pytest.fixture(scope="session")
def dataset(data: Path) -> Dataset:
    return open_dataset(data)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Settings that train both stages in seconds."""
    path = tmp_path_factory.mktemp("settings") / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_config(tiny: Path) -> Config:
    return load_config(file=tiny)


@pytest.fixture
def copied(data: Path, tmp_path: Path) -> Path:
    """The data set, to be changed."""
    return Path(shutil.copytree(data, tmp_path / "data"))


@dataclass(frozen=True)
class Started:
    """A command that runs, and the file with what it tells."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def told(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def ended(self, code: int = 0, seconds: float = 300) -> str:
        """What it told, once it has ended with that exit code."""
        assert self.process.wait(seconds) == code, self.told
        return self.told

    def when(self, happened: Callable[[], object], seconds: float = 300) -> None:
        """Come back the moment something has happened; the command must not end before."""
        deadline = time.monotonic() + seconds
        while not happened():
            assert self.process.poll() is None, self.told
            assert time.monotonic() < deadline, self.told
            time.sleep(0.002)


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Started]]:
    """Start an installed command as a shell would: in a process group of its own. What is left at the end is killed."""
    folder = tmp_path_factory.mktemp("told")
    started: list[Started] = []

    def run(command: str | list[str], *arguments: object) -> Started:
        words = [str(Path(sys.executable).parent / command)] if isinstance(command, str) else command
        log = folder / f"{len(started)}.txt"
        # A file, because a pipe stays open as long as any process of a killed group lives.
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*words, *map(str, arguments)],
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # One thread: the same sums in the same order, whatever else the machine does.
                env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
            )
        started.append(Started(process, log))
        return started[-1]

    yield run
    for one in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        one.process.wait()


@pytest.fixture(scope="session")
def order(data: Path, tiny: Path) -> list[object]:
    """Every training command's options but --out."""
    return ["--data", data, "--strong", "strong", "--config", tiny, "--device", "cpu"]


@pytest.fixture(scope="session")
def finished(start: Callable[..., Started], order: list[object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run nobody disturbed; not to be changed."""
    out = tmp_path_factory.mktemp("finished") / "run"
    start("swsss-train", "all", *order, "--out", out).ended()
    return out


@pytest.fixture(scope="session")
def checkpoint_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the small random net."""
    path = tmp_path_factory.mktemp("checkpoint") / "small.safetensors"
    save_checkpoint(path, random_checkpoint())
    return path


@pytest.fixture(scope="session")
def model_file(checkpoint_file: Path) -> Path:
    """The same as an ONNX model file."""
    path = checkpoint_file.with_suffix(".onnx")
    export_onnx(load_source(checkpoint_file), path)
    return path


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Semaphore]:
    """An engine that labels an image of a job when it is let: release it as often as images may pass."""
    from swsss.serve.server import hub

    gate = threading.Semaphore(0)
    genuine = hub._Patient.label

    def wait(self, images, candidates):
        assert gate.acquire(timeout=60)
        return genuine(self, images, candidates)

    monkeypatch.setattr(hub._Patient, "label", wait)
    yield gate
    gate.release(1000)
