"""What every page has: it comes, soon, small, in both themes, readable for everyone, under its policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from logd.web import built_files
from tests.web.axe import axe
from tests.web.conftest import NewPage
from tests.web.measuring import MOST_BUNDLE_BYTES, MOST_FIRST_PAINT_MS, PAGES, bundle, first_paint_ms
from tests.web.watching import Watch


def test_the_page_comes(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("navigation", name="Pages")).to_be_visible()


@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_painted_soon(new_page: NewPage, path: str) -> None:
    painted = min(first_paint_ms(new_page(), path) for _ in range(3))  # other tests are at work beside
    assert painted < MOST_FIRST_PAINT_MS


def test_the_bundle_is_small() -> None:
    folder = built_files()
    assert folder is not None
    sizes = {asset.name: len(asset.sent) for asset in bundle(folder)}
    assert sizes
    assert sum(sizes.values()) <= MOST_BUNDLE_BYTES, sizes


def test_a_path_that_is_no_page(page: Page) -> None:
    answer = page.goto("/nothing/of/the/sort")
    assert answer is not None
    assert answer.status == 200
    expect(page.get_by_text("There is no such page")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_everyone_can_read_it(new_page: NewPage, shot: Callable[[Page, str], None], path: str, theme: str) -> None:
    page = new_page(color_scheme=theme)
    page.goto(path)
    expect(page.get_by_role("main").locator("> *").first).to_be_visible()
    shot(page, f"shell-{path.strip('/')}-{theme}")
    axe(page)


def test_what_is_put_in_as_html_does_not_run(page: Page, watch: Watch) -> None:
    watch.allow("policy: |Content Security Policy|TrustedHTML")
    page.goto("/explore")
    html = "() => { try { document.body.innerHTML = '<b>x</b>' } catch (error) { return error.name } }"
    assert page.evaluate(html) == "TypeError"
    style = "() => document.head.append(Object.assign(document.createElement('style'), {textContent: '*{}'}))"
    with page.expect_console_message(lambda message: "policy: style-src" in message.text):
        page.evaluate(style)
