"""A TensorRT engine on a GPU: one execution context, a stream of its own, memory that stays."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch

from swsss.data.images import Pixels
from swsss.errors import UserError
from swsss.model.engine import Candidates
from swsss.model.tensorrt.checks import check_engine
from swsss.model.tensorrt.library import Library, first_error, make_logger, started
from swsss.model.tensorrt.profiles import Choice, choose_profile
from swsss.model.tensorrt.sidecar import REBUILD, Sidecar
from swsss.serve.engines.buffers import BufferCache, Buffers


class TensorRTSession:
    """A deserialised engine.

    Args:
        library: That built it.
        plan: The engine's bytes.
        info: Its sidecar.
        device: Where it computes.

    Raises:
        UserError: The library cannot load it, it is not what its sidecar says, or the GPU's memory is too small.
    """

    def __init__(self, library: Library, plan: bytes, info: Sidecar, device: torch.device | None = None) -> None:
        self.library, self.info = library, info
        self.device = device or torch.device("cuda", torch.cuda.current_device())
        self.stream = _new_stream(self.device)
        self.logger = make_logger(library)
        self.runtime = started(library, library.api.Runtime, self.logger)
        self.engine = self._got(self.runtime.deserialize_cuda_engine(plan), "load the engine")
        check_engine(library, self.engine, info, info.engine.profiles)
        self.context = self._got(self._create_context(), "reserve memory for the engine's largest size")
        self.profile = 0
        self.cache = BufferCache(self.device)

    def label(self, images: Pixels, candidates: Candidates) -> tuple[Pixels, Pixels]:
        """See `Engine.label`; a batch larger than the engine takes is labelled in pieces."""
        pieces = []
        done = 0
        while done < len(images):
            choice = self._choose(images[done:])
            part = slice(done, done + choice.batch)
            pieces.append(self._label(images[part], candidates[part], choice.index))
            done += choice.batch
        if len(pieces) == 1:
            return pieces[0]
        masks, confidences = zip(*pieces, strict=True)
        return np.concatenate(masks), np.concatenate(confidences)

    def _choose(self, images: Pixels) -> Choice:
        count, height, width, _ = images.shape
        profiles = self.info.engine.profiles
        choice = choose_profile(profiles, (count, height, width))
        if choice is None:
            taken = ", or ".join(profile.taken for profile in profiles)
            sizes = ",".join([*(profile.size for profile in profiles), f"1x{height}x{width}"])
            raise UserError(
                f"{height}×{width} pixels are too large for the engine, which takes {taken}; {REBUILD} --sizes {sizes}"
            )
        return choice

    def _label(self, images: Pixels, candidates: Candidates, profile: int) -> tuple[Pixels, Pixels]:
        with self._on_stream():
            buffers = self.cache.get(images, candidates.shape[1] if self.info.task == "conditioned" else 0)
            buffers.upload(images, candidates)
            self._use_profile(profile)
            self._bind(buffers)
            self._must(self.context.execute_async_v3(self._handle), "label a batch")
            return buffers.download()

    def _use_profile(self, index: int) -> None:
        """Switch, where another one was in use; the shapes have to be set anew then, which `_bind` does anyway."""
        if index != self.profile:
            self._must(self.context.set_optimization_profile_async(index, self._handle), "switch its profile")
            self.profile = index

    def _bind(self, buffers: Buffers) -> None:
        inputs = {"image": buffers.image}
        if self.info.task == "conditioned":
            inputs["candidates"] = buffers.candidates
        for name, tensor in inputs.items():
            self._must(self.context.set_input_shape(name, tuple(tensor.shape)), f"take {name} {list(tensor.shape)}")
        outputs = {"mask": buffers.mask, "confidence": buffers.confidence}
        for name, tensor in outputs.items():
            # More would be written beyond the buffer's end.
            fits = tuple(self.context.get_tensor_shape(name)) == tuple(tensor.shape)
            self._must(fits, f"keep {name} at {list(tensor.shape)}")
        for name, tensor in (inputs | outputs).items():
            self._must(self.context.set_tensor_address(name, tensor.data_ptr()), f"bind {name}")

    def _create_context(self) -> Any:
        if self.library.name == "tensorrt":
            return self.engine.create_execution_context()
        config = self.engine.create_runtime_config()
        # By default kernels are compiled for every new shape in the background and take over when they are done: masks
        # would depend on when that is.
        strategies = self.library.api.DynamicShapesKernelSpecializationStrategy
        config.dynamic_shapes_kernel_specialization_strategy = strategies.NONE
        return self.engine.create_execution_context(config)

    def _on_stream(self) -> AbstractContextManager[Any]:
        return torch.cuda.stream(self.stream) if self.stream else nullcontext()

    @property
    def _handle(self) -> int:
        return int(self.stream.cuda_stream) if self.stream else 0

    def _got(self, value: Any, what: str) -> Any:
        self._must(value is not None, what)
        return value

    def _must(self, done: bool, what: str) -> None:
        if not done:
            raise UserError(f"{self.library} could not {what}: {first_error(self.logger)}.")
        self.logger.errors.clear()


def _new_stream(device: torch.device) -> torch.cuda.Stream | None:
    return torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
