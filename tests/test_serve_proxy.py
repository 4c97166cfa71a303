"""Behind a reverse proxy, and asked by pages of other sites: prefix, names, cookies, CORS; HEAD, gzip, ETags."""

import gzip

import pytest
from serving import Client, serving

from swsss.errors import UserError
from swsss.serve.server.forwarded import networks_of, prefix_of

TOKEN = "a token for these tests"  # noqa: S105
BEARER = {"Authorization": f"Bearer {TOKEN}"}
THROUGH = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "labels.example:8443",
    "Host": "127.0.0.1:1",
}
ORIGIN = "https://labels.example:8443"
TOOL = "https://tool.example"


@pytest.fixture(scope="module")
def behind(model_file, tmp_path_factory):
    """A server below a prefix, whose proxy is trusted; a tool's pages may ask it."""
    with serving(
        model_file,
        tmp_path_factory.mktemp("behind"),
        token=TOKEN,
        root_path="/swsss",
        trusted_proxies=("127.0.0.0/8",),
        origins=(TOOL,),
    ) as client:
        yield client


@pytest.fixture(scope="module")
def direct(model_file, tmp_path_factory):
    """A server that trusts no proxy, and whose pages alone may ask."""
    with serving(model_file, tmp_path_factory.mktemp("direct"), token=TOKEN) as client:
        yield client


