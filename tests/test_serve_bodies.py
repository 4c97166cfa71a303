"""Every body is read within limits of size and time, whoever reads it; also by routes that want none."""

import gzip
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from labelling import picture
from serving import Client, serving
from test_serve_faults import figures
from test_serve_label_studio import png

from swsss.serve.server.bodies import Budget
from swsss.serve.server.problems import Refused

TOKEN = "a token for these tests"  # noqa: S105
ROUTES = [
    ("POST", "/v1/session"),
    ("POST", "/v1/jobs"),
    ("POST", "/v1/jobs/nothing/pause"),
    ("PATCH", "/v1/jobs/nothing/images/1"),
    ("DELETE", "/v1/jobs/nothing"),
    ("GET", "/v1/info"),
    ("GET", "/page/main.js"),
    ("POST", "/nowhere"),
    ("PUT", "/predict"),
    ("POST", "/v2/repository/index"),
    ("POST", "/v2/nowhere"),
    ("OPTIONS", "/v1/jobs"),
]


@pytest.fixture(scope="module")
def server(model_file, tmp_path_factory):
    with serving(
        model_file, tmp_path_factory.mktemp("bodies"), token=TOKEN, header_seconds=0.5, slowest_body=1_000_000
    ) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client


def exchange(client: Client, *parts: bytes, pause: float = 0.0) -> tuple[bytes, float]:
    """Send bytes as they are, until the server closes: what it answers, and the seconds it took."""
    started = time.monotonic()
    with socket.create_connection((client.base_url.host, client.base_url.port), 30) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except OSError:
                break
            time.sleep(pause)
        answer = b""
        try:
            while block := connection.recv(65536):
                answer += block
        except ConnectionError:
            pass
    return answer, time.monotonic() - started


def wait_for(happened) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def head(method: str, path: str, *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {TOKEN}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer
    return int(answer.split(b" ", 2)[1])


def at_once(ask, kinds):
    """What every kind of request to every route gives, all asked at the same time."""
    asked = [(route, kind) for route in ROUTES for kind in kinds]
    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(ask, asked))


def test_body__too_large(server):
    """As it says, or as it turns out to be."""
    block = b"10000\r\n" + b" " * 65536 + b"\r\n"

    def send(asked):
        (method, path), (kind, parts) = asked
        return exchange(server, head(method, path, "Content-Type: application/json", kind), *parts)

    kinds = [("Content-Length: 1500000000", []), ("Transfer-Encoding: chunked", [block] * 3)]
    assert {status_of(answer) for answer, _ in at_once(send, kinds)} == {413}


def test_body__that_never_ends(server):
    """A byte now and then does not keep it open."""

    def drip(asked):
        (method, path), (kind, part) = asked
        return exchange(server, head(method, path, kind), *[part] * 6, pause=0.2)

    kinds = [("Content-Length: 5000", b"{"), ("Transfer-Encoding: chunked", b"1\r\n{\r\n")]
    answers = at_once(drip, kinds)
    assert {status_of(answer) for answer, _ in answers} == {408}
    assert max(seconds for _, seconds in answers) < 10


@pytest.mark.parametrize("path", ["/v1/label?tags=cat", "/predict", "/setup", "/webhook", "/v2/models/small/infer"])
def test_body__of_routes_that_read_by_themselves(server, path):
    answer, _ = exchange(server, head("POST", path, "Content-Type: image/png", "Content-Length: 70000000"))
    assert status_of(answer) == 413
    typed = ("Content-Type: image/png", "Content-Length: 5000")
    answer, seconds = exchange(server, head("POST", path, *typed), *[b"{"] * 6, pause=0.2)
    assert status_of(answer) == 408
    assert seconds < 5


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/label?tags=nonsense", 422), ("/v2/models/nobody/nothing", 404), ("/v1/jobs/archive", 415)],
)
def test_body__left_over(server, path, status):
    """Of a request that is answered before its body has come: the connection does not wait for ever for the rest."""
    sent = head("POST", path, "Content-Type: image/png", "Content-Length: 5000")
    answer, seconds = exchange(server, sent, *[b"x"] * 10, pause=0.1)
    assert status_of(answer) == status
    assert seconds < 5


def test_body__before_login(server):
    """Nobody's body is read who may not ask, except for the login's, which has its limits."""
    sent = b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1500000000\r\n\r\n"
    answer, seconds = exchange(server, sent, b"x" * 100_000)
    assert status_of(answer) == 401
    assert seconds < 5
    assert status_of(exchange(server, sent.replace(b"/v1/jobs", b"/v1/session"))[0]) == 413


