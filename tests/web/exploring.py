"""What tests of Explore do and look at."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, expect

#: All lines that there are.
ALL = "/explore?from=-24h"


def opened(page: Page, path: str = ALL) -> Page:
    """At the path, once the lines are counted and the editor is there."""
    page.goto(path)
    expect(page.locator(".query-editor .cm-content")).to_be_visible()
    expect(page.locator(".histogram .progress")).to_have_count(0)
    return page


def bar(page: Page) -> Locator:
    """Where the query is typed."""
    return page.get_by_role("textbox", name="Query", exact=True)


def total(page: Page) -> Locator:
    """How many lines the histogram has counted."""
    return page.locator(".histogram-total")


def parameters(page: Page) -> dict[str, list[str]]:
    """Of the page's URL."""
    return parse_qs(urlsplit(page.url).query)


def has(page: Page, name: str, *values: str) -> None:
    """Waits until the URL has the parameter so; none for not at all."""

    def wanted(url: str) -> bool:
        return parse_qs(urlsplit(url).query).get(name, []) == list(values)

    page.wait_for_url(wanted)
