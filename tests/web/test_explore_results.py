"""Explore's lower half: the lines, each of them opened, their columns, fields, patterns and neighbours."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.support.process import SEARCH, Server
from tests.web.axe import axe
from tests.web.conftest import NewPage
from tests.web.lines import XSS
from tests.web.measuring import MOST_TASK_MS, scrolled, traced
from tests.web.watching import Watch

_ALL = "/explore?from=-24h"
_PHONE = {"width": 390, "height": 800}
#: Presses j twice as soon as lines are in the page, before they are painted.
_IMPATIENT = """new MutationObserver((changes, observer) => {
  if (!document.querySelector('.line')) return;
  observer.disconnect();
  const j = { key: 'j', bubbles: true };
  for (let time = 0; time < 2; time++) document.body.dispatchEvent(new KeyboardEvent('keydown', j));
}).observe(document, { childList: true, subtree: true });"""


def lines(page: Page) -> Locator:
    """The rows that are in the page."""
    return page.locator(".line")


def opened(page: Page, path: str) -> Page:
    """At the path, once lines are there."""
    page.goto(path)
    expect(lines(page).first).to_be_visible()
    return page


def parameters(page: Page) -> dict[str, list[str]]:
    """Of the page's URL."""
    return parse_qs(urlsplit(page.url).query)


def test_html_is_text(page: Page) -> None:
    opened(page, f"{_ALL}&q=service:xss&column=message&column=host&column=metadata.<b>field</b>")
    expect(lines(page)).to_have_count(len(XSS))
    for number in range(len(XSS)):
        lines(page).nth(number).click()
        expect(page.locator(".expanded")).to_have_count(number + 1)
    for text in XSS[:-1]:
        expect(page.locator(".expanded pre").get_by_text(text, exact=True)).to_be_visible()
    control = page.locator(".expanded pre").filter(has_text="pwned\\x07")
    expect(control).to_have_text("\\x1b]0;pwned\\x07 \\u202egnp.exe\\u202c \\x00")
    expect(page.get_by_role("row").filter(has_text="metadata.<b>field</b>").first).to_be_visible()
    page.locator("button.field-button", has_text="<b>field</b>").click()
    expect(page.locator(".field-values").get_by_text(XSS[0], exact=True)).to_be_visible()
    assert page.locator(".explore-body").locator("script, img, iframe, svg[onload], b, style, i").count() == 0
    assert "pwned" not in page.title()


def test_ten_thousand_lines_and_more(page: Page) -> None:
    opened(page, f"{_ALL}&sort=oldest")
    most, last, steps = 0, 0, 0
    with traced(page) as tasks:
        while last < 10_400:
            last, elements = scrolled(page, 750)
            most = max(most, elements)
            steps += 1
            if steps % 40 == 0:
                page.evaluate("document.querySelectorAll('.line')[15].click()")
        for _ in range(60):
            scrolled(page, -6_000)
    # Of the processor, not of the clock: other tests are at work beside.
    assert max(task.computed for task in tasks) <= MOST_TASK_MS
    assert most < 5_000, "the page has only what is seen"
    expect(page.locator('[data-index="0"]')).to_be_visible()


def test_what_is_counted(page: Page, logd: Server) -> None:
    opened(page, _ALL)
    total = page.locator(".results-total")
    expect(total).to_contain_text("over 10,000 lines")
    total.get_by_role("button", name="Count all").click()
    counted = logd.search(from_="-24h", limit=0, track_total_hits="true")["total_hits"]
    expect(total).to_have_text(f"{counted:,} lines")


def test_pages_are_those_of_the_api(page: Page, logd: Server) -> None:
    opened(page, f"{_ALL}&q=service:apache&sort=oldest&column=message")
    wanted = logd.search(q="service:apache", from_="-24h", sort="oldest", limit=450)["logs"]
    while scrolled(page, 1_000)[0] < 430:
        pass
    for number in (0, 199, 200, 399, 400):
        page.evaluate("(number) => { document.querySelector('.virtual').scrollTop = 24 * number }", number)
        shown = page.locator(f'[data-index="{number}"] .line-message')
        expect(shown).to_have_text(wanted[number]["message"])


