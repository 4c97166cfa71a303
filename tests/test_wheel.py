"""What is published: sdist and wheel build, hold every file, and label an image once installed.

`make wheel` runs this with SWSSS_WHEEL: a clean environment with the wheel and what its metadata asks for.
"""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from labelling import make_photos

import swsss

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """The sdist, and the wheel built from it."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return out


@pytest.fixture(scope="module")
def installed(dist, tmp_path_factory):
    """How a command of the installed wheel is started, and with which environment variables."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if "SWSSS_WHEEL" in os.environ:
        return Path(os.environ["SWSSS_WHEEL"]) / "bin", environment
    out = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", out]
    subprocess.run([*pip, next(dist.glob("*.whl"))], check=True)
    return out / "bin", environment | {"PYTHONPATH": str(out)}


def sources() -> set[str]:
    """Every file of the package, at the place it is imported from."""
    trees = {"swsss": "swsss", "export": "swsss/export", "serve": "swsss/serve"}
    return {
        f"{place}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder, place in trees.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_wheel__holds_every_file_and_nothing_else(dist):
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == sources()
    assert {".py", ".toml", ".html", ".css", ".js"} <= {Path(name).suffix for name in names}
    assert "swsss/py.typed" in names


def test_sdist__holds_every_file_without_links(dist):
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        members = {member.name.partition("/")[2]: member for member in sdist.getmembers()}
    assert sources() | {"LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "SECURITY.md"} <= members.keys()
    assert all(member.isfile() or member.isdir() for member in members.values())


def test_versions__agree(dist):
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith("/METADATA"))
        version = re.search(r"^Version: (.*)$", wheel.read(name).decode(), re.MULTILINE)[1]
    assert version == swsss.__version__
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {version} (" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_wheel__labels(installed, model_file, tmp_path):
    binaries, environment = installed
    make_photos(tmp_path, 2)

    def run(*words):
        ended = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    script = binaries / "swsss-label"
    python = script.read_text(encoding="utf-8").splitlines()[0].removeprefix("#!")
    place = run(python, "-c", "import swsss; print(swsss.__file__)")
    assert binaries.parent in Path(place).parents
    run(script, "images", "--labels", "tags.csv", "--model", model_file, "--out", "labels")
    assert len(list((tmp_path / "labels" / "masks").glob("*.png"))) == 2
    run(binaries / "swsss-convert", "labels", "--format", "coco")
    if "SWSSS_WHEEL" in os.environ:
        assert run(python, "-c", "import importlib.util as u; print(u.find_spec('torch'))").strip() == "None"
