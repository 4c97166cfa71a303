"""A browser, a server with photos, and a page that is watched: `pytest_plugins = "page_fixtures"` in a test module."""

import pytest
from labelling import Reference
from page_helpers import ARGUMENTS, CHROMIUM, FOLDER, Server, make_root, opened, serve
from playwright.sync_api import sync_playwright


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(start, model_file, tmp_path_factory) -> Server:
    folder = tmp_path_factory.mktemp("page")
    make_root(folder)
    server = serve(start, model_file, folder)
    yield server
    server.client.close()


@pytest.fixture(scope="module")
def reference(model_file):
    return Reference(model_file)


@pytest.fixture
def job(server) -> str:
    """A job of its own, done."""
    return server.label(**FOLDER)


@pytest.fixture
def watched(browser, server):
    with opened(browser, server.address) as (page, watch):
        yield page, watch


@pytest.fixture
def page(watched):
    return watched[0]
