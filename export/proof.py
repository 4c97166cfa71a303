"""Proof that a model file computes what the PyTorch model does, on inputs the exporter did not see."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnxruntime
import torch
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from swsss.data.images import Pixels
from swsss.errors import UserError
from swsss.export.graph import LabelGraph
from swsss.export.samples import Case
from swsss.model.info import Precision

TIE: dict[Precision, float] = {"fp32": 1e-4, "fp16": 0.03}
"""Two classes whose logits PyTorch has this close, as a share of the largest logit, may be swapped by rounding."""


_FAILURES = (runtime.Fail, runtime.InvalidArgument, runtime.RuntimeException)


@dataclass(frozen=True)
class Comparison:
    """One batch through both runtimes.

    Args:
        shape: (N, H, W, K).
        pixels: Compared.
        differing: Pixels with another class.
        margin: Largest lead, in logits, that PyTorch gives its class over the other runtime's.
        largest: Largest absolute logit of a candidate.
        confidence: Largest difference of the confidences, 0..255, where the classes agree.
        foreign: Pixels with a class that is no candidate, or with a tag penalty no class at all.
        slope: What a probability changes by at most for each logit: 1/4, and more with a temperature below 1.
    """

    shape: tuple[int, int, int, int]
    pixels: int
    differing: int
    margin: float
    largest: float
    confidence: int
    foreign: int
    slope: float = 0.25

    def __str__(self) -> str:
        count, height, width, slots = self.shape
        return (
            f"{count}×{height}×{width}, {slots} candidates: {self.differing} of {self.pixels} pixels differ "
            f"(largest lead {self.margin:.1e}, largest logit {self.largest:.0f}), confidence within {self.confidence}"
        )


def start_session(model: bytes) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session on the CPU; the computed results do not depend on its threads."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run_case(session: onnxruntime.InferenceSession, case: Case) -> tuple[Pixels, Pixels]:
    """Mask and confidence of a batch, uint8 [N, H, W] each."""
    mask, confidence = session.run(None, case.feed([value.name for value in session.get_inputs()]))
    return mask, confidence


def compare(model: bytes, graph: LabelGraph, cases: Iterable[Case]) -> list[Comparison]:
    """Run every case through ONNX Runtime and through PyTorch.

    Raises:
        UserError: The net gives NaN, or the graph cannot be computed at a case's size.
    """
    session = start_session(model)
    conditioned = len(session.get_inputs()) > 1
    return [_compare(_computed(session, case), graph, case, conditioned=conditioned) for case in cases]


def _computed(session: onnxruntime.InferenceSession, case: Case) -> tuple[Pixels, Pixels]:
    try:
        return run_case(session, case)
    except _FAILURES:
        raise UserError(
            f"The exported graph fails at {case.image.shape[1]}×{case.image.shape[2]} pixels: the encoder divides its "
            "image by a size that torch's exporter takes for a constant. Choose another net.backbone to export."
        ) from None


def require_agreement(comparisons: Iterable[Comparison], precision: Precision) -> None:
    """Fail when masks differ beyond ties.

    Raises:
        UserError: They do; the message holds the comparison.
    """
    for found in comparisons:
        tie = TIE[precision] * found.largest
        unsure = precision == "fp32" and found.confidence > 1 + 255 * found.slope * tie
        if found.foreign or found.margin > tie or unsure:
            advice = "Export it as fp32." if precision == "fp16" else "Please report it."
            raise UserError(f"The exported graph and PyTorch disagree, so no file was written: {found}. {advice}")


def require_candidates(comparisons: Iterable[Comparison]) -> None:
    """Fail when a pixel got a class that is no candidate: all that can be asked of int8 without masks.

    Raises:
        UserError: One did.
    """
    for found in comparisons:
        if found.foreign:
            raise UserError(
                f"The exported graph left the candidates, so no file was written: {found}. Please report it."
            )


def _compare(found: tuple[Pixels, Pixels], graph: LabelGraph, case: Case, *, conditioned: bool) -> Comparison:
    mask, confidence = (torch.from_numpy(values.astype(np.int64)) for values in found)
    allowed = torch.from_numpy(case.candidates) if conditioned else None
    with torch.inference_mode():
        scores, ids = graph.scores(torch.from_numpy(case.image), allowed)
        classes, certain = graph.decide(scores, ids)
    if scores.isnan().any():
        raise UserError("The net gives NaN instead of logits; its training diverged. Export an earlier checkpoint.")
    same = ids[:, :, None, None] == mask[:, None]
    theirs = scores.masked_fill(~same, -torch.inf).amax(1)
    differing = classes != mask
    foreign = ~same.any(1)
    return Comparison(
        shape=(*mask.shape, ids.shape[1]),
        pixels=mask.numel(),
        differing=int(differing.sum()),
        margin=_largest((scores.amax(1) - theirs)[differing & ~foreign]),
        largest=_largest(scores[ids >= 0].abs()),
        confidence=int(_largest((certain - confidence).abs()[~differing])),
        foreign=int(foreign.sum()),
        slope=0.25 / min((1.0, *graph.temperature)),
    )


def _largest(values: torch.Tensor) -> float:
    return float(values.max()) if values.numel() else 0.0
