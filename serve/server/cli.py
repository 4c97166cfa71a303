"""The command `swsss-serve`: parse, call one function, print."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from swsss.cli import user_errors
from swsss.serve.option_groups import GroupedCommand, grouped
from swsss.serve.server.settings import LIMIT_UNITS, Limits

FILES, LISTENS, MODEL, TAKES = "Models and folders", "Who may ask", "Machine", "How much is taken"
"""Groups of options in the help."""

PATH = click.Path(path_type=Path)

F = TypeVar("F", bound=Callable[..., Any])


def _limit(flag: str, name: str, words: str, unit: str = "N") -> Callable[[F], F]:
    """The option for the field `name` of `Limits`, which also has its default."""
    default = getattr(Limits, name)
    kind = click.FloatRange(0, min_open=True) if isinstance(default, float) else click.IntRange(1)
    shown = default if isinstance(default, float) else default // LIMIT_UNITS.get(name, 1)
    return grouped(TAKES, flag, name, type=kind, default=shown, show_default=True, metavar=unit, help=words)


@click.command(cls=GroupedCommand)
@grouped(
    FILES,
    "--model",
    "models",
    multiple=True,
    metavar="[NAME=]PATH",
    help="Model file, checkpoint or run, named by its stem or by NAME; repeatable, the first is the default "
    "[default: the newest run in ./runs].",
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
    "--root-path",
    default="",
    metavar="PATH",
    help="Path prefix under which a reverse proxy serves this server, such as /swsss.",
)
@grouped(
    LISTENS,
    "--trust-proxy",
    "trusted_proxies",
    multiple=True,
    metavar="ADDRESS",
    help="Reverse proxy whose X-Forwarded-* headers are believed; repeatable.",
)
@grouped(
    LISTENS,
    "--allow-origin",
    "origins",
    multiple=True,
    metavar="URL",
    help="Site whose pages may ask this server (CORS); repeatable.",
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
@_limit("--queue", "requests", "Requests for images at a time; others get 503.")
@_limit("--max-jobs", "most_jobs", "Jobs that have not ended; for more, POST /v1/jobs answers 503.")
@_limit("--max-downloads", "downloads", "Archives and exports sent at a time; others wait 10 s.")
@_limit("--max-connections", "connections", "Open connections; others are closed.")
@_limit("--max-upload", "image_bytes", "Size of an image or of tensors in a request.", "MIB")
@_limit("--max-json", "json_bytes", "Size of any other JSON body.", "KIB")
@_limit("--max-archive", "archive_bytes", "Size of an uploaded ZIP; unpacked, four times as much.", "MIB")
@_limit("--max-archive-files", "archive_members", "Files in an uploaded ZIP.")
@_limit("--max-pixels", "pixels", "Pixels of an image, in millions.", "MP")
@_limit("--header-timeout", "header_seconds", "Time for the header of a request.", "SECONDS")
@_limit("--min-upload-rate", "slowest_body", "A slower upload gets 408.", "KIB/S")
@_limit("--reader-timeout", "slowest_reader_seconds", "Disconnect a client that reads nothing for so long.", "SECONDS")
@grouped(
    TAKES,
    "--max-memory",
    type=click.FloatRange(0.25),
    metavar="GIB",
    help="Memory for decoded images and inference [default: half of what the machine or container has].",
)
@grouped(
    TAKES,
    "--keep-days",
    type=click.IntRange(0),
    default=0,
    metavar="DAYS",
    help="Delete ended jobs and their labels after so many days [default: never].",
)
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
    from swsss.serve.server.command import settings_of
    from swsss.serve.server.running import run

    with quiet_decoders():
        run(settings_of(options), lambda line: click.echo(line, err=True))
