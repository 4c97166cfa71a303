"""Prediction: test-time augmentation, masking by the tags, masks in the stored pixel grid."""

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swsss.candidates import all_classes, gather_candidates, tag_bias
from swsss.config import Tta
from swsss.data.images import Pixels
from swsss.nets import SegmentationNet
from swsss.nets.deeplab import upsample
from swsss.processors import usable_cores


@dataclass(frozen=True)
class Views:
    """The views of an image that test-time augmentation averages: each scale, and its mirror image if `flip`."""

    scales: tuple[float, ...]
    flip: bool

    @property
    def count(self) -> int:
        """How often each net sees the image."""
        return len(self.scales) * (2 if self.flip else 1)


# "paper" is the authors' TEST_MULTISCALE.
VIEWS: dict[Tta, Views] = {
    "none": Views((1.0,), flip=False),
    "flip": Views((1.0,), flip=True),
    "paper": Views((0.5, 0.75, 1.0, 1.25, 1.5), flip=True),
}


def predict_scores(nets: Sequence[SegmentationNet], images: Tensor, candidates: Tensor, tta: Tta = "none") -> Tensor:
    """Candidate logits at image size, averaged over nets, scales and flips.

    Args:
        nets: Nets of one normalisation; several are averaged.
        images: uint8 [N, 3, H, W] RGB, upright.
        candidates: int64 [N, K] class ids, -1 for an empty slot.
        tta: "none", "flip", or "paper" (five scales, each with its flip).

    Returns:
        float32 [N, K, H, W].
    """
    return average_scores(nets, nets[0].normalise(images), candidates, (images.shape[2], images.shape[3]), tta)


def average_scores(
    nets: Sequence[nn.Module], images: Tensor, candidates: Tensor, size: tuple[int, int], tta: Tta
) -> Tensor:
    """`predict_scores` of normalised images [N, 3, h, w] of any size: float32 [N, K, *size]."""
    total = torch.zeros(1, device=images.device)
    views = VIEWS[tta]
    for scale in views.scales:
        view = rescale(images, scale)
        for net in nets:
            scores = gather_candidates(net(view), candidates)
            if views.flip:
                # Mirrored back before the upsampling, which treats both sides alike: once is enough.
                scores = scores + gather_candidates(net(view.flip(3)), candidates).flip(3)
            total = total + upsample(scores, size)
    return total / (views.count * len(nets))


def rescale(images: Tensor, scale: float) -> Tensor:
    """Bicubic rescaling of [N, 3, H, W] by a multiple of 1/4; sides round to the nearest pixel, halves up."""
    if scale == 1.0:
        return images
    quarters = round(scale * 4)
    size = [(side * quarters + 2) // 4 for side in images.shape[2:]]
    return F.interpolate(images, size=size, mode="bicubic", align_corners=False)


@dataclass(frozen=True)
class Predictor:
    """Nets and how they are asked.

    Args:
        nets: One, or several to average.
        device: Where they are.
        precision: "32", "bf16" or "16".
        tta: Test-time augmentation.
        tag_penalty: Logits taken off the classes that tags exclude; 0 where tags are law.
    """

    nets: Sequence[SegmentationNet]
    device: torch.device
    precision: str = "32"
    tta: Tta = "none"
    tag_penalty: float = 0.0

    def scores(self, image: Pixels, tags: frozenset[int] | None) -> tuple[Tensor, Tensor]:
        """Score one upright image.

        Args:
            image: uint8 RGB [H, W, 3].
            tags: Foreground ids, background being a candidate anyway; None makes every class a candidate.

        Returns:
            float32 [K, H, W] logits of the candidates, and int64 [K] their class ids; with a penalty of all classes.
        """
        if tags is None or self.tag_penalty:
            scores, everything = self._scores(image, all_classes(1, self.nets[0].num_classes, self.device))
            return (scores if tags is None else weigh(scores, tags, self.tag_penalty)), everything
        return self._scores(image, torch.tensor([sorted({0, *tags})], device=self.device))

    def _scores(self, image: Pixels, candidates: Tensor) -> tuple[Tensor, Tensor]:
        pixels = torch.from_numpy(image).to(self.device).permute(2, 0, 1)[None]
        # eval() every time: during training the same nets are asked for previews.
        for net in self.nets:
            net.eval()
        with torch.inference_mode(), autocast(self.device, self.precision):
            return predict_scores(self.nets, pixels, candidates, self.tta)[0], candidates[0]

    def mask(self, image: Pixels, tags: frozenset[int] | None) -> Pixels:
        """The most likely candidate of every pixel: uint8 [H, W] class ids; see `scores`."""
        scores, candidates = self.scores(image, tags)
        return candidates[scores.argmax(0)].to(torch.uint8).cpu().numpy()


def weigh(scores: Tensor, tags: frozenset[int], penalty: float = 0.0) -> Tensor:
    """An image's scores of all classes, as its tags change them.

    Args:
        scores: float32 [C, H, W].
        tags: Foreground ids; background is a candidate anyway.
        penalty: Logits taken off the classes that tags exclude; 0 makes their scores -inf.
    """
    candidates = torch.tensor([sorted({0, *tags})], device=scores.device)
    return scores + tag_bias(candidates, len(scores), penalty or math.inf)[0, :, None, None]


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """The autocast context of a precision ("32", "bf16" or "16")."""
    if precision == "32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16 if precision == "bf16" else torch.float16)


def fit_threads(processes: int = 1) -> None:
    """Give torch no more threads than this process has cores; fewer, as by OMP_NUM_THREADS, stay as they are.

    Args:
        processes: That share the cores.
    """
    most = max(1, usable_cores() // processes)
    if torch.get_num_threads() > most:
        torch.set_num_threads(most)


def fast_precision(device: torch.device) -> str:
    """The precision "auto" stands for: bf16 where the device computes it fast, else 32."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "16"
    # Without these instructions oneDNN emulates bfloat16, slower than float32. Before 2.11 torch does not tell.
    can: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bf16" if can.get("avx512_bf16") or can.get("amx_tile") else "32"
