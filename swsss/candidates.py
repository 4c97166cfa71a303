"""Candidates: the classes an image's tags allow, as the only channels that are scored.

A net gives logits of all C classes at stride 4. An image's tags leave K candidates, background included, and nothing
else of the logits takes part in its loss or its mask: so the K channels are gathered first, and only they are upsampled
to the image.
"""

import torch
from torch import Tensor

from swsss.data.classes import IGNORE
from swsss.nets.deeplab import upsample

NEVER = -1e4
"""Logit of an empty candidate slot: its exp is 0 in float32; it stays finite in half precision and interpolation."""


def candidate_ids(tags: Tensor, slots: int | None = None) -> Tensor:
    """Tags as a padded list of candidate classes.

    Args:
        tags: bool [N, C]; column 0, background, counts as true.
        slots: K, at least the largest number of candidates in the batch; None for just that, for which the host waits.

    Returns:
        int64 [N, K], ascending class ids, padded with -1.
    """
    tags = tags.clone()
    tags[:, 0] = True
    classes = torch.arange(tags.shape[1], device=tags.device)
    ids = torch.where(tags, classes, tags.shape[1]).sort(1).values[:, : slots or int(tags.sum(1).max())]
    return torch.where(ids < tags.shape[1], ids, -1)


def all_classes(count: int, num_classes: int, device: torch.device | None = None) -> Tensor:
    """Every class a candidate: int64 [count, C]."""
    return torch.arange(num_classes, device=device).expand(count, -1)


def gather_candidates(logits: Tensor, candidates: Tensor) -> Tensor:
    """Pick each image's candidate channels.

    Args:
        logits: float [N, C, h, w].
        candidates: int64 [N, K] class ids, -1 for an empty slot.

    Returns:
        float32 [N, K, h, w]; empty slots hold `NEVER`.
    """
    rows = torch.arange(len(candidates), device=candidates.device)[:, None]
    picked = logits[rows, candidates.clamp(min=0)].float()
    return picked.masked_fill((candidates < 0)[:, :, None, None], NEVER)


def candidate_targets(target: Tensor, candidates: Tensor) -> Tensor:
    """Class ids per pixel as positions in the candidate list.

    Args:
        target: uint8 or int64 [N, H, W] of class ids, 255 = ignore.
        candidates: int64 [N, K], -1 for an empty slot.

    Returns:
        int64 [N, H, W] in 0..K-1, or 255 where the pixel is ignored or its class is not a candidate.
    """
    count, slots = candidates.shape
    table = torch.full((count, IGNORE + 1), IGNORE, device=target.device)
    # Empty slots write to column 255, which then is set back to "ignore".
    table.scatter_(
        1, torch.where(candidates < 0, IGNORE, candidates), torch.arange(slots, device=target.device).expand(count, -1)
    )
    table[:, IGNORE] = IGNORE
    return table.gather(1, target.flatten(1).long()).view_as(target)


def tag_bias(candidates: Tensor, num_classes: int, penalty: float) -> Tensor:
    """What tags add to the scores of all classes: nothing to a candidate's, `-penalty` to every other one's.

    Args:
        candidates: int64 [N, K], -1 for an empty slot; an image without any has background.
        num_classes: C.
        penalty: In logits; infinite where tags are law.

    Returns:
        float32 [N, C].
    """
    filler = candidates.amax(1, keepdim=True).clamp(min=0)
    bias = torch.full((len(candidates), num_classes), -penalty, device=candidates.device)
    return bias.scatter_(1, torch.where(candidates < 0, filler, candidates), 0.0)


def predicted_classes(scores: Tensor, candidates: Tensor) -> Tensor:
    """The most likely candidate of every pixel: scores [N, K, H, W] to int64 class ids [N, H, W]. No gradient."""
    with torch.no_grad():
        # The scores of a diverging net may all lie below NEVER; background, always a candidate, stands in there.
        return candidates.clamp(min=0).gather(1, scores.argmax(1).flatten(1)).view(len(scores), *scores.shape[2:])


def candidate_scores(logits: Tensor, candidates: Tensor, size: tuple[int, int]) -> Tensor:
    """Candidate channels upsampled to the image: float32 [N, K, H, W] from logits [N, C, h, w]."""
    return upsample(gather_candidates(logits, candidates), size)