def test_an_open_line(new_page: NewPage, logd: Server) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    opened(page, f'{_ALL}&q=service:apache AND "error state"')
    expect(lines(page).first.locator("mark")).to_have_text(["apache", "error state"])
    lines(page).first.click()
    line = page.locator(".expanded")
    hit = logd.search(q='service:apache AND "error state"', from_="-24h", limit=1)["logs"][0]
    line.get_by_role("button", name="JSON", exact=True).click()
    expect(page.get_by_text("Copied the line as JSON.")).to_be_visible()
    assert json.loads(_clipboard(page)) == hit
    line.get_by_role("button", name="curl, this line").click()
    expect(page.get_by_text("Copied a command for this line.")).to_be_visible()
    assert _clipboard(page) == f"curl -fsS http://127.0.0.1:{logd.port}/api/v1/logs/{hit['log_id']}"
    line.get_by_role("button", name="curl, this search").click()
    expect(page.get_by_text("Copied a command for this search.")).to_be_visible()
    assert "--data-urlencode 'q=service:apache AND \"error state\"'" in _clipboard(page)
    line.get_by_role("button", name="Link", exact=True).click()
    expect(page.get_by_text("Copied the line’s link.")).to_be_visible()
    opened(page, _clipboard(page))
    expect(page.locator(".results-total")).to_have_text("1 line")
    expect(page.locator(".expanded-fields").get_by_text(hit["log_id"])).to_be_visible()


