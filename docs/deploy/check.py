"""Ask a swsss-serve through its reverse proxy for what proxies get wrong; prints a line for each.

python docs/deploy/check.py https://labels.example/swsss/ TOKEN [--cert CA.pem] [--connect 127.0.0.1]
"""

import argparse
import io
import ssl
import sys
import time
import zipfile

import httpx


def main() -> int:
    """Run all checks; 0 when all of them pass."""
    asked = _options()
    verify = ssl.create_default_context(cafile=asked.cert) if asked.cert else True
    page = httpx.URL(asked.page)
    headers = {"Origin": f"{page.scheme}://{page.netloc.decode()}"}
    extensions = {}
    if asked.connect:
        # The name stays in TLS and in the header Host, as a browser would send it.
        headers["Host"] = page.netloc.decode()
        extensions = {"sni_hostname": page.host}
        page = page.copy_with(host=asked.connect)
    failed = 0
    with httpx.Client(base_url=page, headers=headers, verify=verify, timeout=30, trust_env=False) as client:
        client.event_hooks["request"] = [lambda request: request.extensions.update(extensions)]
        for name, check in CHECKS.items():
            try:
                told = check(client, asked.token)
            except (AssertionError, httpx.HTTPError, KeyError) as error:
                told, failed = f"FAILED: {error!r}", failed + 1
            print(f"{name:32} {told}")
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", help="address of the page, with a slash at its end")
    parser.add_argument("token")
    parser.add_argument("--cert", help="certificate to trust")
    parser.add_argument("--connect", help="address to connect to instead of the page's name")
    return parser.parse_args()


def _expect(answer: httpx.Response, status: int) -> httpx.Response:
    if answer.status_code != status:
        raise AssertionError(f"{answer.status_code} instead of {status}: {answer.text[:200]}")
    return answer


def _probes(client: httpx.Client, token: str) -> str:
    return " ".join(str(_expect(client.get(path), 200).status_code) for path in ("healthz", "readyz"))


def _closed(client: httpx.Client, token: str) -> str:
    return str(_expect(client.get("v1/info"), 401).status_code)


def _login(client: httpx.Client, token: str) -> str:
    cookie = _expect(client.post("v1/session", json={"token": token}), 204).headers["set-cookie"]
    if client.base_url.scheme == "https" and "secure" not in cookie.lower():
        raise AssertionError(f"the cookie is not Secure: {cookie}")
    # httpx keeps cookies by host, and the host may be another here.
    client.headers["Cookie"] = cookie.partition(";")[0]
    return cookie.partition(";")[2].strip()


def _open(client: httpx.Client, token: str) -> str:
    paths = ("v1/info", "v1/jobs", "docs", "openapi.json", "page/main.js", "docs-files/swagger-ui.css")
    for path in paths:
        _expect(client.get(path), 200)
    return " ".join(paths)


def _reload(client: httpx.Client, token: str) -> str:
    tag = client.get("page/main.js").headers["etag"]
    return str(_expect(client.get("page/main.js", headers={"If-None-Match": tag}), 304).status_code)


def _upload(client: httpx.Client, token: str) -> str:
    """More than nginx takes by default; it holds no image, which the server finds out after all of it has come."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("notes.txt", b"x" * 8_000_000)
    headers = {"Content-Type": "application/zip"}
    answer = client.post("v1/jobs/archive", content=target.getvalue(), headers=headers)
    return _expect(answer, 422).json()["detail"]


def _events(client: httpx.Client, token: str) -> str:
    """The header of a stream comes at once, not when the stream ends."""
    started = time.monotonic()
    with client.stream("GET", "v1/jobs/events") as answer:
        if answer.status_code != 200 or "text/event-stream" not in answer.headers["content-type"]:
            raise AssertionError(f"{answer.status_code} {answer.headers}")
    if time.monotonic() - started > 5:
        raise AssertionError(f"the stream began after {time.monotonic() - started:.1f} s")
    return f"after {time.monotonic() - started:.2f} s"


def _stranger(client: httpx.Client, token: str) -> str:
    headers = {"Origin": "https://evil.example"}
    return str(_expect(client.post("v1/jobs", json={"images": "x"}, headers=headers), 403).status_code)


CHECKS = {
    "health and readiness": _probes,
    "closed without a token": _closed,
    "login": _login,
    "page, routes, descriptions": _open,
    "reload": _reload,
    "upload of 8 MB": _upload,
    "events": _events,
    "page of another site": _stranger,
}

if __name__ == "__main__":
    sys.exit(main())
