"""Pseudo labels: the stage-1 nets' predictions masked by the tags, one indexed PNG an image."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from swsss.confidence import inverse_confidence
from swsss.config import LabelsConfig
from swsss.data.classes import IGNORE
from swsss.data.dataset import Sample
from swsss.data.files import write_whole
from swsss.data.images import Pixels, orient, orient_back, read_image
from swsss.data.png import write_mask
from swsss.predict import Predictor
from swsss.threads import DEPTH, THREADS, ahead


@dataclass(frozen=True)
class Labeller:
    """A predictor that labels by tags.

    Args:
        predictor: The nets; its TTA is used.
        ignore_below: Pixels less sure than this (0..1) become 255.
        source: What identifies nets and settings: labels of another source are made anew.
        temperature: Of the nets' confidence, see `swsss.confidence`.
    """

    predictor: Predictor
    ignore_below: float
    source: str
    temperature: tuple[float, ...] = ()

    def label(self, image: Pixels, tags: frozenset[int]) -> Pixels:
        """Label one upright image: uint8 RGB [H, W, 3] to uint8 [H, W], a class scored for `tags` or 255."""
        scores, candidates = self.predictor.scores(image, tags)
        labels = candidates[scores.argmax(0)]
        confidence = 1 / inverse_confidence(scores, labels, self.temperature)
        labels[confidence < self.ignore_below] = IGNORE
        return labels.to(torch.uint8).cpu().numpy()


def write_labels(
    labeller: Labeller,
    samples: Sequence[Sample],
    folder: Path,
    *,
    rank: int = 0,
    world: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Label tagged images into `folder/masks/<stem>.png`; images already labelled from the same source are kept.

    Process `rank` of `world` takes every `world`-th image. Call `begin_labels` before, in one process.
    """
    mine = [sample for sample in samples[rank::world] if not label_path(folder, sample).is_file()]
    with ahead(_read, mine, THREADS, DEPTH) as images:
        for done, (sample, (image, orientation)) in enumerate(zip(mine, images, strict=True), 1):
            labels = labeller.label(orient(image, orientation), sample.tags or frozenset())
            write_mask(label_path(folder, sample), orient_back(labels, orientation))
            progress(done, len(mine))


def _read(sample: Sample) -> tuple[Pixels, int]:
    return read_image(sample.image)


def begin_labels(folder: Path, labeller: Labeller) -> None:
    """Make sure that what lies in `folder` is of the same source; labels of another are deleted."""
    note = json.dumps({"source": labeller.source})
    path = folder / "source.json"
    if path.is_file() and path.read_text(encoding="utf-8") == note:
        return
    shutil.rmtree(folder, ignore_errors=True)
    write_whole(path, note.encode())


def label_path(folder: Path, sample: Sample) -> Path:
    """Where the pseudo label of a sample lies."""
    return folder / "masks" / f"{sample.stem}.png"


def pseudo_labelled(samples: Sequence[Sample], folder: Path) -> list[Sample]:
    """The samples with pseudo labels as masks; a pixel-labelled one keeps its own."""
    return [sample if sample.mask else replace(sample, mask=label_path(folder, sample)) for sample in samples]


def source_of(checkpoints: Sequence[Path], settings: LabelsConfig) -> str:
    """SHA-256 over checkpoint files and how they are used."""
    # Not there, it is as it was before there was such a setting.
    without = set() if settings.tag_penalty else {"tag_penalty"}
    digest = hashlib.sha256(settings.model_dump_json(exclude=without).encode())
    for path in checkpoints:
        digest.update(path.read_bytes())
    return digest.hexdigest()
