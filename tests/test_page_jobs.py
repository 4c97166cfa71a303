"""The list of jobs in a real browser: hundreds of them, tried again, refused; and the page below a prefix."""

import json
from urllib.parse import parse_qs, urlsplit

from labelling import picture, save
from page_helpers import FOLDER, opened
from playwright.sync_api import Locator, Page, Route, expect

pytest_plugins = "page_fixtures"


def picker_of(page: Page) -> Locator:
    """The dialog that submits a job, with its folder picker."""
    page.get_by_role("button", name="New job").first.click()
    return page.get_by_role("dialog", name="New job")


class ManyJobs:
    """Answers `GET /v1/jobs` as a server with many jobs would."""

    def __init__(self, template: dict[str, object], number: int) -> None:
        states = ("done", "failed", "cancelled")
        self.jobs = [
            template | {"id": f"{at:012}", "name": f"Job {at:03}", "state": states[at % 3]} for at in range(number)
        ]
        self.asked: list[dict[str, str]] = []

    def __call__(self, route: Route) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()}
        self.asked.append(query)
        search, state = query.get("search", "").lower(), query.get("state", "")
        found = [job for job in self.jobs if search in job["name"].lower() and state in {"", job["state"]}]
        offset = int(query["offset"])
        page = found[offset : offset + int(query["limit"])]
        route.fulfill(json={"jobs": page, "total": len(found), "offset": offset})


def test_six_hundred_jobs(page, server, job):
    many = ManyJobs(server.client.get(f"/v1/jobs/{job}").json(), 600)
    page.route("**/v1/jobs?*", many)
    page.goto(server.address)
    cards, told = page.locator(".job"), page.locator(".job-filters").get_by_role("status")
    expect(cards).to_have_count(50)
    expect(told).to_have_text("50 of 600 jobs")
    assert page.evaluate("document.querySelectorAll('*').length") < 3500
    page.get_by_role("button", name="Show more").click()
    expect(cards).to_have_count(100)
    expect(page.get_by_role("link", name="Job 050", exact=True)).to_be_focused()

    page.get_by_label("State").select_option(label="Failed")
    expect(told).to_have_text("50 of 200 jobs")
    page.keyboard.press("Escape")
    page.locator("main").focus()
    page.keyboard.press("/")
    page.keyboard.type("JOB 59")
    expect(told).to_have_text("3 jobs")
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    page.reload()
    expect(told).to_have_text("3 jobs")
    page.get_by_role("searchbox").fill("nothing is called so")
    page.get_by_role("button", name="Show all jobs").click()
    expect(told).to_have_text("50 of 600 jobs")
    assert all(int(query["limit"]) <= 500 for query in many.asked)

    # One that the list does not hold is asked for by its id.
    page.goto(f"{server.address}/#/jobs/{job}")
    expect(page.locator(".tile")).to_have_count(12)


def test_jobs_live(page, server):
    """A job that somebody else submits comes in by itself; with another filter it does not."""
    page.goto(f"{server.address}/#/jobs?search=live")
    expect(page.get_by_text("No job passes this filter")).to_be_visible()
    server.label(**FOLDER, name="other")
    mine = server.label(**FOLDER, name="A live one")
    card = page.locator(".job")
    expect(card.locator(".badge")).to_have_text("Done")
    expect(card).to_have_count(1)
    server.client.delete(f"/v1/jobs/{mine}").raise_for_status()
    expect(card).to_have_count(0)


def test_retry(page, server):
    """A job that failed is tried again, once what it says is mended."""
    tags = server.folder / "root/again/tags.csv"
    save(server.folder / "root/again/images/a.png", picture(5))
    tags.write_text("image,labels\na.png,unicorn\n")
    body = {"images": "again/images", "labels": "again/tags.csv", "name": "again", "formats": ["coco"]}
    job = server.client.post("/v1/jobs", json=body).json()["id"]
    page.goto(f"{server.address}/#/jobs/{job}")
    expect(page.locator(".badge")).to_have_text("Failed")
    expect(page.locator(".job-head .message")).to_contain_text("unicorn")
    tags.write_text("image,labels\na.png,cat\n")
    page.get_by_role("button", name="Try again… again").click()
    dialog = page.get_by_role("dialog", name="Try “again” again")
    expect(dialog.get_by_label("Name").first).to_have_value("again")
    dialog.get_by_text("More options").click()
    expect(dialog.get_by_label("COCO")).to_be_checked()
    dialog.get_by_label("Ignore below").fill("0.25")
    dialog.get_by_role("button", name="Label again").click()
    expect(dialog).to_have_count(0)
    expect(page.locator(".badge")).to_have_text("Done")
    expect(page.locator(".tile")).to_have_count(1)
    now = server.client.get(f"/v1/jobs/{job}").json()
    assert (now["ignore_below"], now["formats"], now["failed"]) == (0.25, ["coco"], 0)


