"""Who may ask, what may be reached, and how much may be sent."""

import base64
import io
import json
import os
import socket
import stat
import time
import zipfile

import httpx
import pytest
from commands import invoke, message
from labelling import make_photos, picture, save
from serving import JPEG, Client, address_of, serving, told, zipped

from swsss.serve.server.gate import Throttle

TOKEN = "long and secret"  # noqa: S105


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A root with photos, and secrets beside it that links lead to."""
    home = tmp_path_factory.mktemp("home")
    root = make_photos(home / "root", 3)
    save(home / "secret" / "face.jpg", picture(1))
    (home / "secret" / "tags.csv").write_text("image,labels\nface.jpg,cat\n")
    (root / "way out").symlink_to(home / "secret")
    (root / "tags out.csv").symlink_to(home / "secret" / "tags.csv")
    (root / "linked").mkdir()
    (root / "linked" / "face.jpg").symlink_to(home / "secret" / "face.jpg")
    return root


@pytest.fixture(scope="module")
def guarded(model_file, photos, tmp_path_factory):
    with serving(model_file, tmp_path_factory.mktemp("guarded"), root=photos, token=TOKEN) as client:
        yield client


@pytest.fixture(scope="module")
def server(model_file, photos, tmp_path_factory):
    limits = {"archive_bytes": 200_000, "archive_members": 50, "header_seconds": 0.5, "slowest_body": 1_000_000}
    with serving(model_file, tmp_path_factory.mktemp("open"), root=photos, hosts=("box.example",), **limits) as client:
        yield client


def basic(password):
    return {"Authorization": "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()}


@pytest.mark.parametrize(
    "address", ["/v1/info", "/v1/jobs", "/metrics", "/docs", "/openapi.json", "/v2/models/small", "/health"]
)
def test_token__is_asked_for(guarded, address):
    answer = guarded.get(address)
    assert answer.status_code == 401
    assert "A token is needed" in answer.text
    assert answer.headers["www-authenticate"] == "Bearer"
    for headers in ({"Authorization": f"Bearer {TOKEN}"}, basic(TOKEN)):
        assert guarded.get(address, headers=headers).status_code == 200
    for headers in ({"Authorization": "Basic %%%"}, {"Authorization": "Bearer"}, {"Cookie": "swsss_session=1"}):
        assert guarded.get(address, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "address", ["/", "/page/main.js", "/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"]
)
def test_token__is_not_needed_for(guarded, address):
    assert guarded.get(address).status_code == 200


def test_token__wrong_ones_are_throttled(model_file, tmp_path):
    """Ten a minute from an address, whichever way they come; the right one is let in all the same."""
    with serving(model_file, tmp_path, token=TOKEN) as client:
        cookie = client.post("/v1/session", json={"token": f" {TOKEN}\n"}).headers["set-cookie"].partition("=")[0]
        client.cookies.clear()
        ways = [{"Authorization": "Bearer wrong"}, basic("wrong"), {"Cookie": f"{cookie}=wrong"}]
        for number in range(9):
            answer = client.get("/v1/info", headers=ways[number % 3])
            assert answer.status_code == 401
            assert "max-age=0" in answer.headers["set-cookie"].lower()
            client.cookies.clear()
        assert client.post("/v1/session", json={"token": "wrong"}).status_code == 401
        for answer in [
            *(client.get("/v1/info", headers=headers) for headers in ways),
            client.post("/v1/session", json={"token": "wrong"}),
        ]:
            assert answer.status_code == 429
            assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert client.get("/v1/info").status_code == 401
        assert client.get("/v1/info", headers=basic(TOKEN)).status_code == 200
        assert client.post("/v1/session", json={"token": TOKEN}).status_code == 204
        assert client.get("/v1/info").status_code == 200


def test_throttle__bounded():
    throttle = Throttle(tries=2, seconds=60, addresses=3)
    assert [throttle.wrong("10.0.0.1") > 0 for _ in range(3)] == [False, False, True]
    assert throttle.wrong("2001:db8::1") == throttle.wrong("2001:db8::2") == 0
    assert throttle.wrong("2001:db8::3") > 0, "one network is one client"
    assert throttle.wrong("10.0.0.1") > 0
    for number in range(3):
        assert throttle.wrong(f"10.0.1.{number}") == 0
    assert throttle.wrong("10.0.0.1") == 0, "forgotten for others"


def test_token__session(guarded):
    assert "not the token" in told(guarded.post("/v1/session", json={"token": "wrong"}), 401)
    with Client(str(guarded.base_url)) as client:
        answer = client.post("/v1/session", json={"token": TOKEN})
        assert answer.status_code == 204
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert TOKEN not in cookie
        assert client.get("/v1/info").status_code == 200


def test_serve__elsewhere_needs_a_token(model_file, tmp_path, monkeypatch):
    monkeypatch.delenv("SWSSS_TOKEN", raising=False)
    where = ["--model", model_file, "--data", tmp_path / "data", "--port", 0]
    told = message(invoke("swsss-serve", *where, "--host", "0.0.0.0"))  # noqa: S104
    assert "lets other machines in, so a token is needed" in told
    (tmp_path / "token").write_text("\n")
    assert "is empty; write a token into it" in message(
        invoke("swsss-serve", *where, "--token-file", tmp_path / "token")
    )
    assert "cannot be read" in message(invoke("swsss-serve", *where, "--token-file", tmp_path / "nothing"))
    for token, sentence in [
        ("short", "use at least 16"),
        ("pässword of many letters", "not printable ASCII"),
        ("two\nlines of many letters", "not printable ASCII"),
        (" \n", "only white space"),
    ]:
        monkeypatch.setenv("SWSSS_TOKEN", token)
        assert sentence in message(invoke("swsss-serve", *where, "--host", "0.0.0.0"))  # noqa: S104
    assert not (tmp_path / "data").exists()


def test_serve__token_of_the_environment(start, model_file, tmp_path, monkeypatch):
    """What `echo` or a Kubernetes secret ends with is no part of it; and where the page is stands on the terminal."""
    monkeypatch.setenv("SWSSS_TOKEN", f"{TOKEN}\n")
    started = start("swsss-serve", "--model", model_file, "--data", tmp_path / "data", "--port", 0)
    address = address_of(started)
    started.when(lambda: f"Open {address}/ in a browser; log in with the token" in started.told, 10)
    with Client(address) as client:
        assert client.get("/v1/info", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    started.process.terminate()
    assert TOKEN not in started.ended()
    assert started.process.returncode == 0


def test_serve__token_file(start, model_file, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    started = start(
        "swsss-serve",
        "--model",
        model_file,
        "--data",
        tmp_path / "data",
        "--port",
        0,
        "--token-file",
        tmp_path / "token",
    )
    with Client(address_of(started)) as client:
        assert client.get("/v1/info").status_code == 401
        assert client.get("/v1/info", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    started.process.terminate()
    assert TOKEN not in started.ended()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--model", "nowhere.onnx"], "There is no model nowhere.onnx."),
        (["--model", "{tmp}/text.onnx"], "is not a whole ONNX file"),
        (["--model", "{model}", "--model", "{model}"], "Two models are called 'small'; name one with --model NAME="),
        ([], "No --model was given and runs/ holds no finished stage 1; train one with swsss-train, or name a model."),
        (["--model", "{model}", "--trust-proxy", "proxy.example"], "is not an IP address or network"),
        (["--model", "{model}", "--allow-origin", "https://a.example/path"], "is not an origin like"),
        (["--model", "{model}", "--root-path", "/a b"], "is not a path like /swsss"),
        (["--model", "{model}", "--root-path", "/v1/here"], "begins like a path of this server's own"),
        (["--model", "{model}", "--label-studio", "http://[broken"], "is not an address like"),
        (["--model", "{model}", "--root", "nowhere"], "--root nowhere is no folder."),
        (["--models", "nowhere"], "--models nowhere is no folder."),
        (
            ["--model", "{model}", "--port", "{taken}"],
            "cannot be listened on: Address already in use; choose another --port.",
        ),
    ],
)
def test_serve__mistakes(model_file, tmp_path, monkeypatch, options, sentence):
    monkeypatch.chdir(tmp_path)  # where there is no run
    (tmp_path / "text.onnx").write_text("no model")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        values = {"tmp": tmp_path, "model": model_file, "taken": taken.getsockname()[1]}
        words = [option.format(**values) for option in options]
        assert sentence in message(invoke("swsss-serve", "--data", tmp_path / "data", *words))


def test_host__of_somebody_else(server):
    """A page whose name was made to point here (DNS rebinding)."""
    assert "does not go by the name 'evil.example'" in told(
        server.get("/v1/jobs", headers={"Host": "evil.example"}), 421
    )
    for host in ("localhost:99", "127.0.0.1", "[::1]:8008", "Box.Example:80"):
        assert server.get("/v1/jobs", headers={"Host": host}).status_code == 200


def test_origin__of_somebody_else(server, guarded):
    job = {"images": "images", "labels": "tags.csv"}
    for client in (server, guarded):
        headers = {"Origin": "http://evil.example", "Authorization": f"Bearer {TOKEN}"}
        assert "Pages of other sites" in told(client.post("/v1/jobs", json=job, headers=headers), 403)
        assert "Pages of other sites" in told(
            client.post("/v1/jobs", json=job, headers=headers | {"Origin": "null"}), 403
        )
        own = headers | {"Origin": str(client.base_url).rstrip("/")}
        assert client.post("/v1/jobs", json=job | {"images": "nowhere"}, headers=own).status_code == 404
        answer = client.options("/v1/jobs", headers=headers | {"Access-Control-Request-Method": "POST"})
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_type__form_of_another_site(server):
    """What a form can send without asking is not taken for JSON."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        body = json.dumps({"images": "images", "labels": "tags.csv"})
        answer = server.post("/v1/jobs", content=body, headers={"Content-Type": kind})
        assert answer.status_code in {415, 422}, answer.text
    assert server.get("/v1/jobs").json()["jobs"] == []


