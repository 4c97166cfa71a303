"""The page in a real browser, driven as a person would: jobs and their results."""

import os
import shutil
import zipfile
from pathlib import Path

import pytest
from labelling import picture, save
from models import CLASSES
from page_helpers import BROKEN, FOLDER, ODD, opened, pixels_of, serve
from playwright.sync_api import expect

pytest_plugins = "page_fixtures"


def test_job__folder(page, server):
    page.goto(server.address)
    page.get_by_role("button", name="New job").first.click()
    dialog = page.get_by_role("dialog", name="New job")
    expect(dialog.get_by_role("button", name="Start labelling")).to_be_disabled()
    dialog.get_by_role("button", name="Open folder photos").click()
    dialog.get_by_role("button", name="Open folder images").click()
    dialog.get_by_role("button", name="Use this folder").click()
    expect(dialog.locator(".chosen")).to_contain_text("photos/tags.csv")
    dialog.get_by_label("Name").first.fill("A <b>job</b>")
    dialog.get_by_role("button", name="Start labelling").click()
    expect(page.get_by_role("heading", name="A <b>job</b>")).to_be_visible()
    expect(page.locator(".badge")).to_have_text("Done")
    expect(page.locator(".numbers")).to_contain_text("12 images")
    expect(page.locator(".tile")).to_have_count(12)
    expect(page.get_by_text(Path(ODD).name)).to_be_visible()
    page.get_by_role("link", name="Back to the jobs").click()
    card = page.locator(".job").filter(has_text="A <b>job</b>")
    expect(card).to_contain_text("1 failed")
    expect(card.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    card.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete the job").click()
    expect(card).to_have_count(0)


def test_job__archive(page, server, tmp_path):
    archive = tmp_path / "photos.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("00.jpg", "01.png"):
            file.write(server.folder / "root/photos/images" / name, f"images/{name}")
    page.goto(server.address)
    page.get_by_role("button", name="New job").first.click()
    page.get_by_role("radio", name="Zip archive").check()
    page.get_by_label("Zip archive").last.set_input_files(archive)
    page.get_by_label("Images without tags").select_option("all")
    page.get_by_role("button", name="Start labelling").click()
    expect(page.locator(".badge")).to_have_text("Done")
    expect(page.locator(".tile")).to_have_count(2)


def test_job__paused_and_cancelled(page, server):
    many = server.folder / "root/many"
    first = save(many / "0000.jpg", picture(3))
    for number in range(1, 800):
        (many / f"{number:04}.jpg").write_bytes(first.read_bytes())
    page.goto(server.address)
    expect(page.get_by_role("button", name="New job").first).to_be_visible()
    server.client.post("/v1/jobs", json={"images": "many", "untagged": "all"}).raise_for_status()
    card = page.locator(".job").filter(has=page.get_by_role("heading", name="many"))
    expect(card.locator(".badge")).to_have_text("Running")
    card.get_by_role("button", name="Pause").click()
    expect(card.locator(".badge")).to_have_text("Paused")
    expect(card).to_contain_text("of 800 images")
    card.get_by_role("button", name="Resume").click()
    expect(card.locator(".badge")).to_have_text("Running")
    expect(card).to_contain_text("images/s")
    card.get_by_role("link", name="Results of many").click()
    expect(page.locator(".tile").first).to_be_visible()
    page.get_by_role("button", name="Cancel many").click()
    expect(page.locator(".badge")).to_have_text("Cancelled")


def test_filters(page, server, job, reference):
    page.goto(f"{server.address}/#/jobs/{job}")
    names = page.locator(".tile .file-name")
    expect(names).to_have_count(12)
    rows = server.client.get(f"/v1/jobs/{job}/images").json()["items"]
    labelled = [row for row in rows if row["state"] == "labelled"]
    masks = {
        row["image"]: reference(pixels_of(server, row["image"]), tuple(CLASSES.names[tag] for tag in row["tags"]))[0]
        for row in labelled
        if row["image"].endswith(".png")
    }

    page.get_by_label("Class").select_option(label="person")
    person = CLASSES.ids["person"]
    expect(names).to_have_count(sum(str(person) in row["pixels"] for row in rows))
    shown = set(names.all_inner_texts())
    assert {Path(name).name for name, mask in masks.items() if (mask == person).any()} <= shown
    assert not {Path(name).name for name, mask in masks.items() if not (mask == person).any()} & shown

    page.get_by_label("Class").select_option(label="Any class")
    page.get_by_role("button", name="Failed 1").click()
    expect(names).to_have_text([BROKEN])
    page.get_by_role("button", name="Labelled 11").click()
    page.get_by_label("Sort by").select_option(label="Confidence")
    page.get_by_role("button", name="Lowest first").click()
    surest = max(labelled, key=lambda row: row["confidence"])
    expect(names.first).to_have_text(Path(surest["image"]).name)

    page.keyboard.press("/")
    page.keyboard.type("SUB/a")
    expect(names).to_have_text([Path(ODD).name])
    expect(page.get_by_role("status").filter(has_text="1 image")).to_be_visible()
    page.get_by_role("searchbox").fill("nothing is called so")
    page.get_by_role("button", name="Show all images").click()
    expect(names).to_have_count(12)


def test_failures_are_told(page, server, job):
    page.goto(f"{server.address}/#/jobs/{job}")
    page.get_by_role("button", name="Failed").click()
    page.locator(".tile").click()
    reason = server.item(job, BROKEN)["reason"]
    expect(page.get_by_role("alert").filter(has_text=reason)).to_be_visible()
    expect(page.get_by_role("button", name="Accept", exact=True)).to_be_disabled()
    page.keyboard.press("a")
    page.keyboard.press("1")
    assert server.item(job, BROKEN)["verdict"] == ""


def test_unknown_job(watched, server):
    page, watch = watched
    watch.expected.append("404")
    page.goto(f"{server.address}/#/jobs/nothing")
    expect(page.get_by_text("There is no job 'nothing'")).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


def test_help_and_themes(browser, page, server):
    page.goto(server.address)
    page.get_by_role("button", name="Keyboard help").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Keyboard help")).to_be_focused()

    def colour(page):
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light = colour(page)
    page.get_by_role("button", name="Theme: as the system").click()
    page.get_by_role("button", name="Theme: light").click()
    dark = colour(page)
    assert dark != light
    page.reload()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert colour(page) == dark
    with opened(browser, server.address, color_scheme="dark") as (other, _):
        other.goto(server.address)
        assert colour(other) == dark


@pytest.mark.skipif("SWSSS_SCREENSHOT" not in os.environ, reason="SWSSS_SCREENSHOT does not name a file")
def test_screenshot(browser, start, model_file, tmp_path, server):
    """Two views for docs/server.md; SWSSS_SCREENSHOT_MODEL and _DATA (images/, tags.csv) name what is shown."""
    model, data = (os.environ.get(f"SWSSS_SCREENSHOT_{name}") for name in ("MODEL", "DATA"))
    if data:
        shutil.copytree(data, tmp_path / "root/photos")
        server = serve(start, Path(model or model_file), tmp_path)
    job = server.label(**FOLDER, name="photos")
    target = Path(os.environ["SWSSS_SCREENSHOT"])
    with opened(browser, server.address) as (page, _):
        page.goto(f"{server.address}/#/jobs/{job}")
        expect(page.locator(".tile.waiting")).to_have_count(0)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=target.with_name(f"{target.stem}-results{target.suffix}"))
        items = server.client.get(f"/v1/jobs/{job}/images").json()["items"]
        richest = max(items, key=lambda item: (len(item["found"]), item["confidence"]))
        page.goto(f"{server.address}/#/jobs/{job}/images/{richest['number']}?at={items.index(richest)}")
        expect(page.get_by_role("button", name="Accept")).to_be_visible()
        page.wait_for_function("() => document.querySelector('canvas').dataset.scale")
        page.screenshot(path=target)
