"""A URL of Explore shows the same again, whatever is in it: the lines around one, opened lines, what side by side
means, services whose names have commas."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.process import JSON, Server
from tests.web.axe import axe
from tests.web.conftest import NewPage, url_of
from tests.web.desk import menu
from tests.web.exploring import ALL, bar, has, opened, parameters

Shot = Callable[[Page, str], None]
_SERVICES = {"shop": ("red apple", "red pear", "green apple"), "shop,eu": ("red cherry", "green pear"), "eu": ("blue",)}


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a few lines, on which terms side by side mean AND."""
    settings = {"search.default_operator": "and"}
    with Server(tmp_path_factory.mktemp("market"), roles="processor,api", settings=settings) as running:
        for service, messages in _SERVICES.items():
            running.ingest(service, [{"message": message, "level": "INFO"} for message in messages])
        running.settle()
        yield running


@pytest.fixture
def stall(new_page: NewPage, market: Server) -> Page:
    """A page of it."""
    return new_page(base_url=url_of(market), permissions=["clipboard-read", "clipboard-write"])


def _lines(page: Page) -> Locator:
    return page.locator(".line")


def _messages(page: Page) -> Locator:
    return page.locator(".line-message")


def _dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Around this line")


def _around(page: Page) -> Locator:
    return page.locator(".context [aria-current] .context-message")


def _history(page: Page) -> int:
    return int(page.evaluate("history.length"))


def test_a_context_is_in_the_url_until_it_is_closed(page: Page, logd: Server) -> None:
    hit = logd.search(q="service:apache AND error", from_="-24h", limit=2)["logs"][1]
    opened(page, ALL)
    opened(page, f"{ALL}&q=service:apache AND error")
    _lines(page).nth(1).click()
    page.get_by_role("button", name="Context").click()
    expect(_around(page)).to_have_text(hit["message"])
    has(page, "context", f"{hit['timestamp']},{hit['log_id']}")
    link, steps = page.url, _history(page)
    page.go_back()
    expect(_dialog(page)).to_have_count(0)
    has(page, "context")
    page.go_forward()
    expect(_around(page)).to_have_text(hit["message"])
    # Closing takes the step back: however often one looks around, the back button leads to what was asked before.
    for close in ("Escape", "Close", "Escape"):
        if close == "Escape":
            page.keyboard.press("Escape")
        else:
            _dialog(page).get_by_role("button", name="Close").last.click()
        expect(_dialog(page)).to_have_count(0)
        page.keyboard.press("c")
        expect(_around(page)).to_have_text(hit["message"])
        assert page.url == link
    page.keyboard.press("Escape")
    has(page, "context")
    assert _history(page) == steps
    has(page, "open", hit["log_id"])
    has(page, "q", "service:apache AND error")
    # Also after the page was loaded anew within it.
    page.go_forward()
    expect(_around(page)).to_have_text(hit["message"])
    page.reload()
    expect(_around(page)).to_have_text(hit["message"])
    page.keyboard.press("Escape")
    expect(_dialog(page)).to_have_count(0)
    has(page, "context")
    expect(page.locator(".expanded")).to_be_visible()
    assert _history(page) == steps
    page.go_back()
    has(page, "q")
    assert parameters(page) == {"from": ["-24h"]}


def test_a_context_of_a_url_that_somebody_wrote(page: Page) -> None:
    opened(page, ALL)
    opened(page, "/explore?q=service:apache AND error&from=-24h&service=apache,nobody")
    expect(_lines(page).first).to_be_visible()
    page.keyboard.press("j")
    for _ in range(3):
        page.keyboard.press("c")
        expect(_around(page)).to_be_visible()
        page.keyboard.press("Escape")
        expect(_dialog(page)).to_have_count(0)
    has(page, "context")
    page.go_back()
    has(page, "q")


