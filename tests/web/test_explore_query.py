"""Explore's upper half: the query bar, the time, the histogram, filters, saved searches, links."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.process import JSON, Server
from tests.web.axe import axe
from tests.web.conftest import NewPage
from tests.web.exploring import ALL, bar, has, opened, parameters, total
from tests.web.watching import Watch

Shot = Callable[[Page, str], None]
_PHONE = {"width": 390, "height": 800}
#: What Chromium says of a query that the server refuses while one types it.
_REFUSED = "status of 400"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everyone_can_read_it(new_page: NewPage, shot: Shot, watches: list[Watch], theme: str) -> None:
    page = opened(
        new_page(color_scheme=theme), f"{ALL}&service=linux&level=ERROR&level=INFO&q=sshd+OR+%22session+opened%22"
    )
    watches[0].allow(_REFUSED)
    axe(page)
    bar(page).click()
    page.keyboard.press("End")
    page.keyboard.type(" AND lev", delay=20)
    expect(page.get_by_role("option").first).to_be_visible()
    shot(page, f"explore-query-names-{theme}")
    axe(page)
    page.keyboard.type("el:[", delay=20)
    expect(page.locator(".query-wrong, .query-editor .cm-field").first).to_be_visible()
    page.keyboard.press("Backspace")
    page.keyboard.type("( x", delay=20)
    for name in ("Service", "Time range", "Saved searches", "Share"):
        page.keyboard.press("Escape")
        page.get_by_role("button", name=re.compile(f"^{name}")).first.click()
        expect(page.locator(".popover")).to_be_visible()
        expect(page.locator(".popover .progress")).to_have_count(0)
        shot(page, f"explore-{name.lower().replace(' ', '-')}-{theme}")
        axe(page)


def test_on_a_phone_nothing_sticks_out(new_page: NewPage, shot: Shot) -> None:
    page = opened(new_page(viewport=_PHONE), f"{ALL}&service=linux")
    shot(page, "explore-query-phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= _PHONE["width"]
    page.get_by_role("button", name=re.compile("^Time range")).click()
    shot(page, "explore-time-phone")
    box = page.locator(".popover").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= _PHONE["width"]


def test_enter_asks_and_the_back_button_undoes_it(page: Page) -> None:
    opened(page)
    all_lines = total(page).inner_text()
    page.keyboard.press("/")
    page.keyboard.type("level:ERROR")
    page.keyboard.press("Enter")
    has(page, "q", "level:ERROR")
    expect(total(page)).not_to_have_text(all_lines)
    page.go_back()
    has(page, "q")
    expect(total(page)).to_have_text(all_lines)
    expect(bar(page)).not_to_contain_text("level:ERROR")


def test_shift_and_enter_make_a_line(page: Page, watch: Watch) -> None:
    watch.allow(_REFUSED)
    opened(page)
    bar(page).click()
    page.keyboard.type("sshd OR")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("kernel")
    assert "q" not in parameters(page)
    page.keyboard.press("Enter")
    has(page, "q", "sshd OR\nkernel")


def test_what_is_typed_before_the_editor_is_there_stays(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile("/assets/query_editor.*"), hold)
    page.goto(ALL)
    bar(page).fill("level:WARN")
    bar(page).press("Home")
    bar(page).press("ArrowRight")
    for route in held:
        route.continue_()
    expect(page.locator(".query-editor .cm-content")).to_have_text("level:WARN")
    page.keyboard.type("X")
    expect(bar(page)).to_have_text("lXevel:WARN")


def test_fields_and_values_are_offered(page: Page, watch: Watch) -> None:
    watch.allow(_REFUSED)
    opened(page)
    bar(page).click()
    page.keyboard.type("serv", delay=20)
    expect(page.get_by_role("option", name=re.compile("^service"))).to_be_visible()
    page.keyboard.press("Tab")
    expect(bar(page)).to_have_text("service:")
    option = page.get_by_role("option", name=re.compile(r"^openssh\D*[\d,]+$"))
    expect(option).to_be_visible()
    page.keyboard.type("ope")
    expect(page.get_by_role("option", name=re.compile("^hdfs"))).to_have_count(0)
    option.click()
    expect(bar(page)).to_have_text("service:openssh")
    # The list is gone, and Enter asks.
    page.keyboard.press("Enter")
    has(page, "q", "service:openssh")


def test_a_value_that_needs_quotes_gets_them(page: Page, watch: Watch) -> None:
    watch.allow(_REFUSED)
    opened(page)
    bar(page).click()
    page.keyboard.type("host:xss", delay=20)
    page.get_by_role("option", name="<i>xss</i>").click()
    expect(bar(page)).to_have_text('host:"<i>xss</i>"')
    page.keyboard.press("Enter")
    expect(total(page)).to_have_text("8 lines")


def test_completion_that_fails_disturbs_nobody(page: Page, watch: Watch) -> None:
    watch.allow("status of 503")
    refusal = '{"error": {"code": "busy", "message": "not now", "where": ""}}'
    page.route(
        re.compile(r"/api/v1/logs/fields"),
        lambda route: route.fulfill(status=503, body=refusal, content_type="application/json"),
    )
    opened(page)
    bar(page).click()
    page.keyboard.type("level:ERR", delay=30)
    expect(page.get_by_role("option", name=re.compile("^ERROR"))).to_be_visible()
    expect(page.locator(".toast")).to_have_count(0)
    page.keyboard.press("Enter")
    has(page, "q", "level:ERR")


def test_an_error_is_marked_where_it_is(page: Page, shot: Shot, watch: Watch) -> None:
    watch.allow(_REFUSED)
    opened(page)
    bar(page).click()
    page.keyboard.type("😀 AND level:>=LOUD")
    wrong = page.locator(".query-wrong")
    expect(wrong).to_contain_text("is no level")
    marked = page.locator(".query-editor .cm-wrong")
    expect(marked).to_have_text(">=LOUD")
    marked.hover()
    expect(page.locator(".cm-wrong-tip")).to_contain_text("is no level")
    shot(page, "explore-query-wrong")
    axe(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="is no level").first).to_be_visible()
    page.keyboard.type("x")
    expect(marked).to_have_count(0)


def test_queries_are_kept(page: Page) -> None:
    opened(page)
    bar(page).click()
    for query in ("sshd", "kernel"):
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(query)
        page.keyboard.press("Enter")
        has(page, "q", query)
    page.keyboard.press("ArrowUp")
    expect(bar(page)).to_have_text("sshd")
    page.keyboard.press("ArrowDown")
    expect(bar(page)).to_have_text("kernel")
    opened(page)
    page.get_by_role("button", name="Queries asked before").click()
    page.get_by_role("button", name="Forget kernel").click()
    expect(page.get_by_role("button", name="kernel", exact=True)).to_have_count(0)
    page.get_by_role("button", name="sshd", exact=True).click()
    expect(bar(page)).to_have_text("sshd")


def test_filters_are_chips(page: Page) -> None:
    opened(page)
    page.get_by_role("button", name="Service: filter").click()
    page.get_by_role("checkbox", name=re.compile("linux")).check()
    has(page, "service", "linux")
    page.get_by_role("textbox", name="Search services").fill("spa")
    page.keyboard.press("Enter")
    has(page, "service", "linux", "spark")
    page.keyboard.press("Escape")
    expect(page.locator(".popover")).to_have_count(0)
    page.get_by_role("button", name="Remove the filter service linux").click()
    has(page, "service", "spark")


def test_times_are_picked_and_stepped(page: Page, watch: Watch) -> None:
    opened(page, "/explore?from=2026-11-20T10:00:00.000Z&to=2026-11-20T11:00:00.000Z")
    expect(page.locator(".histogram").get_by_text("No lines in this time")).to_be_visible()
    page.keyboard.press("[")
    has(page, "from", "2026-11-20T09:00:00.000Z")
    page.keyboard.press("]")
    page.keyboard.press("]")
    has(page, "from", "2026-11-20T11:00:00.000Z")
    page.keyboard.press("z")
    has(page, "from", "2026-11-20T10:30:00.000Z")
    picker = page.get_by_role("button", name=re.compile("^Time range"))
    picker.click()
    popover = page.locator(".popover")
    popover.get_by_label("From", exact=True).fill("2026-11-19 10:00")
    popover.get_by_label("To", exact=True).fill("2026-11-18")
    popover.get_by_role("button", name="Apply").click()
    expect(popover.get_by_role("alert")).to_contain_text("before")
    popover.get_by_label("To", exact=True).fill("2026-11-20")
    popover.get_by_role("button", name="Apply").click()
    has(page, "to", "2026-11-20T00:00:00.000Z")
    picker.click()
    popover.get_by_label("Around", exact=True).fill("2026-11-10 12:00")
    popover.get_by_role("button", name="Jump there").click()
    has(page, "from", "2026-11-10T05:00:00.000Z")
    picker.click()
    popover.get_by_role("button", name="Last 6 hours").click()
    has(page, "from", "-6h")


def test_times_are_of_the_chosen_zone(new_page: NewPage) -> None:
    page = opened(new_page(timezone_id="Europe/Berlin"), "/explore?from=2026-07-01T10:00:00Z&to=2026-07-01T11:00:00Z")
    expect(page.get_by_role("button", name=re.compile("2026-07-01 12:00:00 – 13:00:00"))).to_be_visible()


def test_it_searches_again_by_itself_while_somebody_looks(page: Page) -> None:
    page.clock.install()
    opened(page)
    page.get_by_role("button", name="Reload every …").click()
    page.get_by_role("button", name="Every 5 s").click()
    has(page, "refresh", "5")
    with page.expect_request(re.compile("/logs/histogram")) as first:
        page.clock.fast_forward(5_100)
    with page.expect_request(re.compile("/logs/histogram")) as asked:
        page.keyboard.press("r")
    assert "to=" in first.value.url
    assert first.value.url != asked.value.url
    page.evaluate("Object.defineProperty(document, 'hidden', {configurable: true, get: () => true})")
    expect(page.locator(".histogram .progress")).to_have_count(0)
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url) if "/logs/" in request.url else None)
    page.clock.fast_forward(30_000)
    assert not seen
    page.evaluate("Object.defineProperty(document, 'hidden', {configurable: true, get: () => false})")
    with page.expect_request(re.compile("/logs/histogram")):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_a_link_is_copied(new_page: NewPage) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    opened(page, f"{ALL}&q=sshd")
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name=re.compile("Link to these lines")).click()
    expect(page.get_by_text("Copied the link.")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    asked = parse_qs(urlsplit(link).query)
    assert asked["q"] == ["sshd"]
    assert re.fullmatch(r"20\d\d-.*Z", asked["to"][0])
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name=re.compile("Link to this search")).click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text.includes('from=-24h'))")


def test_a_search_is_saved_run_changed_and_deleted(page: Page, logd: Server, shot: Shot, watch: Watch) -> None:
    watch.allow("status of 409")
    opened(page, f"{ALL}&q=sshd&service=linux&column=host")
    saved = page.get_by_role("button", name="Saved searches")
    dialog = page.get_by_role("dialog")
    saved.click()
    page.get_by_role("button", name="Save this").click()
    dialog.get_by_label("Name").fill("of sshd")
    dialog.get_by_label("Description").fill("what sshd says")
    shot(page, "explore-save")
    axe(page)
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog).to_have_count(0)

    opened(page, "/explore")
    saved.click()
    page.get_by_role("textbox", name="Search in saved searches").fill("what sshd")
    page.get_by_role("button", name=re.compile("^of sshd")).click()
    has(page, "q", "sshd")
    assert parameters(page) == {
        "q": ["sshd"],
        "service": ["linux"],
        "from": ["-24h"],
        "to": ["now"],
        "column": ["host"],
    }

    # Its name is taken.
    saved.click()
    page.get_by_role("button", name="Save this").click()
    dialog.get_by_label("Name").fill("of sshd")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("of sshd")
    dialog.get_by_role("button", name="Cancel").click()

    # Somebody else changes it while one renames it.
    kept = next(one for one in logd.get("/api/v1/searches").json()["searches"] if one["name"] == "of sshd")
    saved.click()
    page.get_by_role("button", name="Rename of sshd").click()
    theirs = {"name": "of sshd", "description": "theirs", "search": {"q": "theirs"}, "version": kept["version"]}
    assert logd.request("PUT", f"/api/v1/searches/{kept['id']}", orjson.dumps(theirs), JSON).status == 200
    dialog.get_by_label("Name").fill("sshd, mine")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("changed it meanwhile")
    shot(page, "explore-save-conflict")
    dialog.get_by_role("button", name="Save mine all the same").click()
    expect(dialog).to_have_count(0)
    changed = logd.get(f"/api/v1/searches/{kept['id']}").json()
    assert (changed["name"], changed["search"]["q"]) == ("sshd, mine", "theirs")

    saved.click()
    page.get_by_role("button", name="Put what is shown into sshd, mine").click()
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog).to_have_count(0)
    assert logd.get(f"/api/v1/searches/{kept['id']}").json()["search"]["q"] == "sshd"

    saved.click()
    page.get_by_role("button", name="Delete sshd, mine").click()
    expect(dialog).to_contain_text("Delete “sshd, mine”?")
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(dialog).to_have_count(0)
    assert logd.get(f"/api/v1/searches/{kept['id']}").status == 404
