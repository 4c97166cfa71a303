"""The demo dataset: painted tide pools with tags for every picture and masks for a few (DESIGN §2)."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from swsss.data.files import write_whole
from swsss.data.images import Pixels
from swsss.data.png import write_mask
from swsss.demo.creatures import CREATURES
from swsss.demo.scene import paint_pool
from swsss.errors import UserError

MARKER = "demo.json"
"""What the folder was made with; written first, so that a demo whose making was interrupted is known as ours."""


@dataclass(frozen=True)
class _Settings:
    seed: int
    train: int
    strong: int
    val: int
    size: int
    version: int = 1  # raised when the same settings paint other pictures than before

    def __post_init__(self) -> None:
        if not 1 <= self.strong <= self.train:
            raise UserError(
                f"A demo needs 1 to {self.train} pictures with masks among its training pictures, not {self.strong}."
            )
        if self.val < 1:
            raise UserError(f"A demo needs at least one picture for validation, not {self.val}.")
        if not 32 <= self.size <= 1024:
            raise UserError(f"A demo picture is 32 to 1024 pixels wide, not {self.size}.")
        if self.seed < 0:
            raise UserError(f"The seed of a demo is 0 or more, not {self.seed}.")


def write_demo(
    root: Path, *, seed: int = 0, train: int = 400, strong: int = 24, val: int = 60, size: int = 128
) -> None:
    """Write the demo dataset; the same settings give the same bytes, and a demo that is already there stays as it is.

    Masks are written for the first `strong` training pictures (split `strong`) and for split `val`; the other training
    pictures have tags only.

    Args:
        root: The dataset directory to make: new, empty, or an earlier demo with the same settings.
        seed: Another seed gives other pictures.
        train: Pictures in split `train`.
        strong: How many of them have a mask.
        val: Pictures in split `val`.
        size: Side of the pictures in pixels.

    Raises:
        UserError: A setting is out of range, or the folder holds anything else.
    """
    settings = _Settings(seed, train, strong, val, size)
    if _is_complete(root, settings):
        return
    write_whole(root / MARKER, _dumped(settings))
    stems = {"train": [f"train_{i:04d}" for i in range(train)], "val": [f"val_{i:04d}" for i in range(val)]}
    masked = {*stems["train"][:strong], *stems["val"]}
    rows = ["image,labels"]
    for split, names in enumerate(stems.values()):
        for index, stem in enumerate(names):
            picture, mask = _pool(seed, split, index, size)
            _write_jpeg(root / "images" / f"{stem}.jpg", picture)
            if stem in masked:
                write_mask(root / "masks" / f"{stem}.png", mask)
            rows.append(f"{stem}.jpg,{';'.join(CREATURES[i - 1] for i in np.unique(mask) if i)}")
    _write_lines(root / "tags.csv", rows)
    for name, members in {**stems, "strong": stems["train"][:strong]}.items():
        _write_lines(root / "splits" / f"{name}.txt", members)
    # Last, because nothing opens the folder without it: what can be opened is complete.
    _write_lines(root / "classes.txt", ["background", *CREATURES])


def _is_complete(root: Path, settings: _Settings) -> bool:
    if root.exists() and not root.is_dir():
        raise UserError(f"{root} is a file; name a folder for the demo.")
    if not root.exists() or not any(root.iterdir()):
        return False
    marker = root / MARKER
    if not marker.is_file():
        raise UserError(f"{root} is not empty and holds no demo; name a new folder for it.")
    if marker.read_bytes() != _dumped(settings):
        raise UserError(
            f"{root} holds a demo with other settings (see {marker}); name another folder or remove this one."
        )
    return (root / "classes.txt").is_file()


def _pool(seed: int, split: int, index: int, size: int) -> tuple[Pixels, Pixels]:
    """A picture and its mask; its own generator keeps it the same whatever the number of pictures around it."""
    rng = np.random.default_rng([seed, split, index])
    return paint_pool(rng, size, _cast(rng, index))


def _cast(rng: np.random.Generator, index: int) -> list[int]:
    """Class ids of one to three creatures of one or two classes; every class comes first equally often."""
    first = index % len(CREATURES) + 1
    twin = (first - 1 ^ 1) + 1
    others = [i for i in range(1, len(CREATURES) + 1) if i not in {first, twin}]
    kinds = [first]
    if rng.random() < 0.55:
        # With both of a pair in a picture its tags cannot tell them apart: real data has such pictures, but few.
        kinds.append(twin if rng.random() < 0.15 else int(rng.choice(others)))
    extra = int(rng.integers(0, 4 - len(kinds)))
    return [*kinds, *(int(i) for i in rng.choice(kinds, extra))]


def _write_jpeg(path: Path, picture: Pixels) -> None:
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    if not done:
        raise RuntimeError(f"OpenCV cannot encode {path}.")
    write_whole(path, data.tobytes())


def _write_lines(path: Path, lines: list[str]) -> None:
    write_whole(path, ("\n".join(lines) + "\n").encode())


def _dumped(settings: _Settings) -> bytes:
    return (json.dumps(asdict(settings), indent=2) + "\n").encode()