def test_headers(server):
    for address in ("/", "/v1/info", "/page/main.js", "/nowhere"):
        headers = server.get(address).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "server" not in headers
    assert server.get("/v1/info", headers={"X-Request-ID": "mine-1"}).headers["x-request-id"] == "mine-1"
    assert server.get("/v1/info", headers={"X-Request-ID": "a b\t{}"}).headers["x-request-id"] != "a b\t{}"


def test_docs__work_offline(server):
    page = server.get("/docs").text
    for address in ("docs-files/swagger-ui.css", "docs-files/swagger-ui-bundle.js", "page/docs.js"):
        assert f'"{address}"' in page, "relative, so that it works below a prefix"
        assert server.get(f"/{address}").status_code == 200
    assert "http" not in page.replace("http-equiv", "")


def test_errors__tell_nothing_of_the_inside(server, monkeypatch):
    from swsss.serve.server.jobs.root import Root

    def broken(self, job):
        raise RuntimeError("in /srv/secret/place")

    monkeypatch.setattr(Root, "look", broken)
    answer = server.get("/v1/folders", headers={"X-Request-ID": "mine-2"})
    assert told(answer, 500) == "Something went wrong in the server; its log says more under this request id."
    assert answer.json()["request_id"] == "mine-2"


@pytest.mark.parametrize(
    ("field", "path", "status"),
    [
        ("images", "..", 422),
        ("images", "images/../..", 422),
        ("images", "/etc", 422),
        ("images", "\\etc", 422),
        ("images", "images\0", 422),
        ("images", "way out", 422),
        ("images", "a" * 3000, 404),
        ("labels", "../secret/tags.csv", 422),
        ("labels", "tags out.csv", 422),
    ],
)
def test_root__is_not_left(server, field, path, status):
    answer = server.post("/v1/jobs", json={"images": "images", "labels": "tags.csv"} | {field: path})
    assert "below the server's root" in told(answer, status)
    if field == "images":
        assert "below the server's root" in told(server.get("/v1/folders", params={"path": path}), status)


