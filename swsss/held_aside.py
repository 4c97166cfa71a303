"""What the val images are used for besides scores: they choose the state that is kept, and calibrate its confidence."""

from typing import Any

from swsss.calibration import Temperature, calibrate
from swsss.checkpoint import Checkpoint, Task, save_checkpoint
from swsss.data.dataset import Sample
from swsss.evaluation import regime_of
from swsss.nets import SegmentationNet
from swsss.predict import Predictor
from swsss.progress import Bar, tell
from swsss.run import Run
from swsss.training.selection import Selection, look_steps
from swsss.training.tasks import Task as TrainingTask


def held_aside(run: Run) -> list[Sample]:
    """At most `select.images` val images, evenly chosen from first to last."""
    val = run.inputs.val
    count = min(run.config.select.images, len(val))
    return [val[index * len(val) // count] for index in range(count)]


def selection_for(run: Run, steps: int, kind: Task) -> Selection | None:
    """What chooses among the states of a training; None when the last is kept."""
    held, looks = held_aside(run), run.config.select.looks
    if not held or not looks:
        return None
    return Selection(held, run.inputs.classes, regime_of(kind), run.precision, look_steps(steps, looks))


def save_nets(run: Run, stage: str, task: TrainingTask, kind: Task, steps: int, selection: Selection | None) -> None:
    """Save every net of a training in its best state, its confidence calibrated for the way it will be asked."""
    chosen = selection.restore(task.nets) if selection else {}
    for role, net in task.nets.items():
        facts: dict[str, Any] = {"steps": steps, "seed": run.config.seed}
        if role in chosen:
            facts["selected"] = chosen[role]
            _tell(role, **chosen[role])
        temperature = _temperature(run, stage, role, net, kind)
        save_checkpoint(run.path(role), Checkpoint(net, run.inputs.classes, kind, role, temperature, facts))


def _tell(role: str, step: int, miou: float, tags: str, images: int) -> None:
    tell(f"{role}: kept the state after step {step}, mIoU {100 * miou:.1f} (tags={tags}, {images} val images).")


def _temperature(run: Run, stage: str, role: str, net: SegmentationNet, kind: Task) -> Temperature:
    held = held_aside(run)
    if not held:
        return ()
    tta = run.config.labels.tta if stage == "stage1" else run.config.eval_tta
    predictor = Predictor([net], run.fabric.device, run.precision, tta)
    with Bar(f"calibrating {role}", len(held)) as bar:
        given = regime_of(kind) == "given"
        return calibrate(predictor, held, len(run.inputs.classes), given=given, progress=bar.counted)
