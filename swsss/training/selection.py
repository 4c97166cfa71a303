"""Which state of a training is kept: the one that is best on held-aside masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from swsss.data.classes import ClassTable
from swsss.data.dataset import Sample
from swsss.errors import UserError
from swsss.evaluation import Regime, masks_confusion, mean_iou
from swsss.nets import SegmentationNet
from swsss.predict import Predictor
from swsss.training.distributed import Processes


@dataclass(frozen=True)
class Best:
    """The best state of a net so far: after which step, its mIoU (0..1), and its weights, on the CPU."""

    step: int
    miou: float
    weights: dict[str, Tensor]


@dataclass
class Selection:
    """Scores the nets of a training now and then, and remembers the best state of each.

    Nets of several roles are chosen each for itself: every role becomes a model file of its own, and where two are
    averaged, each is best as it is. A later state wins over an earlier one of the same mIoU.

    Args:
        samples: Held-aside images with masks and tags.
        classes: Class table.
        regime: Whether the nets are scored with tags.
        precision: "32", "bf16" or "16".
        steps: After which of them the nets are scored.
    """

    samples: Sequence[Sample]
    classes: ClassTable
    regime: Regime
    precision: str
    steps: frozenset[int]
    best: dict[str, Best] = field(default_factory=dict)

    def look(self, step: int, nets: Mapping[str, SegmentationNet], processes: Processes, rank: int) -> dict[str, float]:
        """Score every net; they are left in evaluation mode.

        Args:
            step: Steps done.
            nets: By role; the same in every process.
            processes: They share the images, and all come to the same result.
            rank: Of this process.

        Returns:
            Their mIoU (0..1), for the log.

        Raises:
            UserError: An image cannot be read any more.
        """
        values = {}
        for role, net in nets.items():
            miou = self._miou(net, processes, rank)
            if role not in self.best or miou >= self.best[role].miou:
                # A copy even on the CPU, where the net goes on changing its own tensors.
                weights = {key: value.detach().to("cpu", copy=True) for key, value in net.state_dict().items()}
                self.best[role] = Best(step, miou, weights)
            values[f"{role}_miou_{self.regime}"] = miou
        return values

    def _miou(self, net: SegmentationNet, processes: Processes, rank: int) -> float:
        mine = self.samples[rank :: processes.count]
        predictor = Predictor([net], next(net.parameters()).device, self.precision)
        error, confusion = None, torch.zeros(())
        try:
            confusion = masks_confusion(predictor, mine, len(self.classes), self.regime)
        except UserError as found:
            error = found
        processes.agree(error)
        return mean_iou(torch.stack(processes.gathered(confusion)).sum(0).numpy())

    def restore(self, nets: Mapping[str, SegmentationNet]) -> dict[str, dict[str, Any]]:
        """Give the nets their best states.

        Returns:
            By role what to note in the checkpoint; nothing for a net that was never scored.
        """
        for role, best in self.best.items():
            nets[role].load_state_dict(best.weights)
        return {
            role: {"step": best.step, "miou": best.miou, "tags": self.regime, "images": len(self.samples)}
            for role, best in self.best.items()
        }

    def state_dict(self) -> dict[str, dict[str, Any]]:
        """What a resume needs."""
        return {role: vars(best) for role, best in self.best.items()}

    def load_state_dict(self, state: Mapping[str, Mapping[str, Any]]) -> None:
        """Go on from a state that `state_dict` gave."""
        self.best = {
            role: Best(best["step"], best["miou"], {key: value.cpu() for key, value in best["weights"].items()})
            for role, best in state.items()
        }


def look_steps(steps: int, looks: int) -> frozenset[int]:
    """`looks` steps evenly over the second half of a training, the last one included; fewer when it is too short."""
    return frozenset(steps - steps * back // (2 * looks) for back in range(looks)) - {0}
