"""The live tail: lines as they come, each once, however the page, the server and the person behave."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.support.process import Server
from tests.web.axe import axe
from tests.web.conftest import NewPage, url_of
from tests.web.lines import XSS
from tests.web.measuring import MOST_TASK_MS, Task, traced
from tests.web.pouring import BODY_LINES, go_live, paced, text_of, wait_until_shown
from tests.web.watching import Watch

#: Ten seconds of them.
_BODIES = 100


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own. Asked for before `new_page`: the pages leave first."""
    with Server(tmp_path, roles="processor,api") as running:
        yield running


def _status(page: Page) -> Any:
    return page.locator(".tail-status")


def _shown(page: Page) -> list[str]:
    """Messages of the rows that are in the page now."""
    return page.locator(".tail-message").all_text_contents()


def _lines(service: str, numbers: range, level: str = "INFO") -> tuple[str, list[dict[str, Any]]]:
    return service, [{"message": f"number {number}", "level": level, "n": number} for number in numbers]


def _scrolled_through(page: Page) -> list[str]:
    """All messages of the list, from its first row to its last one."""
    found: list[str] = page.evaluate(
        """async () => {
          const list = document.querySelector('.tail-list');
          const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
          const found = new Map();
          for (let top = 0; ; top += list.clientHeight) {
            list.scrollTop = top;
            await frames();
            for (const row of list.querySelectorAll('.tail-row, .tail-note')) {
              found.set(row.dataset.id ?? row.textContent, (row.querySelector('.tail-message') ?? row).textContent);
            }
            if (top > list.scrollHeight) return [...found.values()];
          }
        }"""
    )
    return found


def test_lines_come_by_the_filters_of_the_address(page: Page, logd: Server) -> None:
    go_live(page, "/tail?q=number&service=tail-a&level=ERROR")
    logd.ingest(*_lines("tail-a", range(2), "INFO"))
    logd.ingest(*_lines("tail-b", range(2, 4), "ERROR"))
    logd.ingest(*_lines("tail-a", range(4, 6), "ERROR"))
    expect(page.locator(".tail-message")).to_have_text(["number 4", "number 5"])
    expect(page.locator(".tail-message mark").first).to_have_text("number")
    page.get_by_role("button", name="ERROR", exact=True).click()
    expect(page).to_have_url(f"{url_of(logd)}/tail?q=number&service=tail-a")
    expect(page.locator(".tail-message")).to_have_count(0)
    expect(_status(page)).to_have_text("Live")
    logd.ingest(*_lines("tail-a", range(6, 7), "INFO"))
    expect(page.locator(".tail-message")).to_have_text(["number 6"])
    assert (
        page.get_by_role("main").get_by_role("link", name="Explore").get_attribute("href")
        == "/explore?q=number&service=tail-a"
    )
    page.go_back()
    expect(page.get_by_role("button", name="ERROR", exact=True)).to_have_attribute("aria-pressed", "true")


_MARKED = (
    "Timeout after 12 ms at 10.0.3.17",
    "time-out: GET /v1/users/17 took 12 ms",
    "timeouts of disk/full on web12",
)
_QUERIES = (
    r'timeout OR "disk full" OR 10.0.3.*',
    "time* -web12",
    "(/time.{0,3}/ OR wo?d OR web??) AND NOT (after ms)",
    r"message.raw:/\/v1\/[a-z]+\/\d+/ OR of",
    'message.raw:"-out: G" OR "took ms"~1',
)


@pytest.mark.parametrize("q", _QUERIES)
def test_what_the_query_finds_is_marked_as_in_explore(page: Page, logd: Server, q: str) -> None:
    service = f"tail-marked-{_QUERIES.index(q)}"
    go_live(page, "/tail?" + urlencode({"q": q, "service": service}))
    logd.ingest(service, [{"message": text, "level": "INFO"} for text in _MARKED])
    logd.settle()
    hits = logd.get("/api/v1/logs/search", q=q, service=service, highlight="true").json()["logs"]
    assert hits
    expected = {
        hit["message"]: [hit["message"][begin:end] for begin, end in hit.get("highlights", {}).get("message", [])]
        for hit in hits
    }
    expect(page.locator(".tail-message")).to_have_count(len(hits))
    rows = [page.locator(".tail-message").nth(number) for number in range(len(hits))]
    assert {row.inner_text(): row.locator("mark").all_inner_texts() for row in rows} == expected


