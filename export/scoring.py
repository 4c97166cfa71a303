"""mIoU of a model file beside its PyTorch source, on images with masks: what a precision costs."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from swsss.data.classes import ClassTable
from swsss.data.dataset import Sample, open_dataset, read_sample
from swsss.errors import UserError
from swsss.evaluation import Metrics, confusion_matrix, given_tags
from swsss.export.graph import LabelGraph
from swsss.export.proof import run_case, start_session
from swsss.export.samples import Case
from swsss.inputs import prepare_evaluation
from swsss.model.info import ModelInfo
from swsss.threads import DEPTH, THREADS, ahead


class _Torch:
    """The source, asked like the model file."""

    def __init__(self, graph: LabelGraph, *, conditioned: bool) -> None:
        self.graph, self.conditioned = graph, conditioned

    def __call__(self, case: Case) -> torch.Tensor:
        allowed = torch.from_numpy(case.candidates) if self.conditioned else None
        with torch.inference_mode():
            mask: torch.Tensor = self.graph(torch.from_numpy(case.image), allowed)[0]
        return mask


class _File:
    """The model file in ONNX Runtime on the CPU."""

    def __init__(self, model: bytes) -> None:
        self.session = start_session(model)

    def __call__(self, case: Case) -> torch.Tensor:
        return torch.from_numpy(run_case(self.session, case)[0])


def scored_samples(data: Path, split: str, classes: ClassTable) -> Sequence[Sample]:
    """The images of a split, each with mask and tags.

    Raises:
        UserError: The dataset or split is not there, has other classes, or lacks masks.
    """
    dataset = open_dataset(data)
    if dataset.classes != classes:
        ours, theirs = ", ".join(classes.names), ", ".join(dataset.classes.names)
        raise UserError(f"The model knows the classes {ours}; {data} has {theirs}.")
    return prepare_evaluation(dataset, split).val


def score_against_source(
    graph: LabelGraph, model: Path, info: ModelInfo, samples: Sequence[Sample]
) -> Iterator[tuple[str, Metrics]]:
    """Score the PyTorch source in float32 and the model file, the tags given unless the model is plain.

    Yields:
        What was scored, and its scores.
    """
    conditioned = info.task == "conditioned"
    regime = given_tags(info.tag_penalty or 0.0) if conditioned else "none"
    yield "PyTorch, fp32", _score(_Torch(graph, conditioned=conditioned), samples, len(info.classes), regime)
    yield f"ONNX, {info.precision}", _score(_File(model.read_bytes()), samples, len(info.classes), regime)


def _score(model: _Torch | _File, samples: Sequence[Sample], num_classes: int, regime: str) -> Metrics:
    total = torch.zeros(num_classes, num_classes, dtype=torch.int64)
    with ahead(read_sample, samples, THREADS, DEPTH) as pairs:
        for sample, (image, mask) in zip(samples, pairs, strict=True):
            candidates = np.array([sorted({0, *(sample.tags or ())})], np.int64)
            total += confusion_matrix(torch.from_numpy(mask), model(Case(image[None], candidates))[0], num_classes)
    return Metrics(regime, total.numpy(), len(samples))
