"""Reviewing in a real browser: every mask that is shown is the one that ONNX Runtime itself gives."""

import csv
import io
import zipfile

import numpy as np
from models import CLASSES
from page_helpers import BROKEN, chip, downloaded, open_image, pixels_of, wait_for_mask
from PIL import Image
from playwright.sync_api import Page, expect

pytest_plugins = "page_fixtures"


def test_review__tags(page, server, job, reference):
    pixels = pixels_of(server, "01.png")
    open_image(page, server, job, "01.png")
    wait_for_mask(page, reference(pixels, ("dog", "person"))[0])
    expect(chip(page, "background")).to_have_count(0)
    expect(chip(page, "dog")).to_have_attribute("aria-pressed", "true")

    chip(page, "cat").click()
    expect(chip(page, "cat")).to_have_attribute("aria-pressed", "true")
    wait_for_mask(page, reference(pixels, ("cat", "dog", "person"))[0])
    chip(page, "dog").click()
    wait_for_mask(page, reference(pixels, ("cat", "person"))[0])
    assert server.item(job, "01.png")["tags"] == [CLASSES.ids["cat"], CLASSES.ids["person"]]

    for name in ("polar bear", "cat", "person", "cat", "polar bear", "cat", "dog"):
        chip(page, name).click()
    wait_for_mask(page, reference(pixels, ("dog",))[0])
    expect(page.locator(".busy")).to_be_hidden()
    assert server.item(job, "01.png")["tags"] == [CLASSES.ids["dog"]]

    page.get_by_role("button", name="Restore the original tags").click()
    wait_for_mask(page, reference(pixels, ("dog", "person"))[0])
    page.get_by_role("button", name="Show dog").click()
    only_person = reference(pixels, ("dog", "person"))[0].copy()
    only_person[only_person == CLASSES.ids["dog"]] = 0
    wait_for_mask(page, only_person)


def test_review__change_that_fails(watched, server, job, reference):
    page, watch = watched
    watch.expected.append("500")
    pixels = pixels_of(server, "01.png")
    open_image(page, server, job, "01.png")
    problem = {"title": "Full", "status": 500, "detail": "The disk is full: free some space.", "request_id": "1"}
    page.route("**/images/*", lambda route: route.fulfill(status=500, json=problem), times=1)
    chip(page, "cat").click()
    expect(page.get_by_text("“01.png” was not stored. The disk is full: free some space.")).to_be_visible()
    expect(chip(page, "cat")).to_have_attribute("aria-pressed", "false")
    wait_for_mask(page, reference(pixels, ("dog", "person"))[0])


def test_review__keys(page, server, job, reference):
    open_image(page, server, job, "01.png")
    mask = reference(pixels_of(server, "01.png"), ("dog", "person"))[0]
    wait_for_mask(page, mask)
    page.keyboard.down(" ")
    wait_for_mask(page, np.zeros_like(mask))
    page.keyboard.up(" ")
    wait_for_mask(page, mask)

    page.keyboard.press("1")
    expect(chip(page, "cat")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("u")
    expect(chip(page, "cat")).to_have_attribute("aria-pressed", "false")
    wait_for_mask(page, mask)

    page.keyboard.press("f")
    expect(page.get_by_role("button", name="Flag", exact=True)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("f")
    expect(page.get_by_role("button", name="Flag", exact=True)).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="03.png")).to_be_visible()
    page.keyboard.press("r")
    expect(page.get_by_role("heading", name="04.jpg")).to_be_visible()
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="Reject", exact=True)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("u")
    expect(page.get_by_role("button", name="Reject", exact=True)).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="04.jpg")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator('.tile[aria-label^="04.jpg "]')).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="03.png")).to_be_visible()
    assert [server.item(job, name)["verdict"] for name in ("01.png", "03.png")] == ["accepted", ""]


def test_review__filter_that_shrinks(page, server, job):
    page.goto(f"{server.address}/#/jobs/{job}")
    page.get_by_role("button", name="Unreviewed").click()
    page.get_by_role("button", name="Review", exact=True).click()
    seen = []
    for left in range(11, 0, -1):
        expect(page.locator(".where")).to_have_text(f"1 of {left}")
        seen.append(page.locator("h1").inner_text())
        page.keyboard.press("a")
    expect(page.get_by_text("This was the last image of this filter.")).to_be_visible()
    assert len(set(seen)) == 11
    page.keyboard.press("u")
    expect(page.locator(".where")).to_have_text("1 of 1")
    page.keyboard.press("Escape")
    expect(page.locator(".tile")).to_have_count(1)
    expect(page.get_by_role("button", name="Accepted 10")).to_be_visible()


