"""The server as a command, its page in Chromium, and what the page shows."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from conftest import Started
from labelling import make_photos, picture, save, table
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Download, Locator, Page, Request, expect

from swsss.data.classes import palette
from swsss.data.tags import write_tags

_PATIENCE = 40_000
"""Milliseconds: a browser that was just installed takes long for its first pages."""

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=_PATIENCE)

ODD = "sub/a & <img src=x onerror=\"document.title=1\"> 'b' 猫.png"
BROKEN = "broken.png"
FOLDER = {"images": "photos/images", "labels": "photos/tags.csv"}

# The colour at the middle of every pixel of the image, wherever it lies on the canvas.
_SAMPLE = """([width, height]) => {
  const canvas = document.querySelector("canvas");
  const { scale, x, y } = canvas.dataset;
  if (!scale) return null;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const colours = [];
  for (let row = 0; row < height; row += 1)
    for (let column = 0; column < width; column += 1) {
      const at = Math.floor(+x + (column + 0.5) * scale) + canvas.width * Math.floor(+y + (row + 0.5) * scale);
      colours.push(...data.slice(4 * at, 4 * at + 3));
    }
  return colours;
}"""
_CONTROLS = "button|link|textbox|searchbox|combobox|slider|checkbox|radio|spinbutton|dialog|grid"
_NAMELESS = re.compile(rf"- ({_CONTROLS})(:| \[|$)")


@dataclass
class Server:
    """A running `swsss-serve`."""

    started: Started
    address: str
    folder: Path
    client: httpx.Client

    def label(self, **job: object) -> str:
        """Label a folder below the root and wait for it: the job's id."""
        answer = self.client.post("/v1/jobs", json=job)
        assert answer.status_code == 201, answer.text
        path = f"/v1/jobs/{answer.json()['id']}"
        self.started.when(lambda: self.client.get(path).json()["state"] in {"done", "failed"})
        assert self.client.get(path).json()["state"] == "done", self.started.told
        return str(answer.json()["id"])

    def item(self, job: str, name: str) -> dict[str, object]:
        """An image of a job, by its name."""
        found = self.client.get(f"/v1/jobs/{job}/images", params={"search": name}).json()["items"]
        return next(item for item in found if item["image"] == name)


def serve(start: Callable[..., Started], model: Path, folder: Path, *options: object, port: int = 0) -> Server:
    """Start the server with `folder/root` as its root, and wait until it answers."""
    where = ["--model", model, "--root", folder / "root", "--data", folder / "data", "--port", port]
    started = start("swsss-serve", *where, "--device", "cpu", "--threads", 1, *options)
    started.when(lambda: "listens on http://" in started.told)
    found = re.search(r"listens on (http://[\w.:]+)", started.told)
    assert found
    return Server(started, found[1], folder, httpx.Client(base_url=found[1], timeout=30))


def make_root(folder: Path) -> Path:
    """`root/photos/` as `make_photos` writes it, with an image that is broken and one with an odd name."""
    photos = make_photos(folder / "root/photos")
    save(photos / "images" / ODD, picture(20))
    (photos / "images" / BROKEN).write_bytes((photos / "images/01.png").read_bytes()[:200])
    tags = [(row["image"], row["labels"].split(";")) for row in table(photos / "tags.csv")]
    write_tags(photos / "tags.csv", [*tags, (ODD, ("cat", "dog")), (BROKEN, ("cat",))])
    return photos


@dataclass
class Watch:
    """What a page did that it should not have."""

    address: str
    # Reading a canvas back is what these tests do, not the page.
    expected: list[str] = field(default_factory=lambda: ["willReadFrequently"])
    told: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.told.append(f"{message.text} {message.location}")

    def on_request(self, request: Request) -> None:
        if not request.url.startswith((self.address, "blob:", "data:")):
            self.strangers.append(request.url)

    def check(self) -> None:
        """Nothing was told on the console, and no other server was asked."""
        unexpected = [text for text in self.told if not any(part in text for part in self.expected)]
        assert not unexpected + self.strangers, unexpected + self.strangers


@contextmanager
def opened(browser: Browser, address: str, **options: object) -> Iterator[tuple[Page, Watch]]:
    """A page of a browser that has never been here, looked at until the end."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce", **options)
    context.set_default_timeout(_PATIENCE)
    page, watch = context.new_page(), Watch(address)
    page.on("console", watch.on_console)
    page.on("pageerror", lambda error: watch.told.append(str(error)))
    page.on("request", watch.on_request)
    page.on("dialog", lambda dialog: watch.told.append(dialog.message))
    try:
        yield page, watch
        watch.check()
    finally:
        context.close()


def strong_masks(page: Page) -> None:
    """Opaque masks, so that the colours on the canvas are those of the classes."""
    page.get_by_role("slider", name="Opacity of the mask").fill("100")
    page.locator(".stage").focus()


def shown_mask(page: Page, height: int, width: int) -> np.ndarray:
    """The class of every pixel on the canvas by its colour, uint8 [H, W]; 0 for others, 255 before there are any."""
    sampled = page.evaluate(_SAMPLE, [width, height])
    mask = np.zeros((height, width), np.uint8)
    if sampled is None:
        return mask + 255
    colours = np.array(sampled, np.uint8).reshape(height, width, 3)
    for index, colour in enumerate(palette()[:5]):
        if index:
            mask[(colours == colour).all(2)] = index
    return mask


def wait_for_mask(page: Page, expected: np.ndarray) -> None:
    """Wait until the canvas shows exactly this mask."""
    deadline = time.monotonic() + 20
    while not np.array_equal(shown_mask(page, *expected.shape), expected):
        assert time.monotonic() < deadline, "the canvas does not show the mask"
        page.wait_for_timeout(30)


def downloaded(page: Page, words: str) -> Download:
    """What a link of the export menu saves."""
    page.locator("summary").filter(has_text="Export").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name=words).click()
    page.locator("summary").filter(has_text="Export").click()
    return waiting.value


def nameless(page: Page) -> list[str]:
    """Controls that a screen reader could not name."""
    return [line for line in page.locator("body").aria_snapshot().splitlines() if _NAMELESS.search(line)]


def pixels_of(server: Server, name: str) -> np.ndarray:
    """A photo below the server's root as Pillow reads it, uint8 RGB [H, W, 3]."""
    with Image.open(server.folder / "root/photos/images" / name) as image:
        return np.array(image.convert("RGB"))


def open_image(page: Page, server: Server, job: str, name: str) -> None:
    """Open an image in the review, from the results."""
    page.goto(f"{server.address}/#/jobs/{job}")
    page.locator(f'.tile[aria-label^="{name} "]').click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    strong_masks(page)


def chip(page: Page, name: str) -> Locator:
    """The button of a tag."""
    return page.get_by_role("group", name="Tags").get_by_role("button", name=name)
