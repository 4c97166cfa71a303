"""The TensorRT engine of the labelling pipeline: what it asks the runtime to do.

There is no GPU in CI, so the runtime is a stand-in that computes with ONNX Runtime at the addresses it is given.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import pytest
import torch
from fake_tensorrt import Strategy

from swsss.errors import UserError
from swsss.export.samples import synthetic_images
from swsss.model.tensorrt.library import Gpu
from swsss.model.tensorrt.profiles import make_profile, parse_sizes
from swsss.serve.engines.buffers import Buffers
from swsss.serve.engines.tensorrt import TensorRTEngine
from swsss.serve.models import open_engine
from swsss.serve.settings import default_batch

pytest_plugins = ["engine_files"]


@pytest.fixture(scope="module")
def expected(model_file: Path) -> Callable[[np.ndarray, np.ndarray], list[np.ndarray]]:
    """What ONNX Runtime makes of a batch."""
    session = onnxruntime.InferenceSession(model_file, providers=["CPUExecutionProvider"])

    def run(images: np.ndarray, candidates: np.ndarray) -> list[np.ndarray]:
        return session.run(None, {"image": images, "candidates": candidates})

    return run


def batch(count: int, height: int, width: int, slots: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    candidates = np.full((count, slots), -1, np.int64)
    for row in range(count):
        used = 1 + (row + seed) % slots
        candidates[row, :used] = np.random.default_rng(row).permutation(5)[:used]
    return synthetic_images(count, height, width, seed), candidates


def test_open_engine(engine_file, machine):
    machine()
    engine = open_engine(engine_file())
    assert isinstance(engine, TensorRTEngine)
    assert engine.description == "TensorRT 11.4.0.106, NVIDIA GeForce RTX 4090 (8.9)"
    assert engine.identity == hashlib.sha256(engine_file().read_bytes()).hexdigest()
    assert engine.info.classes == ("background", "cat", "dog", "polar bear", "person")


def test_open_engine__gpu_whose_name_says_cpu(engine_file, machine):
    """Where an engine computes is not read off what people are told."""
    machine(gpu=Gpu("ACME CPU+GPU", (8, 9)))
    engine = open_engine(engine_file())
    assert engine.device == "cuda"
    assert default_batch(engine) > 1


def test_label__whatever_comes_in_whatever_order(engine_file, machine, expected):
    machine()
    engine = TensorRTEngine(engine_file())
    kept = []
    for step, shape in enumerate(
        [(1, 40, 60, 2), (3, 64, 64, 5), (1, 40, 60, 3), (1, 60, 40, 3), (1, 1, 1, 1), (2, 40, 60, 2), (1, 40, 60, 2)]
    ):
        images, candidates = batch(*shape, seed=step)
        kept.append((engine.label(images, candidates), expected(images, candidates)))
    for (mask, confidence), (expected_mask, expected_confidence) in kept:  # later batches leave earlier results alone
        assert mask.dtype == confidence.dtype == np.uint8
        np.testing.assert_array_equal(mask, expected_mask)
        np.testing.assert_array_equal(confidence, expected_confidence)


def test_label__a_batch_larger_than_the_engine_takes(engine_file, machine, expected):
    fake = machine()
    engine = TensorRTEngine(engine_file())
    images, candidates = batch(8, 40, 60, 3)
    found = engine.label(images, candidates)
    for values, wanted in zip(found, expected(images, candidates), strict=True):
        np.testing.assert_array_equal(values, wanted)
    assert [shape[0] for _, shape, _ in fake.engines[0].contexts[0].seen] == [3, 3, 2]


def test_label__profile_of_the_size_and_switched_only_when_it_changes(engine_file, machine):
    fake = machine()
    engine = TensorRTEngine(engine_file())
    for count, height, width in [(1, 40, 60), (1, 40, 60), (2, 40, 60), (3, 64, 64), (1, 30, 50)]:
        engine.label(*batch(count, height, width, 2))
    context = fake.engines[0].contexts[0]
    assert [profile for profile, *_ in context.seen] == [0, 0, 1, 1, 0]
    assert context.switches == [1, 0]


def test_label__memory_of_a_shape_is_used_again(engine_file, machine):
    fake = machine()
    engine = TensorRTEngine(engine_file())
    for _ in range(3):
        engine.label(*batch(1, 40, 60, 2))
        engine.label(*batch(3, 64, 64, 2))
    seen = [addresses for _, _, addresses in fake.engines[0].contexts[0].seen]
    assert seen[0] == seen[2] == seen[4]
    assert seen[1] == seen[3] == seen[5]
    assert len(fake.engines[0].contexts) == 1


def test_label__too_large(engine_file, machine, expected):
    machine()
    engine = TensorRTEngine(engine_file())
    with pytest.raises(UserError) as told:
        engine.label(*batch(2, 65, 10, 2))
    assert "65×10 pixels are too large for the engine" in str(told.value)
    assert "1 image of up to 64×64 pixels, or 1 to 3 images of up to 64×64 pixels" in str(told.value)
    assert str(told.value).endswith("--tensorrt --sizes 1x40x60,3x64x64,1x65x10")
    images, candidates = batch(1, 40, 60, 2)
    np.testing.assert_array_equal(engine.label(images, candidates)[0], expected(images, candidates)[0])


def test_label__the_gpu_fails_and_recovers(engine_file, machine, expected):
    fake = machine()
    engine = TensorRTEngine(engine_file())
    context = fake.engines[0].contexts[0]
    images, candidates = batch(1, 40, 60, 2)
    context.broken = True
    with pytest.raises(UserError, match=r"could not label a batch: an illegal memory access was encountered\.$"):
        engine.label(images, candidates)
    context.broken = False
    np.testing.assert_array_equal(engine.label(images, candidates)[0], expected(images, candidates)[0])


def test_label__outputs_larger_than_their_memory_are_not_computed(engine_file, machine, monkeypatch):
    fake = machine()
    engine = TensorRTEngine(engine_file())
    context = fake.engines[0].contexts[0]
    monkeypatch.setattr(context, "get_tensor_shape", lambda name: (2, 40, 60))
    with pytest.raises(UserError, match=r"could not keep mask at \[1, 40, 60\]"):
        engine.label(*batch(1, 40, 60, 2))
    assert context.seen == []


def test_label__plain(engine_file, machine):
    text = """brightest (uint8[n, h, w, 3] image) => (uint8[n, h, w] mask, uint8[n, h, w] confidence) {
        last = Constant <value_ints = [3]> ()
        mask = ReduceMax <keepdims = 0> (image, last)
        confidence = ReduceMin <keepdims = 0> (image, last)
    }"""
    plain = onnx.helper.make_model(
        onnx.parser.parse_graph(text), opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10
    )
    profiles = (make_profile(parse_sizes("2x40x60")[0], 5, conditioned=False),)
    machine(profiles=profiles)
    engine = TensorRTEngine(engine_file(plain.SerializeToString(), "plain", profiles=profiles))
    images, candidates = batch(2, 40, 60, 5)
    mask, confidence = engine.label(images, candidates)
    np.testing.assert_array_equal(mask, images.max(3))
    np.testing.assert_array_equal(confidence, images.min(3))


def test_rtx__no_kernel_changes_under_way(engine_file, machine):
    fake = machine("tensorrt_rtx", "1.7.1.116")
    engine = TensorRTEngine(engine_file(library="tensorrt_rtx", version="1.7.1.116", compute_capability="8.0+"))
    engine.label(*batch(1, 40, 60, 2))
    assert [one.dynamic_shapes_kernel_specialization_strategy for one in fake.engines[0].configs] == [Strategy.NONE]


def test_buffers__every_address_is_one_that_tensorrt_takes():
    """Multiples of 256 bytes (NvInferRuntime.h, `setTensorAddress`), whatever the size of the batch."""
    buffers = Buffers((3, 37, 53), 2, torch.device("cpu"))
    assert (buffers.confidence.data_ptr() - buffers.mask.data_ptr()) % 256 == 0
    buffers.mask.fill_(1)
    buffers.confidence.fill_(2)
    mask, confidence = buffers.download()
    assert mask.shape == confidence.shape == (3, 37, 53)
    assert (mask == 1).all()
    assert (confidence == 2).all()
