"""Characters that nobody sees, or that turn other text around, are escapes wherever pages show what lines say."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from logd.chunk import Chunk, compress
from tests.support.alerts import make_rule
from tests.support.letters import PATH as LETTERS
from tests.support.letters import chunk, send
from tests.support.process import JSON, Server, until
from tests.web.conftest import NewPage, url_of
from tests.web.desk import frame, keep, panel

#: As a terminal and a browser would show it, it is another one; if it were HTML it would be pwned.
EVIL = "<b>\u202egnp.exe\u202c\u001b[31m</b>\u200b"
SEEN = "<b>\\u202egnp.exe\\u202c\\x1b[31m</b>\\u200b"
_PATIENCE_MS = 60_000
_SETTINGS = {"index.flush_rows": 2, "index.flush_seconds": 0.2}


def _broken_at_its_end() -> Chunk:
    """Of several zstd blocks, of which the first can be unpacked and says EVIL."""
    text = EVIL.encode() + b"\n" + random.Random(0).randbytes(200_000).hex().encode() + b"\n"
    value = bytearray(compress(text))
    value[-3_470:-3_400] = b"\xff" * 70  # the beginning of the last one
    return replace(chunk(0, bytes(value)), end=len(text), lines=2)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With such texts as message, service and host of lines, in a dead letter, a report, an alert, a search."""
    with Server(tmp_path_factory.mktemp("hidden"), settings=_SETTINGS, roles="processor,api,alerter") as running:
        running.may_log_errors = True  # of the dead letter
        send(running, _broken_at_its_end())
        line = {"message": EVIL, "service": EVIL, "host": EVIL, "level": "ERROR"}
        running.ingest("evil", [line] * 3)
        running.settle()
        condition = {"query": "gnp.exe", "threshold": 0, "window_seconds": 60}
        make_rule(running, name="evil", condition=condition, group_by=["service", "host"])
        running.ingest("evil", [line] * 3)
        running.get("/api/v1/logs/search", q=f'"{EVIL}"')
        report = {"id": "0123456789abcdef", "host": EVIL, "version": EVIL, "started": "2026-11-28T05:00:00Z"}
        body = json.dumps({**report, "status": {"files": 3}}).encode()
        assert running.request("POST", "/api/v1/agents", body, JSON).status in (200, 202)
        until(lambda: running.get("/api/v1/retention/usage").json()["rows"], "usage")
        until(lambda: running.get(LETTERS).json()["deadletters"], "a dead letter")
        yield running


@pytest.fixture
def page(new_page: NewPage, server: Server) -> Page:
    return new_page(base_url=url_of(server))


def _holds(page: Page, count: int = 1) -> None:
    """They are seen as often, at least, and nowhere as they are."""
    expect(page.locator(".escape").get_by_text("\\u202e").nth(count - 1)).to_be_visible(timeout=_PATIENCE_MS)
    html = page.evaluate("document.body.outerHTML")
    assert not [character for character in "\u202e\u202c\u001b\u200b" if character in html]
    assert page.locator("main b", has_text="gnp").count() == 0


def test_dead_letters(page: Page) -> None:
    page.goto("/admin/deadletters")
    expect(page.get_by_role("table").locator(".preview")).to_contain_text(SEEN)
    _holds(page)


@pytest.mark.parametrize("path", ["/admin/agents", "/admin/usage"])
def test_what_hosts_and_services_are_called(page: Page, path: str) -> None:
    page.goto(path)
    _holds(page)


def test_tables_top_lists_and_charts(page: Page, server: Server, shot: Callable[[Page, str], None]) -> None:
    by: dict[str, Any] = {"w": 6, "h": 4, "by": ["service"]}
    panels = [
        panel("table", type="table", **by),
        panel("top", type="top", **{**by, "x": 6}),
        panel("chart", type="timeseries", **{**by, "y": 4, "by": ["service", "host"]}),
        panel("patterns", type="table", source="patterns", **{**by, "x": 6, "y": 4, "by": []}),
        panel("slow", type="table", source="slow_searches", **{**by, "y": 8, "by": []}),
    ]
    one = keep(server, "evil", *panels, time={"from": "-1h", "to": "now"})
    page.goto(f"/dashboards/{one['id']}")
    for title in ("table", "top", "patterns", "slow"):
        page.get_by_role("article", name=title, exact=True).scroll_into_view_if_needed()
        expect(frame(page, title).locator("tbody")).to_contain_text("\\u202egnp.exe")
    shot(page, "dashboard-hidden-characters")
    _holds(page, 4)


def test_alerts(page: Page, server: Server) -> None:
    page.goto("/alerts")
    alert = page.get_by_role("list", name="Alerts").get_by_role("listitem").first
    expect(alert.get_by_role("list", name="Lines")).to_contain_text(SEEN, timeout=_PATIENCE_MS)
    _holds(page)
    page.goto("/alerts/history")
    expect(page.get_by_role("region", name="Events")).to_contain_text(SEEN, timeout=_PATIENCE_MS)
    html = page.evaluate("document.body.outerHTML")
    assert "\u202e" not in html
