"""The end of the graph in ONNX's text syntax: from the nets' scores to mask and confidence.

`LabelGraph.decide` says the same in PyTorch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Decision:
    """How scores become mask and confidence.

    Args:
        conditioned: Whether there is an input `candidates`.
        temperature: Of each class, for its confidence; empty when that is not calibrated.
        tag_penalty: Logits taken off the classes that are no candidates; 0 leaves those classes out.
    """

    conditioned: bool
    temperature: tuple[float, ...] = ()
    tag_penalty: float = 0.0

    @property
    def gathered(self) -> bool:
        """Whether only the candidates are scored, one a slot; otherwise all classes are."""
        return self.conditioned and not self.tag_penalty

    def weights(self, num_classes: int) -> dict[str, npt.NDArray[np.generic]]:
        """The initializers that `text` expects."""
        weights: dict[str, npt.NDArray[np.generic]] = {}
        if self.temperature:
            weights["temperature"] = np.array(self.temperature, np.float32)
        if self.conditioned and self.tag_penalty:
            weights["tag_penalty"] = np.array([self.tag_penalty], np.float32)
            weights["class_ids"] = np.arange(num_classes, dtype=np.int64)
        return weights

    def text(self, scores: Sequence[str], count: int) -> str:
        """The nodes.

        Args:
            scores: Names of what is averaged, float32 [N, K, H, W], or [N, C, H, W] unless `gathered`.
            count: What their sum is divided by.
        """
        hinted = self.conditioned and not self.gathered
        text = _MEAN.format(mean="mean_score" if hinted else "average", scores=", ".join(scores), count=float(count))
        text += (_HINT if hinted else "") + _BEST + (_GATHERED_CLASS if self.gathered else _CLASS)
        if self.temperature:
            text += (_GATHERED_TEMPERATURE if self.gathered else _TEMPERATURE) + _TEMPERED
        return text + _ODDS.format(below="tempered" if self.temperature else "below") + self._shares() + _CONFIDENCE

    def _shares(self) -> str:
        return _GATHERED_SHARES if self.gathered else _SHARES


_MEAN = """
    total = Sum ({scores})
    count = Constant <value_float = {count}> ()
    {mean} = Div (total, count)
"""

# Every slot is compared with every class. Gathering ids from the list of ids refuses those of no class.
_HINT = """
    known_ids = Gather <axis = 0> (class_ids, ids)
    slot_ids = Unsqueeze (known_ids, two)
    is_tagged = Equal (slot_ids, class_ids)
    is_tagged_number = Cast <to = 1> (is_tagged)
    tagged = ReduceMax <keepdims = 0> (is_tagged_number, one)
    full = Constant <value_float = 1.0> ()
    excluded = Sub (full, tagged)
    penalty = Mul (excluded, tag_penalty)
    penalty_planes = Unsqueeze (penalty, plane_axes)
    average = Sub (mean_score, penalty_planes)
"""

_BEST = """
    place = ArgMax <axis = 1, keepdims = 0> (average)
    best = ReduceMax <keepdims = 1> (average, one)
    below = Sub (average, best)
"""

# The mask is made through float, because TensorRT makes uint8 of nothing else.
_GATHERED_CLASS = """
    batch_size = Shape <start = 0, end = 1> (place)
    place_row_shape = Concat <axis = 0> (batch_size, minus_one)
    place_row = Reshape (place, place_row_shape)
    id_numbers = Cast <to = 1> (ids)
    class_row = GatherElements <axis = 1> (id_numbers, place_row)
    place_shape = Shape (place)
    class_number = Reshape (class_row, place_shape)
    mask = Cast <to = 2> (class_number)
"""

_CLASS = """
    class_number = Cast <to = 1> (place)
    mask = Cast <to = 2> (class_number)
"""

_GATHERED_TEMPERATURE = """
    slot_temperature = Gather <axis = 0> (temperature, ids)
    temperature_row = GatherElements <axis = 1> (slot_temperature, place_row)
    own_temperature = Reshape (temperature_row, place_shape)
"""

_TEMPERATURE = """
    own_temperature = Gather <axis = 0> (temperature, place)
"""

_TEMPERED = """
    own_temperature_plane = Unsqueeze (own_temperature, one)
    tempered = Div (below, own_temperature_plane)
"""

# The probability of the best candidate is 1 / sum(exp((score - best) / temperature of the best)).
_ODDS = """
    odds = Exp ({below})
    most = Constant <value_float = 255.0> ()
"""

_GATHERED_SHARES = """
    allowed_odds = Mul (odds, valid)
    odds_sum = ReduceSum <keepdims = 0> (allowed_odds, one)
    certain = Constant <value_float = 1.0> ()
    shares = Max (odds_sum, certain)
"""

_SHARES = """
    shares = ReduceSum <keepdims = 0> (odds, one)
"""

_CONFIDENCE = """
    certainty = Div (most, shares)
    rounded = Round (certainty)
    confidence = Cast <to = 2> (rounded)
"""