def test_exports(page, server, job, reference):
    open_image(page, server, job, "01.png")
    chip(page, "cat").click()
    wait_for_mask(page, reference(pixels_of(server, "01.png"), ("cat", "dog", "person"))[0])
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="03.png")).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="04.jpg")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Accepted 2")).to_be_visible()

    rows = list(csv.DictReader(io.StringIO(downloaded(page, "Corrected tags").path().read_text(encoding="utf-8"))))
    tags = {row["image"]: set(filter(None, row["labels"].split(";"))) for row in rows}
    assert tags["01.png"] == {"cat", "dog", "person"}
    assert tags["03.png"] == {"cat", "dog", "polar bear", "person"}

    with zipfile.ZipFile(downloaded(page, "Accepted masks").path()) as archive:
        assert archive.read("splits/accepted.txt").decode().split() == ["01", "03"]
        assert archive.read("classes.txt").decode().splitlines() == list(CLASSES.names)
        with Image.open(io.BytesIO(archive.read("masks/01.png"))) as mask:
            expected = reference(pixels_of(server, "01.png"), ("cat", "dog", "person"))[0]
            np.testing.assert_array_equal(np.array(mask), expected)
    with zipfile.ZipFile(downloaded(page, "Labels folder").path()) as archive:
        assert "masks/01.png" in archive.namelist()
    assert BROKEN in downloaded(page, "Failures").path().read_text(encoding="utf-8")


def test_exports_by_version(page, server, job, reference):
    """As reviewed, only what is accepted, or as the job made it."""
    for name, change in (("01.png", {"tags": [CLASSES.ids["cat"]]}), ("03.png", {"verdict": "accepted"})):
        address = f"/v1/jobs/{job}/images/{server.item(job, name)['number']}"
        server.client.patch(address, json=change).raise_for_status()
    page.goto(f"{server.address}/#/jobs/{job}")
    expect(page.get_by_role("button", name="Accepted 1")).to_be_visible()

    pixels = pixels_of(server, "01.png")
    np.testing.assert_array_equal(mask_of(page, "As reviewed", "01"), reference(pixels, ("cat",))[0])
    np.testing.assert_array_equal(mask_of(page, "As made", "01"), reference(pixels, ("dog", "person"))[0])
    with zipfile.ZipFile(labels(page, "Accepted only")) as archive:
        assert [name for name in archive.namelist() if name.startswith("masks/")] == ["masks/03.png"]
    for words, name in (("COCO", "coco.json"), ("CVAT", "cvat.zip"), ("Label Studio", "label-studio.zip")):
        assert downloaded(page, words).suggested_filename == f"{job}-{name}"


def labels(page: Page, version: str) -> str:
    """The labels folder in a version, as it is saved."""
    page.locator("summary").filter(has_text="Export").click()
    page.get_by_role("radio", name=version).check()
    page.locator("summary").filter(has_text="Export").click()
    return str(downloaded(page, "Labels folder").path())


def mask_of(page: Page, version: str, stem: str) -> np.ndarray:
    """The class ids of a mask in the labels folder of a version."""
    with zipfile.ZipFile(labels(page, version)) as archive:
        data = archive.read(f"masks/{stem}.png")
    with Image.open(io.BytesIO(data)) as mask:
        return np.array(mask)


def test_export_refused(watched, server, job):
    """A file that cannot be had is told of, and nothing is saved."""
    page, watch = watched
    watch.expected.append("409")
    saved = list[object]()
    page.on("download", lambda download: saved.extend([download]))
    refusal = {"title": "Conflict", "status": 409, "detail": "The images are gone from the server.", "request_id": "1"}
    page.route("**/tags.csv", lambda route: route.fulfill(status=409, json=refusal), times=1)
    page.goto(f"{server.address}/#/jobs/{job}")
    page.locator("summary").filter(has_text="Export").click()
    page.get_by_role("link", name="Corrected tags").click()
    expect(page.locator(".toast.problem")).to_contain_text("The images are gone from the server.")
    assert not saved
    page.get_by_role("radio", name="Accepted only").check()
    expect(page.get_by_role("link", name="Labels folder")).to_be_disabled()