def test_a_link_to_a_context(page: Page, logd: Server) -> None:
    hit = logd.search(q="service:hdfs", from_="-24h", sort="oldest", limit=1)["logs"][0]
    context = f"context={hit['timestamp']},{hit['log_id']}"
    # Whatever it is that is below it.
    page.goto(f"{ALL}&view=patterns&{context}")
    expect(_around(page)).to_have_text(hit["message"])
    page.keyboard.press("Escape")
    expect(_dialog(page)).to_have_count(0)
    has(page, "context")
    expect(page.locator(".pattern").first).to_be_visible()
    assert _history(page) == 2, "the first page, and this one"
    page.goto(f"{ALL}&q=nothingiscalledso&{context}")
    expect(_around(page)).to_have_text(hit["message"])
    page.reload()
    expect(_around(page)).to_have_text(hit["message"])
    page.evaluate("history.pushState(null, '', '/explore?q=other'); dispatchEvent(new PopStateEvent('popstate'))")
    expect(_dialog(page)).to_have_count(0)
    expect(bar(page)).to_have_text("other")


def test_a_link_to_what_one_has_looked_at_around_a_line(page: Page, logd: Server, new_page: NewPage) -> None:
    hit = logd.search(q="service:hdfs", from_="-24h", sort="oldest", limit=500)["logs"][400]
    opened(page, f"{ALL}&q=service:hdfs&context={hit['timestamp']},{hit['log_id']}")
    steps = _history(page)
    _dialog(page).get_by_role("button", name="20 more before").click()
    _dialog(page).get_by_role("combobox", name="Order").select_option("By time")
    _dialog(page).get_by_label("Only what the search finds").check()
    for name, value in {"before": "30", "order": "time", "only": "true"}.items():
        has(page, name, value)
    has(page, "after")
    messages = _dialog(page).locator(".context-message")
    expect(messages).to_have_count(41)
    other = new_page()
    with other.expect_request(re.compile("/context")) as asked:
        other.goto(page.url)
    expect(_dialog(other).locator(".context-message")).to_have_text(messages.all_text_contents())
    query = parse_qs(urlsplit(asked.value.url).query)
    assert (query["before"], query["after"], query["order"]) == (["30"], ["10"], ["time"])
    assert query["q"] == ["service:hdfs"]
    assert _history(page) == steps, "looking further is no step"
    page.keyboard.press("Escape")
    for name in ("context", "before", "order", "only"):
        has(page, name)


def test_a_search_goes_on_below_a_context(page: Page) -> None:
    page.clock.install()
    opened(page, f"{ALL}&q=service:apache&refresh=5")
    _lines(page).first.click()
    page.keyboard.press("c")
    expect(_around(page)).to_be_visible()
    shown = _around(page).text_content() or ""
    with page.expect_response(re.compile("/logs/search")):
        page.clock.fast_forward(5_100)
    expect(_around(page)).to_have_text(shown)
    page.keyboard.press("Escape")
    expect(page.locator(".expanded")).to_be_visible()
    has(page, "refresh", "5")


def test_opened_lines_are_in_the_url(page: Page, logd: Server, new_page: NewPage) -> None:
    hits = logd.search(q="service:hdfs", from_="-24h", limit=200)["logs"]
    opened(page, f"{ALL}&q=service:hdfs")
    steps = _history(page)
    for at in (0, 1):
        page.locator(f"#line-{at}").click()
    has(page, "open", hits[0]["log_id"], hits[1]["log_id"])
    page.locator("#line-0").click()
    has(page, "open", hits[1]["log_id"])
    assert _history(page) == steps, "opening a line is no step"
    page.keyboard.press("r")
    expect(page.locator(".expanded")).to_have_count(1)
    page.get_by_role("button", name="Newest first").click()
    has(page, "sort", "oldest")
    page.go_back()
    expect(page.locator("#line-1")).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("x")
    has(page, "open")

    # Whoever opens a link sees the line, though it stands far below.
    other = opened(new_page(), f"{ALL}&q=service:hdfs&open={hits[150]['log_id']}")
    expect(other.locator("#line-150")).to_be_in_viewport()
    expect(other.locator(".expanded-fields").get_by_text(hits[150]["log_id"])).to_be_visible()
    other.keyboard.press("j")
    expect(other.locator("#line-151")).to_have_attribute("aria-selected", "true")
    other.get_by_role("button", name="Filter for this level").click()
    has(other, "open")


