"""Rules of alerts in the browser: made, tried on what is stored, changed by two, carried over."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.alerts import RULES, ask, make_rule
from tests.support.hooks import Hook
from tests.support.process import Server
from tests.web.alerting import NEVER, PATIENCE_MS, REFUSED
from tests.web.conftest import NewPage, url_of
from tests.web.watching import Watch

_SHOT = Callable[[Page, str], None]


def test_a_rule_is_made_and_tried_in_the_browser(
    page: Page, server: Server, hooked: Hook, watch: Watch, shot: _SHOT
) -> None:
    watch.allow(REFUSED)
    page.goto("/alerts/rules")
    page.get_by_role("link", name="New rule").click()
    expect(page.get_by_text("With a threshold, the stored lines tell")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("payment: errors")
    page.get_by_label("Service", exact=True).fill("payment")
    page.get_by_label("Level", exact=True).fill("ERROR")
    page.get_by_label("Threshold (lines)").fill("5")
    page.get_by_label("For each").fill("host")
    page.get_by_label("For each").press("Enter")

    preview = page.get_by_role("region", name="Backtest")
    expect(preview.get_by_role("status").filter(has_text="Would have fired")).to_be_visible(timeout=PATIENCE_MS)
    expect(preview.get_by_role("img", name="Values of 2 groups")).to_be_visible()
    firings = preview.get_by_role("list", name="Firings")
    expect(firings.get_by_text("Payment failed: timeout").first).to_be_visible()
    once = preview.get_by_role("status").first.inner_text()
    assert _coloured(preview) > 100, "no firing is marked on the chart"

    # What can't be meant is said at its place, before one saves.
    query = page.get_by_label("Query", exact=True)
    query.click()
    page.keyboard.type("level:(")
    expect(preview.get_by_text("can’t be tried yet")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("[data-path='condition.query']").get_by_text("column").first).to_be_visible()
    query.click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(preview.get_by_role("status").filter(has_text="Would have fired")).to_be_visible(timeout=PATIENCE_MS)

    # Dragging the threshold out of reach tries it anew.
    slider = preview.get_by_role("slider", name="Threshold")
    slider.focus()
    slider.press("End")
    expect(preview.get_by_text("Would not have fired")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_label("Threshold (lines)").fill("5")
    expect(preview.get_by_role("status").filter(has_text=once.split("\n")[0])).to_be_visible(timeout=PATIENCE_MS)

    page.get_by_role("button", name="Webhook").click()
    page.get_by_label("Address").fill(hooked.url)
    shot(page, "alerts-editor")
    page.get_by_role("button", name="Send a test").click()
    dialog = page.get_by_role("dialog", name="Test notification")
    expect(dialog.get_by_text("delivered")).to_be_visible(timeout=PATIENCE_MS)
    expect(dialog.get_by_text("204")).to_be_visible()
    assert hooked.told[-1]["status"] == "test"
    dialog.get_by_role("button", name="Close").click()

    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="payment: errors")).to_be_visible()
    expect(page.get_by_text("Version 1")).to_be_visible()
    rule = ask(server, "GET", f"{RULES}/payment: errors".replace(" ", "%20")).json()
    assert rule["condition"] == {
        "aggregation": "count",
        "service": "payment",
        "level": "ERROR",
        "threshold": 5,
        "compare": ">",
        "window_seconds": 300,
    }
    assert (rule["group_by"], rule["actions"][0]["type"]) == (["host"], "webhook")


def _coloured(preview: Any) -> int:
    """How many pixels of the chart are neither grey nor clear, in the colour of marks."""
    canvas = preview.locator("canvas").first
    found: int = canvas.evaluate(
        """(canvas) => {
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          let count = 0;
          for (let at = 0; at < data.length; at += 4) if (data[at] > data[at + 2] + 20 && data[at + 3] > 20) count += 1;
          return count;
        }"""
    )
    return found


def test_two_who_change_a_rule(
    page: Page, server: Server, new_page: NewPage, watches: list[Watch], shot: _SHOT
) -> None:
    rule = make_rule(server, name="shared", condition=NEVER)
    path = f"/alerts/rules/{rule['rule_id']}"
    other = new_page(base_url=url_of(server))
    for one in (page, other):
        one.goto(path)
        expect(one.get_by_label("Threshold (lines)")).to_have_value("100")
    page.get_by_label("Threshold (lines)").fill("200")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Version 2")).to_be_visible()

    other.get_by_label("Threshold (lines)").fill("300")
    watches[1].allow(REFUSED)
    other.get_by_role("button", name="Save").click()
    expect(other.get_by_text("Somebody has changed this rule since you opened it")).to_be_visible()
    expect(other.get_by_label("Threshold (lines)")).to_have_value("300")
    shot(other, "alerts-conflict")
    other.get_by_role("button", name="Replace theirs by mine").click()
    expect(other.get_by_text("Version 3")).to_be_visible()
    assert ask(server, "GET", f"{RULES}/{rule['rule_id']}").json()["condition"]["threshold"] == 300


def test_what_is_wrong_stands_where_it_is(page: Page, server: Server, watch: Watch) -> None:
    watch.allow(REFUSED)
    page.goto("/alerts/rules/new")
    page.get_by_label("Name", exact=True).fill("wrong")
    page.get_by_label("Fires on").select_option("composite")
    expect(page.get_by_role("heading", name="Condition 2")).to_be_visible()
    page.get_by_role("button", name="Slack").click()
    page.get_by_label("Address").fill("no address")
    page.get_by_role("button", name="Create").click()
    for path in ("condition.conditions[0].threshold", "condition.conditions[1].threshold", "actions[0].url"):
        expect(page.locator(f"[data-path='{path}'] [role=alert]").first).to_be_visible()
    expect(page.locator("[data-path='name'] [role=alert]")).to_have_count(0)
    make_rule(server, name="taken", condition=NEVER)
    page.get_by_label("Fires on").first.select_option("new_pattern")
    page.get_by_role("button", name="Remove Slack 1").click()
    page.get_by_label("Name", exact=True).fill("taken")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("[data-path='name'] [role=alert]")).to_contain_text("already")


@pytest.mark.parametrize(
    ("aggregation", "fields"),
    [
        ("count", ("Threshold (lines)",)),
        ("ratio", ("Threshold (from 0 to 1)", "Out of (a query; everything unless told)")),
        ("spike", ("Threshold (times as many)", "Compared with", "That had at least (lines)")),
        ("p99", ("Field", "Threshold")),
        ("absence", ("While there is",)),
        ("new_value", ("Field", "Known for")),
    ],
)
def test_a_kind_has_its_own_fields_alone(page: Page, server: Server, aggregation: str, fields: tuple[str, ...]) -> None:
    every = {
        "Field",
        "Threshold (lines)",
        "Threshold (from 0 to 1)",
        "Threshold (times as many)",
        "Threshold",
        "Compared with",
        "That had at least (lines)",
        "While there is",
        "Out of (a query; everything unless told)",
        "Known for",
    }
    page.goto("/alerts/rules/new")
    page.get_by_label("Fires on").select_option(aggregation)
    for label in every:
        expect(page.get_by_label(label, exact=True)).to_have_count(1 if label in fields else 0)


def test_rules_of_files_are_read_only_and_broken_ones_are_told(page: Page, server: Server, shot: _SHOT) -> None:
    page.goto("/alerts/rules")
    expect(page.get_by_role("alert").filter(has_text="broken.toml:3")).to_be_visible()
    shot(page, "alerts-rules")
    page.get_by_role("link", name="gateway: slow").click()
    expect(page.get_by_role("note")).to_contain_text("gateway.toml")
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)


def test_a_rule_goes_out_and_comes_in(page: Page, server: Server, tmp_path: Path) -> None:
    action = {"type": "webhook", "url": "https://hooks.example.org/key", "secret": "env:ALERT_KEY"}
    rule = make_rule(server, name="moved", condition=NEVER, actions=[action], group_by=["host"], labels={"team": "a"})
    page.goto(f"/alerts/rules/{rule['rule_id']}")
    with page.expect_download() as found:
        page.get_by_role("button", name="Export").click()
    file = tmp_path / "rule.json"
    found.value.save_as(file)
    told = json.loads(file.read_text())
    assert (told["name"], told["labels"], "rule_id" in told) == ("moved", {"team": "a"}, False)
    file.write_text(json.dumps({**told, "name": "moved here"}))

    page.goto("/alerts/rules")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_label("Name", exact=True)).to_have_value("moved here")
    expect(page.get_by_label("Address")).to_have_value("")  # a secret that was hidden doesn't come along
    page.get_by_label("Address").fill("env:ALERT_URL")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="moved here")).to_be_visible()
    made = ask(server, "GET", f"{RULES}/moved%20here").json()
    assert made["condition"] == rule["condition"]
    assert made["actions"] == [{"type": "webhook", "url": "env:ALERT_URL", "secret": "env:ALERT_KEY"}]

    page.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("moved here (copy)")
    file.write_text("[1]")
    page.goto("/alerts/rules")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text("a rule is a JSON object")).to_be_visible()


def test_a_hidden_address_stays_what_it_was(page: Page, server: Server, hooked: Hook) -> None:
    rule = make_rule(server, name="hidden", condition=NEVER, action={"type": "webhook", "url": hooked.url})
    page.goto(f"/alerts/rules/{rule['rule_id']}")
    expect(page.get_by_label("Address")).to_have_value(re.compile("…$"))
    page.get_by_label("Description").fill("changed")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Version 2")).to_be_visible()
    before = len(hooked.told)
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("dialog").get_by_text("delivered")).to_be_visible(timeout=PATIENCE_MS)
    assert hooked.told[before]["rule"]["name"] == "hidden"


def test_a_rule_rests_and_is_deleted(page: Page, server: Server) -> None:
    rule = make_rule(server, name="brief", condition=NEVER)
    page.goto(f"/alerts/rules/{rule['rule_id']}")
    page.get_by_role("button", name="Disable").click()
    expect(page.get_by_text("disabled", exact=True)).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Rules")).to_be_visible()
    expect(page.get_by_role("link", name="brief")).to_have_count(0)
    assert ask(server, "GET", f"{RULES}/{rule['rule_id']}").status == 404


def test_a_backtest_tells_how_long_it_takes_and_is_cancelled(page: Page, server: Server) -> None:
    held: list[Route] = []
    page.route("**/api/v1/alerts/rules/test", lambda route: held.append(route))
    page.goto("/alerts/rules/new")
    page.get_by_label("Service", exact=True).fill("payment")
    page.get_by_label("Threshold (lines)").fill("5")
    preview = page.get_by_role("region", name="Backtest")
    expect(preview.get_by_text(re.compile(r"Replaying the stored lines for \d"))).to_be_visible()
    with page.expect_event("requestfailed"):
        preview.get_by_role("button", name="Cancel").click()
    expect(preview.get_by_text("Cancelled")).to_be_visible()
    page.unroute("**/api/v1/alerts/rules/test")
    preview.get_by_role("button", name="Try it").click()
    expect(preview.get_by_role("status").filter(has_text="Would have fired")).to_be_visible(timeout=PATIENCE_MS)
