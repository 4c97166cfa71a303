"""Class-aware cross entropy and the image-level loss."""

import torch
from torch import Tensor
from torch.nn import functional as F

from swsss.candidates import candidate_targets
from swsss.data.classes import IGNORE
from swsss.nets.deeplab import upsample


def class_aware_cross_entropy(
    scores: Tensor, target: Tensor, candidates: Tensor, weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Class-aware cross entropy (CCE; Wang et al. 2022, section 3.2), summed.

    p_k = exp f_k / sum of exp f_j over the candidates j; the loss of a pixel is -log p_y.

    Args:
        scores: float32 [N, K, H, W] candidate scores; see `candidate_scores`.
        target: uint8 or int64 [N, H, W] class ids, 255 = ignore.
        candidates: int64 [N, K], -1 for an empty slot.
        weight: float [N], one weight an image, or [N, H, W], one a pixel; 1 when absent.

    Returns:
        The weighted sum of the pixel losses, and the number of pixels that are not ignored (float, without weights).
        The mean is left to the caller, because across processes it is taken over all of them.
    """
    positions = candidate_targets(target, candidates)
    if weight is None:
        total = F.cross_entropy(scores, positions, ignore_index=IGNORE, reduction="sum")
    else:
        pixels = F.cross_entropy(scores, positions, ignore_index=IGNORE, reduction="none")
        total = (pixels * weight.view(*weight.shape, *[1] * (3 - weight.dim()))).sum()
    return total, (positions != IGNORE).sum().float()


def global_max_logits(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Maximum over all pixels of the upsampled logits, without keeping the upsampled logits.

    The place of each maximum is found without gradient; the value there is then interpolated once more with gradient.

    Args:
        logits: float [N, C, h, w].
        size: (H, W) of the image.

    Returns:
        float32 [N, C].
    """
    logits = logits.float()
    height, width = size
    with torch.no_grad():
        place = torch.stack([upsample(one[None], size)[0].flatten(1).argmax(1) for one in logits])
        row, column = place // width, place % width
        scale = torch.tensor([2 / max(width - 1, 1), 2 / max(height - 1, 1)], device=logits.device)
        grid = torch.stack([column, row], 2) * scale - 1
    count, channels = logits.shape[:2]
    flat = logits.reshape(count * channels, 1, *logits.shape[2:])
    points = grid.reshape(count * channels, 1, 1, 2)
    return F.grid_sample(flat, points, mode="bilinear", padding_mode="border", align_corners=True).view(count, channels)


def tag_loss(tag_logits: Tensor, labels: Tensor, tags: Tensor) -> tuple[Tensor, Tensor]:
    """Binary cross entropy of a tag head on views of images, of which a crop may have cut a tagged class away, summed.

    Whether a class is in a view is known where its label shows it (yes) and where the tags exclude it (no). A tagged
    class that the label does not show may be out of the view or overlooked by whoever made the label: it has no say.

    Args:
        tag_logits: float [N, C - 1].
        labels: int [N, H, W] class ids of the view, 255 = ignore.
        tags: bool [N, C].

    Returns:
        The sum over what is known, and how much that is (float); see `class_aware_cross_entropy`.
    """
    shown = torch.zeros(len(labels), IGNORE + 1, dtype=torch.bool, device=labels.device)
    shown = shown.scatter_(1, labels.flatten(1).long(), True)[:, 1 : tags.shape[1]]
    known = shown | ~tags[:, 1:]
    losses = F.binary_cross_entropy_with_logits(tag_logits.float(), shown.float(), reduction="none")
    return (losses * known).sum(), known.sum().float()


def image_level_loss(pooled: Tensor, tags: Tensor) -> Tensor:
    """Multi-label soft-margin loss of the foreground classes: float32 [N, C] pooled logits against bool [N, C] tags."""
    return F.multilabel_soft_margin_loss(pooled[:, 1:], tags[:, 1:].float())
