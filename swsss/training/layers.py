"""Layer-wise learning rates (Bao et al., BEiT, 2021, after Clark et al., ELECTRA, 2020)."""

import re
from collections.abc import Sequence

_ENCODER = re.compile(r"(?:^|\.)backbone\.(?:body\.|vit\.)?(.+)")
_BLOCK = re.compile(r"(?:blocks|stages|stage|layers|layer|features|s)[._]?(\d+)\.")

_AFTER = ("norm.", "fc_norm.", "conv_head.", "norm_head.", "final_conv.")


def layer_factors(names: Sequence[str], decay: float) -> list[float]:
    """Factors of the learning rate, by the names of parameters.

    Of an encoder with `depth` blocks, block i (from 0) gets decay ^ (depth - i), and what comes before the blocks
    decay ^ (depth + 1). What comes after them, and all that is not of an encoder, gets 1. Of a convolutional encoder
    the stages count as blocks.
    """
    places = [_place(name) for name in names]
    order = {block: layer for layer, block in enumerate(sorted({place for place in places if place is not None}))}
    first = -1 in order
    depth = len(order) - first
    return [1.0 if place is None else decay ** (depth + first - order[place]) for place in places]


def _place(name: str) -> int | None:
    """The number of a parameter's block, -1 before the blocks, None after them or outside an encoder."""
    inside = _ENCODER.search(name)
    if inside is None or inside[1].startswith(_AFTER):
        return None
    block = _BLOCK.match(inside[1])
    return int(block[1]) if block else -1
