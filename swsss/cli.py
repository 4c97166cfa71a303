"""The commands: parse, call one function, print."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

P = ParamSpec("P")
R = TypeVar("R")


def user_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn a user's mistake into one message and exit code 2, and Ctrl-C into exit code 130."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        from swsss.errors import Interrupted, Unfinished, UserError
        from swsss.extras import needs_extra

        name = click.get_current_context().command_path.partition(" ")[0]
        try:
            with needs_extra(name):
                return command(*args, **kwargs)
        except UserError as error:
            _leave(f"error: {error}", 2)
        except Unfinished as stop:
            _leave(f"error: {stop}", 1)
        except Interrupted as stop:
            _leave(str(stop), 130)
        except KeyboardInterrupt:
            _leave("Stopped; what is done is kept, and the same command goes on from there.", 130)

    return wrapped


def _leave(message: str, code: int) -> NoReturn:
    from swsss.processes import is_first_process

    # Every process of a run meets the same error, and one tells it. The others leave without an exit code: Fabric
    # kills the first process as soon as it sees another one fail, and with it the code the user is to get.
    if not is_first_process():
        sys.exit(0)
    click.echo(message, err=True)
    sys.exit(code)


DATA = click.option("--data", required=True, type=click.Path(path_type=Path), help="Dataset directory or VOC tree.")
DEVICE = click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda"]), show_default=True)


def training_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options all training commands share."""
    options = [
        DATA,
        click.option(
            "--out",
            required=True,
            type=click.Path(path_type=Path),
            help="Folder of the run; the same command goes on there.",
        ),
        click.option(
            "--strong",
            default=None,
            help="Split of the images whose masks may be used [default: every training image with a mask].",
        ),
        click.option(
            "--train", "train_split", default=None, help="Split of training images [default: train, or all but val]."
        ),
        click.option("--val", default=None, help="Split to evaluate on [default: val, if there is one]."),
        click.option(
            "--recipe", default="", help="Settings that ship with swsss: small, modern, paper or demo [default: small]."
        ),
        click.option(
            "--config", type=click.Path(path_type=Path), help="TOML file with all settings, instead of a recipe."
        ),
        click.option(
            "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a setting, e.g. stage1.lr=0.002."
        ),
        DEVICE,
        click.option(
            "--devices", default=1, show_default=True, type=click.IntRange(1), help="Processes, one a device."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
@click.version_option(package_name="swsss")
def train() -> None:
    """Train from a few masks and many tags.

    \b
    A dataset directory holds
      classes.txt   one class per line, background first
      images/       all images
      masks/        PNG masks of a handful of them, pixel = class id, 255 = ignore
      tags.csv      image,labels
    \b
    The whole way, from there to a model that needs no tags:
      swsss-train all --data DATA --out runs/first

    Kill it whenever you like: the same command goes on where it was.
    """  # noqa: D301 - click reads the \b as "keep these lines as they are"


def _command(stages: str, doc: str) -> None:
    @train.command(name=stages, help=doc)
    @training_options
    @user_errors
    def run(**options: Any) -> None:
        from swsss.pipeline import Order, carry_out
        from swsss.processes import is_first_process

        table = carry_out(Order(stages=stages, **options))
        if table is not None:
            from rich.console import Console

            Console().print(table)
        if is_first_process():
            click.echo(f"Everything is in {options['out']}; open {options['out'] / 'report.html'}.")


_command("all", "Both stages: a net that labels by the tags, pseudo labels, final model, evaluation, report.")
_command("stage1", "The nets that label only: by an EMA teacher, or by the paper's cross training (stage1.method).")
_command("stage2", "Pseudo labels from this run's stage 1, then the final model.")


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@DATA
@click.option("--split", default="val", show_default=True, help="Split to evaluate on; its images need masks.")
@click.option(
    "--tags",
    type=click.Choice(["given", "none", "both"]),
    default="both",
    show_default=True,
    help="Mask by the tags or not.",
)
@click.option(
    "--tta",
    type=click.Choice(["none", "flip", "paper"]),
    default="none",
    show_default=True,
    help="Test-time augmentation.",
)
@click.option(
    "--tag-penalty",
    type=click.FloatRange(0, 1000),
    default=0.0,
    metavar="P",
    help="For tags=given: take P logits off the classes the tags exclude, instead of excluding them [default: 0, off].",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file as well.")
@DEVICE
@click.version_option(package_name="swsss")
@user_errors
def evaluate(model: Path, data: Path, json_file: Path | None, **options: Any) -> None:
    """Score MODEL (.safetensors of ours, or .pth of the paper's authors): per-class IoU, mIoU, pixel accuracy.

    Then how far its confidence can be believed: the calibration error, and what is left, and how right it is, when
    pixels less sure than p are left out. Choose --ignore-below of swsss-label from it.

    Figures with tags (tags=given) and without (tags=none) answer different questions; never compare one with the other.
    """
    from rich.console import Console

    from swsss.pipeline import evaluate_model

    result = evaluate_model(model, data, **options)
    for table in result.tables:
        Console().print(table)
    if result.note:
        click.echo(result.note)
    if json_file is not None:
        from swsss.data.files import write_whole

        write_whole(json_file, json.dumps(result.values, indent=1).encode())


@click.group()
@click.version_option(package_name="swsss")
def data() -> None:
    """Get data: PASCAL VOC, or a generated demo set."""


@data.command()
@click.argument("folder", type=click.Path(path_type=Path))
@user_errors
def voc(folder: Path) -> None:
    """PASCAL VOC 2012 + SBD with the paper's splits, in FOLDER; an existing VOCdevkit is used as it is."""
    from swsss.data.voc import prepare_voc
    from swsss.extras import needs_extra

    with needs_extra("Downloading VOC", "voc"):
        lines = prepare_voc(folder)
    for line in lines:
        click.echo(line)


@data.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seed", default=0, show_default=True)
@user_errors
def demo(folder: Path, seed: int) -> None:
    """A generated dataset in FOLDER: look-alike classes that tags tell apart, 24 masks, hundreds of tags."""
    from swsss.demo import write_demo

    write_demo(folder, seed=seed)
    click.echo(f"The demo data set is in {folder}.")
