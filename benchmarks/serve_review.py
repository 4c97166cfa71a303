"""How long a person waits for the mask after a click on a tag: swsss-serve and its page, in headless Chromium.

    python benchmarks/serve_review.py IMAGES --labels tags.csv --model model.onnx --out serve_review.json

A job labels the photos; then some of them are opened in the review, and tags are toggled, three of each image. Told are
milliseconds from the click to the new mask on the canvas (drawn, as the page's own script sees it); then the same while
another job labels the same photos again. The first view of an image does not count.
"""

import argparse
import json
import platform
import re
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx
import onnxruntime
from playwright.sync_api import Page, sync_playwright
from serve_processes import Program

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
IMAGES, CLICKS = 12, 3

_CLICK = """async (index) => {
  const canvas = document.querySelector("canvas");
  const chips = [...document.querySelectorAll(".chip")];
  const before = canvas.dataset.version;
  const started = performance.now();
  chips[index % chips.length].click();
  while (canvas.dataset.version === before) {
    if (performance.now() - started > 20000) throw new Error("no new mask");
    await new Promise((next) => setTimeout(next, 1));
  }
  await new Promise((next) => requestAnimationFrame(next));
  return performance.now() - started;
}"""


def main() -> None:
    """Measure, and write the result."""
    options = read_options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "root").mkdir()
        shutil.copytree(options.images, folder / "root/images")
        shutil.copy(options.labels, folder / "root/tags.csv")
        words = ["--model", options.model.absolute(), "--root", "root", "--data", "data", "--port", 0]
        with Program([Path(sys.executable).parent / "swsss-serve", *words], folder) as program:
            result = measure(address_of(program))
    result |= {
        "cpu": cpu_name(),
        "model": options.model.name,
        "onnxruntime": onnxruntime.__version__,
        "command": "python " + " ".join(sys.argv),
    }
    text = json.dumps(result, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def measure(address: str) -> dict[str, object]:
    """Milliseconds from click to mask, with nothing else to do and beside a job."""
    with httpx.Client(base_url=address, timeout=60) as client, sync_playwright() as playwright:
        job = submit(client)
        while client.get(f"/v1/jobs/{job}").json()["state"] != "done":
            time.sleep(0.1)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        alone = toggle(page, address, job)
        busy = submit(client)
        beside = toggle(page, address, job)
        running = client.get(f"/v1/jobs/{busy}").json()["state"]
        browser.close()
    return {"alone, ms": summary(alone), "beside a job, ms": summary(beside), "the job at the end": running}


def submit(client: httpx.Client) -> str:
    """The id of a job over all photos."""
    answer = client.post("/v1/jobs", json={"images": "images", "labels": "tags.csv"})
    answer.raise_for_status()
    return str(answer.json()["id"])


def toggle(page: Page, address: str, job: str) -> list[float]:
    """Milliseconds of every click."""
    taken = []
    for number in range(1, IMAGES + 1):
        page.goto(f"{address}/#/jobs/{job}/images/{number}?at={number - 1}")
        page.wait_for_function("() => document.querySelector('canvas')?.dataset.version")
        page.wait_for_timeout(1000)  # for the neighbours, which are fetched ahead
        taken += [float(page.evaluate(_CLICK, click)) for click in range(CLICKS)]
    return taken


def summary(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile and maximum."""
    ordered = sorted(values)
    return {
        "clicks": len(values),
        "median": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 1),
        "max": round(ordered[-1], 1),
    }


def address_of(program: Program) -> str:
    """Where the server listens, once it does."""
    until = time.monotonic() + 60
    while not (found := re.search(r"listens on (\S+)", program.told())):
        if time.monotonic() > until:
            sys.exit(f"The server did not start:\n{program.told()}")
        time.sleep(0.1)
    return found[1]


def cpu_name() -> str:
    """As /proc tells it."""
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


if __name__ == "__main__":
    main()
