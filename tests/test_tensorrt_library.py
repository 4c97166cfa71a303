"""Which TensorRT is used, and what is said when there is none that can be."""

import sys

import pytest
from fake_tensorrt import module

from swsss.errors import UserError
from swsss.model.tensorrt.library import Gpu, choose_library, load_library

GPU = Gpu("NVIDIA GeForce RTX 4090", (8, 9))


@pytest.fixture
def install(monkeypatch):
    """Make exactly these versions importable."""

    def put(**versions: str) -> None:
        for name in ("tensorrt", "tensorrt_rtx"):
            found = module(name, versions[name]) if name in versions else None
            monkeypatch.setitem(sys.modules, name, found)  # None: "not installed" to the import statement

    return put


@pytest.mark.parametrize(
    ("gpu", "installed", "wanted", "chosen"),
    [
        (GPU, {"tensorrt": "11.4.0.106", "tensorrt_rtx": "1.7.1"}, None, "tensorrt"),
        (GPU, {"tensorrt": "10.0.1", "tensorrt_rtx": "1.7.1"}, "tensorrt_rtx", "tensorrt_rtx"),
        (GPU, {"tensorrt_rtx": "1.7.1"}, None, "tensorrt_rtx"),
        (None, {"tensorrt": "11.4.0.106", "tensorrt_rtx": "1.7.1"}, None, "tensorrt_rtx"),
    ],
)
def test_choose_library(install, gpu, installed, wanted, chosen):
    install(**installed)
    library = choose_library(gpu, wanted)
    assert (library.name, library.version) == (chosen, installed[chosen])


@pytest.mark.parametrize(
    ("gpu", "installed", "wanted", "words"),
    [
        (GPU, {}, None, ["No TensorRT is installed", "'swsss[tensorrt]'", "'swsss[tensorrt-rtx]'"]),
        (None, {}, "tensorrt_rtx", ["TensorRT-RTX is not installed", "pip install 'swsss[tensorrt-rtx]'"]),
        (GPU, {"tensorrt_rtx": "1.7"}, "tensorrt", ["TensorRT is not installed", "pip install 'swsss[tensorrt]'"]),
        (GPU, {"tensorrt": "8.6.1"}, None, ["TensorRT 8.6.1 is too old", "10 or newer", "'swsss[tensorrt]'"]),
        (None, {"tensorrt": "11.4.0.106"}, None, ["none is usable here", "pip install 'swsss[tensorrt-rtx]'"]),
    ],
)
def test_choose_library__refuses_in_a_sentence(install, gpu, installed, wanted, words):
    install(**installed)
    with pytest.raises(UserError) as told:
        choose_library(gpu, wanted)
    assert [word for word in words if word not in str(told.value)] == []


def test_load_library__installed_but_broken(tmp_path, monkeypatch):
    (tmp_path / "tensorrt.py").write_text("raise OSError('libnvinfer.so.11: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    with pytest.raises(UserError, match=r"installed but cannot be loaded \(libnvinfer.so.11.*pip install"):
        load_library("tensorrt")
