"""Reports as a user meets them: the JSON in a page, and what a browser draws of it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

_DATA = re.compile(r'<script type="application/json" id="report">(.*?)</script>', re.DOTALL)


def report_in(path: Path) -> dict[str, Any]:
    """The object that a page draws."""
    (text,) = _DATA.findall(path.read_text(encoding="utf-8"))
    return json.loads(text)


@contextmanager
def drawn(browser: Browser, path: Path) -> Iterator[Page]:
    """A report in a browser; nothing may go wrong in it, open a dialog or ask for another file."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page, told = context.new_page(), []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(dialog.message))
    page.on("request", lambda request: None if request.url.startswith(("file:", "data:")) else told.append(request.url))
    try:
        page.goto(path.as_uri())
        page.wait_for_function("[...document.querySelectorAll('canvas')].every((canvas) => canvas.dataset.drawn)")
        yield page
        assert told == []
    finally:
        context.close()


def text_of(page: Page) -> str:
    """All text of the page, one element after the other, also what is only for screen readers."""
    texts = page.evaluate(
        """() => {
          const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
          const texts = [];
          while (walker.nextNode()) texts.push(walker.currentNode.data);
          return texts;
        }"""
    )
    return re.sub(r"\s+", " ", " ".join(texts)).strip()
