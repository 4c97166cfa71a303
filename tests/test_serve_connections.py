"""Connections that clients leave unfinished: answers nobody takes, requests that pile up, a server that is to end."""

import signal
import socket
import time

import pytest
from labelling import make_photos
from serving import Client, address_of, serving

LARGE = b"GET /docs-files/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
STALL_SECONDS = 1.0
ESTABLISHED = 1
"""Of the states of TCP in Linux's `tcp_info`."""


@pytest.fixture(scope="module")
def server(model_file, tmp_path_factory):
    with serving(
        model_file, tmp_path_factory.mktemp("readers"), slowest_reader_seconds=STALL_SECONDS, header_seconds=20.0
    ) as client:
        yield client


def connect(client: Client) -> socket.socket:
    """A connection that takes little by itself."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(30)
    connection.connect((client.base_url.host, client.base_url.port))
    return connection


def taken(connection: socket.socket, block: int = 1 << 20, pause: float = 0.0) -> int:
    """Bytes that are taken, so many at a time, until the server closes the connection or breaks it."""
    size = 0
    try:
        while part := connection.recv(block):
            size += len(part)
            time.sleep(pause)
    except ConnectionError:
        pass
    return size


def large(client: Client) -> int:
    return len(client.get("/docs-files/swagger-ui-bundle.js").content)


@pytest.mark.parametrize("close", [b"", b"Connection: close\r\n"], ids=["kept open", "closing"])
def test_reader__takes_nothing(server, close):
    """It is disconnected, whether or not the server still has something to send."""
    whole = large(server)
    with connect(server) as connection:
        connection.sendall(LARGE * 5 + LARGE.replace(b"\r\n\r\n", b"\r\n" + close + b"\r\n"))
        started = time.monotonic()
        while connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED:
            time.sleep(0.05)
            assert time.monotonic() - started < 10 * STALL_SECONDS
        assert taken(connection) < whole


def test_reader__takes_a_byte_now_and_then(server):
    with connect(server) as connection:
        connection.sendall(LARGE * 5)
        started = time.monotonic()
        while connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED:
            connection.recv(10)
            time.sleep(0.02)
            assert time.monotonic() - started < 10 * STALL_SECONDS


def test_reader__slow_but_steady(server):
    """Whoever takes its answer gets all of it, though it takes longer than a stall may."""
    with socket.create_connection((server.base_url.host, server.base_url.port), 30) as connection:
        connection.sendall(LARGE * 3 + LARGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        started = time.monotonic()
        assert taken(connection, block=65_536, pause=0.02) > 4 * large(server)
        assert time.monotonic() - started > STALL_SECONDS


def test_connection__idle(server):
    """One that has taken all of its answers is not one that stalls."""
    with connect(server) as connection:
        for _ in range(2):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
            time.sleep(STALL_SECONDS)


def test_requests__that_pile_up(server):
    """More than are kept waiting on a connection: it is closed."""
    with connect(server) as connection:
        connection.sendall(b"GET /v1/info HTTP/1.1\r\nHost: localhost\r\n\r\n" * 10_000)
        assert taken(connection) < 10_000_000
    assert server.get("/healthz").status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_shutdown(start, model_file, tmp_path, number):
    """In time for whoever waits for it, whatever clients and jobs there are, and with exit code 0."""
    root = make_photos(tmp_path, 40)
    started = start("swsss-serve", "--model", model_file, "--data", tmp_path / "data", "--port", 0, "--root", root)
    with Client(address_of(started)) as client:
        job = client.submit()["id"]
        asked = {
            "events": b"GET /v1/jobs/events HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "job events": f"GET /v1/jobs/{job}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
            "follower": f"GET /v1/jobs/{job}/result.zip?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
            "slow reader": LARGE * 5,
            "header": b"GET /healthz HTTP/1.1\r\nHost: loc",
            "body": b"POST /v1/label?tags=cat HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
            b"Content-Length: 50000\r\n\r\n" + b"x" * 20_000,
            "archive": b"POST /v1/jobs/archive HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/zip\r\n"
            b"Content-Length: 50000\r\n\r\n" + b"x" * 20_000,
        }
        connections = [connect(client) for _ in asked]
        for connection, data in zip(connections, asked.values(), strict=True):
            connection.sendall(data)
        assert client.get("/healthz").status_code == 200
        since = time.monotonic()
        started.process.send_signal(number)
        assert started.process.wait(30) == 0
        assert time.monotonic() - since < 15
        for connection in connections:
            connection.close()