def test_which_patterns_are_new_is_in_the_url(page: Page) -> None:
    opened(page, f"{ALL}&view=patterns")
    with page.expect_request(re.compile("/logs/patterns.*new_since=")):
        page.get_by_role("combobox", name="Show").select_option("new since a day before")
    has(page, "new_since", "1d")
    page.reload()
    expect(page.get_by_role("combobox", name="Show")).to_have_value("1d")
    page.go_back()
    expect(page.get_by_role("combobox", name="Show")).to_have_value("")


def test_a_saved_search_keeps_what_side_by_side_means(stall: Page, market: Server, shot: Shot) -> None:
    body = {"name": "any of them", "search": {"q": "cherry blue", "default_operator": "or", "from": "-1h"}}
    assert market.request("POST", "/api/v1/searches", orjson.dumps(body), JSON).status == 201
    page = opened(stall, "/explore?from=-1h&q=red apple")
    expect(_messages(page)).to_have_text(["red apple"])
    chip = page.get_by_role("button", name="words side by side: OR")
    expect(chip).to_have_count(0)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/logs/" in request.url else None)
    page.get_by_role("button", name="Saved searches").click()
    page.get_by_role("button", name=re.compile("^any of them")).click()
    expect(_messages(page)).to_have_text(["blue", "red cherry"])
    expect(chip).to_be_visible()
    has(page, "default_operator", "or")
    shot(page, "explore-operator")
    axe(page)
    with page.expect_request(re.compile("/logs/patterns")):
        page.keyboard.press("p")
    with page.expect_request(re.compile("/fields/level/values")):
        page.get_by_role("complementary", name="Fields").locator("button.field-button", has_text="level").click()
    page.keyboard.press("p")
    page.get_by_role("button", name="Export").click()
    with page.expect_download(), page.expect_request(re.compile("/logs/export")):
        page.evaluate("delete window.showSaveFilePicker")
        page.get_by_role("dialog").get_by_role("button", name="Export").click()
    page.keyboard.press("Escape")
    _lines(page).first.click()
    page.get_by_role("button", name="curl, this search").click()
    expect(page.get_by_text("Copied a command for this search.")).to_be_visible()
    assert "--data-urlencode default_operator=or" in page.evaluate("navigator.clipboard.readText()")
    page.keyboard.press("c")
    _dialog(page).get_by_label("Only what the search finds").check()
    expect(_dialog(page).locator(".context-message")).to_have_text(["blue"])
    page.keyboard.press("Escape")
    expect(_dialog(page)).to_have_count(0)
    kinds = {urlsplit(url).path.rsplit("/")[-1] for url in asked}
    assert kinds >= {"search", "histogram", "fields", "values", "patterns", "export", "context"}
    # Whether a query can be read while it is typed has nothing to do with it.
    without = [url for url in asked if "default_operator=or" not in url and "/explain?" not in url]
    assert [url for url in without if "q=cherry" in url] == []

    page.get_by_role("button", name="Saved searches").click()
    page.get_by_role("button", name="Save this").click()
    page.get_by_role("dialog").get_by_label("Name").fill("once more")
    page.get_by_role("dialog").get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert market.get("/api/v1/searches/once%20more").json()["search"]["default_operator"] == "or"

    page.get_by_role("link", name="Live", exact=True).click()
    expect(chip).to_be_visible()
    with page.expect_request(re.compile("/logs/tail")) as tail:
        page.reload()
    assert "default_operator=or" in tail.value.url
    page.get_by_role("link", name="Explore", exact=True).last.click()
    expect(chip).to_be_visible()
    chip.click()
    has(page, "default_operator")
    expect(page.get_by_role("heading", name="No lines found")).to_be_visible()
    expect(chip).to_have_count(0)
    # What is the server's own is nothing to tell.
    opened(page, "/explore?from=-1h&q=red apple&default_operator=and")
    expect(_messages(page)).to_have_text(["red apple"])
    expect(page.locator(".operator-chip")).to_have_count(0)


