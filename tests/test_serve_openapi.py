"""The description of all routes: complete, and nothing that it allows or forbids makes the server fail."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from labelling import make_photos, picture, save
from serving import pixels_of, serving


@pytest.fixture(scope="module")
def server(model_file, tmp_path_factory):
    root = make_photos(tmp_path_factory.mktemp("root"), 3)
    with serving(model_file, tmp_path_factory.mktemp("data"), root=root, most_jobs=10_000) as client:
        yield client


def test_openapi__schemathesis(server, tmp_path):
    """Over a thousand requests made from the description, right ones and wrong ones: no answer is 5xx."""
    job = server.done()
    values = {"job_id": job, "name": "small", "version": "1"}
    lines = [f'"path.{name}" = "{value}"' for name, value in values.items()]
    (tmp_path / "schemathesis.toml").write_text("\n".join(["[parameters]", *lines, '"path.number" = 1', ""]))
    ended = subprocess.run(
        [
            Path(sys.executable).parent / "schemathesis",
            *("--config-file", tmp_path / "schemathesis.toml", "run", f"{server.base_url}/openapi.json"),
            *("--checks", "not_a_server_error", "--max-examples", "8", "--seed", "1", "--no-color"),
            # Streams that do not end, and what would take away what the others are tested on.
            *("--exclude-path-regex", "/events$|/unload$", "--exclude-method", "DELETE"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-6000:]
    generated, passed = re.search(r"(\d+) generated, (\d+) passed", ended.stdout).groups()
    assert generated == passed
    assert int(generated) > 500
    assert server.get("/healthz").status_code == 200


def test_openapi__every_route_says_what_it_does(server):
    routes = server.get("/openapi.json").json()["paths"]
    assert {"/v1/label", "/v1/jobs", "/v2/models/{name}/infer", "/predict", "/metrics", "/healthz"} <= routes.keys()
    for path, methods in routes.items():
        for method, route in methods.items():
            assert route.get("summary"), f"{method} {path}"


def test_openapi__examples_run(server, tmp_path):
    """What the page of the description shows as an example can be sent as it is."""
    routes = server.get("/openapi.json").json()["paths"]
    sent = 0
    for path in ("/setup", "/predict", "/webhook"):
        body = routes[path]["post"]["requestBody"]["content"]["application/json"]["example"]
        answer = server.post(path, json=body)
        assert answer.status_code == 200, answer.text
        sent += 1
    assert sent == 3
    schemas = server.get("/openapi.json").json()["components"]["schemas"]
    job = {
        name: field["examples"][0] for name, field in schemas["FolderJob"]["properties"].items() if "examples" in field
    }
    assert job == {"images": "images", "labels": "tags.csv"}
    assert server.done(**job)
    photo = save(tmp_path / "photo.jpg", picture(3)).read_bytes()
    assert pixels_of(server.label(photo, tags="cat").content).shape == (48, 64)
