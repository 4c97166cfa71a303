"""The command `swsss-export`: parse, call one function, print."""

from pathlib import Path
from typing import Any

import click

from swsss.cli import user_errors


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The model file [default: CHECKPOINT with .onnx; of a run folder, model.onnx in it].",
)
@click.option("--precision", type=click.Choice(["fp32", "fp16", "int8"]), default="fp32", show_default=True)
@click.option("--calibrate", type=click.Path(path_type=Path), help="Folder with images to calibrate int8 on.")
@click.option("--calibrate-count", default=64, show_default=True, type=click.IntRange(1), help="How many of them.")
@click.option(
    "--tta",
    type=click.Choice(["none", "flip", "paper"]),
    help="Test-time augmentation inside the graph [default: none; of a run folder, what its labels are made with].",
)
@click.option(
    "--max-side",
    default=2048,
    show_default=True,
    help="Images with a longer side are reduced to it for the net; masks keep full size.",
)
@click.option(
    "--plain/--conditioned",
    "plain",
    default=None,
    help="Score all classes, without tags, or the classes the tags allow [default: what the net was trained for].",
)
@click.option(
    "--tag-penalty",
    type=click.FloatRange(0, 1000),
    metavar="P",
    help="Make tags a strong hint instead of law: the classes they exclude are scored too, P logits lower, so that "
    "masks MAY HOLD CLASSES THE TAGS EXCLUDE where the net is that sure. Every class is scored, which takes longer "
    "[default: 0, law; of a run folder, what its labels are made with].",
)
@click.option("--evaluate", type=click.Path(path_type=Path), help="Dataset to score PyTorch and the model file on.")
@click.option("--split", default="val", show_default=True, help="Its split; the images need masks.")
@click.option(
    "--tensorrt",
    "engine",
    flag_value="tensorrt",
    help="Build a TensorRT engine beside the ONNX file as well, for the GPU that is here; where none is, like "
    "--tensorrt-rtx.",
)
@click.option(
    "--tensorrt-rtx",
    "engine",
    flag_value="tensorrt_rtx",
    help="The same with TensorRT-RTX: the engine runs on any RTX GPU since Ampere, and building it needs none.",
)
@click.option(
    "--sizes",
    default="1x375x500,8x512x512",
    show_default=True,
    metavar="NxHxW,...",
    help="Of the engine: images at a time, height and width to tune for; it takes every smaller one as well.",
)
@click.version_option(package_name="swsss")
@user_errors
def export(checkpoint: Path, **options: Any) -> None:
    """Write CHECKPOINT (or the labeller of a run folder) as one self-contained model file, proven before it appears.

    \b
      swsss-export runs/first --out model.onnx
      swsss-export runs/first/hybridnet.safetensors --out int8.onnx --precision int8 --calibrate images/
    """  # noqa: D301 - click reads the \b as "keep these lines as they are"
    from swsss.export.command import Order, carry_out

    for line in carry_out(Order(checkpoint, **options), tell=click.echo):
        click.echo(line)
