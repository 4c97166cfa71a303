"""Accuracy on real photos: what each part of the method brings, with the same net, steps, crop and augmentation.

    python benchmarks/voc_animals.py --data DATA --weights mobilenet_v2-imagenet.pth --out runs/voc_animals

DATA is a dataset directory with the splits `train`, `val` and the one that `--strong` names. Arms of the table:

    ce          cross entropy on the pixel-labelled images alone
    cce         class-aware cross entropy on the same images
    hybridnet, pseudonet, average
                stage 1 (CCE, image-level loss, PCT) on all images; both nets averaged
    final       stage 2 on the labels of stage 1
    final drop  the same, with pixels whose confidence is low left out (255)

A killed benchmark goes on where it was. The table goes to OUT/table.md and, with every class, to OUT/table.json.
"""

import json
import platform
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import click
import torch

from swsss.checkpoint import load_checkpoint
from swsss.config import Config, load_config
from swsss.data.dataset import open_dataset
from swsss.data.files import write_whole
from swsss.evaluate import Metrics, evaluate
from swsss.inputs import Inputs, prepare
from swsss.predict import Predictor
from swsss.run import Run, begin_run
from swsss.stages import run_baseline, run_labels, run_stage1, run_stage2
from swsss.training.distributed import make_fabric

ARMS = ("ce", "cce", "hybridnet", "pseudonet", "average", "final", "final drop")
"""In the order of the table; stage 1 runs first."""

Results = dict[str, tuple[dict[str, Metrics], float]]


@click.command(help=__doc__.splitlines()[0])
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--weights", required=True, help="Backbone weights: file, or torchvision name.")
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--strong", default="strong_92", show_default=True)
@click.option("--recipe", default="small", show_default=True)
@click.option("--drop-below", default=0.6, show_default=True, help="Confidence threshold of the arm 'final drop'.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="As in swsss-train.")
def main(
    data: Path,
    weights: str,
    out: Path,
    strong: str,
    recipe: str,
    drop_below: float,
    settings: tuple[str, ...],
) -> None:
    """Run all arms and print the table."""
    fixed = [f"net.weights={weights!r}", f"data.strong={strong!r}", *settings]
    config = load_config(recipe, None, fixed)
    inputs = prepare(open_dataset(data), config.data)
    fabric, precision = make_fabric("auto", 1, config.run.precision)

    def arm(name: str, changed: Config) -> Run:
        run = Run(out / name, changed, inputs, fabric, precision)
        begin_run(run.folder, changed, inputs, data)
        return run

    results: Results = {}
    run = arm("stage1", config)
    _timed(results, run, "hybridnet", [lambda: run_stage1(run)], ["hybridnet"])
    _timed(results, run, "pseudonet", [], ["pseudonet"])
    _timed(results, run, "average", [], ["hybridnet", "pseudonet"])
    for loss in ("ce", "cce"):
        alone = arm(loss, _supervised_only(config, loss))
        _timed(results, alone, loss, [lambda alone=alone: run_baseline(alone)], ["baseline"])
    _timed(results, run, "final", [lambda: run_labels(run), lambda: run_stage2(run, run.labels)], ["final"])
    dropped = arm("drop", load_config(recipe, None, [*fixed, f"labels.ignore_below={drop_below}"]))
    for role in ("hybridnet", "pseudonet"):
        shutil.copy(run.path(role), dropped.path(role))
    work = [lambda: run_labels(dropped), lambda: run_stage2(dropped, dropped.labels)]
    _timed(results, dropped, "final drop", work, ["final"])
    _write(out, results, inputs, config)


def _supervised_only(config: Config, loss: str) -> Config:
    """The stage-1 schedule for one net on the pixel-labelled images alone, as many of them a step as stage 1 takes."""
    shared = {"steps", "crop", "lr", "head_lr_factor", "momentum", "weight_decay", "power"}
    values = config.stage1.model_dump(include=shared)
    baseline = {
        **values,
        "batch": config.stage1.batch // 2,
        "loss": loss,
        "augment": config.stage1.labelled.model_dump(),
    }
    return Config.model_validate({**config.model_dump(), "baseline": baseline})


def _timed(results: Results, run: Run, name: str, work: list[Callable[[], object]], roles: list[str]) -> None:
    note = run.folder / f"seconds_{name.replace(' ', '_')}.json"
    began = time.monotonic()
    for one in work:
        one()
    if not note.is_file():
        write_whole(note, json.dumps(time.monotonic() - began).encode())
    nets = [run.placed(load_checkpoint(run.path(role)).net) for role in roles]
    predictor = Predictor(nets, run.fabric.device)
    found = evaluate(predictor, run.inputs.val, run.inputs.classes)
    results[name] = ({**found}, json.loads(note.read_text()))
    given, none = found["given"], found["none"]
    print(f"{name}: mIoU {100 * given.miou:.1f} tags=given, {100 * none.miou:.1f} tags=none", flush=True)


def _write(out: Path, results: Results, inputs: Inputs, config: Config) -> None:
    names = inputs.classes.names
    head = ["arm", "tags", "mIoU", *names, "minutes"]
    lines = [" | ".join(head), " | ".join(["---"] * 2 + ["---:"] * (len(head) - 2))]
    for name in ARMS:
        found, seconds = results[name]
        for regime, metrics in found.items():
            numbers = [metrics.miou, *metrics.per_class]
            cells = [f"{100 * number:.1f}" if number is not None else "-" for number in numbers]
            lines.append(" | ".join([name, f"tags={regime}", *cells, f"{seconds / 60:.1f}"]))
    about = (
        f"{config.net.backbone}, {len(inputs.strong)} masks, {len(inputs.train)} training images, {len(inputs.val)} "
        f"val images; {config.stage1.steps} steps, crop {config.stage1.crop}, {config.stage1.batch // 2} with masks "
        f"a step (stage 1 and as many others, stage 2 {config.stage2.batch}); {_device()}"
    )
    text = about + "\n\n" + "\n".join(f"| {line} |" for line in lines) + "\n"
    write_whole(out / "table.md", text.encode())
    rows = [
        {"arm": name, "seconds": seconds, **metrics.to_json(inputs.classes)}
        for name in ARMS
        for found, seconds in [results[name]]
        for metrics in found.values()
    ]
    values = {"about": about, "torch": torch.__version__, "config": _without_paths(config), "rows": rows}
    write_whole(out / "table.json", json.dumps(values, indent=1).encode())
    print(text)


def _without_paths(config: Config) -> dict[str, object]:
    values = config.model_dump(mode="json")
    values["net"]["weights"] = Path(config.net.weights).name
    return values


def _device() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = models[0].partition(": ")[2] if models else platform.processor()
    return f"{torch.get_num_threads()} threads of {name}"


if __name__ == "__main__":
    main()
