"""The commands `swsss-label`, `swsss-convert` and `swsss-serve`: parse, call one function, print."""

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
@click.version_option(package_name="swsss")
@user_errors
def label(**options: Any) -> None:
    """Write a mask for every image in the folder IMAGES, among the classes its tags allow.

    \b
      swsss-label ./images --labels tags.csv
      swsss-label ./images --labels tags.csv --model model.onnx --format coco

    Kill it whenever you like: the same command goes on where it was, and labels anew only what a changed model, option,
    image or row of the tags affects. Exit code: 0 all labelled, 1 some images failed, 2 nothing was started.
    """  # noqa: D301 - click reads the \b as "keep these lines as they are"
    from swsss.data.quiet import quiet_decoders
    from swsss.serve.label import Order, carry_out

    with quiet_decoders():
        result = carry_out(Order(**options), tell=lambda line: click.echo(line, err=True))
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


LISTENS, FILES, TAKES = "Who may ask", "Models and folders", "How much is taken"
"""Groups of options of `swsss-serve`."""


@click.command(cls=GroupedCommand)
@grouped(
    FILES,
    "--model",
    "models",
    multiple=True,
    metavar="[NAME=]PATH",
    help="Model file, named by its stem or by NAME; may be repeated, the first is the default.",
)
@grouped(FILES, "--models", "folder", type=PATH, metavar="DIR", help="Folder of model files; each is a model.")
@grouped(FILES, "--root", type=PATH, metavar="DIR", help="Folder whose images jobs may label [default: uploads only].")
@grouped(
    FILES,
    "--data",
    type=PATH,
    default=Path("swsss-serve"),
    show_default=True,
    metavar="DIR",
    help="Where jobs, their labels and reviews are kept.",
)
@grouped(LISTENS, "--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@grouped(LISTENS, "--port", type=click.IntRange(0, 65535), default=8008, show_default=True, help="0: any free one.")
@grouped(
    LISTENS,
    "--token-file",
    type=PATH,
    metavar="FILE",
    help="File with the token that is asked of clients; or the environment variable SWSSS_TOKEN.",
)
@grouped(
    LISTENS,
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    help="Another name this server goes by; repeatable.",
)
@grouped(
    LISTENS,
    "--label-studio",
    default="",
    metavar="URL",
    help="Label Studio whose images may be fetched; its token in LABEL_STUDIO_API_KEY.",
)
@grouped(MODEL, "--device", type=click.Choice(["auto", "cpu", "cuda", "tensorrt"]), default="auto", show_default=True)
@grouped(
    MODEL, "--batch", type=click.IntRange(0), default=0, help="Images of one size a call [default: by the device]."
)
@grouped(
    MODEL,
    "--batch-wait",
    type=click.FloatRange(0, 1000),
    default=5.0,
    show_default=True,
    metavar="MS",
    help="Milliseconds an image waits for others of its size, where a call takes several.",
)
@grouped(MODEL, "--threads", type=click.IntRange(0), default=0, help="Threads of a CPU engine [default: all cores].")
@grouped(
    MODEL, "--workers", type=click.IntRange(0), default=0, help="Threads that decode and write [default: by cores]."
)
@grouped(TAKES, "--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Jobs that run at a time.")
@grouped(
    TAKES, "--queue", type=click.IntRange(1), default=64, show_default=True, help="Requests inside; more are told 503."
)
@grouped(TAKES, "--max-upload", type=click.IntRange(1), default=64, show_default=True, metavar="MIB", help="An image.")
@grouped(TAKES, "--max-archive", type=click.IntRange(1), default=4096, show_default=True, metavar="MIB", help="A ZIP.")
@grouped(TAKES, "--max-pixels", type=click.IntRange(1), default=50, show_default=True, metavar="MP", help="An image.")
@click.version_option(package_name="swsss")
@user_errors
def serve(**options: Any) -> None:
    """Label over HTTP: single images, whole folders, and a page to watch and review.

    \b
      swsss-serve --model model.onnx --root ./photos
      SWSSS_TOKEN=... swsss-serve --model model.onnx --host 0.0.0.0

    Jobs survive a restart, or a kill, and go on by themselves. The page is at /, a description of all routes at /docs.
    """  # noqa: D301 - click reads the \b as "keep these lines as they are"
    from swsss.data.quiet import quiet_decoders
    from swsss.errors import UserError

    try:
        from swsss.serve.server.command import settings_of
        from swsss.serve.server.running import run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("swsss"):
            raise
        raise UserError(f"swsss-serve needs {error.name}: pip install 'swsss[serve]'.") from None
    with quiet_decoders():
        run(settings_of(options), lambda line: click.echo(line, err=True))