NOT_JSON = [
    b"{",
    b"\xff\xfe",
    b'{"token": "\xe4"}',
    b'{"token": "\\ud800"}',
    b'{"token": "a", "token": "b"}',
    b'{"token": NaN}',
    b'{"token": 1' + b"0" * 5000 + b"}",
    b"[" * 60_000,
    b'{"a":' * 10_000,
    b'{"token": "a"} {}',
    b"\0",
    b"nul",
]


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/session"), ("POST", "/v1/jobs"), ("PATCH", "/v1/jobs/nothing/images/1")]
)
@pytest.mark.parametrize("body", NOT_JSON, ids=range(len(NOT_JSON)))
def test_json__that_is_none(server, method, path, body):
    answer = server.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert set(answer.json()) == {"title", "status", "detail", "request_id"}


@pytest.mark.parametrize("path", ["/v2/models/small/infer", "/predict", "/setup", "/v2/repository/index"])
@pytest.mark.parametrize("body", [*NOT_JSON, b"[" + b"0," * 5_000_000 + b"0]"], ids=range(len(NOT_JSON) + 1))
def test_json__of_other_protocols(server, path, body):
    """Their bodies are larger and may hold more than they need; but nothing makes them fail."""
    answer = server.post(path, content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500 or (path == "/setup" and answer.status_code == 200), answer.text


def test_json__large_enough(server):
    """What is allowed comes through whole, in one piece or in many."""
    body = json.dumps({"token": TOKEN}).encode() + b" " * 60_000
    for content in (body, (body[start : start + 100] for start in range(0, len(body), 100))):
        answer = server.post("/v1/session", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 204, answer.text


def test_bodies__all_together(model_file, tmp_path):
    """Clients that fill the memory for bodies make others wait, and give it back."""
    image = png(picture(1))
    limits = {"image_bytes": 1_048_576, "json_bytes": 64, "requests": 64}
    with serving(model_file, tmp_path, **limits) as client:
        sent = head("POST", "/v1/label?tags=cat", "Content-Type: image/png", "Content-Length: 1048576")
        held = [socket.create_connection((client.base_url.host, client.base_url.port), 30) for _ in range(4)]
        for connection in held:
            connection.sendall(sent + b"x" * 1_048_575)
        wait_for(lambda: figures(client)["swsss_body_bytes",] == 4 * 1_048_575)
        answer = client.label(image, tags="cat")
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        for connection in held:
            connection.close()
        wait_for(lambda: figures(client)["swsss_body_bytes",] == 0)
        assert client.label(image, tags="cat").status_code == 200


def test_bodies__packed(model_file, tmp_path):
    """What a packed body becomes counts as well."""
    with serving(model_file, tmp_path, image_bytes=1_048_576) as client:
        packed = gzip.compress(bytes(2_000_000))
        answer = client.post("/v2/models/small/infer", content=packed, headers={"Content-Encoding": "gzip"})
        assert answer.status_code == 413


def test_budget():
    budget = Budget(100)
    one, other = budget.hold(), budget.hold()
    one.take(60)
    other.take(40)
    with pytest.raises(Refused) as caught:
        other.take(1)
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (503, "1")
    one.give_back()
    one.give_back()
    other.take(60)
    assert budget.held == 100


def test_healthz__while_bodies_come(server):
    """Two hundred clients that send as slowly as they may do not keep anybody from being answered."""
    sent = head("POST", "/v1/jobs", "Content-Type: application/json", "Content-Length: 60000")
    place = (server.base_url.host, server.base_url.port)
    held = [socket.create_connection(place, 30) for _ in range(200)]
    for connection in held:
        connection.sendall(sent + b"{" * 100)
    took = []
    for _ in range(30):
        started = time.monotonic()
        assert server.get("/healthz").status_code == 200
        took.append(time.monotonic() - started)
    for connection in held:
        connection.close()
    assert sorted(took)[-2] < 0.2


def test_serving__long_quoted_cookie_keeps_nobody_waiting(model_file, tmp_path):
    quoted = 'a="' + "\\\\" * 20_000 + '"'
    with serving(model_file, tmp_path / "data", token="t" * 16) as client:
        for path, status in [("/healthz", 200), ("/v1/jobs", 401)]:
            started = time.process_time()
            assert client.get(path, headers={"Cookie": quoted}).status_code == status
            assert time.process_time() - started < 1
