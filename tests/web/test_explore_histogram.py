"""Explore's histogram: zooming, levels, what is slow, wrong or not whole."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Request, Route, expect

from tests.web.exploring import ALL, has, opened, total
from tests.web.watching import Watch


def test_dragging_over_the_histogram_zooms(page: Page) -> None:
    opened(page)
    before = total(page).inner_text()
    box = page.locator(".histogram .u-over").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.95 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.97 * box["width"], middle, steps=4)
    page.mouse.move(box["x"] + 0.99 * box["width"], middle, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile("to=20"))
    expect(total(page)).not_to_have_text(before)
    page.go_back()
    has(page, "from", "-24h")
    expect(total(page)).to_have_text(before)


def test_a_level_is_chosen_in_the_legend(page: Page) -> None:
    opened(page)
    levels = page.get_by_role("group", name="Levels")
    levels.get_by_role("button", name="ERROR").click()
    has(page, "level", "ERROR")
    levels.get_by_role("button", name="WARN").click()
    has(page, "level", "ERROR", "WARN")
    levels.get_by_role("button", name="ERROR").click()
    has(page, "level", "WARN")
    levels.get_by_role("button", name="All").click()
    has(page, "level")


def test_a_slow_count_is_cancelled(page: Page, watch: Watch) -> None:
    watch.allow("ERR_ABORTED|net::")
    ended: list[Request] = []
    page.route(re.compile("/logs/histogram"), lambda _: None)
    page.on("requestfailed", lambda request: ended.append(request) if "histogram" in request.url else None)
    page.goto(ALL)
    page.locator(".histogram").get_by_role("button", name="Cancel").click()
    expect(page.locator(".histogram .progress")).to_have_count(0)
    expect(page.get_by_role("button", name="Count the lines")).to_be_visible()
    assert len(ended) == 1


def test_the_histogram_says_what_is_wrong(page: Page, watch: Watch) -> None:
    watch.allow("status of 504")
    late = '{"error": {"code": "timeout", "message": "it took too long", "where": ""}}'
    page.route(
        re.compile("/logs/histogram"),
        lambda route: route.fulfill(status=504, body=late, content_type="application/json"),
    )
    page.goto(ALL)
    histogram = page.locator(".histogram")
    expect(histogram.get_by_text("it took too long")).to_be_visible()
    page.unroute(re.compile("/logs/histogram"))
    histogram.get_by_role("button", name="Try again").click()
    expect(histogram.get_by_role("img")).to_be_visible()


def test_a_count_that_is_not_whole_says_so(page: Page) -> None:
    def part(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "partial": True, "warnings": ["a shard is away"]})

    page.route(re.compile("/logs/histogram"), part)
    opened(page)
    expect(page.locator(".histogram").get_by_text("a shard is away")).to_be_visible()


def test_the_histogram_is_put_away(page: Page) -> None:
    opened(page)
    total(page).click()
    expect(page.locator(".histogram .chart")).to_have_count(0)
    page.reload()
    expect(page.locator(".histogram").get_by_text("Lines over time")).to_be_visible()
    expect(page.locator(".histogram .chart")).to_have_count(0)
