"""What the server was told, and its limits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

KIB, MIB = 1 << 10, 1 << 20

LIMIT_UNITS = {
    "image_bytes": MIB,
    "json_bytes": KIB,
    "archive_bytes": MIB,
    "pixels": 1_000_000,
    "slowest_body": KIB,
}
"""What an option of `swsss-serve` counts in, by the field of `Limits` it sets."""


@dataclass(frozen=True)
class Limits:
    """How much is taken from clients; what is more is refused with a sentence. `swsss-serve` has an option for each.

    Args:
        image_bytes: Of the body of a request that carries one image, or tensors.
        json_bytes: Of a body in JSON.
        archive_bytes: Of an uploaded archive, and four times as much when it is unpacked.
        archive_members: Files in an uploaded archive.
        pixels: Of an image in a request, or of all images in a tensor.
        requests: Images asked for and not answered yet; more are told to come again (503).
        connections: Open at a time; further ones are closed.
        most_jobs: That have not ended.
        header_seconds: From a connection's first byte to the end of a request's header.
        downloads: Archives and exports sent at a time; more wait for ten seconds, then are told to come again (503).
        slowest_reader_seconds: A client that takes none of its answer for so long is disconnected.
        slowest_body: Bytes a second below which an upload is given up, after the first `header_seconds`.
    """

    image_bytes: int = 64 * MIB
    json_bytes: int = 64 * KIB
    archive_bytes: int = 4096 * MIB
    archive_members: int = 200_000
    pixels: int = 50_000_000
    requests: int = 64
    connections: int = 1000
    most_jobs: int = 100
    header_seconds: float = 10.0
    downloads: int = 16
    slowest_reader_seconds: float = 60.0
    slowest_body: int = 16 * KIB


@dataclass(frozen=True)
class Settings:
    """What `swsss-serve` was told; see its `--help`.

    Args:
        models: Model files by name; the first is the default.
        folder: Every `.onnx` and `.engine` in it is a model as well, named by its stem.
        root: Folder that jobs may read; None when they may read none.
        data: Where jobs, their labels and reviews are kept.
        token: Asked of every client; "" asks for none.
        hosts: Names this server goes by, besides the loopback's, when there is no token.
        label_studio: Address of a Label Studio whose images may be fetched; "" for none.
        label_studio_key: Its access token.
        root_path: Path prefix under which a reverse proxy serves this server, such as "/swsss"; "" for none.
        trusted_proxies: Addresses of reverse proxies whose X-Forwarded-* headers are believed.
        origins: Origins of other sites whose pages may ask this server (CORS), such as "https://tool.example".
        memory_bytes: Memory that decoded images and inference may take together, in requests and jobs; 0 by what the
            machine or container has.
        keep_days: Days after which an ended job and its labels are deleted; 0 keeps them.
    """

    models: Mapping[str, Path]
    data: Path
    folder: Path | None = None
    root: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8008
    token: str = ""
    hosts: tuple[str, ...] = ()
    device: str = "auto"
    threads: int = 0
    batch: int = 0
    batch_seconds: float = 0.005
    workers: int = 0
    jobs: int = 1
    label_studio: str = ""
    label_studio_key: str = ""
    root_path: str = ""
    trusted_proxies: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    memory_bytes: int = 0
    keep_days: int = 0
    limits: Limits = field(default_factory=Limits)
