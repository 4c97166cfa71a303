"""Settings: one pydantic model, filled from a recipe or a TOML file and `--set key=value`, and stored with the run."""

import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from swsss.data.transforms import AugmentConfig, StrongConfig
from swsss.errors import InputError, UserError, concerning
from swsss.nets import NetConfig

Tta = Literal["none", "flip", "paper"]
DEFAULT_RECIPE = "small"

Labeller = Literal["hybridnet", "pseudonet", "average", "teacher"]
Method = Literal["pct", "teacher"]

LABELLER_ROLES: Mapping[Labeller, tuple[str, ...]] = {
    "hybridnet": ("hybridnet",),
    "pseudonet": ("pseudonet",),
    "average": ("hybridnet", "pseudonet"),
    "teacher": ("teacher",),
}
"""The nets a labeller averages."""

CONDITIONED_ROLES = frozenset(role for roles in LABELLER_ROLES.values() for role in roles)
"""The nets that are asked with tags."""


MAX_TAG_PENALTY = 1000.0
"""More than any net's scores can make up for; within float16, and without infinities in the graph."""

PixelLoss = Literal["ce", "cce"]
ZeroIoU = Literal["skip", "count"]


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Settings):
    """Which images, and whose masks may be used."""

    strong: str = Field(
        "", description="split of images whose masks may be used; '' = every training image with a mask"
    )
    train: str = Field("", description="split of training images; '' = 'train' if there is one, else all but --val")
    val: str = Field("", description="split to evaluate on; '' = 'val' if there is one, else none")
    folds: int = Field(
        0,
        ge=0,
        description="2 or more: without val images, one fold (1 / folds) of the labelled images is held aside from "
        "all training and takes their place, so that states are chosen, confidence is calibrated and scores are "
        "honest; 0 = off",
    )


class OptimizerConfig(_Settings):
    """Optimizer with a polynomial schedule, and the size of a batch."""

    optimizer: Literal["sgd", "adamw"] = "sgd"
    steps: int = Field(ge=0)
    batch: int = Field(ge=2, description="images a step, over all devices")
    crop: int = Field(ge=32, description="side of the training crop in pixels")
    lr: float = Field(gt=0)
    decoder_lr_factor: float = Field(
        1.0, gt=0, description="learning rate of what stands between encoder and classifier, times lr"
    )
    head_lr_factor: float = Field(10.0, gt=0, description="learning rate of the classifier, times lr")
    momentum: float = Field(0.9, ge=0, lt=1, description="of sgd")
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="learning rate of the encoder's block i of n, times this ^ (n - i); 1 = off"
    )
    weight_decay: float = Field(4e-5, ge=0)
    tag_loss: float = Field(0.3, ge=0, description="weight of the tag head's loss, where net.tag_head is set")
    power: float = Field(0.9, ge=0, description="lr falls as (1 - step / steps) ^ power")


class TeacherConfig(_Settings):
    """The EMA teacher and what the student learns from it."""

    decay: float = Field(0.99, ge=0, lt=1, description="what a step leaves of the teacher's older weights")
    weight: float = Field(1.0, ge=0, description="weight of the loss on the teacher's labels")
    exponent: float = Field(
        1.0, ge=0, description="exponent of a label's trust, which is its weight; 0 = all labels count alike"
    )
    cutmix: float = Field(0.5, ge=0, le=1, description="probability of CutMix for each image")
    strong: StrongConfig = StrongConfig()


class Stage1Config(OptimizerConfig):
    """Stage 1: HybridNet and PseudoNet trained with CCE and PCT, or one net with an EMA teacher."""

    method: Method = Field("pct", description="pct = the paper's; teacher = an EMA teacher labels within the tags")
    batch: int = Field(ge=2, multiple_of=2, description="images a step, over all devices; half of it pixel-labelled")
    teacher: TeacherConfig = TeacherConfig()
    image_loss: float = Field(1.0, ge=0, description="weight of the image-level loss of HybridNet")
    cross_loss: float = Field(1.0, ge=0, description="weight of HybridNet's PCT term")
    exponent: float = Field(8.0, ge=0, description="exponent of the IoU in PCT's image weights")
    decay: float = Field(0.99, ge=0, lt=1, description="what a step leaves of PCT's older pixel counts")
    zero_iou: ZeroIoU = "count"
    burn_in: int = Field(0, ge=0, description="steps HybridNet trains alone, or the student on labelled images alone")
    warm_start: bool = Field(False, description="PseudoNet starts as a copy of HybridNet when the burn-in ends")
    labelled: AugmentConfig = AugmentConfig()
    unlabelled: AugmentConfig = AugmentConfig()
    init_hybridnet: str = Field("", description="checkpoint to start HybridNet from")
    init_pseudonet: str = Field("", description="checkpoint to start PseudoNet from")


class SupervisedConfig(OptimizerConfig):
    """One net trained on masks: stage 2 on pseudo labels, or the baseline on the pixel-labelled images alone."""

    loss: PixelLoss = "ce"
    start: Literal["encoder", "labeller"] = Field(
        "encoder", description="what stage 2 starts from: the encoder's weights, or the net that labelled"
    )
    balance: float = Field(
        0.0, ge=0, le=1, description="share of the images drawn by class, so that rare classes are seen more often"
    )
    augment: AugmentConfig = AugmentConfig()


