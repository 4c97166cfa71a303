"""`swsss.train` and `swsss.evaluate`: what `swsss-train` and `swsss-eval` do."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from swsss._api.checks import check_choice, check_range, python_call
from swsss.errors import UserError
from swsss.progress import ProgressCallback

StrPath: TypeAlias = str | Path
Regime: TypeAlias = Literal["given", "none"]
"""Whether masks were chosen by the tags of an image; figures of one regime are not to be compared with the other's."""
Tta: TypeAlias = Literal["none", "flip", "paper"]

TTAS = ("none", "flip", "paper")
_DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Scores:
    """Scores of a model under one tags regime; all in 0..1.

    Args:
        images: Number of images they are measured on.
        miou: Mean IoU over the classes that occur.
        pixel_accuracy: Share of the pixels that are right.
        iou: Of each class by name; None for one that is in neither truth nor prediction.
        calibration_error: How far the confidence can be believed: ECE over 15 bins.
    """

    images: int
    miou: float
    pixel_accuracy: float
    iou: Mapping[str, float | None]
    calibration_error: float


@dataclass(frozen=True)
class TrainResult:
    """A run that is finished.

    Args:
        folder: The run folder; `swsss.load`, `swsss.export` and `swsss.label_folder` take it as a model.
        scores: By model, e.g. "teacher" and "final model", and tags regime; empty without val images.
    """

    folder: Path
    scores: Mapping[str, Mapping[Regime, Scores]]

    @property
    def report(self) -> Path:
        """The page with curves, scores and pictures."""
        return self.folder / "report.html"


def train(  # noqa: PLR0913 - the options of swsss-train, all but two with a default
    data: StrPath,
    out: StrPath,
    *,
    stages: Literal["all", "stage1", "stage2"] = "all",
    recipe: str = "",
    config: StrPath | None = None,
    settings: Mapping[str, object] | None = None,
    strong: str | None = None,
    train_split: str | None = None,
    val: str | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    progress: ProgressCallback | None = None,
) -> TrainResult:
    """Train from a few masks and many tags, as `swsss-train` does, in this process and on one device.

    The same call goes on where another one, or the command, ended: at the last state that was saved
    (`run.checkpoint_every`), and at once with what is finished.

    Args:
        data: Dataset directory or VOC tree.
        out: Folder of the run.
        stages: Both, or one of them.
        recipe: Settings that ship with swsss: "small" (also where nothing is named), "modern", "paper" or "demo".
        config: TOML file with all settings, instead of a recipe.
        settings: Changes to them, e.g. `{"stage1.lr": 0.002}`.
        strong: Split of the images whose masks may be used; every training image with a mask when None.
        train_split: Split of training images; "train", or all but val, when None.
        val: Split to evaluate on; "val", if there is one, when None.
        device: "auto" takes a GPU where there is one.
        progress: Called with what is done ("stage1", "pseudo labels", ...), how much of it, and of how much. What it
            raises ends the call.

    Raises:
        UserError: Something is wrong with the parameters, the data or the run folder.
    """
    with python_call("train", progress):
        check_choice("stages", stages, ("all", "stage1", "stage2"))
        check_choice("device", device, _DEVICES)
        from swsss.pipeline import Order, carry_out

        order = Order(
            stages,
            Path(data),
            Path(out),
            strong=strong,
            train_split=train_split,
            val=val,
            recipe=recipe,
            config=None if config is None else Path(config),
            settings=list(_assignments(settings or {})),
            device=device,
        )
        carry_out(order)
        models = json.loads((order.out / "results.json").read_text(encoding="utf-8"))["models"]
    scores: dict[str, dict[Regime, Scores]] = {}
    for model in models:
        scores.setdefault(model["model"], {})[_regime(model)] = _scores(model)
    return TrainResult(order.out, scores)


def evaluate(
    model: StrPath,
    data: StrPath,
    *,
    split: str = "val",
    tags: Literal["given", "none", "both"] = "both",
    tta: Tta = "none",
    tag_penalty: float = 0.0,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    progress: ProgressCallback | None = None,
) -> dict[Regime, Scores]:
    """Score a checkpoint on images with masks, as `swsss-eval` does.

    Args:
        model: `.safetensors` of ours, or `.pth` of the paper's authors.
        data: Dataset directory or VOC tree.
        split: Its images need masks.
        tags: Whether masks are chosen by the tags of an image.
        tta: Test-time augmentation.
        tag_penalty: With tags: logits taken off the classes that they exclude, instead of excluding them; 0 for off.
        device: "auto" takes a GPU where there is one.
        progress: Called with "evaluating", images done and in all. What it raises ends the call.

    Returns:
        Scores by tags regime, e.g. `swsss.evaluate(...)["none"].miou`.

    Raises:
        UserError: The model or the data is not what it should be, or they do not go together.
    """
    with python_call("evaluate", progress):
        check_choice("tags", tags, ("given", "none", "both"))
        check_choice("tta", tta, TTAS)
        check_choice("device", device, _DEVICES)
        check_range("tag_penalty", tag_penalty, 0, 1000)
        from swsss.pipeline import evaluate_model

        found = evaluate_model(Path(model), Path(data), split, tags, tta, device, tag_penalty)
    return {_regime(one): _scores(one) for one in found.values["scores"]}


def _assignments(settings: Mapping[str, object]) -> Iterator[str]:
    """Settings as `--set` takes them: TOML values behind dotted keys."""
    import tomli_w

    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from (f"{key}.{rest}" for rest in _assignments(value))
            continue
        try:
            text = tomli_w.dumps({"value": str(value) if isinstance(value, Path) else value})
        except TypeError:
            told = f"Setting {key!r} cannot be {value!r}; give text, a number, a truth value, or a list of them."
            raise UserError(told, code="invalid-settings", field="settings") from None
        yield f"{key}={text.removeprefix('value = ').strip()}"


def _regime(values: Mapping[str, Any]) -> Regime:
    return "none" if values["tags"] == "none" else "given"


def _scores(values: Mapping[str, Any]) -> Scores:
    return Scores(
        images=values["images"],
        miou=values["miou"],
        pixel_accuracy=values["pixel_accuracy"],
        iou=values["iou"],
        calibration_error=values["confidence"]["ece"],
    )