def test_a_query_that_is_wrong(page: Page, watch: Watch) -> None:
    watch.allow("Failed to load resource: .*400")
    page.goto("/tail?q=" + "a%20AND%20(")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(_status(page)).to_have_text("Refused")


#: Marked in each line: a prefix, a phrase and two regular expressions.
_MARKS_ALL = r'req* OR "took 0" OR /r.*t/ OR message.raw:/took [0-9]+ ms/'


@pytest.mark.timeout(300)
def test_a_thousand_lines_a_second(server: Server, new_page: NewPage, shot: Callable[[Page, str], None]) -> None:
    page = new_page(base_url=url_of(server))
    go_live(page, "/tail?" + urlencode({"q": _MARKS_ALL}))
    begin = time.monotonic()
    with traced(page) as tasks:
        for number, lines in enumerate(paced(page, _BODIES)):
            server.ingest("fast", lines)
            if number == 60:
                shot(page, "tail-1000-light")
        wait_until_shown(page, _BODIES)
    sent, took = _BODIES * BODY_LINES, time.monotonic() - begin
    print(f"{sent / took:.0f} lines/s, longest: {max(tasks)}, {max(tasks, key=lambda task: task.computed)}")
    _check_none_is_long(tasks)
    assert page.locator(".tail-row").count() < 150
    page.keyboard.press("Space")
    numbers = [int(text.split()[1]) for text in _scrolled_through(page)]
    assert numbers == list(range(sent))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("width", [1280, 390])
def test_long_lines_that_are_wrapped_do_not_make_long_tasks(server: Server, new_page: NewPage, width: int) -> None:
    page = new_page(base_url=url_of(server), viewport={"width": width, "height": 800})
    page.add_init_script("localStorage.setItem('logd.wrap', 'true')")
    go_live(page, "/tail?q=someword")
    with traced(page) as tasks:
        for lines in paced(page, 20):
            server.ingest("long", [{**line, "message": f"{line['message']}{' someword' * 400}"} for line in lines])
        expect(page.locator(".tail-message").last).to_contain_text(text_of(20 * BODY_LINES - 1))
    assert page.locator(".tail-row mark").count() >= 400
    _check_none_is_long(tasks)


def _check_none_is_long(tasks: Sequence[Task]) -> None:
    """Of the processor, not of the clock: other tests are at work beside."""
    longest = max(task.computed for task in tasks)
    assert longest <= MOST_TASK_MS / 2, sorted(tasks)[-10:]


def test_pause_and_resume_give_each_line_once(page: Page, logd: Server) -> None:
    page.add_init_script("localStorage.setItem('logd.tail.kept', '1000')")
    go_live(page, "/tail?service=tail-pause")
    logd.ingest(*_lines("tail-pause", range(5)))
    expect(page.locator(".tail-message")).to_have_count(5)
    page.get_by_role("button", name="Pause", exact=True).click()
    logd.ingest(*_lines("tail-pause", range(5, 300)))
    expect(page.get_by_role("button", name="295 new lines")).to_be_visible()
    assert len(_shown(page)) == 5
    page.get_by_role("button", name="295 new lines").click()
    expect(page.locator(".tail-message").last).to_have_text("number 299")
    page.keyboard.press("Space")
    assert _scrolled_through(page) == [f"number {number}" for number in range(300)]


def test_what_the_page_cannot_hold_waits_in_the_queue(page: Page, logd: Server) -> None:
    page.add_init_script("localStorage.setItem('logd.tail.kept', '1000')")
    go_live(page, "/tail?service=tail-held")
    page.get_by_role("button", name="Pause", exact=True).click()
    for begin in range(0, 1_500, 100):
        logd.ingest(*_lines("tail-held", range(begin, begin + 100)))
    expect(page.get_by_text("this page takes no more")).to_be_visible()
    logd.ingest(*_lines("tail-held", range(1_500, 1_800)))
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".tail-message").last).to_have_text("number 1799")
    page.keyboard.press("Space")
    assert _scrolled_through(page) == [f"number {number}" for number in range(800, 1_800)]


