"""More of the page in a real browser: one image tried, very many images, names of controls, login, a lost server."""

import base64
import os
import signal
import sqlite3

import numpy as np
from labelling import picture
from page_helpers import (
    FOLDER,
    chip,
    make_root,
    nameless,
    open_image,
    opened,
    pixels_of,
    serve,
    strong_masks,
    wait_for_mask,
)
from PIL import Image
from playwright.sync_api import expect

pytest_plugins = "page_fixtures"


def test_try(page, server, reference, tmp_path):
    turned, pixels = tmp_path / "turned.png", picture(31, 60, 80)
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.rot90(pixels)).save(turned, exif=exif)
    page.goto(f"{server.address}/#/try")
    page.get_by_label("Choose an image file").set_input_files(turned)
    strong_masks(page)
    wait_for_mask(page, reference(pixels, None)[0])
    chip(page, "polar bear").click()
    wait_for_mask(page, reference(pixels, ("polar bear",))[0])
    chip(page, "cat").click()
    wait_for_mask(page, reference(pixels, ("cat", "polar bear"))[0])

    photo = server.folder / "root/photos/images/03.png"
    drop = """(text) => {
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], "dropped.png", { type: "image/png" }));
      const drop = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
      document.querySelector(".stage").dispatchEvent(drop);
    }"""
    page.evaluate(drop, base64.b64encode(photo.read_bytes()).decode())
    expect(page.get_by_role("heading", name="dropped.png")).to_be_visible()
    wait_for_mask(page, reference(pixels_of(server, "03.png"), ("cat", "polar bear"))[0])


def test_try__not_an_image(watched, server, tmp_path):
    page, watch = watched
    watch.expected.append("status of 4")
    file = tmp_path / "words.txt"
    file.write_text("no image")
    page.goto(f"{server.address}/#/try")
    page.get_by_label("Choose an image file").set_input_files(file)
    expect(page.locator(".panel").get_by_role("alert")).to_be_visible()


def test_hundred_thousand_images(watched, server):
    page, watch = watched
    watch.expected.append("/images/1000")  # only the rows of the index are there, no pictures and masks
    thumbnail = server.folder / "root/photos/images/01.png"
    job = server.label(**FOLDER, name="large")
    (index,) = server.folder.glob(f"data/**/{job}/index.sqlite")
    with sqlite3.connect(index, timeout=30) as database:
        database.execute("""
            INSERT INTO images (image, state, mask, width, height, tags, original_tags, confidence)
            WITH RECURSIVE counted(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n < 99999)
            SELECT printf('many/%06d.jpg', n), 'labelled', printf('many/%06d.png', n), 64, 48, '[1]', '[1]', n / 1e5
            FROM counted
        """)
    database.close()
    page.route("**/thumbnail?*", lambda route: route.fulfill(path=thumbnail))
    page.goto(f"{server.address}/#/jobs/{job}")
    grid = page.get_by_role("grid", name="Images")
    expect(page.locator(".tile").first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("many/")
    expect(page.get_by_text("100,000 images")).to_be_visible()
    most = 0
    for share in (0.1, 0.35, 0.7, 0.2, 1):
        grid.evaluate("(grid, share) => { grid.scrollTop = share * grid.scrollHeight; }", share)
        page.wait_for_function("() => [...document.querySelectorAll('.tile')].every((tile) => tile.title)")
        most = max(most, page.locator("*").count())
    expect(page.get_by_text("099999.jpg")).to_be_visible()
    assert most < 1500
    page.get_by_text("099999.jpg").click()
    expect(page.locator(".where")).to_have_text("100,000 of 100,000")
    page.keyboard.press("Escape")
    expect(page.locator('.tile[title="many/099999.jpg"]')).to_be_focused()
    page.keyboard.press("Home")
    expect(page.locator('.tile[title="many/000000.jpg"]')).to_be_focused()


def test_names_of_controls(page, server, job):
    page.goto(server.address)
    expect(page.locator(".job").first).to_be_visible()
    assert not nameless(page)
    page.get_by_role("button", name="New job").first.click()
    expect(page.get_by_role("button", name="Open folder photos")).to_be_visible()
    page.get_by_text("More options").click()
    assert not nameless(page)
    page.keyboard.press("Escape")
    page.goto(f"{server.address}/#/try")
    expect(page.get_by_label("Choose an image file")).to_be_visible()
    assert not nameless(page)
    open_image(page, server, job, "01.png")
    assert not nameless(page)
    page.keyboard.press("Escape")
    expect(page.locator(".tile").first).to_be_visible()
    assert not nameless(page)


def test_login_and_lost_connection(browser, start, model_file, tmp_path):
    make_root(tmp_path)
    token = tmp_path / "token"
    token.write_text("secret words")
    server = serve(start, model_file, tmp_path, "--token-file", token)
    port = server.address.rsplit(":", 1)[1]
    with opened(browser, server.address) as (page, watch):
        watch.expected += ["401", "ERR_"]
        page.goto(server.address)
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_text("This is not the server's token")).to_be_visible()
        page.get_by_label("Token").fill("secret words")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()

        os.killpg(server.started.process.pid, signal.SIGKILL)
        server.started.process.wait()
        banner = page.get_by_text("The connection to the server is lost")
        expect(banner).to_be_visible()
        serve(start, model_file, tmp_path, "--token-file", token, port=port)
        expect(banner).to_be_hidden()
    with opened(browser, server.address) as (page, watch):
        page.goto(f"{server.address}/#token=secret%20words")
        expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
        assert "secret" not in page.url
