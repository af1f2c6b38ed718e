"""What one has changed and not saved: it is still there after a look elsewhere, and nothing drops it unasked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.alerts import RULES, ask, make_rule
from tests.support.process import Server
from tests.web.alerting import NEVER
from tests.web.axe import axe


def _asks_before_it_goes(page: Page) -> bool:
    """Whether the browser does, when the tab is about to be closed; it stays then."""
    with page.expect_event("dialog") as asked:
        page.evaluate("setTimeout(() => location.reload())")
    asked.value.dismiss()
    return asked.value.type == "beforeunload"


def test_a_changed_rule_is_kept_while_one_looks_elsewhere(page: Page, server: Server) -> None:
    rule = make_rule(server, name="kept", condition=NEVER)
    page.goto(f"/alerts/rules/{rule['rule_id']}")
    threshold = page.get_by_label("Threshold (lines)")
    threshold.click()
    threshold.fill("250")
    page.get_by_role("button", name="Webhook").click()
    page.get_by_label("Address").fill("https://hooks.example.org")
    expect(page.get_by_text("not saved", exact=True)).to_be_visible()

    page.get_by_role("link", name="Live tail").click()
    expect(page.get_by_role("link", name="Alerts: something isn’t saved yet")).to_be_visible()
    assert _asks_before_it_goes(page)
    page.go_back()
    expect(threshold).to_have_value("250")
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Alerts").click()
    page.get_by_role("link", name="Rules").click()
    page.get_by_role("region", name="Not saved yet").get_by_role("link", name="kept").click()
    expect(threshold).to_have_value("250")
    expect(page.get_by_label("Address")).to_have_value("https://hooks.example.org")

    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Version 2")).to_be_visible()
    expect(page.get_by_text("not saved", exact=True)).to_have_count(0)
    page.get_by_role("link", name="Rules").click()
    expect(page.get_by_role("heading", name="Rules")).to_be_visible()
    expect(page.get_by_role("region", name="Not saved yet")).to_have_count(0)
    page.reload()  # without a question
    assert ask(server, "GET", f"{RULES}/{rule['rule_id']}").json()["condition"]["threshold"] == 250


def test_what_somebody_saved_meanwhile_is_told_before_it_is_replaced(page: Page, server: Server) -> None:
    rule = make_rule(server, name="both", condition=NEVER)
    page.goto(f"/alerts/rules/{rule['rule_id']}")
    threshold = page.get_by_label("Threshold (lines)")
    threshold.fill("250")
    page.get_by_role("link", name="Rules").click()
    expect(page.get_by_role("region", name="Not saved yet")).to_be_visible()
    ask(server, "PUT", f"{RULES}/{rule['rule_id']}", {"name": "both", "condition": {**NEVER, "threshold": 7}})
    page.go_back()
    expect(threshold).to_have_value("250")
    expect(page.get_by_text("Somebody has changed this rule since you opened it")).to_be_visible()
    page.get_by_role("button", name="Show theirs, drop mine").click()
    expect(threshold).to_have_value("7")
    expect(page.get_by_text("not saved", exact=True)).to_have_count(0)


def test_new_rules_and_copies_are_kept_beside_each_other(
    page: Page, server: Server, shot: Callable[[Page, str], None]
) -> None:
    rule = make_rule(server, name="first", condition=NEVER)
    page.goto("/alerts/rules/new")
    page.get_by_label("Name", exact=True).fill("begun")
    page.get_by_role("link", name="Rules").click()
    page.get_by_role("link", name="first", exact=True).click()
    page.get_by_label("Description").fill("mine")
    page.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("first (copy)")
    expect(page.get_by_label("Description")).to_have_value("mine")
    page.get_by_role("link", name="Rules").click()
    unsaved = page.get_by_role("region", name="Not saved yet")
    expect(unsaved.get_by_role("link")).to_have_text(["begun", "first", "first (copy)"])
    shot(page, "alerts-not-saved")
    axe(page)
    unsaved.get_by_role("button", name="Drop the changes of first", exact=True).click()
    expect(unsaved.get_by_role("link")).to_have_text(["begun", "first (copy)"])
    unsaved.get_by_role("link", name="first (copy)").click()
    expect(page.get_by_label("Description")).to_have_value("mine")
    page.get_by_role("button", name="Drop changes").click()
    expect(unsaved.get_by_role("link")).to_have_text(["begun"])
    assert "description" not in ask(server, "GET", f"{RULES}/{rule['rule_id']}").json()


@pytest.mark.parametrize("way", ["Escape", "back", "Close"])
def test_a_dialog_asks_before_what_was_typed_is_lost(
    page: Page, server: Server, way: str, shot: Callable[[Page, str], None]
) -> None:
    page.goto("/alerts")
    page.get_by_role("link", name="Silences").click()
    page.get_by_role("button", name="New silence").click()
    dialog = page.get_by_role("dialog", name="Silence alerts")
    dialog.get_by_label("Why").click()
    dialog.get_by_label("Why").fill("a long story")

    def leave() -> None:
        if way == "back":
            page.evaluate("history.back()")
        elif way == "Escape":
            page.keyboard.press("Escape")
        else:
            dialog.get_by_role("button", name="Close").click()

    leave()
    expect(dialog.get_by_text("What you have typed isn’t saved.")).to_be_visible()
    shot(page, f"alerts-dialog-asks-{way}")
    axe(page)
    assert _asks_before_it_goes(page)
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog.get_by_text("What you have typed isn’t saved.")).to_have_count(0)
    expect(dialog.get_by_label("Why")).to_have_value("a long story")
    leave()
    dialog.get_by_role("button", name="Drop it").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("heading", name="Silences")).to_be_visible()
    page.get_by_role("button", name="New silence").click()
    expect(dialog).to_be_visible()
    leave()  # nothing was typed
    expect(dialog).to_have_count(0)
