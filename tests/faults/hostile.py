"""Requests, images and archives that nobody means well with, from a seed."""

import base64
import io
import json
import random
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

import httpx
import numpy as np
from labelling import picture
from PIL import Image
from serving import Client

Send = Callable[[Client], httpx.Response | None]
"""Sends something to a server: its answer, or None when it closed the connection without one."""

_TEXTS = [
    "",
    "x" * 5000,
    "../../../etc/passwd",
    "/etc/passwd",
    "a\0b",
    "\ud7ff猫\u202e",
    "'; DROP TABLE jobs; --",
    "%00",
    "NaN",
    "-1",
    "1e999",
    "9" * 400,
    "<script>alert(1)</script>",
    "http://[::1",
    "http://\u2100.example/",
    "data:image/png;base64,%%%",
    "/data/local-files/?d=%00",
    "con:" + "y" * 300,
]
_VALUES = [*_TEXTS, None, True, -1, 2**70, 1e308, [], {}, [[]], {"a": {"b": []}}, [None] * 300]
_FIELDS = ["images", "labels", "model", "untagged", "formats", "tags", "verdict", "token", "name", "inputs", "tasks"]
_ROUTES = [
    ("GET", "/v1/jobs/{}"),
    ("GET", "/v1/jobs/{}/result.zip"),
    ("GET", "/v1/jobs/{}/export/{}"),
    ("GET", "/v1/jobs/{}/images"),
    ("GET", "/v1/jobs/{}/images/{}/mask.png"),
    ("GET", "/v1/folders"),
    ("GET", "/v1/jobs"),
    ("GET", "/page/{}"),
    ("GET", "/{}"),
    ("GET", "/v2/models/{}/stats"),
    ("POST", "/v1/jobs"),
    ("POST", "/v1/jobs/{}/retry"),
    ("POST", "/v1/jobs/{}/pause"),
    ("POST", "/v1/session"),
    ("POST", "/v1/label"),
    ("POST", "/v1/jobs/archive"),
    ("POST", "/predict"),
    ("POST", "/setup"),
    ("POST", "/webhook"),
    ("POST", "/v2/models/small/infer"),
    ("POST", "/v2/repository/index"),
    ("PATCH", "/v1/jobs/{}/images/{}"),
    ("DELETE", "/v1/jobs/{}"),
    ("PUT", "/v1/jobs"),
    ("OPTIONS", "/v1/jobs"),
    ("HEAD", "/v1/info"),
]
_TYPES = [
    "application/json",
    "image/png",
    "application/zip",
    "application/octet-stream",
    "text/plain",
    "",
    "a/b; c=\xe9",
]
_RAW = [
    b"GARBAGE\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /v1/info HTTP/1.1\r\n\r\n",
    b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: -5\r\n\r\n{}",
    b"POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: a/b\r\nContent-Length: 99999999999\r\n\r\n{",
    b"POST /v1/session HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1/label HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 12_000 + b"\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


def hostile(count: int, seed: int) -> Iterator[Send]:
    """So many of them: requests, images and archives in turn."""
    decide = random.Random(seed)
    pictures, archive = _pictures(), _archive()
    for number in range(count):
        yield [_request, _image, _pack][number % 3](decide, pictures, archive)


def _request(decide: random.Random, pictures: list[bytes], archive: bytes) -> Send:
    if decide.random() < 0.2:
        raw = decide.choice(_RAW)
        return lambda client: _send_raw(client, raw)
    method, route = decide.choice(_ROUTES)
    path = "/".join(
        httpx.URL("http://x/", params={"p": decide.choice(_TEXTS)[:500]}).query.decode()[2:] if part == "{}" else part
        for part in route.split("/")
    )
    query = {decide.choice([*_FIELDS, "limit", "offset", "class", "as", "path", "grid"]): decide.choice(_TEXTS)}
    headers = {
        "Content-Type": decide.choice(_TYPES).encode("latin-1"),
        "If-Match": decide.choice(['"x"', "*", "9" * 99]),
        "Range": "bytes=99-1,-5",
        "Accept-Encoding": decide.choice(["gzip", "br;q=x", ""]),
    }
    body = _body(decide) if method in {"POST", "PATCH", "PUT"} else None
    return lambda client: client.request(method, path, params=query, headers=headers, content=body)


def _body(decide: random.Random) -> bytes:
    kind = decide.randrange(6)
    if kind == 0:
        return b"[" * 20_000
    if kind == 1:
        return b'{"images": ' * 3000 + b"1" + b"}" * 3000
    if kind == 2:
        return decide.randbytes(decide.randrange(2000))
    if kind == 3:
        return b'{"tags": [' + b"1," * 40_000 + b"1]}"
    if kind == 4:
        address = decide.choice(_TEXTS)
        tasks = [{"id": 1, "data": {"image": address}}, {"id": {}, "data": {"image": address}}][: decide.randint(1, 2)]
        config = '<View><Image name="image" value="$image"/><BrushLabels name="tag" toName="image"/></View>'
        return json.dumps({"tasks": tasks, "label_config": config}).encode()
    return json.dumps({decide.choice(_FIELDS): decide.choice(_VALUES) for _ in range(3)}).encode()


def _image(decide: random.Random, pictures: list[bytes], archive: bytes) -> Send:
    data = decide.choice(_boasters()) if decide.random() < 0.15 else _damaged(decide, decide.choice(pictures))
    query = decide.choice([{"untagged": "all"}, {"tags": "cat"}, {"tags": "cat", "grid": "upright"}])
    if decide.random() < 0.2:
        task = {"id": 1, "data": {"image": "data:image/png;base64," + base64.b64encode(data).decode()}}
        config = (
            '<View><Image name="image" value="$image"/><BrushLabels name="tag" toName="image">'
            '<Label value="cat"/></BrushLabels></View>'
        )
        return lambda client: client.post("/predict", json={"tasks": [task], "label_config": config})
    headers = {"Content-Type": "application/octet-stream", "Accept": decide.choice(["*/*", "application/json"])}
    return lambda client: client.post("/v1/label", params=query, content=data, headers=headers)


def _pack(decide: random.Random, pictures: list[bytes], archive: bytes) -> Send:
    kind = decide.random()
    if kind < 0.6:
        data = _damaged(decide, archive)
    elif kind < 0.9:
        data = _odd_archive(decide, pictures)
    else:
        data = decide.choice(_directories())
    return lambda client: client.post(
        "/v1/jobs/archive", params={"untagged": "all"}, content=data, headers={"Content-Type": "application/zip"}
    )


def _damaged(decide: random.Random, data: bytes) -> bytes:
    """Bytes flipped, cut off, or doubled."""
    found = bytearray(data)
    for _ in range(decide.choice([1, 3, 20])):
        found[decide.randrange(len(found))] = decide.randrange(256)
    start = decide.randrange(len(found))
    if decide.random() < 0.2:
        del found[start:]
    elif decide.random() < 0.2:
        found[start:start] = found[:start]
    return bytes(found)


def _pictures() -> list[bytes]:
    pixels = Image.fromarray(picture(3, 60, 90))
    kinds = [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {}),
        ("BMP", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("GIF", {}),
    ]
    return [_saved(pixels, kind, **options) for kind, options in kinds] + [_saved(pixels.convert("CMYK"), "JPEG")]


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def _boasters() -> list[bytes]:
    """Images whose headers promise more than any machine holds, and ones that keep the promise."""
    sizes = [(60_000, 60_000), (2**31 - 1, 1), (1, 2**31 - 1), (13_300, 13_300)]
    pngs = [_png(width, height) for width, height in sizes]
    bmp = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
    gif = b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b"\x3b"
    webp = b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\0" * 4 + b"\xff\x3f\0\xff\x3f\0"
    return [*pngs, bmp, gif, webp, _saved(Image.fromarray(np.zeros((4000, 4000), np.uint8)), "PNG")]


def _png(width: int, height: int) -> bytes:
    """A grey PNG whose rows stop after a few."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * min(width + 1, 1 << 20) * 8)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _archive() -> bytes:
    return _zipped([(f"images/{number}.png", _saved(Image.fromarray(picture(number)), "PNG")) for number in range(3)])


def _zipped(files: list[tuple[str, bytes]], **options: object) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in files:
            entry = zipfile.ZipInfo(name)
            for field, value in options.items():
                setattr(entry, field, value)
            opened.writestr(entry, data)
    return target.getvalue()


def _odd_archive(decide: random.Random, pictures: list[bytes]) -> bytes:
    image = pictures[2]
    names = decide.choice(
        [
            ["../a.png"],
            ["/a.png"],
            ["a.png/b.png", "a.png"],
            ["a.png", "a.png/b.png"],
            ["x" * 300 + ".png"],
            ["/".join(["d"] * 3000) + "/a.png"],
            ["a.png", "A.png", "a.jpg"],
            ["a\n.png", "b\t.png", "\u202e.png"],
            ["CON.png", "a:b.png", "a|b.png", "'.png"],
            [".png", "..png", "...", "images/.png"],
            ["images/a.png", "masks/a.png"],
            ["tags.csv", "a.png"],
        ]
    )
    options = decide.choice(
        [{}, {"external_attr": 0o120777 << 16}, {"external_attr": 0o10666 << 16}, {"extra": b"\1\0"}]
    )
    return _zipped([(name, image) for name in names], **options)


def _directories() -> list[bytes]:
    """Ends of archives that lie of what is before them."""
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    locator = struct.pack("<IIQI", 0x07064B50, 0, 2**63, 1)
    wide = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, 2**63, 2**63, 2**63, 2**63)
    entry = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    many = entry * 300_000
    lying = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 1, 1, len(many), 0, 0)
    return [end, locator + end, wide + locator + end, many + lying, many]


def _send_raw(client: Client, raw: bytes) -> None:
    """Bytes on the wire; what comes back, if anything, is no 5xx."""
    url = client.base_url
    with socket.create_connection((url.host, url.port), 30) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert not answer.startswith((b"HTTP/1.1 5", b"HTTP/1.0 5")), answer[:300]
