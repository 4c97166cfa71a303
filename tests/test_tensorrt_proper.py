"""TensorRT proper, as far as it goes without a GPU: its builder is TensorRT-RTX's here, its runtime a stand-in."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_tensorrt import Fake, module

from swsss.errors import UserError
from swsss.export.tensorrt.build import EngineOptions
from swsss.export.tensorrt.cache import TimingCache, cache_folder, cache_path
from swsss.export.tensorrt.engine import build_engine
from swsss.model.tensorrt.library import Gpu, Library, choose_library, make_logger, started
from swsss.model.tensorrt.profiles import make_profile, parse_sizes
from swsss.model.tensorrt.sidecar import this_platform

rtx = pytest.importorskip("tensorrt_rtx")

GPU = Gpu("NVIDIA RTX 6000 Ada (48 GB)", (8, 9))
PROFILES = [make_profile(parse_sizes("1x64x64")[0], 5, conditioned=True)]
CACHE = "swsss/tensorrt-10.13.2.6-NVIDIA-RTX-6000-Ada-48-GB-8.9.timing"

pytestmark = pytest.mark.filterwarnings("ignore:Use Deprecated:DeprecationWarning")


@pytest.fixture
def model(model_file: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(model_file, tmp_path / "m.onnx"))


@pytest.fixture
def options(monkeypatch, tmp_path, model) -> Callable[..., EngineOptions]:
    def install(change=lambda engine: engine) -> EngineOptions:
        runtime = Fake(PROFILES, change, model.read_bytes()).module("tensorrt", "10.13.2.6")
        members = {name: getattr(rtx, name) for name in dir(rtx) if not name.startswith("__")}
        members |= {"Runtime": runtime.Runtime, "TensorIOMode": runtime.TensorIOMode}
        monkeypatch.setitem(sys.modules, "tensorrt", module("tensorrt", "10.13.2.6", **members))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        return EngineOptions(choose_library(GPU), GPU, parse_sizes("1x64x64"))

    return install


def test_build_engine__belongs_to_this_gpu_and_system(options, model, tmp_path):
    build_engine(model, options())
    engine = json.loads(model.with_name("m.engine.json").read_text(encoding="utf-8"))["engine"]
    del engine["profiles"], engine["onnx"], engine["sha256"], engine["swsss"]
    assert engine == {
        "library": "tensorrt",
        "version": "10.13.2.6",
        "compute_capability": "8.9",
        "platform": this_platform(),
    }
    assert (tmp_path / "cache" / CACHE).stat().st_size > 0


def test_build_engine__a_cache_that_cannot_be_kept_costs_nothing_but_time(options, model, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    told = []
    build_engine(model, options(), tell=told.append)
    assert model.with_name("m.engine").is_file()
    assert "timing cache" in told[-1]


def no_engine(engine):
    return None


def other_profile(engine):
    engine.profiles = [make_profile(parse_sizes("1x64x65")[0], 5, conditioned=True)]
    return engine


def too_many_profiles(engine):
    engine.num_optimization_profiles = 2
    return engine


def swapped(engine):
    engine.places["mask"] = (engine.places["image"][0], engine.places["mask"][1])
    return engine


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (no_engine, "built an engine that it cannot load: the plan is of another planet."),
        (other_profile, "has the profiles"),
        (too_many_profiles, "has the profiles"),
        (swapped, "the input mask uint8[-1, -1, -1] instead of the output mask uint8[-1, -1, -1]"),
    ],
)
def test_build_engine__looks_at_what_was_built(options, model, change, words):
    with pytest.raises(UserError) as told:
        build_engine(model, options(change))
    assert words in str(told.value)
    assert not model.with_name("m.engine").exists()


def test_started__driver_too_old():
    def refuse(logger):
        logger.log(rtx.ILogger.Severity.WARNING, "take care")
        logger.log(rtx.ILogger.Severity.ERROR, "CUDA driver version is insufficient.\nand so on")
        raise TypeError("pybind11::init(): factory function returned nullptr")

    library = Library("tensorrt", "10.13.2.6", rtx)
    with pytest.raises(UserError, match=r"^TensorRT 10.13.2.6 does not start: CUDA driver version is insufficient\.$"):
        started(library, refuse, make_logger(library))


class Config:
    """A configuration whose library takes only caches that begin with its own name."""

    attached = None

    def create_timing_cache(self, stored: bytes):
        if stored and not stored.startswith(b"mine"):
            return None
        return Cache(stored)

    def set_timing_cache(self, cache, ignore_mismatch: bool) -> bool:
        if cache.data == b"mine, but of another GPU" and not ignore_mismatch:
            return False
        self.attached = cache
        return True


class Cache:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def serialize(self) -> bytes:
        return self.data


@pytest.mark.parametrize(
    ("stored", "used"),
    [(None, b""), (b"mine, well kept", b"mine, well kept"), (b"damaged", b""), (b"mine, but of another GPU", b"")],
)
def test_timing_cache(tmp_path, stored, used):
    path = tmp_path / "new" / "x.timing"
    if stored is not None:
        path.parent.mkdir()
        path.write_bytes(stored)
    config = Config()
    cache = TimingCache(config, path)
    assert config.attached.data == used
    config.attached.data = b"mine, learned more"
    cache.save(pytest.fail)
    assert path.read_bytes() == b"mine, learned more"


def test_timing_cache__nothing_new_is_not_written(tmp_path):
    path = tmp_path / "x.timing"
    path.write_bytes(b"mine")
    before = path.stat().st_mtime_ns, path.stat().st_ino
    TimingCache(Config(), path).save(pytest.fail)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


@pytest.mark.parametrize(
    ("environment", "folder"),
    [({"XDG_CACHE_HOME": "/far"}, "/far/swsss"), ({"XDG_CACHE_HOME": "", "HOME": "/me"}, "/me/.cache/swsss")],
)
def test_cache_folder(monkeypatch, environment, folder):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(cache_folder()) == folder


def test_cache_path__differs_by_version_and_gpu():
    library = Library("tensorrt", "10.13.2.6", rtx)
    newer = Library("tensorrt", "11.4.0.106", rtx)
    paths = {cache_path(one, gpu) for one in (library, newer) for gpu in (GPU, Gpu(GPU.name, (9, 0)))}
    assert len(paths) == 4
