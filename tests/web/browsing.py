"""Chromium, as the tests and the bench use it: headless, each page in a context that keeps nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.support.process import PATIENCE_SECONDS

_WINDOW = {"width": 1280, "height": 800}


@contextmanager
def launched(program: str) -> Iterator[Browser]:
    """The browser at that path. As long as it runs, its event loop is in the way of others in this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


def context_of(browser: Browser, base_url: str, **options: Any) -> BrowserContext:
    """Whose paths are of that server; `options` are Playwright's, on top of those of all pages."""
    settings = {"base_url": base_url, "viewport": _WINDOW, "locale": "en-GB", "timezone_id": "UTC", **options}
    context = browser.new_context(**settings)
    context.set_default_timeout(PATIENCE_SECONDS * 1_000 / 4)
    return context
