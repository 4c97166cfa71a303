"""Accuracy on real photos: what a rule for stage 1, and a stage 2 on its labels, bring at equal steps.

    python benchmarks/voc_animals.py run --data DATA --weights mobilenet_v2-imagenet.pth --out runs/voc_animals \
        --arm teacher --strong strong_92 --seed 0
    python benchmarks/voc_animals.py table --out runs/voc_animals

DATA is a dataset directory with the splits `train`, `val` and those that `--strong` names. Each `run` trains one arm
and scores it once on `val`, without having chosen anything there (no look at val during training):

    ce        cross entropy on the masks alone, every image of a batch labelled
    cce       class-aware cross entropy, the same
    pct       the paper's progressive cross training, the labels being the average of its nets
    teacher   the recipe's stage 1
    then stage 2 of cce, pct and teacher as the recipe has it: "cce final" and so on

`--steps` are those of the arms with one net; pct, which trains two, is given half of them, to cost about the same. The
CPU seconds of each training stand in the table. The table goes to OUT/table.md and, with every class, OUT/table.json.
"""

import json
import platform
import resource
import statistics
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch

from swsss.checkpoint import load_checkpoint
from swsss.config import Config, load_config
from swsss.data.dataset import open_dataset
from swsss.data.files import write_whole
from swsss.evaluation import evaluate
from swsss.inputs import prepare
from swsss.predict import Predictor
from swsss.run import Run, begin_run
from swsss.stages import run_baseline, run_labels, run_stage1, run_stage2
from swsss.training.distributed import make_fabric

ARMS = ("ce", "cce", "pct", "teacher")

PCT = {
    "method": "pct",
    "image_loss": 0.1,
    "exponent": 1.0,
    "warm_start": True,
}
"""The settings of PCT that were best on photos like these, at few steps; optimizer and batch are the recipe's."""


@click.group()
def main() -> None:
    """Measure the rules of stage 1 on real photos."""


