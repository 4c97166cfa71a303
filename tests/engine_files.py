"""Engine files for the stand-in of TensorRT's runtime, and machines to open them on."""

import functools
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from fake_tensorrt import Fake

from swsss.model.file import read_info
from swsss.model.tensorrt.library import Gpu
from swsss.model.tensorrt.profiles import make_profile, parse_sizes
from swsss.model.tensorrt.sidecar import EngineInfo, Sidecar, this_platform
from swsss.serve.engines.tensorrt_session import TensorRTSession

GPU = Gpu("NVIDIA GeForce RTX 4090", (8, 9))
VERSION = "11.4.0.106"
PROFILES = tuple(make_profile(size, 5, conditioned=True) for size in parse_sizes("1x40x60,3x64x64"))


@pytest.fixture
def engine_file(model_file: Path, tmp_path: Path) -> Callable[..., Path]:
    """An engine file (for the stand-in: an ONNX file) with a sidecar that says what is given."""

    def make(plan: bytes = model_file.read_bytes(), task: str = "conditioned", **engine: object) -> Path:
        path = tmp_path / "small.engine"
        path.write_bytes(plan)
        described = {
            "library": "tensorrt",
            "version": VERSION,
            "compute_capability": "8.9",
            "platform": this_platform(),
            "swsss": "0.1.0",
            "onnx": "",
            "sha256": hashlib.sha256(plan).hexdigest(),
            "profiles": PROFILES,
        } | engine
        info = read_info(model_file).model_copy(update={"task": task})
        sidecar = Sidecar(**dict(info), engine=EngineInfo(**described))
        path.with_name("small.engine.json").write_bytes(sidecar.to_json())
        return path

    return make


@pytest.fixture
def machine(monkeypatch) -> Callable[..., Fake]:
    """A machine with a GPU and a library, which computes on the CPU all the same."""

    def make(name="tensorrt", version=VERSION, gpu=GPU, change=lambda engine: engine, profiles=PROFILES) -> Fake:
        fake = Fake(profiles, change)
        for other in ("tensorrt", "tensorrt_rtx"):
            monkeypatch.setitem(sys.modules, other, fake.module(name, version) if other == name else None)
        monkeypatch.setattr("swsss.serve.engines.tensorrt.current_gpu", lambda: gpu)
        on_cpu = functools.partial(TensorRTSession, device=torch.device("cpu"))
        monkeypatch.setattr("swsss.serve.engines.tensorrt_session.TensorRTSession", on_cpu)
        return fake

    return make
