"""The commands' work: from options to a finished run, from a model file to its scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from rich.table import Table

from swsss.checkpoint import load_checkpoint
from swsss.config import DEFAULT_RECIPE, Config, Tta, load_config
from swsss.data.dataset import open_dataset
from swsss.errors import UserError, concerning
from swsss.evaluation import evaluate
from swsss.inputs import Inputs, prepare, prepare_evaluation
from swsss.outcome import OPTIMISTIC, class_table, finish, keep_table
from swsss.predict import Predictor, fit_threads
from swsss.progress import Bar, console, tell
from swsss.run import Run, begin_run
from swsss.stages import check_run, run_baseline, run_labels, run_stage1, run_stage2
from swsss.training.distributed import make_fabric


@dataclass(frozen=True)
class Order:
    """What `swsss-train` was told; see its `--help`."""

    stages: str
    data: Path
    out: Path
    strong: str | None = None
    train_split: str | None = None
    val: str | None = None
    recipe: str = ""
    config: Path | None = None
    settings: Sequence[str] = ()
    device: str = "auto"
    devices: int = 1

    def resolve(self) -> Config:
        """The configuration: recipe or file, then --set, then the splits."""
        if self.recipe and self.config:
            told = "--recipe and --config both name all settings; give one of them."
            raise UserError(told, code="conflicting-options", field="config")
        splits = {"data.strong": self.strong, "data.train": self.train_split, "data.val": self.val}
        chosen = [f"{key}={value!r}" for key, value in splits.items() if value is not None]
        return load_config(self.recipe or DEFAULT_RECIPE, self.config, [*self.settings, *chosen])


def carry_out(order: Order) -> Table | None:
    """Run the stages of an order; what is done already is not done again.

    Returns:
        The table of scores, on the first process, when there are val images.

    Raises:
        UserError: Something is wrong with the settings, the inputs or the run folder; nothing was started.
        Interrupted: Stopped by the user; the state is saved.
    """
    config = order.resolve()
    idle = config.stage1.method == "pct" and config.stage1.burn_in > 0
    fabric, precision = make_fabric(order.device, order.devices, config.run.precision, idle=idle)
    console.quiet = not fabric.is_global_zero
    inputs = _first_process(fabric, order, config)
    run = Run(order.out, config, inputs, fabric, precision)
    if order.stages == "all":
        run_baseline(run)
    if order.stages in {"all", "stage1"}:
        run_stage1(run)
    if order.stages in {"all", "stage2"}:
        run_labels(run)
        run_stage2(run, run.labels)
    if not fabric.is_global_zero:
        return None
    return finish(run, _facts(order, run))


def _first_process(fabric: Fabric, order: Order, config: Config) -> Inputs:
    """Check the inputs once, on the first process, and give all the others the result, or the error."""
    outcome: Inputs | UserError | None = None
    if fabric.is_global_zero:
        try:
            outcome = _begin(order, config, fabric.world_size)
        except UserError as error:
            outcome = error
    told = cast(Inputs | UserError, fabric.broadcast(outcome))
    if isinstance(told, UserError):
        if fabric.is_global_zero:
            raise told
        raise SystemExit(0)  # the first process tells it, and its exit code counts
    return told


def _begin(order: Order, config: Config, world: int) -> Inputs:
    with concerning("data", "unusable-data"):
        dataset = open_dataset(order.data)
        with Bar("checking inputs", len(dataset.samples)) as bar:
            inputs = prepare(dataset, config.data, bar.counted)
    for warning in inputs.warnings:
        tell(f"warning: {warning}")
    check_run(order.out, config, inputs.classes, order.stages, world)
    with concerning("out", "unusable-folder"):
        begin_run(order.out, config, inputs, order.data)
    tell(config.to_toml())
    train, strong, val = len(inputs.train), len(inputs.strong), len(inputs.val)
    tell(f"{train} training images, {strong} of them with a mask; {val} val images.")
    return inputs


def _facts(order: Order, run: Run) -> dict[str, str]:
    return {
        "data": order.data.name,
        "recipe": str(order.config or order.recipe or DEFAULT_RECIPE),
        "training images": str(len(run.inputs.train)),
        "with a mask": str(len(run.inputs.strong)),
        "val images": str(len(run.inputs.val)),
        "net": run.config.net.backbone,
        "precision": run.precision,
        "device": torch.cuda.get_device_name() if run.fabric.device.type == "cuda" else "cpu",
    }


@dataclass(frozen=True)
class Evaluation:
    """Scores of a model, to print and to store; `note` is what must be known to read them, or empty."""

    tables: list[Table]
    note: str
    values: dict[str, Any]


def evaluate_model(
    model: Path, data: Path, split: str, tags: str, tta: Tta, device: str, tag_penalty: float = 0.0
) -> Evaluation:
    """Score a model file on a split.

    Args:
        model: Checkpoint of ours or of the authors.
        data: Dataset directory or VOC tree.
        split: Its images need masks.
        tags: "given", "none" or "both".
        tta: Test-time augmentation.
        device: "auto", "cpu" or "cuda".
        tag_penalty: For tags=given: logits taken off the classes that tags exclude; 0 excludes them.

    Raises:
        UserError: The model or the data is not what it should be, or a penalty is given without tags.
    """
    if tag_penalty and tags == "none":
        told = "--tag-penalty weighs tags, and --tags none gives none; use --tags given or both."
        raise UserError(told, code="conflicting-options", field="tag_penalty")
    with concerning("model", "unusable-model"):
        checkpoint = load_checkpoint(model)
    with concerning("data", "unusable-data"):
        dataset = open_dataset(data)
    if checkpoint.classes != dataset.classes:
        theirs, ours = ", ".join(checkpoint.classes.names), ", ".join(dataset.classes.names)
        raise UserError(f"{model} knows the classes {theirs}; {data} has {ours}.", code="other-classes", field="data")
    with concerning("data", "unusable-data"):
        inputs = prepare_evaluation(dataset, split)
    place = torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")
    if device == "cuda" and place.type == "cpu":
        raise UserError("There is no CUDA device here; use --device cpu.", code="no-device", field="device")
    fit_threads()
    net = checkpoint.net.to(place).to(memory_format=torch.channels_last)
    predictor = Predictor([net], place, tta=tta)
    with Bar("evaluating", len(inputs.val)) as bar:
        found = evaluate(
            predictor,
            inputs.val,
            inputs.classes,
            temperature=checkpoint.temperature,
            tag_penalty=tag_penalty,
            progress=bar.counted,
        )
    chosen = [metrics for regime, metrics in found.items() if tags in {regime, "both"}]
    values = {
        "model": model.name,
        "split": split,
        "tta": tta,
        "calibrated": bool(checkpoint.temperature),
        "scores": [one.to_json(inputs.classes) for one in chosen],
    }
    tuned = checkpoint.temperature or "selected" in checkpoint.facts
    tables = [class_table(chosen, inputs.classes), *map(keep_table, chosen)]
    return Evaluation(tables, OPTIMISTIC if tuned else "", values)
