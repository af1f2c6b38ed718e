"""The home dashboard, and what every panel can do: its figures are those of the API."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.process import Server
from tests.web.axe import axe
from tests.web.conftest import NewPage, url_of
from tests.web.desk import EVIL, HOUR, IN_HOUR, drop_all, frame, keep, menu, panel, rows, send_hour
from tests.web.watching import Watch

Shot = Callable[[Page, str], None]
_STATS = "**/api/v1/logs/stats**"
_BAD = "level:(ERROR OR FATAL)"
#: How many calls of stats run, and at most ran at a time.
_COUNTING = """
const real = window.fetch;
let running = 0;
window.most = 0;
window.fetch = (...asked) => {
  if (!asked[0].url.includes('/logs/stats')) return real(...asked);
  running += 1;
  window.most = Math.max(window.most, running);
  return real(...asked).finally(() => (running -= 1));
};
"""
_TITLES = (
    "Lines",
    "Error rate",
    "Firing alerts",
    "Ingest lag",
    "Volume by level",
    "Error rate by service",
    "Services with errors",
    "Top error messages",
    "Bytes by service",
    "Slowest searches of the last hour",
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With the lines of desk.py."""
    with Server(tmp_path_factory.mktemp("desk"), roles="processor,api,alerter,archiver") as running:
        send_hour(running)
        yield running


@pytest.fixture
def home(new_page: NewPage, desk: Server) -> Page:
    """A page of that server."""
    drop_all(desk)
    return new_page(base_url=url_of(desk))


def test_home_shows_true_numbers(home: Page, desk: Server) -> None:
    home.goto(f"/dashboards?{IN_HOUR}")
    total = desk.get("/api/v1/logs/stats", **HOUR).json()["total_hits"]
    bad = desk.get("/api/v1/logs/stats", q=_BAD, **HOUR).json()["total_hits"]
    assert (total, bad) == (62, 12)
    expect(frame(home, "Lines").locator(".figure")).to_have_text(str(total))
    expect(frame(home, "Error rate").locator(".figure")).to_have_text(f"{100 * bad / total:.0f} %")
    expect(frame(home, "Firing alerts")).to_contain_text("No alert fires")
    expect(frame(home, "Ingest lag")).to_contain_text("processor")
    assert rows(frame(home, "Services with errors")) == [
        [EVIL, "2", "2", "100 %"],
        ["shop", "10", "40", "25 %"],
        ["pay", "0", "20", "0 %"],
    ]
    found = desk.get("/api/v1/logs/patterns", level="ERROR,FATAL", limit=12, **HOUR).json()["patterns"]
    home.get_by_role("article", name="Top error messages").scroll_into_view_if_needed()
    assert [(row[0], row[-1]) for row in rows(frame(home, "Top error messages"))] == [
        (one["template"], str(one["count"])) for one in found
    ]
    asked = {"by": "service", "aggregate": "bytes(message)", "order": "bytes(message)", **HOUR}
    groups = desk.get("/api/v1/logs/stats", **asked).json()["groups"]
    home.get_by_role("article", name="Bytes by service").scroll_into_view_if_needed()
    shown = rows(frame(home, "Bytes by service"))
    assert shown == [[one["values"]["service"], f"{one['stats']['bytes(message)']:.0f} B"] for one in groups]
    home.get_by_role("article", name="Slowest searches").scroll_into_view_if_needed()
    expect(frame(home, "Slowest searches of the last hour").locator("tbody tr").first).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everyone_can_read_home(page: Page, new_page: NewPage, shot: Shot, theme: str) -> None:
    page = new_page(color_scheme=theme, viewport={"width": 1440, "height": 1400})
    page.goto("/dashboards?from=-3h&to=now")
    for title in _TITLES:
        page.get_by_role("article", name=title, exact=True).scroll_into_view_if_needed()
        frame(page, title)
    page.get_by_role("article", name="Lines").scroll_into_view_if_needed()
    expect(page.locator(".failed")).to_have_count(0)
    expect(frame(page, "Volume by level").locator("canvas")).to_be_visible()
    shot(page, f"dashboard-home-{theme}")
    axe(page)


