"""A server to ask: as a process of its own, or in a thread of this one, where its limits can be played with."""

import csv
import io
import json
import re
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from conftest import Started
from PIL import Image

from swsss.serve.server.running import Opened, open_server
from swsss.serve.server.settings import Limits, Settings

JPEG = {"Content-Type": "image/jpeg"}
JSON = {"Accept": "application/json"}


class Client(httpx.Client):
    """A client of one server."""

    def __init__(self, address: str, **options: Any) -> None:
        super().__init__(base_url=address, timeout=60, trust_env=False, **options)

    def label(self, data: bytes, **query: Any) -> httpx.Response:
        """Ask for the PNG of one image."""
        return self.post("/v1/label", params=query, content=data, headers=JPEG)

    def label_json(self, data: bytes, **query: Any) -> dict[str, Any]:
        """Ask for the JSON of one image."""
        answer = self.post("/v1/label", params=query, content=data, headers=JPEG | JSON)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def submit(self, **job: Any) -> dict[str, Any]:
        """Ask for a folder to be labelled."""
        answer = self.post("/v1/jobs", json={"images": "images", "labels": "tags.csv"} | job)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def job(self, job_id: str) -> dict[str, Any]:
        return self.get(f"/v1/jobs/{job_id}").json()

    def when(self, job_id: str, happened: Callable[[dict[str, Any]], object], seconds: float = 60) -> dict[str, Any]:
        """The job, once something has happened to it."""
        deadline = time.monotonic() + seconds
        while not happened(job := self.job(job_id)):
            assert time.monotonic() < deadline, job
            time.sleep(0.02)
        return job

    def ended(self, job_id: str, state: str = "done") -> dict[str, Any]:
        """The job, once it has ended in this state."""
        job = self.when(job_id, lambda job: job["state"] in {"done", "failed", "cancelled"})
        assert job["state"] == state, job
        return job

    def done(self, **job: Any) -> str:
        """The id of a job that was asked for and is done."""
        return str(self.ended(self.submit(**job)["id"])["id"])

    def items(self, job_id: str, **query: Any) -> list[dict[str, Any]]:
        answer = self.get(f"/v1/jobs/{job_id}/images", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    def archive(self, address: str) -> dict[str, bytes]:
        """The files of a ZIP that the server streams."""
        answer = self.get(address)
        assert answer.status_code == 200, answer.text
        with zipfile.ZipFile(io.BytesIO(answer.content)) as opened:
            assert opened.testzip() is None
            return {name: opened.read(name) for name in opened.namelist()}


def told(answer: httpx.Response, status: int) -> str:
    """The sentence of a refusal."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"title", "status", "detail", "request_id"}
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in problem["detail"]
    return str(problem["detail"])


def address_of(started: Started) -> str:
    """Where a server in a process listens, once it does."""
    started.when(lambda: "listens on" in started.told, 60)
    found = re.search(r"listens on (\S+)", started.told)
    assert found
    return found.group(1)


@contextmanager
def serving(model: Path | Mapping[str, Path], data: Path, **options: Any) -> Iterator[Client]:
    """A server in a thread of this process: fields of `Settings`, and those of `Limits` under their own names."""
    with opened(model, data, **options) as server, Client(server.address) as client:
        yield client


@contextmanager
def opened(model: Path | Mapping[str, Path], data: Path, **options: Any) -> Iterator[Opened]:
    limits = {name: options.pop(name) for name in list(options) if name in Limits.__dataclass_fields__}
    models = {"small": model} if isinstance(model, Path) else model
    settings = Settings(models, data, **({"port": 0, "device": "cpu", "threads": 1} | options), limits=Limits(**limits))
    server = open_server(settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.server.started:
            time.sleep(0.005)
        yield server
    finally:
        server.server.handle_exit(15, None)
        thread.join(60)
        assert not thread.is_alive()


def pixels_of(png: bytes) -> np.ndarray:
    """The class ids of an indexed PNG."""
    with Image.open(io.BytesIO(png)) as image:
        assert image.mode == "P"
        return np.array(image)


def rows_of(text: bytes) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(text.decode())))


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A ZIP file."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def events_of(answer: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """The server-sent events of a streamed answer: kind and data."""
    kind = ""
    for line in answer.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            kind = value
        elif field == "data":
            yield kind, json.loads(value)