def test_root__links_among_the_images(server):
    job = server.ended(server.submit(images="linked", labels=None, untagged="all")["id"], "failed")
    assert job["message"] == "'face.jpg' is a link that leads out of the server's root; remove it, or copy the file."
    server.delete(f"/v1/jobs/{job['id']}")


def test_root__none(model_file, tmp_path):
    with serving(model_file, tmp_path) as client:
        assert "without --root" in told(client.get("/v1/folders"), 422)
        assert "without --root" in told(client.post("/v1/jobs", json={"images": "images"}), 422)


def test_folders(server):
    top = server.get("/v1/folders").json()
    assert (top["path"], top["parent"], top["images"]) == ("", None, 0)
    assert {"name": "images", "path": "images"} in top["folders"]
    assert {"name": "tags.csv", "path": "tags.csv"} in top["tables"]
    inside = server.get("/v1/folders", params={"path": "images"}).json()
    assert (inside["path"], inside["parent"], inside["images"]) == ("images", "", 2)
    assert inside["folders"] == [{"name": "sub", "path": "images/sub"}]


def jpeg():
    target = io.BytesIO()
    from PIL import Image

    Image.fromarray(picture(1)).save(target, "JPEG")
    return target.getvalue()


def entry(name, mode=0o100644, flags=0):
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.flag_bits = flags
    return info


def packed(*entries):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, data in entries:
            archive.writestr(info, data)
    return target.getvalue()


def encrypted(data):
    """The same archive, whose entries say that they are encrypted."""
    return data.replace(b"PK\x03\x04\x14\x00\x00\x00", b"PK\x03\x04\x14\x00\x01\x00").replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"
    )