def test_on_a_phone_panels_stand_below_one_another(new_page: NewPage, shot: Shot) -> None:
    page = new_page(viewport={"width": 390, "height": 900})
    page.goto("/dashboards?from=-3h&to=now")
    lines, rate = (frame(page, title).bounding_box() for title in ("Lines", "Error rate"))
    assert lines is not None
    assert rate is not None
    assert rate["y"] > lines["y"] + lines["height"]
    assert rate["x"] == lines["x"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    shot(page, "dashboard-home-phone")
    axe(page)


def test_dragging_on_a_chart_is_another_time_for_all_and_back_undoes_it(home: Page) -> None:
    home.goto(f"/dashboards?{IN_HOUR}")
    plot = frame(home, "Volume by level").locator(".u-over")
    box = plot.bounding_box()
    assert box is not None
    home.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 20)
    home.mouse.down()
    home.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 30, steps=5)
    home.mouse.up()
    home.wait_for_url(lambda url: IN_HOUR not in url)
    chosen = parse_qs(urlsplit(home.url).query)
    assert chosen["from"][0].startswith("2026-02-01T12:1")
    # Minutes 15 to 30: 15 of INFO of shop, as many of pay.
    expect(frame(home, "Lines").locator(".figure")).not_to_have_text("62")
    home.go_back()
    expect(frame(home, "Lines").locator(".figure")).to_have_text("62")
    home.get_by_role("button", name="Usual time").click()
    home.wait_for_url("**/dashboards")


def test_a_panel_opens_in_explore_with_its_query(home: Page) -> None:
    home.goto(f"/dashboards?{IN_HOUR}")
    frame(home, "Error rate by service")
    menu(home, "Error rate by service", "Open in Explore")
    home.wait_for_url("**/explore?**")
    asked = parse_qs(urlsplit(home.url).query)
    assert asked == {"q": [f"({_BAD})"], "from": [HOUR["from"]], "to": [HOUR["to"]]}
    home.go_back()
    frame(home, "Services with errors").get_by_role("link", name="shop").click()
    home.wait_for_url("**/explore?**")
    assert "service:shop" in parse_qs(urlsplit(home.url).query)["q"][0]


def test_a_panel_is_exported_as_csv(home: Page, tmp_path: Path) -> None:
    home.goto(f"/dashboards?{IN_HOUR}")
    frame(home, "Services with errors")
    with home.expect_download() as download:
        menu(home, "Services with errors", "Export as CSV")
    assert download.value.suggested_filename == "services-with-errors.csv"
    download.value.save_as(tmp_path / "panel.csv")
    found = list(csv.reader(io.StringIO((tmp_path / "panel.csv").read_text(encoding="utf-8"))))
    assert found == [
        ["service", "matching", "records", "share"],
        [EVIL, "2", "2", "1"],
        ["shop", "10", "40", "0.25"],
        ["pay", "0", "20", "0"],
    ]


def test_a_panel_alone_fills_the_page(home: Page, shot: Shot) -> None:
    home.goto(f"/dashboards?{IN_HOUR}")
    frame(home, "Volume by level")
    menu(home, "Volume by level", "Full screen")
    expect(home.get_by_role("article")).to_have_count(1)
    assert "panel=volume" in home.url
    shot(home, "dashboard-panel-alone")
    home.get_by_role("button", name="Back to all panels").click()
    expect(home.get_by_role("article")).to_have_count(len(_TITLES))


def test_html_is_text(home: Page, desk: Server) -> None:
    one = keep(desk, EVIL, panel(EVIL, w=12, type="top", by=["service"]), description=EVIL)
    home.goto(f"/dashboards/{one['id']}")
    expect(home.get_by_role("heading", level=1)).to_have_text(EVIL)
    assert rows(frame(home, EVIL))[-1] == [EVIL, "2"]
    home.get_by_role("button", name="Other dashboards").click()
    home.get_by_role("link", name="All dashboards").click()
    expect(home.get_by_role("link", name=EVIL)).to_be_visible()
    assert home.locator("main img").count() == 0
    assert "pwned" not in home.title()


