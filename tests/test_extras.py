"""A lean install: labelling needs no extra, and whatever does says which."""

import subprocess
import sys

import pytest
from labelling import make_photos

from swsss.extras import MissingExtraError, modules_of_extras, needs_extra

HIDING = """
import sys
from importlib.metadata import entry_points

hidden, command, *words = sys.argv[1:]

class Hiding:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden.split(","):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hiding())
sys.argv = [command, *words]
entry_points(group="console_scripts")[command].load()()
"""


@pytest.fixture
def without(tmp_path):
    """Run a command in a process that cannot import some modules."""

    def run(hidden, command, *words):
        return subprocess.run(
            [sys.executable, "-c", HIDING, ",".join(hidden), command, *map(str, words)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_lean__labels_and_converts(without, model_file, tmp_path):
    extras = {name for modules in modules_of_extras().values() for name in modules}
    assert {"torch", "torchvision", "onnx", "safetensors", "tomli_w", "fastapi", "httpx", "scipy"} <= extras
    make_photos(tmp_path, 2)
    words = ["images", "--labels", "tags.csv", "--model", model_file]
    labelled = without(extras, "swsss-label", *words)
    assert labelled.returncode == 0, labelled.stderr
    assert len(list((tmp_path / "labels" / "masks").glob("*.png"))) == 2
    formats = ("--format", "coco", "--format", "cvat", "--format", "label-studio")
    assert without(extras, "swsss-convert", "labels", *formats).returncode == 0
    assert (tmp_path / "labels" / "label-studio.json").is_file()


@pytest.mark.parametrize(
    ("command", "hidden", "extra"),
    [
        ("swsss-train all --data D --out R", "torch", "train"),
        ("swsss-train all --data D --out R", "lightning_fabric", "train"),
        ("swsss-eval M --data D", "torch", "train"),
        ("swsss-export M", "torch", "train"),
        ("swsss-serve --model M", "fastapi", "serve"),
        ("swsss-label I --labels T --model M.safetensors", "torch", "train"),
    ],
)
def test_command__missing_extra(without, tmp_path, command, hidden, extra):
    (tmp_path / "M.safetensors").touch()
    ended = without({hidden}, *command.split())
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith("error: ")
    assert len(ended.stderr.splitlines()) == 1
    assert hidden in ended.stderr
    assert f"pip install 'swsss[{extra}]'" in ended.stderr


def test_needs_extra__the_one_that_is_meant(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"swsss\[gpu\]"), needs_extra("A GPU", "gpu"):
        import torch
    with pytest.raises(MissingExtraError, match=r"swsss\[train\]"), needs_extra("Training"):
        import torch  # noqa: F401


def test_needs_extra__a_module_of_no_extra():
    with pytest.raises(ModuleNotFoundError), needs_extra("Something"):
        import no_such_module  # noqa: F401