@main.command()
@click.option("--data", required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--weights", required=True, help="Encoder weights: file or name.")
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--arm", required=True, type=click.Choice(ARMS))
@click.option("--strong", default="strong_92", show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--recipe", default="small", show_default=True)
@click.option("--steps", default=900, show_default=True, help="Of stage 1.")
@click.option("--final-steps", default=0, show_default=True, help="Of stage 2; 0 = stage 1 only.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="As in swsss-train.")
def run(data: Path, out: Path, arm: str, steps: int, final_steps: int, **options: Any) -> None:
    """Train one arm and score it."""
    strong, seed = options["strong"], options["seed"]
    fixed = [f"net.weights={options['weights']!r}", f"data.strong={strong!r}", f"seed={seed}", "select.looks=0"]
    chosen = load_config(options["recipe"], None, [*fixed, *options["settings"]])
    config = _of_arm(chosen, arm, steps, final_steps)
    inputs = prepare(open_dataset(data), config.data)
    fabric, precision = make_fabric("auto", 1, config.run.precision)
    work = Run(out / f"{arm}-{strong}-{seed}", config, inputs, fabric, precision)
    begin_run(work.folder, config, inputs, data)
    _stage1(work, arm)
    if final_steps:
        _scored(work, f"{arm} final", ["final"], [lambda: run_labels(work), lambda: run_stage2(work, work.labels)])


def _of_arm(config: Config, arm: str, steps: int, final_steps: int) -> Config:
    values = config.model_dump()
    stage1 = values["stage1"]
    share = stage1["burn_in"] / stage1["steps"]
    if arm == "pct":
        steps //= 2
        stage1 |= PCT
        share = 1 / 3
        values["labels"]["labeller"] = "average"
    stage1 |= {"steps": steps, "burn_in": round(share * steps)}
    shared = (set(stage1) & set(values["stage2"])) - {"augment"}
    alone = {key: stage1[key] for key in shared} | {"augment": stage1["labelled"]}
    values["baseline"] = alone | {"loss": "ce" if arm == "ce" else "cce"} if arm in {"ce", "cce"} else None
    values["stage2"]["steps"] = final_steps or values["stage2"]["steps"]
    return Config.model_validate(values)


def _stage1(work: Run, arm: str) -> None:
    if arm in {"ce", "cce"}:
        _scored(work, arm, ["baseline"], [lambda: run_baseline(work)])
        # A net trained on the masks alone is the labeller of its stage 2.
        write_whole(work.path("teacher"), work.path("baseline").read_bytes())
        return
    roles = ["hybridnet", "pseudonet"] if arm == "pct" else ["teacher"]
    _scored(work, arm, roles, [lambda: run_stage1(work)])


def _scored(work: Run, name: str, roles: list[str], tasks: list[Callable[[], object]]) -> None:
    """Do the work, score its nets, and note both; a note that is there already is kept."""
    note = work.folder / f"{name.replace(' ', '_')}.json"
    if note.is_file():
        return
    before = _cpu_seconds()
    for task in tasks:
        task()
    seconds = _cpu_seconds() - before
    nets = [work.placed(load_checkpoint(work.path(role)).net) for role in roles]
    found = evaluate(Predictor(nets, work.fabric.device), work.inputs.val, work.inputs.classes)
    scores = [metrics.to_json(work.inputs.classes) for metrics in found.values()]
    values = {
        "arm": name,
        "strong": work.config.data.strong,
        "seed": work.config.seed,
        "encoder": work.config.net.backbone,
        "cpu_seconds": round(seconds),
        "device": _device(),
        "torch": torch.__version__,
        "steps": {"stage1": work.config.stage1.steps, "stage2": work.config.stage2.steps},
        "scores": scores,
    }
    write_whole(note, json.dumps(values, indent=1).encode())
    click.echo(f"{name}: " + ", ".join(f"{100 * one['miou']:.1f} tags={one['tags']}" for one in scores))


def _cpu_seconds() -> float:
    """Of this process and of its loader workers, which have ended when a stage has."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)


def _device() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    name = models[0].partition(": ")[2] if models else platform.processor()
    return f"{torch.get_num_threads()} threads of {name}"


@main.command()
@click.option("--out", required=True, type=click.Path(path_type=Path, exists=True))
def table(out: Path) -> None:
    """Gather the runs of OUT: mean over seeds, and the smallest and largest."""
    notes = [json.loads(path.read_text()) for path in sorted(out.glob("*/*.json"))]
    rows = [note for note in notes if "scores" in note]
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["encoder"], row["strong"], row["arm"]].append(row)
    names = list(rows[0]["scores"][0]["iou"])
    head = ["encoder", "masks", "arm", "tags", "mIoU", "seeds", *names, "CPU seconds"]
    lines = [" | ".join(head), " | ".join(["---"] * 4 + ["---:"] * (len(head) - 4))]
    for (encoder, strong, arm), group in sorted(groups.items()):
        for place, regime in enumerate(("given", "none")):
            scores = [row["scores"][place] for row in group]
            classes = [_mean([one["iou"][name] for one in scores]) for name in names]
            seconds = f"{statistics.mean(row['cpu_seconds'] for row in group):.0f}"
            cells = [
                encoder,
                strong.rpartition("_")[2],
                arm,
                f"tags={regime}",
                _spread([one["miou"] for one in scores]),
            ]
            lines.append(" | ".join([*cells, str(len(group)), *classes, seconds]))
    text = "\n".join(f"| {line} |" for line in lines) + "\n"
    write_whole(out / "table.md", text.encode())
    write_whole(out / "table.json", json.dumps(rows, indent=1).encode())
    click.echo(text)


def _mean(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{100 * statistics.mean(known):.1f}" if known else "-"


def _spread(values: list[float]) -> str:
    ends = f" ({100 * min(values):.1f} to {100 * max(values):.1f})" if len(values) > 1 else ""
    return f"{100 * statistics.mean(values):.1f}{ends}"


if __name__ == "__main__":
    main()