def test_it_looks_again_unless_it_is_hidden_or_paused(home: Page, desk: Server) -> None:
    one = keep(desk, "again", panel("count"), refresh_seconds=30)
    home.add_init_script("Object.defineProperty(document, 'hidden', {get: () => window.isHidden ?? false})")
    home.clock.install()
    home.goto(f"/dashboards/{one['id']}")
    frame(home, "count")
    with home.expect_request(_STATS) as asked:
        home.clock.run_for(31_000)
    assert parse_qs(urlsplit(asked.value.url).query)["max_age"] == ["24"]
    frame(home, "count")
    later: list[str] = []
    home.on("request", lambda request: later.append(request.url))
    home.evaluate("window.isHidden = true")
    home.clock.run_for(90_000)
    assert not [url for url in later if "/logs/stats" in url]
    with home.expect_request(_STATS):
        home.evaluate("window.isHidden = false; document.dispatchEvent(new Event('visibilitychange'))")
    frame(home, "count")
    home.get_by_role("button", name="Pause").click()
    later.clear()
    home.clock.run_for(90_000)
    assert not [url for url in later if "/logs/stats" in url]
    with home.expect_request(lambda request: "max_age=0" in request.url):
        home.get_by_role("button", name="Look again now").click()


def test_a_slow_panel_says_so_and_is_cancelled(home: Page, desk: Server) -> None:
    one = keep(desk, "slow", panel("slow"), panel("quick", x=4, source="alerts"))
    held: list[Route] = []
    home.route(_STATS, lambda route: held.append(route))
    home.goto(f"/dashboards/{one['id']}")
    expect(frame(home, "quick").locator(".figure")).to_have_text("0")
    slow = home.get_by_role("article", name="slow")
    with home.expect_event("requestfailed"):
        slow.get_by_role("button", name="Cancel").click()
    expect(slow).to_contain_text("Cancelled.")
    home.unroute(_STATS)
    slow.get_by_role("button", name="Ask again").click()
    expect(slow.locator(".figure")).to_have_text("62")
    assert held


def test_one_panel_fails_alone(home: Page, desk: Server, watches: list[Watch]) -> None:
    watches[0].allow("400 ")
    wrong = panel("wrong", x=0, type="table", by=["service"], aggregate="p95(latency_ms)")
    one = keep(desk, "failing", wrong, panel("right", x=4))
    home.route(lambda url: "p95" in url, lambda route: route.continue_(url=f"{route.request.url}&top=0"))
    home.goto(f"/dashboards/{one['id']}")
    expect(frame(home, "right").locator(".figure")).to_have_text("62")
    expect(frame(home, "wrong").get_by_role("alert")).to_contain_text("top")


def test_what_is_missing_and_what_is_estimated_is_said(home: Page, desk: Server) -> None:
    one = keep(desk, "partial", panel("some", type="table", by=["service"]))

    def partial(route: Route) -> None:
        answer = route.fetch()
        more = {"partial": True, "warnings": ["a shard is away"], "approximate": ["count"]}
        route.fulfill(response=answer, body=json.dumps({**answer.json(), **more}))

    home.route(_STATS, partial)
    home.goto(f"/dashboards/{one['id']}")
    some = frame(home, "some")
    some.get_by_role("button", name="Not all is here").click()
    expect(some).to_contain_text("a shard is away")
    expect(some).to_contain_text("estimated: count")


def test_four_ask_at_a_time_and_only_what_is_seen(home: Page, desk: Server) -> None:
    many = [panel(f"n{n}", type="top", by=["service"], x=0, y=5 * n, w=12, h=5) for n in range(20)]
    one = keep(desk, "many", *many)
    home.add_init_script(_COUNTING)
    held: list[Route] = []
    home.route(_STATS, lambda route: held.append(route))
    home.set_viewport_size({"width": 1280, "height": 3_000})
    home.goto(f"/dashboards/{one['id']}")
    expect(home.get_by_role("article")).to_have_count(20)
    with home.expect_event("requestfailed"):  # the first ones aren't seen any more
        home.get_by_role("article", name="n19").scroll_into_view_if_needed()
    assert home.evaluate("window.most") == 4
    home.unroute(_STATS)
    expect(frame(home, "n19").locator("tbody tr")).to_have_count(3)