def test_scrolling_up_pauses_and_to_the_end_goes_on(page: Page, logd: Server) -> None:
    go_live(page, "/tail?service=tail-scroll")
    logd.ingest(*_lines("tail-scroll", range(200)))
    expect(page.locator(".tail-message").last).to_have_text("number 199")
    page.locator(".tail-list").hover()
    page.mouse.wheel(0, -600)
    expect(_status(page)).to_have_text("Paused")
    before = _shown(page)
    logd.ingest(*_lines("tail-scroll", range(200, 203)))
    expect(page.get_by_role("button", name="3 new lines")).to_be_visible()
    assert _shown(page) == before
    page.mouse.wheel(0, 5_000)
    expect(page.locator(".tail-message").last).to_have_text("number 202")
    expect(_status(page)).to_have_text("Live")


@pytest.mark.timeout(300)
def test_a_server_that_was_killed(
    server: Server, new_page: NewPage, watches: list[Watch], shot: Callable[[Page, str], None]
) -> None:
    page = new_page(base_url=url_of(server))
    watches[-1].allow("ERR_CONNECTION_REFUSED|Failed to load resource|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET")
    go_live(page)
    server.ingest(*_lines("killed", range(50)))
    expect(page.locator(".tail-message").last).to_have_text("number 49")
    server.settings["api.listen"] = f"127.0.0.1:{server.port}"
    for round_number in (1, 2):
        begin = 100 * round_number
        server.kill()
        expect(page.locator(".banner.lost")).to_be_visible()
        shot(page, "tail-lost")
        server.start()
        server.ingest(*_lines("killed", range(begin - 50, begin + 50)))
        expect(page.locator(".tail-message").last).to_have_text(f"number {begin + 49}", timeout=60_000)
        expect(page.locator(".banner.lost")).to_have_count(0)
    page.keyboard.press("Space")
    assert _scrolled_through(page) == [f"number {number}" for number in range(250)]


def test_missed_lines_are_said_where_they_were(page: Page, logd: Server, shot: Callable[[Page, str], None]) -> None:
    go_live(page, "/tail?service=tail-rate&rate=10")
    logd.ingest(*_lines("tail-rate", range(500)))
    expect(page.locator(".tail-note")).to_contain_text("missed")
    expect(page.locator(".tail-message").last).to_have_text("number 499")
    missed = sum(int(text.split()[1].replace(",", "")) for text in page.locator(".tail-note").all_text_contents())
    assert missed + len(_shown(page)) == 500
    shot(page, "tail-missed")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_lines_that_mean_harm(
    new_page: NewPage, logd: Server, shot: Callable[[Page, str], None], theme: str, width: int
) -> None:
    page = new_page(color_scheme=theme, viewport={"width": width, "height": 800})
    go_live(page, "/tail?service=tail-xss")
    levels = ("FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE")
    for _ in range(4):
        lines = [{"message": text, "level": levels[n % 6], "<b>x</b>": text} for n, text in enumerate(XSS)]
        logd.ingest("tail-xss", lines, X_Host="<i>x</i>")
    expect(page.locator(".tail-message").nth(9)).to_be_visible()
    expect(page.locator(".tail-message").last).to_contain_text("gnp.exe")
    shown = _shown(page)
    assert XSS[0] in shown
    assert "\\x1b]0;pwned\\x07 \\u202egnp.exe\\u202c \\x00" in shown
    page.keyboard.press("Space")
    page.locator(".tail-line").last.press("Enter")
    expect(page.get_by_text("metadata.<b>x</b>")).to_be_visible()
    expect(page.get_by_role("link", name="Show in context")).to_be_visible()
    assert "pwned" not in page.title()
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    shot(page, f"tail-{theme}-{width}")
    axe(page)


@pytest.mark.parametrize(("status", "text"), [(403, "may not see"), (429, "Trying again")])
def test_a_no_is_said(page: Page, watch: Watch, status: int, text: str) -> None:
    watch.allow(f"Failed to load resource: .*{status}")
    answer = {"error": {"code": "no", "message": "not for you", "where": ""}}
    page.route(
        "**/api/v1/logs/tail?*",
        lambda route: route.fulfill(
            status=status, body=json.dumps(answer), headers={"Content-Type": "application/json", "Retry-After": "30"}
        ),
    )
    page.goto("/tail")
    expect(page.locator(".tail-trouble")).to_contain_text(text)
    page.unroute("**/api/v1/logs/tail?*")
    page.locator(".tail-trouble").get_by_role("button").click()
    expect(_status(page)).to_have_text("Live")
