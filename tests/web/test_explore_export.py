"""Explore's export: what is in the file is what the API gives, also when the connection was lost meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.process import Server
from tests.web.axe import axe
from tests.web.conftest import NewPage

_PAGE = "/explore?from=2020-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&q=service:spark"
_ASKED = {"q": "service:spark", "from_": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
_EXPORT = "/api/v1/logs/export"
_NO_PICKER = "delete window.showSaveFilePicker"
#: The picker's file lies in the page's own storage: nobody is there to choose one.
_PICKER = """window.showSaveFilePicker = async ({suggestedName}) =>
  (await navigator.storage.getDirectory()).getFileHandle(suggestedName, {create: true})"""
_PICKED = """async (name) => {
  const folder = await navigator.storage.getDirectory();
  return (await (await folder.getFileHandle(name)).getFile()).text();
}"""


@pytest.mark.parametrize("kind", ["NDJSON", "CSV", "CSV for spreadsheets", "Parquet"])
def test_a_download_is_what_the_api_gives(page: Page, logd: Server, kind: str) -> None:
    chosen = {"CSV for spreadsheets": "csv-safe"}.get(kind, kind.lower())
    wanted = logd.get(_EXPORT, format=chosen, **_ASKED).body
    page.add_init_script(_NO_PICKER)
    _dialog(page)
    page.get_by_role("radio", name=kind).first.check()
    assert _downloaded(page) == wanted
    done = "Done: 2,000 of 2,000 lines" if kind != "Parquet" else "Done: "
    expect(page.get_by_role("dialog").get_by_text(done)).to_be_visible()


def test_a_file_is_written_as_it_comes(page: Page, logd: Server) -> None:
    page.add_init_script(_PICKER)
    _dialog(page)
    page.get_by_role("textbox", name="Lines").fill("1500")
    page.get_by_role("dialog").get_by_role("button", name="Export").click()
    expect(page.get_by_text("Done: 1,500 of 1,500 lines")).to_be_visible()
    assert page.evaluate(_PICKED, "logs.ndjson").encode() == logd.get(_EXPORT, limit=1_500, **_ASKED).body


@pytest.mark.parametrize("kind", ["NDJSON", "CSV"])
def test_it_goes_on_behind_what_was_lost(page: Page, logd: Server, kind: str) -> None:
    wanted = logd.get(_EXPORT, format=kind.lower(), **_ASKED).body
    cuts = [len(wanted) // 3, 10, 50_000]
    asked = []

    def lose(route: Route) -> None:
        asked.append(route.request.url)
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.body()[: cuts.pop(0)] if cuts else answer.body())

    page.route(f"**{_EXPORT}?*", lose)
    page.add_init_script(_NO_PICKER)
    _dialog(page)
    page.get_by_role("radio", name=kind).first.check()
    assert _downloaded(page) == wanted
    assert len(asked) == 4
    assert "after=" not in asked[0]
    assert "after=" in asked[3]


def test_only_the_columns_that_are_shown(page: Page, logd: Server) -> None:
    page.add_init_script(_NO_PICKER)
    _dialog(page, f"{_PAGE}&column=service&column=message")
    page.get_by_role("combobox", name="Fields").select_option("columns")
    records = [json.loads(line) for line in logd.get(_EXPORT, **_ASKED).body.splitlines()]
    names = ("timestamp", "service", "message")
    lines = [json.loads(line) for line in _downloaded(page).splitlines()]
    assert lines == [{name: record[name] for name in names} for record in records]


def test_it_is_cancelled(page: Page) -> None:
    page.route(f"**{_EXPORT}?*", lambda route: None)
    page.add_init_script(_NO_PICKER)
    _dialog(page)
    with page.expect_request(f"**{_EXPORT}?*"):
        page.get_by_role("dialog").get_by_role("button", name="Export").click()
    page.get_by_role("button", name="Cancel the export").click()
    expect(page.get_by_text("Cancelled. There is no file.")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_how_it_looks(new_page: NewPage, shot: Callable[[Page, str], None], theme: str) -> None:
    page = new_page(color_scheme=theme)
    _dialog(page)
    expect(page.get_by_placeholder("All 2,000")).to_be_visible()
    shot(page, f"explore-export-{theme}")
    axe(page)


def _dialog(page: Page, path: str = _PAGE) -> None:
    page.goto(path)
    expect(page.locator(".line").first).to_be_visible()
    page.get_by_role("button", name="Export").first.click()
    expect(page.get_by_role("dialog", name="Export")).to_be_visible()


def _downloaded(page: Page) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("dialog").get_by_role("button", name="Export").click()
    return Path(download.value.path()).read_bytes()
