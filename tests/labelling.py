"""Folders of photos to label, `swsss-label` in this process, and what it leaves."""

import csv
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from click.testing import Result
from commands import invoke
from models import CLASSES
from PIL import Image

from swsss.data.tags import write_tags

TAGS = (("cat",), ("dog", "person"), (), ("cat", "dog", "polar bear", "person"), ("polar bear",))


def picture(seed: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Blobs of colour: uint8 RGB [H, W, 3]."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def save(path: Path, pixels: np.ndarray, **options: object) -> Path:
    """Write a picture in the format of its suffix; JPEG in good quality, the rest without loss where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **({"quality": 95} | options))
    return path


def make_photos(root: Path, count: int = 10) -> Path:
    """Write `images/` in sizes of two kinds and folders of two depths, and `tags.csv`."""
    names = [
        f"{'sub/' if number % 3 == 2 else ''}{number:02}.{'png' if number % 2 else 'jpg'}" for number in range(count)
    ]
    for number, name in enumerate(names):
        save(root / "images" / name, picture(number, 48, 64 if number % 4 else 40))
    write_tags(root / "tags.csv", [(name, TAGS[number % len(TAGS)]) for number, name in enumerate(names)])
    return root


def label(photos: Path, model: Path, out: Path, *options: object) -> Result:
    """Label `photos/images` by `photos/tags.csv`."""
    where = ["--labels", photos / "tags.csv", "--model", model, "--out", out, "--device", "cpu", "--threads", 1]
    return invoke("swsss-label", photos / "images", *where, *options)


def label_all(root: Path, model: Path, *options: object, code: int = 0) -> str:
    """Label `root/images` without tags into `root/out`: what was told."""
    where = ["--model", model, "--out", root / "out", "--untagged", "all", "--device", "cpu", "--threads", 1]
    return done(invoke("swsss-label", root / "images", *where, *options), code)


def done(result: Result, code: int = 0) -> str:
    """What a start told that ended with this code."""
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


def contents(out: Path) -> dict[str, bytes]:
    """Every file of a labels folder but the journal and the report, which tell times."""
    files = (path for path in sorted(out.rglob("*")) if path.is_file())
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in files
        if not path.name.startswith("journal.sqlite") and path != out / "report.html"
    }


def stamps(out: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of change of every mask: different as soon as it is written anew."""
    masks = out / "masks"
    found = {path.relative_to(masks).as_posix(): path.stat() for path in masks.rglob("*.png")}
    return {name: (status.st_ino, status.st_mtime_ns) for name, status in found.items()}


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.DictReader(file))


def mask_at(out: Path, name: str) -> np.ndarray:
    """A mask, read by Pillow: uint8 [H, W]."""
    with Image.open(out / "masks" / name) as image:
        assert image.mode == "P"
        return np.array(image)


class Reference:
    """A model file in ONNX Runtime, one image at a time."""

    def __init__(self, model: Path) -> None:
        self.session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def __call__(self, pixels: np.ndarray, tags: tuple[str, ...] | None) -> tuple[np.ndarray, np.ndarray]:
        """Mask and confidence, uint8 [H, W], of upright RGB; `tags` None for every class."""
        ids = range(len(CLASSES)) if tags is None else sorted({0, *(CLASSES.ids[name] for name in tags)})
        candidates = np.array([list(ids)], np.int64)
        feed: Mapping[str, np.ndarray] = {"image": np.ascontiguousarray(pixels)[None], "candidates": candidates}
        if len(self.session.get_inputs()) == 1:
            feed = {"image": feed["image"]}
        mask, confidence = self.session.run(["mask", "confidence"], feed)
        return mask[0], confidence[0]