@pytest.mark.parametrize("prefix", ["", "/swsss"], ids=["stripped", "kept"])
def test_prefix(behind, prefix):
    """Whether or not the proxy takes it off: pages, files, descriptions, routes, protocols, and what they refuse."""
    assert behind.get(f"{prefix}/").text.startswith("<!doctype html>")
    for path in ("/page/main.js", "/docs-files/swagger-ui.css", "/docs", "/v1/info", "/v2", "/v2/models/small"):
        assert behind.get(prefix + path, headers=BEARER).status_code == 200, path
    for path in ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"):
        assert behind.get(prefix + path).status_code == 200, path
    for path in ("/v1/info", "/v1/nowhere", "/docs", "/swsss2/v1/info"):
        assert behind.get(prefix + path).status_code == 401, path
    answer = behind.get(f"{prefix}/v1/nowhere", headers=BEARER)
    assert answer.status_code == 404
    assert "at /v1/nowhere;" in answer.json()["detail"]
    assert set(behind.get(f"{prefix}/v2/models/nobody", headers=BEARER).json()) == {"error"}
    assert behind.get(f"{prefix}/openapi.json", headers=BEARER).json()["servers"] == [{"url": "/swsss"}]
    assert "'unsafe-inline'" in behind.get(f"{prefix}/docs", headers=BEARER).headers["content-security-policy"]
    answer = behind.post(f"{prefix}/v1/session", content=b"x" * 70_000, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_prefix__without_its_slash(behind):
    """Links are relative to the folder, so the browser must be in it."""
    answer = behind.get("/swsss")
    assert (answer.status_code, answer.headers["location"]) == (308, "/swsss/")


def test_login__through_tls(behind):
    """A browser behind the proxy: it names the host it knows, and its cookie stays in TLS."""
    with Client(str(behind.base_url), headers=THROUGH | {"Origin": ORIGIN}) as browser:
        answer = browser.post("/swsss/v1/session", json={"token": TOKEN})
        assert answer.status_code == 204, answer.text
        name, _, attributes = answer.headers["set-cookie"].partition("=")
        attributes = attributes.lower()
        assert "; secure" in attributes
        assert "; httponly" in attributes
        assert "path=/swsss" in attributes
        assert "samesite=strict" in attributes
        value = attributes.partition(";")[0]
        cookie = {"Cookie": f"{name}={value}"}
        assert browser.get("/swsss/v1/info", headers=cookie).status_code == 200
        assert browser.post("/swsss/v1/jobs", json={"images": "x"}, headers=cookie).status_code == 422
        stranger = cookie | {"Origin": "https://evil.example"}
        assert browser.post("/swsss/v1/jobs", json={"images": "x"}, headers=stranger).status_code == 403
        assert browser.post("/swsss/v1/session", json={"token": TOKEN}, headers=stranger).status_code == 403


def test_login__on_plain_http(direct):
    answer = direct.post("/v1/session", json={"token": TOKEN}, headers={"Origin": str(direct.base_url).rstrip("/")})
    assert answer.status_code == 204
    assert "secure" not in answer.headers["set-cookie"].lower()
    assert "path=/;" in answer.headers["set-cookie"].lower()
    direct.cookies.clear()


def test_cookies__of_two_servers_on_one_host(behind, direct):
    names = set()
    for client in (behind, direct):
        names.add(client.post("/v1/session", json={"token": TOKEN}).headers["set-cookie"].partition("=")[0])
        client.cookies.clear()
    assert len(names) == 2


def test_forwarded__from_nobody_who_is_trusted(direct):
    """Headers that anybody can send change neither who asks, nor by which name."""
    answer = direct.post("/v1/session", json={"token": TOKEN}, headers=THROUGH | {"Origin": ORIGIN})
    assert answer.status_code == 403
    for number in range(12):
        wrong = {"X-Forwarded-For": f"203.0.113.{number}", "Authorization": "Bearer wrong"}
        answer = direct.get("/v1/info", headers=wrong)
    assert answer.status_code == 429


def test_forwarded__addresses_are_told_apart(behind):
    """Behind a proxy that is trusted, one client's wrong tokens are not held against the others; nor can it hide."""

    def wrong(client):
        forwarded = {"X-Forwarded-For": f"10.1.1.1, {client}", "Authorization": "Bearer wrong"}
        return behind.get("/swsss/v1/info", headers=forwarded).status_code

    assert [wrong("203.0.113.1") for _ in range(12)] == [401] * 10 + [429] * 2
    assert wrong("203.0.113.2") == 401


@pytest.mark.parametrize("host", ["a b", "a/b", "a@b", "[::1", "a:b:c", ""])
def test_forwarded__host_that_is_none(behind, host):
    headers = BEARER | {"X-Forwarded-Host": host, "Origin": f"https://{host.strip()}"}
    assert behind.post("/swsss/v1/jobs", json={"images": "x"}, headers=headers).status_code == 403


def test_origin__as_the_browser_says(direct):
    """A proxy may ask by a name of its own, and not be trusted: browsers tell whether a page is of the same site."""
    headers = BEARER | {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
    assert direct.post("/v1/jobs", json={"images": "x"}, headers=headers).status_code == 422
    for site in ("cross-site", "same-site", "none"):
        answer = direct.post("/v1/jobs", json={"images": "x"}, headers=headers | {"Sec-Fetch-Site": site})
        assert answer.status_code == 403


def test_cors(behind):
    """The pages of a site that is allowed may ask with a token, and read also why they are refused."""
    asked = {
        "Origin": TOOL,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = behind.options("/swsss/v1/jobs", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == TOOL
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    for headers, status in [(BEARER, 422), ({}, 401), ({"Authorization": "Bearer wrong"}, 401)]:
        answer = behind.post("/swsss/v1/jobs", json={"images": "x"}, headers=headers | {"Origin": TOOL})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == TOOL
        assert "access-control-allow-credentials" not in answer.headers
    evil = behind.get("/swsss/v1/info", headers=BEARER | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in evil.headers
    assert behind.options("/swsss/v1/jobs", headers=asked | {"Origin": "https://evil.example"}).status_code == 400


def test_cors__no_cookies(behind):
    """The session of the page is of no use to other sites, even where the browser sends it."""
    session = behind.post("/v1/session", json={"token": TOKEN}).headers["set-cookie"].partition(";")[0]
    behind.cookies.clear()
    assert behind.get("/v1/info", headers={"Cookie": session}).status_code == 200
    assert behind.get("/v1/info", headers={"Cookie": session, "Origin": TOOL}).status_code in {401, 429}


def test_settings__wrong():
    assert [str(network) for network in networks_of(["10.0.0.7", " ::1 ", "10.1.2.3/8"])] == [
        "10.0.0.7/32",
        "::1/128",
        "10.0.0.0/8",
    ]
    assert [prefix_of(text) for text in ("", "/", "/swsss/", "/a/b-c.d")] == ["", "", "/swsss", "/a/b-c.d"]
    for text in ("swsss", "/a//b", "/../a", "/a?b", "/ä", "/v1", "/page/x"):
        with pytest.raises(UserError):
            prefix_of(text)


def test_head(direct):
    """Of every route that answers GET: the same header, and no body; also of streams that do not end."""
    for path in ("/", "/healthz", "/page/main.js", "/v1/info", "/v1/jobs", "/metrics", "/docs", "/openapi.json"):
        got = direct.get(path, headers=BEARER | {"Accept-Encoding": "identity"})
        head = direct.head(path, headers=BEARER | {"Accept-Encoding": "identity"})
        assert (head.status_code, head.content) == (got.status_code, b"") == (200, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
    assert direct.head("/v1/jobs/events", headers=BEARER).headers["content-type"].startswith("text/event-stream")
    assert direct.head("/v1/nowhere", headers=BEARER).status_code == 404
    assert direct.head("/v1/info").status_code == 401
    assert direct.head("/v1/label", headers=BEARER).status_code == 405
    assert direct.get("/healthz").status_code == 200


def test_gzip(direct):
    """Texts are packed for who takes them so; what is packed already, and events, are not."""
    plain = direct.get("/page/main.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with direct.stream("GET", "/docs-files/swagger-ui-bundle.js", headers=BEARER) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in answer.headers["vary"].lower()
        raw = b"".join(answer.iter_raw())
    whole = direct.get("/docs-files/swagger-ui-bundle.js", headers=BEARER | {"Accept-Encoding": "identity"}).content
    assert gzip.decompress(raw) == whole
    assert len(raw) < len(whole) / 2
    with direct.stream("GET", "/v1/jobs/events", headers=BEARER) as answer:
        assert "content-encoding" not in answer.headers


def test_etags__of_the_page(direct):
    """A reload asks for every file, and gets none that it has."""
    for path in ("/", "/page/main.js", "/page/base.css", "/docs-files/swagger-ui.css"):
        first = direct.get(path, headers=BEARER)
        assert first.headers["cache-control"] == "no-cache"
        again = direct.get(path, headers=BEARER | {"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert direct.get(path, headers=BEARER | {"If-None-Match": '"other"'}).status_code == 200
    assert direct.get("/v1/info", headers=BEARER).headers["cache-control"] == "no-store"


def test_readyz(model_file, tmp_path):
    """Ready is who can label: health stays as it is when the model is taken away."""
    with serving(model_file, tmp_path) as client:
        assert client.get("/readyz").json() == {"status": "ready", "model": "small"}
        assert client.post("/v2/repository/models/small/unload").status_code == 200
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
        assert client.post("/v2/repository/models/small/load").status_code == 200
        assert client.get("/readyz").status_code == 200
