"""The commands `swsss-label` and `swsss-convert`: parse, call one function, print."""

import sys
from pathlib import Path
from typing import Any

import click

from swsss.cli import user_errors
from swsss.serve.option_groups import GroupedCommand, grouped

WHAT, WRITTEN, MODEL = "What to label", "What is written", "Model and machine"
"""Groups of options in the help; those of `swsss-run`."""

FORMATS = ("coco", "label-studio", "cvat")
PATH = click.Path(path_type=Path)
_PREFIX = "For label-studio: what comes before an image's path, e.g. /data/local-files/?d=images/ or s3://bucket/."


@click.command(cls=GroupedCommand)
@click.argument("images", type=PATH)
@grouped(WHAT, "--labels", type=PATH, help="tags.csv: which classes each image contains.")
@grouped(
    WHAT,
    "--untagged",
    type=click.Choice(["skip", "all"]),
    default="skip",
    show_default=True,
    help="Images without a row in the tags: leave them out, or label them with every class allowed.",
)
@grouped(WHAT, "--only", type=PATH, metavar="LIST", help="Label only the images in this file, one a line.")
@grouped(WHAT, "--limit", type=click.IntRange(0), default=0, help="Label at most so many images.")
@grouped(WHAT, "--dry-run", is_flag=True, help="Check model, images and tags, and write nothing.")
@grouped(WRITTEN, "--out", type=PATH, default=Path("labels"), show_default=True, help="The labels folder.")
@grouped(WRITTEN, "--overwrite", is_flag=True, help="Label everything anew, also into a folder that is not ours.")
@grouped(WRITTEN, "--confidence", is_flag=True, help="Write a grey PNG with the confidence of every pixel as well.")
@grouped(
    WRITTEN,
    "--ignore-below",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="P",
    help="Give pixels with a confidence below P the value 255.",
)
@grouped(
    WRITTEN,
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(FORMATS),
    help="Write this format too; may be repeated.",
)
@grouped(WRITTEN, "--image-prefix", default="", metavar="PREFIX", help=_PREFIX)
@grouped(MODEL, "--model", type=PATH, help="Model file, checkpoint or run folder [default: the newest run in ./runs].")
@grouped(MODEL, "--max-side", type=click.IntRange(32), help="Reduce larger images for the net; masks keep full size.")
@grouped(MODEL, "--device", type=click.Choice(["auto", "cpu", "cuda", "tensorrt"]), default="auto", show_default=True)
@grouped(MODEL, "--engine", type=click.Choice(["auto", "torch"]), default="auto", help="torch: run in PyTorch.")
@grouped(
    MODEL, "--batch", type=click.IntRange(0), default=0, help="Images of one size a call [default: by the device]."
)
@grouped(MODEL, "--threads", type=click.IntRange(0), default=0, help="Threads of a CPU engine [default: all cores].")
@grouped(
    MODEL, "--workers", type=click.IntRange(0), default=0, help="Threads that decode and write [default: by cores]."
)
@grouped(
    MODEL,
    "--max-memory",
    type=click.FloatRange(min=0.25),
    metavar="GIB",
    help="Memory that images may take together [default: half of what there is].",
)
@click.version_option(package_name="swsss")
@user_errors
def label(**options: Any) -> None:
    """Write a mask for every image in the folder IMAGES, among the classes its tags allow.

    \b
      swsss-label ./images --labels tags.csv
      swsss-label ./images --labels tags.csv --model model.onnx --format coco

    Kill it whenever you like: the same command goes on where it was, and labels anew only what a changed model, option,
    image or row of the tags affects. A model exported with --tag-penalty may give classes that the tags exclude; the
    last line then says so.

    Exit code: 0 all labelled, 1 some images failed, 2 nothing was started.
    """  # noqa: D301 - click reads the \b as "keep these lines as they are"
    from swsss.data.quiet import quiet_decoders
    from swsss.errors import Unfinished
    from swsss.serve.label import Order, carry_out

    with quiet_decoders():
        try:
            result = carry_out(Order(**options), tell=lambda line: click.echo(line, err=True))
        except Unfinished as stop:
            kept = "What is labelled is kept; mend that, and the same command goes on from there."
            raise Unfinished(f"{stop} {kept}") from None
    for line in result.lines:
        click.echo(line)
    sys.exit(1 if result.failed else 0)


@click.command()
@click.argument("labels", type=PATH)
@click.option(
    "--format",
    "formats",
    multiple=True,
    required=True,
    type=click.Choice(FORMATS),
    help="What to write; may be repeated.",
)
@click.option("--image-prefix", default="", metavar="PREFIX", help=_PREFIX)
@click.version_option(package_name="swsss")
@user_errors
def convert(labels: Path, **options: Any) -> None:
    """Write the masks of LABELS, a folder of swsss-label, in other formats.

    \b
    coco          coco.json: run lengths, boxes, areas, scores
    label-studio  label-studio.json: predictions to import; label-studio.xml: the labelling interface for them
    cvat          cvat.zip: "Segmentation mask 1.1", to be uploaded to the task that holds the images

    The files appear in LABELS. Exit code 1: some images are missing in them, and convert-failures.csv says why.
    """  # noqa: D301 - click reads the \b as "keep these lines as they are"
    from swsss.serve.convert import convert

    converted = convert(labels, **options)
    for file in converted.files:
        click.echo(str(file))
    if converted.complaint:
        click.echo(converted.complaint, err=True)
        sys.exit(1)
