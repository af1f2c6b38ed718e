"""The way to the server is cut: pages say so, wait, and go on by themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.process import PATIENCE_SECONDS, Server
from tests.web.axe import axe
from tests.web.conftest import NewPage, url_of
from tests.web.watching import Watch

#: Chromium's own words for requests that reach nobody.
_UNREACHED = "Failed to load resource"
_PATIENCE_MS = PATIENCE_SECONDS * 1_000


def _says(page: Page, text: str) -> None:
    expect(page.locator(".banner")).to_contain_text(text, timeout=_PATIENCE_MS)


@pytest.mark.parametrize("path", ["/explore", "/admin/pipeline", "/dashboards"])
def test_a_computer_goes_offline(page: Page, watch: Watch, shot: Callable[[Page, str], None], path: str) -> None:
    watch.allow(_UNREACHED)
    page.goto(path)
    expect(page.get_by_role("main").locator("> *").first).to_be_visible()
    page.context.set_offline(True)
    _says(page, "This computer is offline.")
    axe(page)
    shot(page, f"offline{path.replace('/', '-')}")
    page.context.set_offline(False)
    _says(page, "The server is back.")
    expect(page.locator(".banner")).to_have_count(0, timeout=_PATIENCE_MS)


def test_a_server_is_away_and_comes_back_with_more(tmp_path: Path, new_page: NewPage, watches: list[Watch]) -> None:
    with Server(tmp_path, roles="processor,api") as server:
        server.ingest("shop", [{"message": "before"}])
        server.settle()
        # The server that comes back has the same address.
        server.settings["api.listen"] = f"127.0.0.1:{server.port}"
        page = new_page(base_url=url_of(server))
        watches[0].allow(_UNREACHED)
        page.goto("/explore?service=shop")
        expect(page.get_by_text("before", exact=True)).to_be_visible()
        server.kill()
        page.get_by_role("button", name="Reload").first.click()
        _says(page, "The server can’t be reached.")
        expect(page.get_by_text("before", exact=True)).to_be_visible()
        server.start()
        server.ingest("shop", [{"message": "after"}])
        _says(page, "The server is back.")
        server.settle()
        page.get_by_role("button", name="Reload").first.click()
        expect(page.get_by_text("after", exact=True)).to_be_visible()


def test_a_slow_query_shows_progress_and_can_be_cancelled(page: Page) -> None:
    def held(route: object) -> None:
        del route  # never answered: the server is slow

    page.route("**/api/v1/logs/search**", held)
    page.goto("/explore?from=-6h")
    cancel = page.get_by_role("region", name="Lines").get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible(timeout=_PATIENCE_MS)
    with page.expect_event("requestfailed", lambda request: "/logs/search" in request.url):
        cancel.click()
