"""Real engines, built with TensorRT-RTX, which needs no GPU to build."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from models import random_checkpoint

from swsss import __version__
from swsss.errors import UserError
from swsss.export.assemble import assemble
from swsss.export.decision import Decision
from swsss.export.proof import run_case, start_session
from swsss.export.samples import proof_cases
from swsss.export.tensorrt.build import EngineOptions, engine_options
from swsss.export.tensorrt.engine import build_engine
from swsss.model.file import pack, read_info
from swsss.model.info import ModelInfo
from swsss.model.tensorrt.library import load_library
from swsss.model.tensorrt.sidecar import Sidecar, read_engine
from swsss.predict import VIEWS
from swsss.serve.engines.tensorrt import TensorRTEngine
from swsss.serve.engines.tensorrt_session import TensorRTSession

rtx = pytest.importorskip("tensorrt_rtx")

IMAGE = ("image", "UINT8", (-1, -1, -1, 3))
CANDIDATES = ("candidates", "INT64", (-1, -1))
OUTPUTS = [("mask", "UINT8", (-1, -1, -1)), ("confidence", "UINT8", (-1, -1, -1))]


class Watched(rtx.Builder):
    """Notes what the library is given at the moment it builds."""

    built: list[dict[str, object]]

    def __init__(self, logger: object) -> None:
        super().__init__(logger)
        self.profiles = []

    def create_optimization_profile(self) -> object:
        self.profiles.append(super().create_optimization_profile())
        return self.profiles[-1]

    def build_serialized_network(self, network: object, config: object) -> object:
        inputs = [network.get_input(index) for index in range(network.num_inputs)]
        outputs = [network.get_output(index) for index in range(network.num_outputs)]
        layers = [network.get_layer(index) for index in range(network.num_layers)]
        self.built.append(
            {
                "inputs": [(one.name, one.dtype.name, tuple(one.shape)) for one in inputs],
                "outputs": [(one.name, one.dtype.name, tuple(one.shape)) for one in outputs],
                "strong": network.get_flag(rtx.NetworkDefinitionCreationFlag.STRONGLY_TYPED),
                "tf32": config.get_flag(rtx.BuilderFlag.TF32),
                "profiles": [
                    {one.name: [tuple(shape) for shape in profile.get_shape(one.name)] for one in inputs}
                    for profile in self.profiles
                ],
                "number": config.num_optimization_profiles,
                "convolutions": {
                    one.get_output(0).dtype.name for one in layers if one.type == rtx.LayerType.CONVOLUTION
                },
                "quantised": sum(one.type == rtx.LayerType.QUANTIZE for one in layers),
            }
        )
        return super().build_serialized_network(network, config)


@pytest.fixture(scope="module")
def watched() -> Iterator[list[dict[str, object]]]:
    Watched.built = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rtx, "Builder", Watched)
        yield Watched.built


@pytest.fixture(scope="module")
def options(watched: list[dict[str, object]]) -> EngineOptions:
    return engine_options("2x64x96,1x100x100", "tensorrt_rtx")


@pytest.fixture(scope="module")
def model(model_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copy(model_file, tmp_path_factory.mktemp("engine") / "small.onnx"))


@pytest.fixture(scope="module")
def built(model: Path, options: EngineOptions) -> tuple[Sidecar, list[str]]:
    told: list[str] = []
    return build_engine(model, options, tell=told.append), told


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_build_engine__what_the_library_is_given(built, watched):
    given = watched[0]
    assert given["inputs"] == [IMAGE, CANDIDATES]
    assert given["outputs"] == OUTPUTS
    assert (given["strong"], given["tf32"]) == (True, False)
    assert (given["convolutions"], given["quantised"]) == ({"FLOAT"}, 0)
    assert given["number"] == 2
    assert given["profiles"] == [
        {"image": [(1, 1, 1, 3), (2, 64, 96, 3), (2, 128, 128, 3)], "candidates": [(1, 1), (2, 4), (2, 5)]},
        {"image": [(1, 1, 1, 3), (1, 100, 100, 3), (1, 128, 128, 3)], "candidates": [(1, 1), (1, 4), (1, 5)]},
    ]


def test_build_engine__sidecar(built, model, watched):
    found = json.loads(model.with_name("small.engine.json").read_text(encoding="utf-8"))
    engine = found.pop("engine")
    assert ModelInfo.model_validate(found) == read_info(model)
    assert [{name: list(p[name].values()) for name in p} for p in engine.pop("profiles")] == [
        {name: [list(shape) for shape in shapes] for name, shapes in profile.items()}
        for profile in watched[0]["profiles"]
    ]
    assert engine == {
        "library": "tensorrt_rtx",
        "version": rtx.__version__,
        "compute_capability": "8.0+",
        "platform": "any",
        "swsss": __version__,
        "onnx": sha256(model),
        "sha256": sha256(model.with_name("small.engine")),
    }


def test_build_engine__tells_what_it_takes(built):
    _, told = built
    assert rtx.__version__ in told[0]
    assert told[1:] == [
        "  tuned for 2x64x96, takes 1 to 2 images of up to 128×128 pixels",
        "  tuned for 1x100x100, takes 1 image of up to 128×128 pixels",
    ]


def test_build_engine__again(built, model, options):
    again = build_engine(model, options)
    # The library's own bytes differ from build to build.
    assert again.engine.sha256 == sha256(model.with_name("small.engine"))
    same = built[0].engine.model_copy(update={"sha256": again.engine.sha256})
    assert again == built[0].model_copy(update={"engine": same})


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_build_engine__opened_where_there_is_no_gpu(built, model):
    with pytest.raises(UserError, match=r"small.engine needs an NVIDIA GPU"):
        TensorRTEngine(model.with_suffix(".engine"))
    sidecar, plan = read_engine(model.with_suffix(".engine"))
    with pytest.raises(UserError, match=r"could not load the engine: .*\(cudaError 35"):
        TensorRTSession(load_library("tensorrt_rtx"), plan, sidecar, torch.device("cpu"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("library", ["tensorrt", "tensorrt_rtx"])
def test_label__on_a_gpu_as_onnx_runtime_on_the_cpu(library, model, tmp_path):
    pytest.importorskip(library)
    path = Path(shutil.copy(model, tmp_path / "gpu.onnx"))
    build_engine(path, engine_options("1x375x500,3x128x128", library))
    engine, session = TensorRTEngine(path.with_suffix(".engine")), start_session(path.read_bytes())
    for case in list(proof_cases(5, 500))[:3]:
        mask, confidence = engine.label(case.image, case.candidates)
        expected_mask, expected_confidence = run_case(session, case)
        assert (mask == expected_mask).mean() > 0.999
        assert np.abs(confidence.astype(int) - expected_confidence)[mask == expected_mask].mean() < 0.5


def test_build_engine__float16_and_plain(tmp_path, watched, model):
    graph = assemble([random_checkpoint().net], VIEWS["none"], 512, half=True, decision=Decision(conditioned=False))
    info = read_info(model).model_copy(update={"precision": "fp16", "task": "plain", "golden": None})
    (tmp_path / "half.onnx").write_bytes(pack(graph, info))
    sidecar = build_engine(tmp_path / "half.onnx", engine_options("1x64x64", "tensorrt_rtx"))
    assert watched[-1]["inputs"] == [IMAGE]
    assert "HALF" in watched[-1]["convolutions"]
    assert [profile.candidates for profile in sidecar.engine.profiles] == [None]