def test_filters_and_columns_of_an_open_line(page: Page) -> None:
    opened(page, f"{_ALL}&q=state")
    lines(page).first.click()
    page.get_by_role("button", name="Filter for this service").click()
    assert parameters(page)["q"] == ["state AND service:apache"]
    expect(lines(page).first.locator("mark").first).to_have_text("apache")
    lines(page).first.click()
    page.get_by_role("button", name="Filter this level out").click()
    assert parameters(page)["q"] == ["state AND service:apache AND NOT level:ERROR"]
    expect(page.get_by_role("heading", name="No lines found")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Only lines that have host").click()
    assert parameters(page)["q"] == ["state AND service:apache AND host:*"]
    expect(lines(page).first.locator("mark").first).to_have_text("apache")
    expect(page.locator(".expanded")).to_have_count(0)
    lines(page).first.click()
    page.locator(".expanded").get_by_role("button", name="Show host as a column").click()
    assert parameters(page)["column"] == ["level", "service", "host", "message"]
    expect(lines(page).first).to_contain_text("apache-1")


def test_columns(page: Page) -> None:
    opened(page, _ALL)
    page.get_by_role("button", name="Columns", exact=True).click()
    page.get_by_role("searchbox", name="Find a field").last.fill("hos")
    page.get_by_role("list", name="Other fields").get_by_role("button", name="host").click()
    assert parameters(page)["column"] == ["level", "service", "host", "message"]
    page.get_by_role("button", name="Move host to the left").click()
    assert parameters(page)["column"] == ["level", "host", "service", "message"]
    page.keyboard.press("Escape")
    page.get_by_role("columnheader", name="host").get_by_role("button", name="host", exact=True).focus()
    page.keyboard.press("Alt+ArrowLeft")
    assert parameters(page)["column"] == ["host", "level", "service", "message"]
    page.get_by_role("columnheader", name="service").drag_to(page.get_by_role("columnheader", name="host"))
    assert parameters(page)["column"] == ["service", "host", "level", "message"]
    page.get_by_role("columnheader", name="level").hover()
    page.get_by_role("columnheader", name="level").get_by_role("button", name="Remove the column level").click()
    assert parameters(page)["column"] == ["service", "host", "message"]
    page.go_back()
    assert parameters(page)["column"] == ["service", "host", "level", "message"]
    page.reload()
    expect(page.get_by_role("columnheader")).to_have_text([re.compile("UTC"), "service", "host", "level", "message"])


def test_keys(page: Page) -> None:
    opened(page, _ALL)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(lines(page).nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("k")
    expect(lines(page).nth(0)).to_have_attribute("aria-selected", "true")
    page.get_by_role("treegrid", name="Lines").focus()
    for _ in range(60):
        page.keyboard.press("ArrowDown")
    expect(page.locator("#line-60")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator(".expanded")).to_be_visible()
    expect(page.locator("#line-60")).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog", name="Around this line")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.keyboard.press("x")
    expect(page.locator(".expanded")).to_have_count(0)
    page.keyboard.press("w")
    expect(lines(page).first).to_have_class(re.compile("wrapped"))
    page.keyboard.press("Home")
    expect(page.locator("#line-0")).to_be_in_viewport()


def test_keys_as_soon_as_lines_are_seen(page: Page) -> None:
    page.add_init_script(_IMPATIENT)
    opened(page, _ALL)
    expect(lines(page).nth(1)).to_have_attribute("aria-selected", "true")


def test_context(new_page: NewPage, logd: Server, shot: Callable[[Page, str], None]) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    record = logd.search(q="service:hdfs", from_="-24h", sort="oldest", limit=500)["logs"][400]
    opened(page, f'{_ALL}&q=log_id:"{record["log_id"]}"')
    page.keyboard.press("j")
    page.keyboard.press("c")
    dialog = page.get_by_role("dialog", name="Around this line")
    expect(dialog).to_contain_text("By time, of the same service, host and source")
    around = logd.get(f"/api/v1/logs/{record['log_id']}/context", before=30, after=10).json()
    messages = [one["message"] for one in (*around["before"], around["log"], *around["after"])]
    expect(dialog.locator(".context-message")).to_have_text(messages[20:])
    expect(dialog.locator("[aria-current] .context-message")).to_have_text(record["message"])
    shot(page, "explore-context")
    dialog.get_by_role("button", name="20 more before").click()
    expect(dialog.locator(".context-message")).to_have_text(messages)
    expect(dialog.locator("[aria-current]")).to_be_in_viewport()
    dialog.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Copied a link to this.")).to_be_visible()
    page.goto(_clipboard(page))
    expect(page.locator("[aria-current] .context-message")).to_have_text(record["message"])


def test_fields(page: Page, logd: Server) -> None:
    opened(page, _ALL)
    fields = page.get_by_role("complementary", name="Fields")
    fields.get_by_role("searchbox").fill("serv")
    fields.locator("button.field-button", has_text="service").click()
    values = logd.get("/api/v1/logs/fields/service/values", from_="-24h").json()["values"]
    expect(fields.locator(".field-value").first).to_contain_text(values[0]["value"])
    expect(fields.locator(".field-value").first).to_contain_text(f"{values[0]['count']:,}")
    fields.get_by_role("button", name="Filter for service spark").click()
    assert parameters(page)["q"] == ["service:spark"]
    expect(page.locator(".results-total")).to_have_text("2,000 lines")
    fields.get_by_role("button", name="Hide the fields").click()
    expect(fields.get_by_role("searchbox")).to_have_count(0)
    page.reload()
    page.get_by_role("button", name="Show the fields").click()
    expect(fields.get_by_role("searchbox")).to_be_visible()


def test_patterns(page: Page, logd: Server, shot: Callable[[Page, str], None]) -> None:
    opened(page, _ALL)
    page.get_by_role("group", name="View").get_by_role("button", name="Patterns").click()
    found = logd.get("/api/v1/logs/patterns", from_="-24h").json()
    expect(page.locator(".pattern")).to_have_count(len(found["patterns"]))
    top = found["patterns"][0]
    expect(page.locator(".pattern").first).to_contain_text(f"{top['count']:,}")
    expect(page.locator(".pattern-template").first).to_have_text(top["template"])
    expect(page.locator(".patterns-rest")).to_contain_text(f"{found['other'] - found['unmatched']:,} lines are of")
    shot(page, "explore-patterns")
    axe(page)
    page.locator(".pattern-template").filter(has_text="Failed password for").first.click()
    expect(lines(page).first.locator("mark").first).to_have_text(re.compile("^Failed"))
    assert "view" not in parameters(page)
    page.go_back()
    page.get_by_role("combobox", name="Show").select_option("new since a day before")
    expect(page.locator(".pattern")).to_have_count(len(found["patterns"]))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_how_it_looks(new_page: NewPage, shot: Callable[[Page, str], None], theme: str) -> None:
    page = opened(new_page(color_scheme=theme), f"{_ALL}&q=service:xss")
    lines(page).nth(1).click()
    page.locator("button.field-button", has_text="service").click()
    expect(page.locator(".field-value").first).to_be_visible()
    shot(page, f"explore-results-{theme}")
    axe(page)
    page.get_by_role("button", name="Context").click()
    expect(page.locator("[aria-current] .context-message")).to_be_visible()
    axe(page)


def test_on_a_phone(new_page: NewPage, shot: Callable[[Page, str], None]) -> None:
    page = opened(new_page(viewport=_PHONE, has_touch=True), f"{_ALL}&q=error")
    assert page.evaluate("document.documentElement.scrollWidth") <= _PHONE["width"]
    line, message = lines(page).first.bounding_box(), lines(page).first.locator(".line-message").bounding_box()
    assert line is not None
    assert message is not None
    assert message["y"] > line["y"] + 15
    assert message["width"] > 0.9 * _PHONE["width"]
    shot(page, "explore-results-phone")
    lines(page).first.tap()
    expect(page.locator(".expanded")).to_be_visible()
    shot(page, "explore-line-phone")
    axe(page)
    page.get_by_role("button", name="Fields").click()
    expect(page.get_by_role("dialog", name="Fields").get_by_text("level")).to_be_visible()
    shot(page, "explore-fields-phone")


def test_nothing_is_found(page: Page) -> None:
    page.goto("/explore?from=-5m&q=nothingiscalledso&level=FATAL")
    expect(page.get_by_role("heading", name="No lines found")).to_be_visible()
    page.get_by_role("button", name="The last 24 hours").click()
    assert parameters(page)["from"] == ["-24h"]
    page.get_by_role("button", name="level: FATAL").click()
    assert "level" not in parameters(page)
    page.get_by_role("button", name="the query").click()
    expect(lines(page).first).to_be_visible()


def test_what_fails_is_tried_again(page: Page, watch: Watch) -> None:
    watch.allow("Failed to load resource")
    refusals = [{"code": "too_slow", "message": "the search took over 1 s", "where": ""}]

    def refuse(route: Route) -> None:
        if refusals:
            route.fulfill(status=504, json={"error": refusals.pop()})
        else:
            route.continue_()

    page.route(f"**{SEARCH}?*", refuse)
    page.goto(_ALL)
    failed = page.get_by_role("region", name="Lines").or_(page.get_by_role("alert")).filter(has_text="took over 1 s")
    expect(failed.first).to_be_visible()
    page.get_by_role("button", name="Try again").first.click()
    expect(lines(page).first).to_be_visible()


def test_a_slow_search_says_so_and_is_cancelled(page: Page) -> None:
    held: list[Route] = []
    page.route(f"**{SEARCH}?*", lambda route: held.append(route))
    page.goto(_ALL)
    expect(page.get_by_text(re.compile("Searching for .* s"))).to_be_visible()
    with page.expect_event("requestfailed", lambda request: SEARCH in request.url):
        # Counts may be slow too, and have their own.
        page.get_by_role("region", name="Lines").get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("The search was cancelled.")).to_be_visible()
    page.unroute(f"**{SEARCH}?*")
    page.get_by_role("button", name="Search again", exact=True).click()
    expect(lines(page).first).to_be_visible()


def _clipboard(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))
