"""The work of `swsss-label`: from options to a labels folder."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from swsss.data.headers import MAX_PIXELS
from swsss.errors import Interrupted, Unfinished, UserError, concerning
from swsss.model.engine import Engine
from swsss.serve.folder import LabelsFolder
from swsss.serve.following import Follower, Terminal
from swsss.serve.formats import FORMATS
from swsss.serve.intake import Outcome
from swsss.serve.memory import MemoryBudget
from swsss.serve.models import exported, newest_run, open_engine
from swsss.serve.pipeline import Pipeline
from swsss.serve.plan import Plan, Selection, make_plan
from swsss.serve.report import Speed
from swsss.serve.settings import default_batch, default_workers
from swsss.serve.suspects import label_suspects
from swsss.serve.writer import Writer

_SAVE_SECONDS = 1.0


@dataclass(frozen=True)
class Order:
    """What `swsss-label` was told; see its `--help`. `within`: a folder that no image may lead out of by links."""

    images: Path
    labels: Path | None = None
    model: Path | None = None
    out: Path = Path("labels")
    confidence: bool = False
    ignore_below: float = 0.0
    formats: Sequence[str] = ()
    image_prefix: str = ""
    untagged: str = "skip"
    only: Path | None = None
    limit: int = 0
    overwrite: bool = False
    dry_run: bool = False
    max_side: int | None = None
    engine: str = "auto"
    device: str = "auto"
    batch: int = 0
    threads: int = 0
    workers: int = 0
    within: Path | None = None
    max_pixels: int = MAX_PIXELS
    max_memory: float | None = None
    """GiB that images may take together; half of what there is when None."""


@dataclass(frozen=True)
class Result:
    """What a start of `swsss-label` came to.

    Args:
        lines: For the user.
        failed: Images that could not be labelled, or are missing in a format.
        missing: Of these, those that are missing in a format.
        labelled: Images labelled now.
        earlier: Images labelled before.
    """

    lines: Sequence[str]
    failed: int = 0
    missing: int = 0
    labelled: int = 0
    earlier: int = 0


def carry_out(order: Order, *, tell: Callable[[str], None] = lambda line: None) -> Result:
    """Label what is not labelled yet, and write manifest, report and formats.

    Args:
        order: The options.
        tell: Called with what is about to happen, a line each.

    Raises:
        UserError: The command or its inputs are wrong; nothing was started.
        Interrupted: Stopped by the user; what is done is kept.
        Unfinished: The disk is full or broken; what is done is kept.
    """
    _check_places(order)
    engine = engine_for(order, tell)
    with Terminal(tell) as follower:
        return label_folder(order, engine, follower)


def label_folder(order: Order, engine: Engine, follower: Follower, budget: MemoryBudget | None = None) -> Result:
    """Do what `carry_out` does, with an engine that is open already.

    Args:
        order: The options; those that choose the engine are not looked at.
        engine: The model.
        follower: Told what happens, and asked whether to go on.
        budget: Memory shared with whoever else labels in this process; None makes one of `order.max_memory`.

    Raises:
        UserError, Interrupted, Unfinished: As for `carry_out`.
    """
    _check_places(order)
    _check_formats(order, engine)
    plan = make_plan(order.images, _selection(order, engine), engine.info.table, _recipe(order, engine))
    for line in _about_untagged(order, plan):
        follower.tell(line)
    if order.dry_run:
        told = f"{len(plan.names)} images would be labelled; nothing was written (--dry-run)."
        return Result([told, *_notes(engine)])
    with concerning("out", "unusable-folder"):
        folder = LabelsFolder(order.out, plan, overwrite=order.overwrite)
    with folder:
        try:
            pipeline = _pipeline(order, engine, folder, budget or MemoryBudget(int((order.max_memory or 0) * 2**30)))
            speed = _label(order, plan, pipeline, folder, follower)
            failed, missing = folder.finish(
                engine.info.table,
                _facts(order, engine),
                speed,
                order.formats,
                order.image_prefix,
                progress=follower.converting,
                within=order.within,
            )
        except OSError as error:
            raise Unfinished(f"{order.out} cannot be written: {error.strerror}.") from None
        except sqlite3.Error as error:
            raise Unfinished(folder.explain(error)) from None
        except UserError as error:  # of a format: the masks are done
            raise Unfinished(str(error)) from None
    lines = [*_verdict(order, speed, failed, missing), *_notes(engine)]
    return Result(lines, failed + missing, missing, speed.images, speed.earlier)


def _check_places(order: Order) -> None:
    if order.out.resolve().is_relative_to(order.images.resolve()):
        raise UserError(
            f"--out {order.out} lies in the image folder, where masks would be images; choose another.",
            code="out-in-images",
            field="out",
        )


def _check_formats(order: Order, engine: Engine) -> None:
    """A format that cannot hold these classes is better told now than after hours."""
    with TemporaryDirectory() as nowhere, concerning("formats", "unsuitable-format"):
        for name in order.formats:
            with FORMATS[name](Path(nowhere), engine.info.table, order.image_prefix):
                pass


def engine_for(order: Order, tell: Callable[[str], None]) -> Engine:
    """Open the model of an order, exported first where it is a checkpoint.

    Raises:
        UserError: It cannot be opened, or the options do not go with it.
    """
    model = order.model or newest_run()
    if order.max_side is not None and model.suffix in {".onnx", ".engine"}:
        told = f"The largest side is built into {model}; export it again with swsss-export --max-side."
        raise UserError(told, code="conflicting-options", field="max_side")
    if order.model is None:
        tell(f"model: {model}, the newest run")
    with concerning("model", "unusable-model"):
        # Asked for by name, a checkpoint runs as it is; otherwise it is exported first, unless nothing may be written.
        file = model if order.engine == "torch" or order.dry_run else exported(model, order.max_side, tell)
        engine = open_engine(file, order.device, order.threads)
    tell(f"engine: {engine.description}")
    return engine


def _selection(order: Order, engine: Engine) -> Selection:
    conditioned = engine.info.task == "conditioned"
    if conditioned and order.labels is None and order.untagged == "skip":
        told = "This model labels by tags: give --labels tags.csv, or --untagged all to allow every class."
        raise UserError(told, code="tags-needed", field="labels")
    if not conditioned and order.labels is not None:
        told = "This model takes no tags (it was exported plain): leave --labels out, or name another --model."
        raise UserError(told, code="tags-not-taken", field="labels")
    return Selection(order.labels, order.untagged == "all" or not conditioned, order.only, order.limit)


def _recipe(order: Order, engine: Engine) -> str:
    """What decides a mask besides image and tags."""
    return f"{engine.identity} {order.ignore_below}"


def _about_untagged(order: Order, plan: Plan) -> Iterator[str]:
    if plan.untagged:
        fate = "are labelled with every class allowed" if order.untagged == "all" else "are left out (--untagged all)"
        named = ", ".join(plan.untagged[:5]) + (", ..." if len(plan.untagged) > 5 else "")
        yield f"{len(plan.untagged)} images have no row in {order.labels} and {fate}: {named}"


def _notes(engine: Engine) -> Iterator[str]:
    if engine.info.about_tags:
        yield f"Note: {engine.info.about_tags}."


def _pipeline(order: Order, engine: Engine, folder: LabelsFolder, budget: MemoryBudget) -> Pipeline:
    return Pipeline(
        engine,
        order.images,
        Writer(order.out, order.confidence, order.ignore_below),
        order.batch or default_batch(engine),
        order.workers or default_workers(),
        budget,
        order.max_pixels,
        folder.flight,
        order.within,
    )


def _outcomes(
    todo: Sequence[str], pipeline: Pipeline, folder: LabelsFolder, stop: Callable[[], bool]
) -> Iterator[Outcome]:
    """Label images, last those that a process may have died of."""
    suspects = folder.suspects(todo)
    last = {item.image for item in suspects}
    yield from pipeline.run(folder.begin(folder.plan.item(name) for name in todo if name not in last), stop)
    if suspects and not stop():
        yield from label_suspects(suspects, pipeline, folder, stop)


def _label(order: Order, plan: Plan, pipeline: Pipeline, folder: LabelsFolder, follower: Follower) -> Speed:
    todo = [name for name in plan.names if folder.is_due(plan.item(name), confidence=order.confidence)]
    earlier = len(plan.names) - len(todo)
    follower.begin(folder, len(todo), earlier)
    started = saved = time.monotonic()
    done = 0
    for item, row in _outcomes(todo, pipeline, folder, follower.stop):
        folder.note(item, row, confidence=order.confidence)
        follower.done(item, row)
        done += 1
        if time.monotonic() - saved > _SAVE_SECONDS:
            folder.save()
            follower.saved()
            saved = time.monotonic()
    folder.save()
    follower.saved()
    if done < len(todo):  # `stop` said so
        raise Interrupted(
            f"Stopped after {earlier + done} of {len(plan.names)} images; the same command goes on from there."
        )
    follower.finishing()
    return Speed(done, time.monotonic() - started, earlier)


def _facts(order: Order, engine: Engine) -> dict[str, str]:
    info = engine.info
    views = f"{len(info.scales)} scales" + (", mirrored" if info.flip else "")
    options = {
        "pixels below this confidence are left out": str(order.ignore_below) if order.ignore_below else "",
        "tags": str(order.labels or ""),
        "images without tags": {"all": "labelled, every class allowed", "skip": "left out"}[order.untagged],
    }
    facts = {
        "images": str(order.images),
        "model": f"{info.task}, {info.precision}, largest side {info.max_side}, {views}",
        "model file": engine.identity[:16],
        "engine": engine.description,
        "note": info.about_tags,
    }
    return {name: value for name, value in (facts | options).items() if value}


def _verdict(order: Order, speed: Speed, failed: int, missing: int) -> list[str]:
    rate = f" ({speed.images / speed.seconds:.1f} images/s)" if speed.images else ""
    earlier = f", {speed.earlier} from before" if speed.earlier else ""
    lines = [f"{speed.images} images in {speed.seconds:.1f} s{rate}{earlier}: {order.out / 'masks'}"]
    if failed:
        lines.append(f"{failed} images could not be labelled; {order.out / 'failures.csv'} says why.")
    if missing:
        lines.append(f"{missing} images are missing in a format; {order.out / 'convert-failures.csv'} says why.")
    return [*lines, f"Look at {order.out / 'report.html'} first."]
