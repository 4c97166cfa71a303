"""TensorRT engines that do not run here: one sentence that says why, and what to do."""

import json
import subprocess
import sys

import pytest
from fake_tensorrt import Mode

from swsss.errors import UserError
from swsss.model.tensorrt.library import Gpu
from swsss.model.tensorrt.profiles import make_profile, parse_sizes
from swsss.model.tensorrt.sidecar import sidecar_path
from swsss.serve.engines.tensorrt import TensorRTEngine

pytest_plugins = ["engine_files"]

REBUILD = "build it again: swsss-export CHECKPOINT --out model.onnx --tensorrt"


def refusal(path) -> str:
    with pytest.raises(UserError) as told:
        TensorRTEngine(path)
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize(
    ("here", "built", "words"),
    [
        ({"version": "11.5.0.1"}, {}, ["built with version 11.4.0.106 of tensorrt", "11.5.0.1 is installed", REBUILD]),
        ({"name": "tensorrt_rtx"}, {}, ["TensorRT is not installed", "pip install 'swsss[tensorrt]'"]),
        ({}, {"library": "tensorrt_rtx"}, ["TensorRT-RTX is not installed", "pip install 'swsss[tensorrt-rtx]'"]),
        ({"gpu": None}, {}, ["needs an NVIDIA GPU", "label with the ONNX file"]),
        (
            {"gpu": Gpu("NVIDIA A100", (8, 0))},
            {},
            ["built for compute capability 8.9, but NVIDIA A100 has 8.0", REBUILD],
        ),
        ({}, {"compute_capability": "9.0+"}, ["built for compute capability 9.0+, but", "has 8.9"]),
        ({}, {"platform": "windows-amd64"}, ["was built on windows-amd64, but this is", REBUILD]),
        ({"change": lambda engine: None}, {}, ["could not load the engine: the plan is of another planet."]),
    ],
)
def test_refuses(engine_file, machine, here, built, words):
    machine(**here)
    told = refusal(engine_file(**built))
    assert [word for word in words if word not in told] == []


@pytest.mark.parametrize("capability", ["8.9", "8.9+", "8.0+", "7.5+"])
def test_runs_on(engine_file, machine, capability):
    machine()
    TensorRTEngine(engine_file(compute_capability=capability))


@pytest.mark.parametrize("missing", ["small.engine", "small.engine.json"])
def test_refuses__half_of_an_engine(engine_file, machine, missing):
    machine()
    path = engine_file()
    path.with_name(missing).unlink()
    told = refusal(path)
    assert f"{missing} is missing" in told
    assert "small.engine and small.engine.json together" in told
    assert REBUILD in told


def test_refuses__the_sidecar_of_another_build(engine_file, machine):
    machine()
    path = engine_file()
    path.write_bytes(path.read_bytes()[:-1])
    assert "is not the engine that small.engine.json describes, or is cut short; " + REBUILD in refusal(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "cannot be read"),
        ("{}", "cannot be read"),
        ("\udcff", "cannot be read"),
        ({"format": 2}, "has format 2, newer than this swsss reads"),
        ({"engine": None}, "does not say how the engine was built; " + REBUILD),
        ({"engine": {"library": "openvino"}}, "does not say how the engine was built; " + REBUILD),
    ],
)
def test_refuses__a_damaged_sidecar(engine_file, machine, text, words):
    machine()
    path = engine_file()
    if isinstance(text, dict):
        text = json.dumps(json.loads(sidecar_path(path).read_text()) | text)
    sidecar_path(path).write_bytes(text.encode(errors="surrogateescape"))
    assert words in refusal(path)


def no_memory(engine):
    engine.create_execution_context = lambda: None
    return engine


def other_types(engine):
    engine.places["image"] = (Mode.OUTPUT, engine.places["image"][1])
    return engine


def other_profiles(engine):
    engine.profiles = [make_profile(parse_sizes("1x40x61")[0], 5, conditioned=True), *engine.profiles[1:]]
    return engine


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (no_memory, "could not reserve memory for the engine's largest size"),
        (other_types, "the output image uint8[-1, -1, -1, 3] instead of the input image uint8[-1, -1, -1, 3]"),
        (other_profiles, "has the profiles"),
    ],
)
def test_refuses__what_its_sidecar_does_not_say(engine_file, machine, change, words):
    machine(change=change)
    assert words in refusal(engine_file())


def test_import__does_not_load_torch(tmp_path):
    code = "import sys; import swsss.serve.engines.tensorrt; print({'torch', 'onnx', 'tensorrt'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=tmp_path, text=True) == "set()\n"
