"""`import swsss`: what it loads, that names and packages do not hide each other, and that a program type-checks."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from test_extras import HIDING

import swsss
from swsss.extras import modules_of_extras

HEAVY = ("torch", "onnxruntime", "onnx", "cv2", "numpy", "PIL", "pydantic", "rich", "click")


def printed(program, *, lean=False, folder=None):
    """What a program in a process of its own prints; lean: without the packages of any extra."""
    if lean:
        hidden = ",".join(name for modules in modules_of_extras().values() for name in modules)
        program = f"{HIDING.partition('sys.argv = ')[0]}\n{program}"
        words = [sys.executable, "-c", program, hidden, "-"]
    else:
        words = [sys.executable, "-c", program]
    return subprocess.run(words, capture_output=True, text=True, check=True, cwd=folder).stdout


def test_import__loads_nothing_heavy():
    took = [
        float(printed("import time\nstart = time.perf_counter()\nimport swsss\nprint(time.perf_counter() - start)"))
        for _ in range(3)
    ]
    assert min(took) < 0.05
    program = f"import sys, swsss\ndir(swsss)\nprint([name for name in {HEAVY} if name in sys.modules])"
    assert printed(program).strip() == "[]"
    program = "import sys, swsss\nswsss.load, swsss.train\nprint([n for n in ('torch', 'onnx') if n in sys.modules])"
    assert printed(program).strip() == "[]"


def test_names():
    for name in swsss.__all__:
        assert name in dir(swsss)
        value = getattr(swsss, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name
    assert not hasattr(swsss, "nothing")
    assert issubclass(swsss.InputError, swsss.UserError)
    assert issubclass(swsss.MissingExtraError, swsss.UserError)


@pytest.mark.parametrize(
    "imports",
    [
        "import swsss",
        "import swsss\nimport swsss.export.cli",
        "from swsss.export.cli import export\nimport swsss",
        "import swsss.export.cli as cli\nassert cli.click\nimport swsss",
        "import swsss.serve.convert, swsss.serve.cli\nimport swsss",
        "from swsss import export, evaluate, convert\nimport swsss\nassert export is swsss.export",
    ],
)
def test_names__functions_whatever_else_is_imported(imports):
    program = (
        f"{imports}\nimport inspect\n"
        "for name in ('export', 'evaluate', 'convert', 'train'):\n"
        "    print(name, *inspect.signature(getattr(swsss, name)).parameters)"
    )
    first = [line.split()[:2] for line in printed(program).splitlines()]
    assert first == [["export", "checkpoint"], ["evaluate", "model"], ["convert", "labels"], ["train", "data"]]


@pytest.mark.parametrize("call", ["train('data', 'out')", "evaluate('model', 'data')", "export('model')"])
def test_lean__says_which_extra_is_missing(call):
    program = (
        f"import swsss\ntry: swsss.{call}\nexcept swsss.MissingExtraError as error: print(error.code, error.extra)"
    )
    assert printed(program, lean=True).strip() == "missing-extra train"


def test_lean__labels(model_file):
    program = (
        "import numpy, swsss\n"
        f"labels = swsss.load({str(model_file)!r}).label(numpy.zeros((20, 30, 3), numpy.uint8), ['cat'])\n"
        "print(labels.mask.shape)"
    )
    assert printed(program, lean=True).strip() == "(20, 30)"


SOUND = """
from pathlib import Path
import numpy as np
from PIL import Image
import swsss

def progress(title: str, done: int, total: int) -> None: ...

labeller: swsss.Labeller = swsss.load(Path("model.onnx"), device="cpu", threads=2)
mask, confidence = labeller.label("photo.jpg", tags=["cat"])
area: int = int((mask == labeller.classes.index("cat")).sum())
labeller.label(Image.open("photo.jpg"), None, ignore_below=0.5)
labels: list[swsss.Labels] = labeller.label_batch([np.zeros((4, 4), np.uint8), "b.png"], [["cat"], None])
result = swsss.label_folder("images", labels="tags.csv", model=labeller, formats=["coco"], progress=progress)
counts: tuple[int, int] = result.labelled, result.failed
report: Path = result.report
scores = swsss.evaluate("final.safetensors", "data", tags="none")
miou: float = scores["none"].miou
run = swsss.train("data", "runs/first", settings={"stage1.lr": 0.002})
final: float = run.scores["final model"]["none"].miou
model: Path = swsss.export(run.folder, precision="fp16")
files: list[Path] = swsss.convert("labels", ["coco", "cvat"])
try:
    swsss.load("nowhere")
except swsss.UserError as error:
    told: tuple[str, str, str] = error.code, error.field, error.message
"""
WRONG = """
import swsss
swsss.load("model.onnx", device="gpu")
swsss.load("model.onnx").label(3)
swsss.label_folder("images", formats=["voc"])
swsss.export("net", precision="fp8")
swsss.train("data")
swsss.nothing
"""


def test_types(tmp_path):
    """A program that is sound passes `mypy --strict`; one that is not fails at every line."""
    (tmp_path / "sound.py").write_text(SOUND)
    (tmp_path / "wrong.py").write_text(WRONG)
    root = Path(swsss.__file__).parent.parent
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "sound.py", "wrong.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"MYPYPATH": str(root), "PATH": ""},
    )
    lines = [line for line in checked.stdout.splitlines() if ": error:" in line]
    found = {line.partition(": error:")[0] for line in lines}
    assert found == {f"wrong.py:{number}" for number in range(3, 9)}, checked.stdout