@pytest.mark.parametrize(
    ("data", "status", "sentence"),
    [
        (b"", 422, "The upload is no ZIP file that can be read"),
        (b"PK\x03\x04 and nothing more", 422, "The upload is no ZIP file that can be read"),
        (zipped({"a.jpg": jpeg()})[:-30], 422, "The upload is no ZIP file that can be read"),
        (zipped({"notes.txt": b""}), 422, "The archive holds no image"),
        (zipped({"../a.jpg": jpeg()}), 422, "the path '../a.jpg', which leads out of it"),
        (zipped({"/a.jpg": jpeg()}), 422, "the path '/a.jpg', which leads out of it"),
        (zipped({"b/..\\..\\a.jpg": jpeg()}), 422, "which leads out of it"),
        (zipped({"c:/a.jpg": jpeg()}), 422, "which leads out of it"),
        (packed((entry("a.jpg", stat.S_IFLNK | 0o777), b"/etc/passwd")), 422, "the link 'a.jpg'; pack the file itself"),
        (packed((entry("a.jpg"), b"1"), (entry("./a.jpg"), b"2")), 422, "holds 'a.jpg' twice"),
        (encrypted(packed((entry("a.jpg"), jpeg()))), 422, "is encrypted"),
        (zipped({f"{number}.jpg": b"" for number in range(51)}), 422, "more than the 50 files taken here"),
        (zipped({"a.bmp": bytes(1_000_000)}), 422, "unpacks to more than this server takes"),
        (zipped({"a.jpg": os.urandom(200_001)}), 413, "larger than the 200000 bytes"),
        (
            zipped({"a/tags.csv": b"", "b/tags.csv": b"", "a/a.jpg": jpeg()}),
            422,
            "several tags.csv (a/tags.csv, b/tags.csv)",
        ),
    ],
    ids=range(15),  # not the bytes: they hold the time, and every worker must collect the same tests
)
def test_archive__refused(server, data, status, sentence, tmp_path_factory):
    answer = server.post("/v1/jobs/archive?untagged=all", content=data, headers={"Content-Type": "application/zip"})
    assert sentence in told(answer, status)
    assert server.get("/v1/jobs").json()["jobs"] == []
    parts = tmp_path_factory.getbasetemp().glob("open*/**/*.jpg")
    assert not list(parts), "nothing is left of a refused archive"


def talk(client, data, pause=0.0):
    """Send bytes as they are; what the server answers until it closes the connection."""
    with socket.create_connection((client.base_url.host, client.base_url.port), 30) as connection:
        for part in data:
            connection.sendall(part)
            time.sleep(pause)
        answer = b""
        while block := connection.recv(65536):
            answer += block
        return answer


def test_slow__header_that_never_ends(server):
    assert talk(server, [b"GET / HTTP/1.1\r\nHost: localhost\r\n"]) == b""
    assert talk(server, []) == b""


def test_slow__body_that_never_ends(server):
    head = b"POST /v1/label?tags=cat HTTP/1.1\r\nHost: localhost\r\n"
    head += b"Content-Type: image/jpeg\r\nContent-Length: 999\r\n\r\n"
    answer = talk(server, [head, b"few"])
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"The body comes at less than" in answer


def test_long__header(server):
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
    with pytest.raises((ConnectionError, AssertionError)):
        assert talk(server, [head, *[b"X-Long: " + b"a" * 8000 + b"\r\n"] * 200, b"\r\n"])


def test_many__connections(model_file, tmp_path):
    """More connections than are taken are closed; those that are there are served."""
    with serving(model_file, tmp_path, connections=5) as client:
        assert client.get("/healthz").status_code == 200
        place = (client.base_url.host, client.base_url.port)
        held = [socket.create_connection(place, 30) for _ in range(4)]
        with socket.create_connection(place, 30) as more:
            assert more.recv(1) == b""
        assert client.get("/healthz").status_code == 200
        for connection in held:
            connection.close()


@pytest.mark.parametrize(
    "data", [b"\x00\xff\x00\n\n", b"GET / HTTP/9.9\r\n\r\n", b"POST /v1/label HTTP/1.1\r\nContent-Length: -4\r\n\r\n"]
)
def test_not_http(server, data):
    assert talk(server, [data]).startswith(b"HTTP/1.1 400 ")
    assert server.get("/healthz").status_code == 200


def test_nothing_there(server):
    assert told(server.get("/v1/nowhere"), 404) == "There is nothing at /v1/nowhere; /docs lists what there is."
    assert "DELETE is not for /v1/info" in told(server.delete("/v1/info"), 405)
    assert httpx.get(f"{server.base_url}/page/../app.py", trust_env=False).status_code == 404
    assert server.get("/page/%2e%2e/app.py").status_code == 404


def test_session__type(server):
    assert server.post("/v1/label?tags=cat", content=jpeg(), headers=JPEG).status_code == 200
