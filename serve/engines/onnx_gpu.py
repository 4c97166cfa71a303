"""An ONNX Runtime session on a GPU, bound to memory that is there already: only uint8 goes over the bus."""

import numpy as np
import onnxruntime
import torch

from swsss.data.images import Pixels
from swsss.model.engine import Candidates
from swsss.serve.engines.buffers import BufferCache, Buffers


class BoundSession:
    """Runs a session with IO binding.

    Args:
        session: With the CUDA or TensorRT provider.
        conditioned: Whether it has an input `candidates`.
        device: Where it computes.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, *, conditioned: bool, device: torch.device | None = None
    ) -> None:
        self.session, self.conditioned = session, conditioned
        self.device = device or torch.device("cuda", 0)
        self.cache = BufferCache(self.device)

    def label(self, images: Pixels, candidates: Candidates) -> tuple[Pixels, Pixels]:
        """See `Engine.label`."""
        buffers = self.cache.get(images, candidates.shape[1] if self.conditioned else 0)
        buffers.upload(images, candidates)
        if self.device.type == "cuda":
            # The session computes on a stream of its own.
            torch.cuda.current_stream(self.device).synchronize()
        self.session.run_with_iobinding(self._bind(buffers))
        return buffers.download()

    def _bind(self, buffers: Buffers) -> onnxruntime.IOBinding:
        place = self.device.type, self.device.index or 0
        binding = self.session.io_binding()
        binding.bind_input("image", *place, np.uint8, tuple(buffers.image.shape), buffers.image.data_ptr())
        if self.conditioned:
            slots = buffers.candidates
            binding.bind_input("candidates", *place, np.int64, tuple(slots.shape), slots.data_ptr())
        for name, tensor in (("mask", buffers.mask), ("confidence", buffers.confidence)):
            binding.bind_output(name, *place, np.uint8, tuple(tensor.shape), tensor.data_ptr())
        return binding