def test_a_panel_keeps_what_side_by_side_means(stall: Page, market: Server) -> None:
    search = {"q": "cherry blue", "default_operator": "or", "service": ["shop\\,eu", "eu"]}
    panel: dict[str, Any] = {
        "id": "p",
        "title": "Both",
        "type": "number",
        "x": 0,
        "y": 0,
        "w": 4,
        "h": 3,
        "search": search,
    }
    body = {"name": "fruit", "refresh_seconds": 0, "time": {"from": "-1h", "to": "now"}, "panels": [panel]}
    made = market.request("POST", "/api/v1/dashboards", orjson.dumps(body), JSON)
    assert made.status == 201, made
    stall.goto(f"/dashboards/{made.json()['id']}")
    shown = stall.get_by_role("article", name="Both")
    expect(shown).to_contain_text("2")
    menu(stall, "Both", "Open in Explore")
    expect(_messages(stall)).to_have_text(["blue", "red cherry"])
    has(stall, "default_operator", "or")
    has(stall, "service", "shop\\,eu", "eu")


def test_a_service_with_a_comma(stall: Page, market: Server) -> None:
    page = opened(stall, "/explore?from=-1h")
    page.get_by_role("button", name="Service: filter").click()
    page.get_by_role("checkbox", name=re.compile("shop,eu")).check()
    has(page, "service", "shop\\,eu")
    expect(_messages(page)).to_have_text(["green pear", "red cherry"])
    expect(page.get_by_role("checkbox", name=re.compile("shop,eu"))).to_be_checked()
    expect(page.locator(".histogram-total")).to_have_text("2 lines")
    page.keyboard.press("Escape")
    page.reload()
    expect(_messages(page)).to_have_text(["green pear", "red cherry"])
    expect(page.locator(".chip-value")).to_have_text(["shop,eu"])

    page.keyboard.press("j")
    page.keyboard.press("c")
    _dialog(page).get_by_label("Only what the search finds").check()
    expect(_dialog(page).locator(".context-message")).to_have_text(["red cherry", "green pear"])
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Saved searches").click()
    page.get_by_role("button", name="Save this").click()
    page.get_by_role("dialog").get_by_label("Name").fill("over there")
    page.get_by_role("dialog").get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert market.search(saved="over there")["total_hits"] == 2
    opened(page, "/explore")
    page.get_by_role("button", name="Saved searches").click()
    page.get_by_role("button", name=re.compile("^over there")).click()
    has(page, "service", "shop\\,eu")

    with page.expect_request(re.compile("/logs/tail")) as tail:
        page.get_by_role("link", name="Live", exact=True).click()
    assert parse_qs(urlsplit(tail.value.url).query)["service"] == ["shop\\,eu"]
    expect(page.get_by_role("button", name="service: shop,eu")).to_be_visible()
    has(page, "service", "shop\\,eu")


def test_filters_of_a_value_with_a_comma(stall: Page) -> None:
    page = opened(stall, "/explore?from=-1h")
    page.locator(".line", has_text="red cherry").click()
    page.get_by_role("button", name="Filter for this service").click()
    has(page, "q", 'service:"shop,eu"')
    expect(_messages(page)).to_have_text(["green pear", "red cherry"])
    page.go_back()
    fields = page.get_by_role("complementary", name="Fields")
    fields.locator("button.field-button", has_text="service").click()
    fields.get_by_role("button", name="Filter service shop,eu out").click()
    has(page, "q", 'NOT service:"shop,eu"')
    # The newest one is of the server's settling.
    expect(_messages(page)).to_have_text([re.compile("^settle"), "blue", "green apple", "red pear", "red apple"])


def test_commas_in_a_url_part_values_as_before(stall: Page) -> None:
    page = opened(stall, "/explore?from=-1h&service=shop,eu")
    expect(page.locator(".chip-value")).to_have_text(["shop", "eu"])
    expect(_lines(page)).to_have_count(4)
    page.get_by_role("button", name="Remove the filter service shop").click()
    has(page, "service", "eu")
    expect(_messages(page)).to_have_text(["blue"])