class SelectConfig(_Settings):
    """Val images, if there are any, choose the state of a training that is kept, and calibrate its confidence."""

    looks: int = Field(
        4,
        ge=0,
        description="times in the second half of a training that the nets are scored on val images; the best state is "
        "kept; 0 = the last is kept",
    )
    images: int = Field(
        100, ge=1, description="val images used for this, evenly chosen; each look costs a prediction of every one"
    )


class LabelsConfig(_Settings):
    """How pseudo labels are made from the stage-1 nets."""

    labeller: Labeller = "hybridnet"
    tta: Tta = "paper"
    ignore_below: float = Field(0.0, ge=0, le=1, description="pixels less sure than this become 255 in stage 2")
    tag_penalty: float = Field(
        0.0,
        ge=0,
        le=MAX_TAG_PENALTY,
        description="logits taken off classes that the tags exclude, so that a sure net may still give them; 0 = never",
    )


class RunConfig(_Settings):
    """How a run is carried out; nothing here changes what is learned, except the precision."""

    precision: Literal["auto", "32", "bf16", "16"] = Field(
        "auto", description="auto = bf16 where the device computes it fast"
    )

    @field_validator("precision", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        """Take `--set run.precision=32`, whose value is a number to TOML."""
        return str(value) if type(value) is int else value

    workers: int = Field(-1, ge=-1, description="loader processes a device; -1 = by the number of cores")
    log_every: int = Field(20, ge=1, description="steps")
    checkpoint_every: int = Field(200, ge=1, description="steps")
    preview_every: int = Field(500, ge=1, description="steps")


RESUMABLE_CHANGES = frozenset({"workers", "log_every", "checkpoint_every", "preview_every"})
"""Fields of `RunConfig` that may differ when a run goes on, because they do not change what is learned."""


class Config(_Settings):
    """The resolved configuration of a run."""

    seed: int = Field(0, ge=0)
    data: DataConfig = DataConfig()
    net: NetConfig
    stage1: Stage1Config
    select: SelectConfig = SelectConfig()
    labels: LabelsConfig = LabelsConfig()
    stage2: SupervisedConfig
    baseline: SupervisedConfig | None = Field(None, description="supervised-only net to compare with; absent = none")
    eval_tta: Tta = "none"
    run: RunConfig = RunConfig()

    @model_validator(mode="after")
    def _labeller_is_trained(self) -> "Config":
        if (self.stage1.method == "teacher") != (self.labels.labeller == "teacher"):
            raise ValueError(
                f"stage1.method = '{self.stage1.method}' trains no net for labels.labeller = '{self.labels.labeller}' "
                "(pct trains hybridnet and pseudonet, teacher trains teacher); set both"
            )
        return self

    def to_toml(self) -> str:
        """The configuration as TOML that `--config` reads back."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def recipe_names() -> list[str]:
    """The recipes that ship with the package."""
    return sorted(file.name.removesuffix(".toml") for file in _recipes().iterdir() if file.name.endswith(".toml"))


def _recipes() -> Any:
    return resources.files("swsss.recipes")


def load_config(recipe: str = DEFAULT_RECIPE, file: Path | None = None, settings: Iterable[str] = ()) -> Config:
    """Resolve a configuration.

    Args:
        recipe: Name of a shipped recipe; not used when `file` is given.
        file: TOML file with a whole configuration.
        settings: `key=value` changes with dotted keys (`stage1.lr=0.01`); values are TOML, or else plain text.

    Raises:
        UserError: There is no such recipe or file, or it is not TOML, or a setting is not `key=value`.
        InputError: Keys are unknown or values out of range.
    """
    if file is None:
        if recipe not in recipe_names():
            told = f"There is no recipe '{recipe}' (there are: {', '.join(recipe_names())})."
            raise UserError(told, code="not-found", field="recipe")
        source, text = f"recipe {recipe}", (_recipes() / f"{recipe}.toml").read_text(encoding="utf-8")
    else:
        source, text = str(file), _read(file)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{source} is not TOML: {error}.") from None
    with concerning("settings", "invalid-settings"):
        for setting in settings:
            _set(values, setting)
        return validate_config(values, source)


def validate_config(values: Mapping[str, Any], source: str) -> Config:
    """Turn plain values into a `Config`, or tell every wrong field at once."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise InputError(
            [_sentence(source, item["loc"], item["msg"], item["type"]) for item in error.errors()]
        ) from None


def _sentence(source: str, location: tuple[int | str, ...], message: str, kind: str) -> str:
    key = ".".join(str(part) for part in location)
    if kind == "extra_forbidden":
        return f"{source}: there is no setting '{key}'."
    message = message.removeprefix("Value error, ")
    if not key:
        return f"{source}: {message}."
    stop = "" if message.endswith("?") else "."
    return f"{source}: setting '{key}': {message[0].lower()}{message[1:]}{stop}"


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {error}.", code="not-found", field="config") from None


def _set(values: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise UserError(f"--set {setting}: write key=value, for example --set stage1.lr=0.002.")
    *tables, last = key.strip().split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise UserError(f"--set {setting}: '{table}' is a value, not a table of settings.")
    values[last] = _value(text.strip())


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
