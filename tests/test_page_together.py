"""Two reviewers of one job in a real browser: nothing of the other's is overwritten unseen."""

from models import CLASSES
from page_helpers import Server, chip, open_image, pixels_of, wait_for_mask
from playwright.sync_api import Page, Route, expect

pytest_plugins = "page_fixtures"

CAT, DOG, PERSON = (CLASSES.ids[name] for name in ("cat", "dog", "person"))


def change(server: Server, job: str, name: str, **change: object) -> None:
    """What somebody else does to an image, without looking at revisions."""
    number = server.item(job, name)["number"]
    server.client.patch(f"/v1/jobs/{job}/images/{number}", json=change).raise_for_status()


def overtake(page: Page, server: Server, job: str, name: str, **others: object) -> None:
    """Let somebody else change an image just before the page's next change of it arrives."""

    waiting = [others]

    def first(route: Route) -> None:
        if route.request.method == "PATCH" and waiting:
            change(server, job, name, **waiting.pop())
        route.continue_()

    page.route(f"**/v1/jobs/{job}/images/{server.item(job, name)['number']}", first)


def pressed(page: Page, words: str, state: bool = True) -> None:
    """Wait until a decision is shown, or not."""
    expect(page.get_by_role("button", name=words, exact=True)).to_have_attribute("aria-pressed", str(state).lower())


def test_conflict(watched, server, job, reference):
    """A change of what somebody else has changed meanwhile is refused, told, and stored by one click."""
    page, watch = watched
    watch.expected.append("409")
    pixels = pixels_of(server, "01.png")
    open_image(page, server, job, "01.png")
    overtake(page, server, job, "01.png", tags=[CAT], verdict="rejected")
    page.keyboard.press("f")
    told = page.locator(".toast").filter(has_text="Your change was not stored: flagged.")
    expect(told).to_contain_text("tags are now cat; rejected")
    pressed(page, "Reject")
    pressed(page, "Flag", False)
    expect(chip(page, "cat")).to_have_attribute("aria-pressed", "true")
    wait_for_mask(page, reference(pixels, ("cat",))[0])
    assert server.item(job, "01.png")["verdict"] == "rejected"

    told.get_by_role("button", name="Store mine anyway").click()
    pressed(page, "Flag")
    expect(told).to_have_count(0)
    expect(page.locator(".busy")).to_be_hidden()
    item = server.item(job, "01.png")
    assert (item["tags"], item["verdict"]) == ([CAT], "flagged")


def test_conflict__after_moving_on(watched, server, job):
    """The refusal is told on the next image, too, and stays until it is answered."""
    page, watch = watched
    watch.expected.append("409")
    open_image(page, server, job, "01.png")
    overtake(page, server, job, "01.png", tags=[CAT])
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="03.png")).to_be_visible()
    told = page.locator(".toast").filter(has_text="Your change was not stored: accepted.")
    told.get_by_role("link", name="Show the image").click()
    expect(page.get_by_role("heading", name="01.png")).to_be_visible()
    pressed(page, "Accept", False)
    expect(chip(page, "cat")).to_have_attribute("aria-pressed", "true")
    expect(chip(page, "dog")).to_have_attribute("aria-pressed", "false")
    assert server.item(job, "01.png")["verdict"] == ""


def test_conflict__agreed(watched, server, job):
    """Two who decide the same about the same mask are not told of a conflict."""
    page, watch = watched
    watch.expected.append("409")
    open_image(page, server, job, "01.png")
    overtake(page, server, job, "01.png", verdict="flagged")
    page.keyboard.press("f")
    pressed(page, "Flag")
    expect(page.locator(".busy")).to_be_hidden()
    expect(page.locator(".toast")).to_have_count(0)
    page.keyboard.press("f")
    pressed(page, "Flag", False)
    expect(page.locator(".busy")).to_be_hidden()
    assert server.item(job, "01.png")["verdict"] == ""


def test_change_unanswered(watched, server, job):
    """A decision that did not reach the server is told until it is sent again."""
    page, watch = watched
    watch.expected.append("ERR_FAILED")
    open_image(page, server, job, "01.png")
    address = f"**/v1/jobs/{job}/images/{server.item(job, '01.png')['number']}"
    page.route(address, lambda route: route.abort(), times=1)
    page.keyboard.press("a")
    told = page.locator(".toast").filter(has_text="The change of “01.png” was not stored.")
    expect(page.get_by_role("heading", name="03.png")).to_be_visible()
    told.get_by_role("button", name="Send it again").click()
    page.keyboard.press("k")
    pressed(page, "Accept")
    expect(page.locator(".busy")).to_be_hidden()
    assert server.item(job, "01.png")["verdict"] == "accepted"


def test_followed(page, server, job, reference):
    """What somebody else does to the open image, and to those in the grid, is shown by itself."""
    open_image(page, server, job, "01.png")
    change(server, job, "01.png", tags=[CAT, PERSON])
    wait_for_mask(page, reference(pixels_of(server, "01.png"), ("cat", "person"))[0])
    change(server, job, "01.png", verdict="accepted")
    pressed(page, "Accept")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Accepted 1")).to_be_visible()
    change(server, job, "03.png", verdict="rejected")
    expect(page.locator('.tile[aria-label^="03.png "] .mark.rejected')).to_be_visible()
    expect(page.get_by_role("button", name="Rejected 1")).to_be_visible()
    expect(page.get_by_role("button", name="Unreviewed 9")).to_be_visible()


def test_followed__next_image(page, server, job):
    """An image that somebody else decides leaves the list of the unreviewed, before one comes to it."""
    page.goto(f"{server.address}/#/jobs/{job}")
    page.get_by_role("button", name="Unreviewed").click()
    page.locator('.tile[aria-label^="01.png "]').click()
    expect(page.locator(".where")).to_have_text("2 of 11")
    change(server, job, "03.png", verdict="accepted")
    expect(page.locator(".where")).to_have_text("2 of 10")
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="04.jpg")).to_be_visible()


def test_undo_keeps_what_others_did(page, server, job):
    open_image(page, server, job, "01.png")
    page.keyboard.press("f")
    pressed(page, "Flag")
    change(server, job, "01.png", verdict="rejected")
    pressed(page, "Reject")
    page.keyboard.press("u")
    expect(page.locator(".toast").filter(has_text="has changed since then")).to_be_visible()
    assert server.item(job, "01.png")["verdict"] == "rejected"


def test_verdict_is_about_a_mask(page, server, job):
    """Other tags make another mask: what was decided about the one before is gone, here and on the server."""
    open_image(page, server, job, "01.png")
    page.keyboard.press("f")
    pressed(page, "Flag")
    chip(page, "cat").click()
    pressed(page, "Flag", False)
    expect(page.locator(".busy")).to_be_hidden()
    item = server.item(job, "01.png")
    assert (item["tags"], item["verdict"]) == ([CAT, DOG, PERSON], "")
    page.get_by_role("button", name="Any class").click()
    expect(page.get_by_text("Any: every class is allowed")).to_be_visible()
    expect(page.locator(".busy")).to_be_hidden()
    assert server.item(job, "01.png")["tags"] is None
