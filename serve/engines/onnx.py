"""ONNX model files in ONNX Runtime: CPU, CUDA, or its TensorRT execution provider."""

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from swsss.data.images import Pixels
from swsss.errors import UserError
from swsss.extras import needs_extra
from swsss.model.engine import Candidates, Device
from swsss.model.info import KEY, ModelInfo, parse_info
from swsss.processors import usable_cores
from swsss.serve.memory import MAX_ELEMENTS, check_image, largest_tensor

if TYPE_CHECKING:
    from swsss.serve.engines.onnx_gpu import BoundSession

_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}


_LARGE = 1 << 29
"""Bytes an image costs, from which on ONNX Runtime gives its memory back; otherwise it keeps it for the next."""

_USUAL_ATTENTION = 12 / 14**4
"""Of a ViT whose file does not tell: twelve heads, patches of 14 pixels."""


class OnnxEngine:
    """An ONNX model file.

    Args:
        path: Written by swsss-export.
        device: "auto" (CUDA where it works, else the CPU), "cpu", "cuda" or "tensorrt".
        threads: Of the CPU provider; 0 takes every core this process may use.

    Attributes:
        device: Where it computes.
        reopen: See `Engine`.

    Raises:
        UserError: The file is missing, cut short, not ours or of a newer format, or the device cannot be used.
    """

    def __init__(self, path: Path, device: str = "auto", threads: int = 0) -> None:
        self.path = path
        self.reopen: tuple[str, str, int] | None = str(path.resolve()), device, threads
        self.threads = threads or usable_cores()
        data = _read(path)
        self.identity = hashlib.sha256(data).hexdigest()
        self.session = self._open(data, device)
        self.info = _info(self.session, path, data)
        self.provider = self.session.get_providers()[0]
        self.device: Device = "cpu" if self.provider == _PROVIDERS["cpu"] else "cuda"
        self.device_runner = None if self.device == "cpu" else _on_gpu(self.session, self.info)
        self._giving_back = onnxruntime.RunOptions()
        self._giving_back.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    @property
    def description(self) -> str:
        """Library, version and device."""
        place = f"CPU, {self.threads} threads" if self.device == "cpu" else self.provider
        return f"ONNX Runtime {onnxruntime.__version__}, {place}"

    def label(self, images: Pixels, candidates: Candidates) -> tuple[Pixels, Pixels]:
        """See `Engine.label`.

        Raises:
            UserError: A tensor could not hold an image that large; it would end the process.
        """
        size = *images.shape[1:3], candidates.shape[1]
        needed = check_image(self.info, *size)
        together = MAX_ELEMENTS // largest_tensor(self.info, *size)
        if len(images) <= together:
            return self._label(images, candidates, large=len(images) * needed > _LARGE)
        parts = [slice(start, start + together) for start in range(0, len(images), together)]
        masks, confidences = zip(*(self.label(images[part], candidates[part]) for part in parts), strict=True)
        return np.concatenate(masks), np.concatenate(confidences)

    def _label(self, images: Pixels, candidates: Candidates, *, large: bool) -> tuple[Pixels, Pixels]:
        if self.device_runner is not None:
            return self.device_runner.label(images, candidates)
        feed: dict[str, Any] = {"image": images}
        if self.info.task == "conditioned":
            feed["candidates"] = candidates
        if large:
            return self._run_and_give_back(feed, images.shape[:3])
        mask, confidence = self.session.run(["mask", "confidence"], feed)
        return mask, confidence

    def _run_and_give_back(self, feed: dict[str, Any], shape: tuple[int, ...]) -> tuple[Pixels, Pixels]:
        """Run, and return the arena's memory to the system. The outputs lie outside: one would keep all around it."""
        mask, confidence = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
        binding = self.session.io_binding()
        for name, array in feed.items():
            binding.bind_cpu_input(name, np.ascontiguousarray(array))
        for name, array in (("mask", mask), ("confidence", confidence)):
            binding.bind_output(name, "cpu", 0, np.uint8, shape, array.ctypes.data)
        self.session.run_with_iobinding(binding, self._giving_back)
        return mask, confidence

    def _open(self, data: bytes, device: str) -> onnxruntime.InferenceSession:
        wanted = _wanted(device)
        try:
            session = onnxruntime.InferenceSession(data, _options(self.threads), providers=wanted)
        except Exception as error:  # ONNX Runtime raises a dozen kinds, and each means that the file is no use
            raise UserError(_refusal(self.path, error)) from None
        if device in {"cuda", "tensorrt"} and session.get_providers()[0] != _PROVIDERS[device]:
            raise UserError(
                f"--device {device}: ONNX Runtime could not start it here; check the driver, get the CUDA libraries "
                "with pip install 'swsss[gpu]', see that onnxruntime is not installed beside onnxruntime-gpu, or use "
                "--device cpu.",
                code="no-device",
                field="device",
            )
        return session


def _on_gpu(session: onnxruntime.InferenceSession, info: ModelInfo) -> "BoundSession":
    with needs_extra("Labelling on the GPU", "gpu"):
        from swsss.serve.engines.onnx_gpu import BoundSession  # noqa: PLC0415 - loads torch, for memory on the GPU

    return BoundSession(session, conditioned=info.task == "conditioned")


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    # Threads that spin while they wait would take the cores from decoding and writing.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A memory plan a shape would be kept for every size there is.
    options.enable_mem_pattern = False
    return options


def _wanted(device: str) -> list[str]:
    if device == "cpu" or (device == "auto" and _PROVIDERS["cuda"] not in onnxruntime.get_available_providers()):
        return [_PROVIDERS["cpu"]]
    if device == "auto" and not os.path.exists("/dev/nvidiactl"):
        return [_PROVIDERS["cpu"]]
    # The CUDA libraries that pip installed beside torch are not on the loader's path.
    onnxruntime.preload_dlls()
    first = [_PROVIDERS["tensorrt"]] if device == "tensorrt" else []
    return [*first, _PROVIDERS["cuda"], _PROVIDERS["cpu"]]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"The model {path} cannot be read: {error.strerror}.") from None


def _refusal(path: Path, error: Exception) -> str:
    if "IR version" in str(error) or "opset" in str(error):
        return f"{path} needs a newer ONNX Runtime than {onnxruntime.__version__}; upgrade onnxruntime-gpu."
    return f"{path} is not a whole ONNX file; make one with swsss-export CHECKPOINT --out model.onnx."


def _info(session: onnxruntime.InferenceSession, path: Path, data: bytes) -> ModelInfo:
    info = parse_info(session.get_modelmeta().custom_metadata_map.get(KEY), str(path))
    inputs = {value.name: value.type for value in session.get_inputs()}
    expected = {"image": "tensor(uint8)"} | ({"candidates": "tensor(int64)"} if info.task == "conditioned" else {})
    outputs = {value.name: value.type for value in session.get_outputs()}
    if inputs != expected or outputs != dict.fromkeys(["mask", "confidence"], "tensor(uint8)"):
        raise UserError(f"{path} has the inputs {inputs} and outputs {outputs}; it was changed after swsss-export.")
    if info.attention is None and b"Softmax" in data:
        return info.model_copy(update={"attention": _USUAL_ATTENTION})
    return info
