"""`swsss.label_folder`: what `swsss-label` does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from swsss._api.checks import check_choice, check_range, in_python, python_call
from swsss._api.converting import Format, known_formats
from swsss._api.labelling import DEVICES, Device, Labeller, StrPath
from swsss.progress import ProgressCallback
from swsss.serve.folder import LabelsFolder
from swsss.serve.label import Order, engine_for
from swsss.serve.label import label_folder as carry_out
from swsss.serve.plan import Item
from swsss.serve.records import Failed, Labelled


@dataclass(frozen=True)
class LabelResult:
    """What a run over a folder left.

    Args:
        folder: The labels folder.
        labelled: Images labelled by this call.
        earlier: Images that were labelled before, and did not have to be again.
        failed: Images that could not be labelled; `failures` lists them.
        missing: Images that are missing in a format; `convert-failures.csv` in the folder lists them.
        notes: What else there is to know, e.g. which images have no row in the tags; a sentence each.
    """

    folder: Path
    labelled: int
    earlier: int
    failed: int
    missing: int
    notes: tuple[str, ...]

    @property
    def masks(self) -> Path:
        """The folder of the masks."""
        return self.folder / "masks"

    @property
    def manifest(self) -> Path:
        """The table of the labelled images."""
        return self.folder / "manifest.csv"

    @property
    def failures(self) -> Path:
        """The table of the images that could not be labelled."""
        return self.folder / "failures.csv"

    @property
    def report(self) -> Path:
        """The page that says what to look at first."""
        return self.folder / "report.html"


class _Caller:
    """The program that called: told how far it is, and what there is to know; a `Follower`."""

    def __init__(self, progress: ProgressCallback | None) -> None:
        self.notes: list[str] = []
        self._progress = progress or (lambda title, done, total: None)
        self._done = self._total = 0

    def tell(self, line: str) -> None:
        self.notes.append(in_python(line))

    def begin(self, folder: LabelsFolder, todo: int, earlier: int) -> None:
        self._total = todo
        self._progress("labelling", 0, todo)

    def done(self, item: Item, row: Labelled | Failed) -> None:
        self._done += 1
        self._progress("labelling", self._done, self._total)

    def saved(self) -> None:
        pass

    def stop(self) -> bool:
        return False

    def finishing(self) -> None:
        pass

    def converting(self, done: int, total: int) -> None:
        self._progress("converting", done, total)


def label_folder(  # noqa: PLR0913 - the options of swsss-label, all but two with a default
    images: StrPath,
    *,
    labels: StrPath | None = None,
    model: StrPath | Labeller | None = None,
    out: StrPath = "labels",
    untagged: Literal["skip", "all"] = "skip",
    only: StrPath | None = None,
    limit: int = 0,
    overwrite: bool = False,
    confidence: bool = False,
    ignore_below: float = 0.0,
    formats: Sequence[Format] = (),
    image_prefix: str = "",
    max_side: int | None = None,
    device: Device = "auto",
    batch: int = 0,
    threads: int = 0,
    workers: int = 0,
    max_memory: float | None = None,
    progress: ProgressCallback | None = None,
) -> LabelResult:
    """Write a mask for every image of a folder, among the classes its tags allow, as `swsss-label` does.

    What is labelled already is not labelled again: the same call goes on where another one, or the command, ended.

    Args:
        images: The folder of the images.
        labels: `tags.csv`, which says what classes each image contains; for a model that takes tags.
        model: A model file, checkpoint or run folder, or what `swsss.load` gave; None for the newest run in `runs/`.
        out: The labels folder.
        untagged: Images without a row in `labels` are left out, or labelled with every class allowed.
        only: A file with the images to label, one a line.
        limit: At most so many images; 0 for all.
        overwrite: Label everything anew, also into a folder that is not ours.
        confidence: Write a grey PNG with the confidence of every pixel as well.
        ignore_below: Pixels less sure than this (0..1) become 255.
        formats: Written as well.
        image_prefix: For "label-studio": what comes before the path of an image.
        max_side: Larger images are reduced to it for the net, when a checkpoint is exported.
        device: As for `swsss.load`; not looked at for a model that is loaded, nor are `max_side` and `threads`.
        batch: Images of one size a call; 0 by the device.
        threads: Of a CPU engine; 0 for all cores.
        workers: Threads that decode and write; 0 by cores.
        max_memory: GiB that images may take together; half of what there is when None.
        progress: Called with "labelling" or "converting", images done and in all. What it raises ends the call.

    Raises:
        UserError: Something is wrong with the parameters or the files; nothing was started.
        Unfinished: The disk is full or broken; what is done is kept.
    """
    with python_call("label_folder", progress):
        check_choice("untagged", untagged, ("skip", "all"))
        check_choice("device", device, DEVICES)
        check_range("ignore_below", ignore_below, 0, 1)
        for name, value in {"limit": limit, "batch": batch, "threads": threads, "workers": workers}.items():
            check_range(name, value, 0)
        if max_side is not None:
            check_range("max_side", max_side, 32)
        if max_memory is not None:
            check_range("max_memory", max_memory, 0.25)
        order = Order(
            images=Path(images),
            labels=None if labels is None else Path(labels),
            model=None if model is None or isinstance(model, Labeller) else Path(model),
            out=Path(out),
            confidence=confidence,
            ignore_below=ignore_below,
            formats=known_formats(formats),
            image_prefix=image_prefix,
            untagged=untagged,
            only=None if only is None else Path(only),
            limit=limit,
            overwrite=overwrite,
            max_side=max_side,
            device=device,
            batch=batch,
            threads=threads,
            workers=workers,
            max_memory=max_memory,
        )
        caller = _Caller(progress)
        engine = model.engine if isinstance(model, Labeller) else engine_for(order, lambda line: None)
        result = carry_out(order, engine, caller)
        notes = (*caller.notes, engine.info.about_tags) if engine.info.about_tags else tuple(caller.notes)
        failed = result.failed - result.missing
        return LabelResult(order.out, result.labelled, result.earlier, failed, result.missing, notes)
