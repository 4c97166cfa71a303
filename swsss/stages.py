"""The stages that fill a run folder, each skipped when it is done."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from swsss.checkpoint import Task, load_checkpoint
from swsss.confidence import mean_temperature
from swsss.config import LABELLER_ROLES, Config, SupervisedConfig
from swsss.data.classes import ClassTable
from swsss.data.dataset import Sample
from swsss.data.transforms import Augment, Strong
from swsss.errors import UserError
from swsss.held_aside import save_nets, selection_for
from swsss.nets import SegmentationNet, build_net
from swsss.predict import Predictor
from swsss.progress import Bar
from swsss.pseudo_labels import Labeller, begin_labels, pseudo_labelled, source_of, write_labels
from swsss.run import Run, checkpoint_path, note_seconds
from swsss.training.distributed import Processes
from swsss.training.loader import Stream, seed_of
from swsss.training.loop import Loop, train
from swsss.training.previews import Previews
from swsss.training.tasks import CrossTraining, Supervised
from swsss.training.tasks import Task as TrainingTask
from swsss.training.teacher import TeacherTraining

STAGES = ("baseline", "stage1", "stage2")
"""Names of the trainings; each draws its batches from a seed of its own."""


def check_run(folder: Path, config: Config, classes: ClassTable, stages: str, world: int) -> None:
    """Find before anything starts what would otherwise come out only when a stage begins.

    Args:
        folder: Of the run; it need not exist.
        config: Resolved configuration.
        classes: Of the data set.
        stages: "all", "stage1" or "stage2".
        world: Number of processes.

    Raises:
        UserError: A batch cannot be shared, stage 1 is missing, or weights cannot be loaded.
    """
    if stages == "stage2":
        _stage1_files(folder, config)
    batches = {"stage1.batch / 2": config.stage1.batch // 2, "stage2.batch": config.stage2.batch}
    if config.baseline is not None:
        batches["baseline.batch"] = config.baseline.batch
    for name, count in batches.items():
        if count % world:
            raise UserError(f"{name} = {count} cannot be shared evenly among {world} devices.")
    build_net(config.net, len(classes))
    for start in (config.stage1.init_hybridnet, config.stage1.init_pseudonet):
        if start:
            _started_from(start, classes)


def run_stage1(run: Run) -> None:
    """Train the nets that label: HybridNet and PseudoNet, or a student with its teacher."""
    if run.config.stage1.method == "teacher":
        _run_teacher(run)
    else:
        _run_pct(run)


def _run_teacher(run: Run) -> None:
    if _is_done(run, "stage1", "teacher"):
        return
    config = run.config.stage1
    task = TeacherTraining(_net(run, 0), config, run.fabric)
    batch, half = config.batch // run.fabric.world_size, config.batch // 2 // run.fabric.world_size
    labelled = Augment(config.labelled, config.crop)
    weak, strong = Augment(config.unlabelled, config.crop), Strong(config.teacher.strong)
    streams = [
        Stream(run.inputs.strong, labelled, batch, stop=config.burn_in),
        Stream(run.inputs.strong, labelled, half, start=config.burn_in),
        Stream(run.inputs.train, weak, half, strong, start=config.burn_in),
    ]
    _train(run, "stage1", task, streams, "conditioned")


def _run_pct(run: Run) -> None:
    if _is_done(run, "stage1", "hybridnet", "pseudonet"):
        return
    config = run.config.stage1
    starts = (config.init_hybridnet, config.init_pseudonet)
    # Without tag heads: no term of PCT trains them.
    hybrid, pseudo = (_net(run, number, start, tag_head=False) for number, start in enumerate(starts))
    task = CrossTraining(hybrid, pseudo, config, run.fabric)
    half = config.batch // 2 // run.fabric.world_size
    streams = [
        Stream(run.inputs.strong, Augment(config.labelled, config.crop), half),
        Stream(run.inputs.train, Augment(config.unlabelled, config.crop), half),
    ]
    _train(run, "stage1", task, streams, "conditioned")


def run_labels(run: Run) -> None:
    """Write the pseudo labels of every tagged training image; the pixel-labelled ones show how good they are."""
    labeller = stage1_labeller(run)
    if run.fabric.is_global_zero:
        begin_labels(run.labels, labeller)
    run.fabric.barrier()
    rank, world = run.fabric.global_rank, run.fabric.world_size
    samples = run.inputs.train
    error = None
    try:
        with Bar("pseudo labels", len(samples[rank::world])) as bar:
            write_labels(labeller, samples, run.labels, rank=rank, world=world, progress=bar.counted)
    except UserError as found:
        error = found
    Processes(run.fabric).agree(error)


def has_labeller(run: Run) -> bool:
    """Whether stage 1 is done as far as the labeller needs it."""
    return all(path.is_file() for path in _labeller_paths(run.folder, run.config))


def stage1_labeller(run: Run) -> Labeller:
    """The labeller `labels.labeller` names.

    Raises:
        UserError: Stage 1 has not been trained in this run.
    """
    paths = _stage1_files(run.folder, run.config)
    checkpoints = [load_checkpoint(path) for path in paths]
    settings = run.config.labels
    nets = [run.placed(checkpoint.net) for checkpoint in checkpoints]
    predictor = Predictor(nets, run.fabric.device, run.precision, settings.tta, settings.tag_penalty)
    temperature = mean_temperature([checkpoint.temperature for checkpoint in checkpoints])
    return Labeller(predictor, settings.ignore_below, source_of(paths, settings), temperature)


def _labeller_paths(folder: Path, config: Config) -> list[Path]:
    """The checkpoints the labeller needs."""
    return [checkpoint_path(folder, role) for role in LABELLER_ROLES[config.labels.labeller]]


def _stage1_files(folder: Path, config: Config) -> list[Path]:
    """The same, each of them there."""
    paths = _labeller_paths(folder, config)
    for path in paths:
        if not path.is_file():
            raise UserError(
                f"{path} is not there; train stage 1 first (swsss-train stage1 or all, with the same --out)."
            )
    return paths


def run_stage2(run: Run, labels: Path) -> None:
    """Train the final net on pseudo labels (and the true masks there are)."""
    samples = pseudo_labelled(run.inputs.train, labels)
    missing = [sample.mask for sample in samples if not sample.mask or not sample.mask.is_file()]
    if missing:
        raise UserError(f"{len(missing)} training images have no pseudo label (first: {missing[0]}).")
    _supervised(run, "stage2", "final", run.config.stage2, samples, _final_net)


def run_baseline(run: Run) -> None:
    """Train the supervised-only net on the pixel-labelled images, to compare with."""
    if run.config.baseline is not None:
        _supervised(run, "baseline", "baseline", run.config.baseline, run.inputs.strong, _baseline_net)


def _supervised(
    run: Run,
    stage: str,
    role: str,
    config: SupervisedConfig,
    samples: Sequence[Sample],
    make: Callable[[Run], SegmentationNet],
) -> None:
    if _is_done(run, stage, role):
        return
    task = Supervised(make(run), role, config, run.fabric)
    per_step = config.batch // run.fabric.world_size
    streams = [Stream(samples, Augment(config.augment, config.crop), per_step, balance=config.balance)]
    _train(run, stage, task, streams, "conditioned" if config.loss == "cce" else "plain")


def _is_done(run: Run, stage: str, *roles: str) -> bool:
    done = all(run.path(role).is_file() for role in roles)
    if done:
        # Still there when the process was killed just before it would have removed it.
        (run.folder / stage / "state.pt").unlink(missing_ok=True)
    return done


def _train(run: Run, stage: str, task: TrainingTask, streams: Sequence[Stream], kind: Task) -> None:
    config = getattr(run.config, stage)
    folder = run.folder / stage
    previews = Previews(task.nets, run.inputs, folder, run.fabric.device, run.precision, masked=kind == "conditioned")
    seed = seed_of(run.config.seed, STAGES.index(stage))
    selection = selection_for(run, config.steps, kind)
    loop = Loop(stage, folder, config, run.config.run, seed, len(run.inputs.classes), previews.write, selection)
    seconds = train(run.fabric, task, streams, loop)
    error = None
    if run.fabric.is_global_zero:
        try:
            save_nets(run, stage, task, kind, config.steps, selection)
            note_seconds(run, stage, seconds)
            (folder / "state.pt").unlink(missing_ok=True)
        except UserError as found:
            error = found
    Processes(run.fabric).agree(error)


def _net(run: Run, number: int, start: str = "", **changes: bool) -> SegmentationNet:
    """A net of the run; `number` tells apart nets that must not start from the same random weights."""
    if start:
        return _started_from(start, run.inputs.classes).train()
    torch.manual_seed(seed_of(run.config.seed, number))
    return build_net(run.config.net.model_copy(update=changes), len(run.inputs.classes))


def _baseline_net(run: Run) -> SegmentationNet:
    """Without a tag head, which would learn from tags alone."""
    return _net(run, 2, tag_head=False)


def _final_net(run: Run) -> SegmentationNet:
    """The net of stage 2: where it can tell tags, they gate its classes."""
    net = _net(run, 2, gate=run.config.net.tag_head)
    if run.config.stage2.start == "labeller":
        first, *_ = _stage1_files(run.folder, run.config)
        _take_over(net, first)
    return net


def _take_over(net: SegmentationNet, labeller: Path) -> None:
    """Give a net the labeller's weights; where the labeller has no tag head, the net keeps its own."""
    try:
        net.load_state_dict({**net.state_dict(), **load_checkpoint(labeller).net.state_dict()})
    except RuntimeError:
        raise UserError(
            f"{labeller} holds another net than [net] describes, so stage 2 cannot start from it; "
            "set stage2.start = 'encoder'."
        ) from None


def _started_from(start: str, classes: ClassTable) -> SegmentationNet:
    checkpoint = load_checkpoint(Path(start).expanduser())
    if checkpoint.classes != classes:
        raise UserError(f"{start} has other classes than the data set ({', '.join(checkpoint.classes.names)}).")
    return checkpoint.net
