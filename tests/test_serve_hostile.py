"""A thousand requests that nobody sends by accident: none makes the server fail, or keeps it from answering others."""

import json
import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from labelling import make_photos, picture
from serving import serving
from test_serve_label_studio import interface, png

SEED, COUNT, THREADS = 7, 1200, 8

TEXTS = [
    "",
    " ",
    "..",
    "../../etc/passwd",
    "\0",
    "a\0b",
    "%00",
    "%2e%2e%2f",
    "/",
    "//",
    "\\",
    "cat",
    "cat;dog",
    "nan",
    "inf",
    "-1",
    "1e999",
    "9" * 400,
    "9" * 5000,
    "ä\u2028\u202e\ufeff",
    "\U0001f41a" * 50,
    "a" * 3000,
    "'; drop table jobs; --",
    "<script>",
    "{}",
    "null",
    "true",
]
VALUES = [
    *TEXTS,
    None,
    True,
    -1,
    0,
    1,
    2**31,
    2**63,
    2**64,
    10**300,
    1.5,
    -0.0,
    1e308,
    [],
    {},
    [[]],
    [1] * 300,
    [-1],
    [2**70],
    ["cat"],
    {"a": {"b": []}},
]
FIELDS = (
    *("images", "labels", "model", "untagged", "confidence", "ignore_below", "formats", "image_prefix", "name"),
    *(
        "tags",
        "verdict",
        "token",
        "tasks",
        "label_config",
        "schema",
        "inputs",
        "outputs",
        "parameters",
        "ready",
        "data",
    ),
)
KINDS = ("application/json", "image/png", "application/zip", "text/plain", "multipart/form-data", "", "a/b; c=\xe4")
NAMES = ("Range", "If-None-Match", "If-Match", "Accept", "Accept-Encoding", "Content-Encoding", "Origin", "Cookie")
HEADERS = ("bytes=0-", "bytes=9-1,x", "*", '"1"', "W/", "gzip", "br", "null", "a=b; a", "\xff", "{}", "1" * 500)


@pytest.fixture(scope="module")
def server(model_file, tmp_path_factory):
    root = make_photos(tmp_path_factory.mktemp("root"), 3)
    with serving(model_file, tmp_path_factory.mktemp("data"), root=root, most_jobs=10_000) as client:
        yield client


class Hostile:
    """Makes requests from a seed."""

    def __init__(self, seed: int, paths: list[str], job: str) -> None:
        self.random, self.paths, self.job = random.Random(seed), paths, job
        self.image = png(picture(seed))

    def request(self) -> dict:
        choose = self.random.choice
        path = "/".join(self.part(part) for part in choose(self.paths).split("/"))
        headers = {"Content-Type": choose(KINDS).encode("latin-1")}
        for name in self.random.sample(NAMES, self.random.randrange(3)):
            headers[name] = choose(HEADERS).encode("latin-1")
        query = {choose([*FIELDS, "path", "limit", "offset", "as", "sort", "search"]): choose(TEXTS) for _ in range(3)}
        method = choose(["GET", "POST", "POST", "PATCH", "PUT", "HEAD", "OPTIONS"])
        return {"method": method, "url": path, "params": query, "content": self.body(), "headers": headers}

    def part(self, part: str) -> str:
        if part == "{job_id}" and self.random.random() < 0.8:
            return self.job
        if part == "{number}" and self.random.random() < 0.7:
            return "1"
        if part == "{name}" and self.random.random() < 0.7:
            return "small"
        if not part.startswith("{"):
            return part
        return self.random.choice(["x", "-1", "9" * 30, "%00", "%ff", "..", "a" * 300, "\u2028", "1;2"])

    def body(self) -> bytes:
        kind = self.random.randrange(6)
        if kind == 0:
            return self.random.randbytes(self.random.randrange(200))
        if kind == 1:
            # A real image, damaged somewhere.
            data = bytearray(self.image)
            for _ in range(self.random.randrange(5)):
                data[self.random.randrange(len(data))] = self.random.randrange(256)
            return bytes(data[: self.random.randrange(len(data))])
        if kind == 2:
            return json.dumps(self.tensors()).encode()
        if kind == 3:
            tasks = [{"id": self.value(), "data": {"image": self.value(), "tags": self.value()}} for _ in range(2)]
            return json.dumps({"tasks": tasks, "label_config": interface()}).encode()
        body = json.dumps({self.random.choice(FIELDS): self.value() for _ in range(self.random.randrange(4))})
        return body.encode()[: None if kind == 4 else self.random.randrange(len(body) + 1)]

    def tensors(self) -> dict:
        shape = [self.random.choice([1, 2, 3, 0, -1, 2**31, 2**62]) for _ in range(self.random.randrange(6))]
        image = {"name": "image", "datatype": "UINT8", "shape": shape, "data": self.value()}
        ids = {"name": "candidates", "datatype": "INT64", "shape": [1, 2], "data": self.value()}
        sound = {"name": "image", "datatype": "UINT8", "shape": [1, 2, 2, 3], "data": [1] * 12}
        return {"inputs": [self.random.choice([image, sound]), ids], "parameters": self.value()}

    def value(self):
        return self.random.choice(VALUES)


def test_hostile__requests(server):
    """No 5xx but "come again", and somebody who asks meanwhile is answered at once."""
    job, failed, slowest, stop = server.done(), [], [0.0], threading.Event()
    routes = server.get("/openapi.json").json()["paths"]
    paths = [path for path in routes if not path.endswith(("/events", "unload"))]

    def ask(number):
        hostile = Hostile(SEED * 1000 + number, paths, job)
        for _ in range(COUNT // THREADS):
            asked = hostile.request()
            try:
                answer = server.request(**asked)
            except ValueError:
                continue  # what httpx itself does not send
            if answer.status_code >= 500 and answer.status_code != 503:
                failed.append((answer.status_code, asked, answer.text))

    def watch():
        while not stop.wait(0.05):
            started = time.monotonic()
            if server.get("/healthz").status_code == 200:
                slowest.append(time.monotonic() - started)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(ask, range(THREADS)))
    finally:
        stop.set()
        watching.join(60)
    assert not failed, failed[:3]
    assert sorted(slowest)[int(0.98 * len(slowest)) - 1] < 0.2, sorted(slowest)[-10:]
    assert server.label(png(picture(1)), tags="cat").status_code == 200


def test_hostile__bytes(server):
    """What is hardly HTTP: an answer that says so, or none."""
    chance = random.Random(SEED)
    sound = (
        b"POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )
    for _ in range(200):
        data = bytearray(sound)
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        with socket.create_connection((server.base_url.host, server.base_url.port), 30) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while block := connection.recv(65536):
                answer += block
        assert not answer.startswith(b"HTTP/1.1 5"), (bytes(data), answer)
    assert server.get("/healthz").status_code == 200
