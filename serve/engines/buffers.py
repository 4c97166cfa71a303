"""Memory on a GPU and its pinned mirror on the host, kept a shape, so that a steady run allocates none."""

import math
from collections import OrderedDict

import torch
from torch import Tensor

from swsss.data.images import Pixels
from swsss.model.engine import Candidates

_SHAPES = 8
_ALIGNED = 256


class Buffers:
    """Inputs and outputs of one shape.

    Args:
        shape: (N, H, W) of the batch.
        slots: K, or 0 for a model without candidates.
        device: Where the engine computes.
    """

    def __init__(self, shape: tuple[int, int, int], slots: int, device: torch.device) -> None:
        self.device = device
        self.image = torch.empty(*shape, 3, dtype=torch.uint8, device=device)
        self.candidates = torch.empty(shape[0], slots, dtype=torch.int64, device=device)
        # TensorRT wants every address to be a multiple of 256 bytes, also that of the second output.
        self.shape, self.size = shape, math.prod(shape)
        self.outputs = torch.empty(2, -(-self.size // _ALIGNED) * _ALIGNED, dtype=torch.uint8, device=device)
        # Only pinned memory is copied while the host goes on.
        self.pinned = [_pinned(tensor) for tensor in (self.image, self.candidates, self.outputs)]

    @property
    def mask(self) -> Tensor:
        """uint8 [N, H, W] on the device."""
        return self.outputs[0, : self.size].view(self.shape)

    @property
    def confidence(self) -> Tensor:
        """uint8 [N, H, W] on the device."""
        return self.outputs[1, : self.size].view(self.shape)

    def upload(self, images: Pixels, candidates: Candidates) -> None:
        """Start copying the inputs to the device, on the current stream."""
        image, slots, _ = self.pinned
        image.copy_(torch.from_numpy(images))
        self.image.copy_(image, non_blocking=True)
        if self.candidates.numel():
            slots.copy_(torch.from_numpy(candidates))
            self.candidates.copy_(slots, non_blocking=True)

    def download(self) -> tuple[Pixels, Pixels]:
        """Mask and confidence on the host, once the current stream has come to them; 2 bytes a pixel are copied."""
        outputs = self.pinned[2]
        outputs.copy_(self.outputs, non_blocking=True)
        if self.device.type == "cuda":
            torch.cuda.current_stream(self.device).synchronize()
        mask, confidence = outputs[:, : self.size].view(2, *self.shape).numpy().copy()
        return mask, confidence


class BufferCache:
    """The buffers of the shapes used last."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.known: OrderedDict[tuple[tuple[int, ...], int], Buffers] = OrderedDict()

    def get(self, images: Pixels, slots: int) -> Buffers:
        """Buffers for uint8 [N, H, W, 3] images and K slots."""
        count, height, width, _ = images.shape
        key = (count, height, width), slots
        if key not in self.known:
            if len(self.known) == _SHAPES:
                self.known.popitem(last=False)
            self.known[key] = Buffers(*key, self.device)
        self.known.move_to_end(key)
        return self.known[key]


def _pinned(tensor: Tensor) -> Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.device.type == "cuda")