def test_other_classes(page, server, job):
    """A job that was tried again with another model is shown with that model's classes."""
    page.goto(f"{server.address}/#/jobs/{job}")
    expect(page.locator(".tile")).to_have_count(12)
    now = server.client.get(f"/v1/jobs/{job}").json()
    now["classes"] = [one | {"name": f"new {one['name']}"} for one in now["classes"]]
    page.evaluate("async (job) => (await import('./page/connection.js')).learn(job)", now)
    page.get_by_label("Class").select_option(label="new cat")
    expect(page.get_by_role("button", name="Review", exact=True)).to_have_count(1)


def test_resume_refused(watched, server):
    """A job whose model is another one by now offers to be tried again; the dialog shows what the server says."""
    page, watch = watched
    watch.expected.append("409")
    many = server.folder / "root/paused"
    first = save(many / "0000.jpg", picture(3))
    for number in range(1, 400):
        (many / f"{number:04}.jpg").write_bytes(first.read_bytes())
    job = server.client.post("/v1/jobs", json={"images": "paused", "untagged": "all"}).json()["id"]
    server.client.post(f"/v1/jobs/{job}/pause").raise_for_status()
    detail = "The model is another one by now: retry the job."
    resume, retry = ({"title": "", "status": 409, "detail": f"{action}: {detail}"} for action in ("resume", "retry"))
    page.route(f"**/{job}/resume", lambda route: route.fulfill(status=409, json=resume))
    page.route(f"**/{job}/retry", lambda route: route.fulfill(status=409, json=retry))
    page.goto(f"{server.address}/#/jobs/{job}")
    page.get_by_role("button", name="Resume").click()
    told = page.locator(".toast").filter(has_text=f"resume: {detail}")
    told.get_by_role("button", name="Try again…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Images without tags")).to_have_value("all")
    dialog.get_by_role("button", name="Label again").click()
    expect(dialog.get_by_role("alert")).to_have_text(f"retry: {detail}")
    page.keyboard.press("Escape")
    server.client.post(f"/v1/jobs/{job}/cancel").raise_for_status()


def test_dataset_folder(page, server):
    """Of a dataset directory the images are offered, not its masks."""
    page.goto(server.address)
    dialog = picker_of(page)
    dialog.get_by_role("button", name="Open folder photos").click()
    dialog.get_by_role("button", name="Use the images and tags of this dataset").click()
    expect(dialog.locator(".chosen")).to_contain_text("photos/images")
    expect(dialog.locator(".chosen")).to_contain_text("photos/tags.csv")
    dialog.get_by_role("button", name="Start labelling").click()
    expect(page.get_by_role("button", name="Review", exact=True)).to_be_visible()
    expect(page.locator(".badge")).to_have_text("Done")
    expect(page.locator(".tile")).to_have_count(12)


def test_new_job_refused(watched, server):
    page, watch = watched
    watch.expected.append("422")
    detail = "'photos' is a dataset directory: name 'photos/images' instead."
    refusal = {"title": "Unprocessable", "status": 422, "detail": detail, "request_id": "1"}
    page.route("**/v1/jobs", lambda route: route.fulfill(status=422, json=refusal))
    page.goto(server.address)
    dialog = picker_of(page)
    dialog.get_by_role("button", name="Use this folder").click()
    dialog.get_by_role("button", name="Start labelling").click()
    expect(dialog.get_by_role("alert")).to_have_text(detail)


def test_below_a_prefix(browser, server, job):
    """Behind a proxy that serves it below a path, the page asks for nothing outside of that path."""
    prefix = f"{server.address}/deep/down"
    with opened(browser, prefix) as (page, _):
        page.route(f"{prefix}/**", lambda route: route.continue_(url=route.request.url.replace("/deep/down/", "/", 1)))
        page.goto(f"{prefix}/")
        page.locator(f'[data-job="{job}"]').get_by_role("link", name="Results").click()
        expect(page.locator(".tile").first).to_be_visible()
        page.locator(".tile").first.click()
        expect(page.get_by_role("button", name="Accept")).to_be_visible()
        page.goto(f"{prefix}/docs")
        expect(page.get_by_text("/v1/jobs", exact=True).first).to_be_visible()


def test_login_throttled(browser, server):
    """While wrong tokens are throttled, the form says until when."""
    detail = "Too many wrong tokens came from this address; try again in 42 s."
    problem = {"title": "", "detail": "A token is needed.", "request_id": "1"}
    with opened(browser, server.address) as (page, watch):
        watch.expected += ["401", "429"]
        page.route("**/v1/info", lambda route: route.fulfill(status=401, json=problem))
        page.route("**/v1/session", lambda route: route.fulfill(status=429, body=json.dumps({"detail": detail})))
        page.goto(server.address)
        expect(page.get_by_text("SWSSS_TOKEN or --token-file")).to_be_visible()
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_have_text(detail)
        expect(page.get_by_role("button", name="Log in")).to_be_enabled()
