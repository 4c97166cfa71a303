"""Images that tasks name by address: what is hostile fails alone, what drips is given up, nothing else is asked."""

import asyncio
import base64
import socket
import threading
import time
from contextlib import contextmanager

import pytest
from labelling import make_photos, picture
from serving import serving
from test_serve_label_studio import interface, png, stored, task

from swsss.errors import UserError
from swsss.serve.server.jobs.root import Root
from swsss.serve.server.protocols.fetching import Fetcher
from swsss.serve.server.settings import Settings

HOSTILE = [
    "",
    "http://[",
    "http://[::1",
    "http://[v1.x]/",
    "http://studio.example:99999999/a.png",
    "http://studio.example:port/a.png",
    "http://studio.example:-1/a.png",
    "http://" + "a" * 300 + ".example/",
    "http://xn--a.example/a.png",
    "http://xn--/a.png",
    "http://\u2100.example/a.png",
    "http://..example/a.png",
    "http://\u0130\u3002\u3002/a.png",
    "http://user:pw@studio.example/a.png",
    "http://studio.example\\@evil.example/",
    "http://studio.example/\r\nX: y",
    "http://studio.example/\0",
    "//evil.example/a.png",
    "/\0",
    "/%00%ff\ufffd",
    "file:///etc/passwd",
    "gopher://studio.example/",
    "http:a",
    "http:///a",
    "?",
    "#",
    "/" + "a" * 1_000_000,
    "data:",
    "data:,",
    "data:image/png;base64,%%%",
    "data:image/png;base64,\u00e4",
    "data:image/png,%zz",
    "/data/local-files/",
    "/data/local-files/?d=%00",
    "/data/local-files/?d=" + "a" * 5000,
    "/data/local-files/?d=%ff%fe",
    "/data/local-files/?d=../secret",
    "/data/local-files/?d=images",
    "/data/local-files/?d=images/00.jpg/x",
    "/data/local-files/?" + "&" * 5000,
]


@contextmanager
def source(answer, pause=0.0):
    """An HTTP server that sends these bytes to whoever asks, a part at a time."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=drip, args=(connection,), daemon=True).start()

    def drip(connection):
        with connection:
            connection.recv(65536)
            for part in answer:
                try:
                    connection.sendall(part)
                except OSError:
                    return
                time.sleep(pause)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def fetch(address, studio, tmp_path, seconds=0.6):
    return asyncio.run(Fetcher(Settings({}, tmp_path, label_studio=studio), Root(None), seconds)(address))


@pytest.mark.parametrize("studio", ["", "http://127.0.0.1:1"])
def test_fetch__hostile_addresses_fail_alone(model_file, tmp_path, studio):
    """Each in a batch with a sound one, which gets its masks."""
    root = make_photos(tmp_path, 1)
    (tmp_path / "secret").write_bytes(png(picture(1)))
    sound = f"data:image/png;base64,{base64.b64encode(png(picture(2))).decode()}"
    tasks = [task(number, image=address) for number, address in enumerate([*HOSTILE, sound])]
    with serving(model_file, tmp_path / "data", root=root, label_studio=studio) as client:
        answer = client.post("/predict", json={"tasks": tasks, "label_config": interface()})
        found = stored(tasks, answer)
    assert [number for number, predictions in found.items() if predictions] == [len(HOSTILE)]


def test_fetch__from_label_studio(tmp_path):
    data = png(picture(1))
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    with source([head, data]) as studio:
        assert fetch("/data/upload/1/a.png", studio, tmp_path) == data
        assert fetch(f"{studio}/a.png", studio, tmp_path) == data


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", *[b"x"] * 100], 0.1),
        ([b"H", b"T", b"T", b"P", *[b"/"] * 100], 0.1),
        ([b"HTTP/1.1 200 OK\r\n", *[b"X-More: a\r\n"] * 100], 0.1),
    ],
    ids=["body", "status", "header"],
)
def test_fetch__drips(answer, pause, tmp_path):
    """Every byte comes soon after the last; all of them together take too long."""
    started = time.monotonic()
    with source(answer, pause) as studio, pytest.raises(UserError, match=r"did not come within 0\.6 s"):
        fetch("/a.png", studio, tmp_path)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"",
    ],
    ids=["redirect", "nonsense", "negative", "chunks", "nothing"],
)
def test_fetch__odd_answers(answer, tmp_path):
    with source([answer]) as studio, pytest.raises(UserError):
        fetch("/a.png", studio, tmp_path)
