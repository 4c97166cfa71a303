"""The end of a run: every model scored, one table, `results.json` and `report.html`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from swsss import __version__
from swsss.checkpoint import load_checkpoint
from swsss.config import CONDITIONED_ROLES
from swsss.data.classes import ClassTable
from swsss.data.dataset import read_sample
from swsss.data.files import write_whole
from swsss.data.png import write_picture
from swsss.evaluation import Metrics, Regime, evaluate
from swsss.held_aside import held_aside
from swsss.predict import Predictor
from swsss.progress import Bar
from swsss.reliability import BINS
from swsss.report import Confidence, Curve, Picture, Row, contact_sheet, read_curve, write_report
from swsss.run import Run
from swsss.stages import STAGES, has_labeller, stage1_labeller

TITLES = {
    "baseline": "supervised only",
    "hybridnet": "HybridNet",
    "pseudonet": "PseudoNet",
    "teacher": "teacher",
    "final": "final model",
}
"""Roles in the order of the table."""

NOT_SHOWN = frozenset({"step", "lr", "images_per_second", "pct_weight"})
"""Columns of a log without a curve in the report."""

SHOWN = 8
"""Pictures in the report."""

OPTIMISTIC = (
    "Where these images are the val images of the training, they also chose the state that was kept and the "
    "temperatures of the confidence; their figures are then slightly optimistic."
)


@dataclass(frozen=True)
class Scored:
    """One line of the table."""

    name: str
    metrics: Metrics


def score_run(run: Run) -> list[Scored]:
    """Score every model of the run on its val images, with and without tags."""
    scored = []
    for role, title in TITLES.items():
        if run.path(role).is_file() and run.inputs.val:
            with Bar(f"evaluating {title}", len(run.inputs.val)) as bar:
                predictor, temperature = _predictor(run, role)
                val, classes = run.inputs.val, run.inputs.classes
                found = evaluate(predictor, val, classes, temperature=temperature, progress=bar.counted)
            scored += [Scored(title, metrics) for metrics in found.values()]
    return scored


def _predictor(run: Run, role: str) -> tuple[Predictor, tuple[float, ...]]:
    """The model of a role, and the temperature of its confidence."""
    checkpoint = load_checkpoint(run.path(role))
    # In float32 whatever the training precision was, so that a number can be repeated elsewhere.
    net = run.placed(checkpoint.net)
    return Predictor([net], run.fabric.device, tta=run.config.eval_tta), checkpoint.temperature


def finish(run: Run, facts: Mapping[str, str]) -> Table | None:
    """Score, write `results.json`, `report.html` and `pictures.png`; the table to print, or None without val images."""
    scored = score_run(run)
    seconds_file = run.folder / "seconds.json"
    seconds = json.loads(seconds_file.read_text(encoding="utf-8")) if seconds_file.is_file() else {}
    results = {
        "tta": run.config.eval_tta,
        "seconds": seconds,
        "models": [{"model": item.name, **item.metrics.to_json(run.inputs.classes)} for item in scored],
    }
    write_whole(run.folder / "results.json", json.dumps(results, indent=1).encode())
    spent = {f"seconds of {stage}": str(value) for stage, value in seconds.items()}
    if run.inputs.val and run.config.select.looks:
        spent["states kept"] = f"the best of {run.config.select.looks} looks at val images (slightly optimistic)"
    pictures = _pictures(run)
    if pictures:
        write_picture(run.folder / "pictures.png", contact_sheet(pictures[:4], run.inputs.classes))
    write_report(
        run.folder / "report.html",
        title=f"swsss run {run.folder.name}",
        classes=run.inputs.classes,
        rows=[_row(item) for item in scored],
        pictures=pictures,
        curves=_curves(run.folder),
        facts={**facts, **spent, "evaluation TTA": run.config.eval_tta, "swsss": __version__},
        confidence=_labels_confidence(run),
    )
    if not scored:
        return None
    table = metrics_table(scored)
    if run.config.select.looks:
        table.caption = "val images chose the states kept: slightly optimistic"
        table.caption_justify = "left"
    return table


def _labels_confidence(run: Run) -> Confidence | None:
    """How far the confidence of the labels can be believed, on the images that calibrated it: asked as labels are."""
    held = held_aside(run)
    if not held or not has_labeller(run):
        return None
    with Bar("evaluating labels", len(held)) as bar:
        maker, classes = stage1_labeller(run), run.inputs.classes
        found = evaluate(maker.predictor, held, classes, temperature=maker.temperature, progress=bar.counted)
    metrics = found["given"]
    assert metrics.reliability is not None
    bins = [(one.confidence, one.right) for one in metrics.reliability.bins()]
    before = None if metrics.uncalibrated is None else metrics.uncalibrated.ece
    labeller = f"{run.config.labels.labeller}, TTA {run.config.labels.tta}, {len(held)} val images"
    return Confidence(labeller, metrics.reliability.ece, before, metrics.keep_table(), bins, OPTIMISTIC)


def _row(item: Scored) -> Row:
    metrics = item.metrics
    return Row(item.name, metrics.tags, metrics.miou, metrics.pixel_accuracy, tuple(metrics.per_class))


def metrics_table(scored: Sequence[Scored]) -> Table:
    """The scores in percent, every line with its tags regime; single classes are in the report."""
    table = Table(title="in percent", title_justify="left")
    for heading in ("model", "tags"):
        table.add_column(heading, no_wrap=True)
    for heading in ("mIoU", "pixel accuracy"):
        table.add_column(heading, justify="right", no_wrap=True)
    for item in scored:
        metrics = item.metrics
        table.add_row(item.name, f"tags={metrics.tags}", percent(metrics.miou), percent(metrics.pixel_accuracy))
    return table


def class_table(metrics: Iterable[Metrics], classes: ClassTable) -> Table:
    """IoU of every class in percent, one column a tags regime."""
    regimes = list(metrics)
    table = Table(title="IoU in percent", title_justify="left")
    table.add_column("class")
    for item in regimes:
        table.add_column(f"tags={item.tags}", justify="right")
    for index, name in enumerate(classes.names):
        table.add_row(name, *(percent(item.per_class[index]) for item in regimes))
    table.add_section()
    table.add_row("mIoU", *(percent(item.miou) for item in regimes))
    table.add_row("pixel accuracy", *(percent(item.pixel_accuracy) for item in regimes))
    return table


def keep_table(metrics: Metrics) -> Table:
    """What is left, and how right it is, when pixels less sure than p are left out; below it the calibration error."""
    regime = f"tags={metrics.tags}"
    table = Table(title=f"confidence of p and above, {regime}, in percent", title_justify="left")
    for heading in ("p", "pixels kept", "right of these", "mIoU of these"):
        table.add_column(heading, justify="right", no_wrap=True)
    for keep in metrics.keep_table():
        table.add_row(f"{keep.above:g}", percent(keep.share), percent(keep.right), percent(keep.miou))
    if metrics.reliability is not None:
        before = f"; {percent(metrics.uncalibrated.ece)} before calibration" if metrics.uncalibrated else ""
        told = percent(metrics.reliability.ece)
        table.caption = f"calibration error (ECE, {BINS} bins), {regime}: {told}{before}"
        table.caption_justify = "left"
    return table


def percent(value: float | None) -> str:
    """A share as percent with one decimal; a dash for None."""
    return "-" if value is None else f"{100 * value:.1f}"


def _curves(folder: Path) -> list[Curve]:
    logs = {stage: folder / stage / "log.csv" for stage in STAGES}
    return [read_curve(stage, path, _shown_columns(path)) for stage, path in logs.items() if path.is_file()]


def _shown_columns(log: Path) -> list[str]:
    """The terms of the loss, or the loss where it has no terms, and scores on val images."""
    with log.open(encoding="utf-8") as file:
        columns = [name for name in file.readline().strip().split(",") if name not in NOT_SHOWN]
    return columns if columns == ["loss"] else [name for name in columns if name != "loss"]


def _pictures(run: Run) -> list[Picture]:
    """A few images under every model: with tags for the stage-1 nets, without for the others."""
    predictors = {role: _predictor(run, role)[0] for role in TITLES if run.path(role).is_file()}
    pictures = []
    for sample in (run.inputs.val or run.inputs.strong)[:SHOWN]:
        image, mask = read_sample(sample)
        labels = {}
        for role, predictor in predictors.items():
            regime: Regime = "given" if role in CONDITIONED_ROLES else "none"
            tags = sample.tags if regime == "given" else None
            labels[f"{TITLES[role]}, tags={regime}"] = predictor.mask(image, tags)
        pictures.append(Picture(sample.stem, image, mask, labels))
    return pictures
