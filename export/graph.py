"""The label-conditioned graph: everything between uint8 pixels and uint8 masks, as one module."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from swsss.candidates import NEVER, all_classes, predicted_classes, tag_bias
from swsss.confidence import inverse_confidence
from swsss.config import Tta
from swsss.nets import SegmentationNet
from swsss.predict import average_scores

MAX_SIDE = 2048
"""Default largest side: well above the sizes nets are trained at, and what keeps a 100-megapixel image in memory."""


class LabelGraph(nn.Module):
    """What a model file computes (DESIGN §4), in PyTorch.

    Exporting writes the same graph in ONNX (`envelope`), and proves it against this one.

    Args:
        nets: One, or several to average.
        tta: Test-time augmentation.
        max_side: Images with a longer side are reduced to it for the nets; mask and confidence keep full size.
        temperature: Of each class, for its confidence; empty when that is not calibrated.
        tag_penalty: Logits taken off the classes that are no candidates; 0 leaves those classes out.
    """

    def __init__(
        self,
        nets: Sequence[SegmentationNet],
        tta: Tta = "none",
        max_side: int = MAX_SIDE,
        *,
        temperature: tuple[float, ...] = (),
        tag_penalty: float = 0.0,
    ) -> None:
        super().__init__()
        self.nets = nn.ModuleList(_Bounded(net) for net in nets)
        self.tta = tta
        self.max_side = max_side
        self.temperature = temperature
        self.tag_penalty = tag_penalty
        self.num_classes = nets[0].num_classes
        self.normalise = nets[0].normalise
        self.eval()

    def forward(self, image: Tensor, candidates: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Label a batch.

        Args:
            image: uint8 RGB [N, H, W, 3].
            candidates: int64 [N, K] class ids, background included, padded with -1; None for every class.

        Returns:
            uint8 [N, H, W] class ids, and uint8 [N, H, W] round(255 · probability among the candidates).
        """
        return self.decide(*self.scores(image, candidates))

    def scores(self, image: Tensor, candidates: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits float32 [N, K, H, W], and the class of each slot, int64 [N, K] with -1 for empty ones.

        Those of the candidates, or with a penalty or without candidates those of all classes.
        """
        everything = all_classes(len(image), self.num_classes, image.device)
        if candidates is None:
            return self._average(image, everything), everything
        if self.tag_penalty:
            bias = tag_bias(candidates, self.num_classes, self.tag_penalty)
            return self._average(image, everything) + bias[:, :, None, None], everything
        return self._average(image, candidates), candidates

    def _average(self, image: Tensor, candidates: Tensor) -> Tensor:
        size = (image.shape[1], image.shape[2])
        reduced = reduced_size(size, self.max_side)
        pixels = F.interpolate(self.normalise(image.permute(0, 3, 1, 2)), reduced, mode="bilinear")
        return average_scores(list(self.nets), pixels, candidates, size, self.tta)

    def decide(self, scores: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """Mask and confidence of `scores`; an image without any candidate is background for certain."""
        allowed = scores.masked_fill((candidates < 0)[:, :, None, None], -torch.inf)
        mask = predicted_classes(allowed, candidates)
        confidence = torch.round(255 / inverse_confidence(allowed, mask, self.temperature))
        return mask.to(torch.uint8), confidence.to(torch.uint8)


class _Bounded(nn.Module):
    """A net whose logits stay finite, as in the exported graph, where half precision may overflow."""

    def __init__(self, net: SegmentationNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.net(image)
        return logits.clamp(NEVER, -NEVER)


def reduced_size(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """The (H, W) the nets see: the longer side at most `max_side`, halves rounded up, no side below 1."""
    limit = max(*size, max_side)
    height, width = (max(1, (2 * side * max_side + limit) // (2 * limit)) for side in size)
    return height, width
