"""Alerts in the browser: what fires, who cares for it, silences, history and messages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.alerts import ask, make_rule
from tests.support.hooks import Hook
from tests.support.process import Server, free_port
from tests.web.alerting import PATIENCE_MS, alert_of, fires
from tests.web.axe import axe
from tests.web.conftest import NewPage, url_of
from tests.web.lines import XSS
from tests.web.watching import Watch

_SHOT = Callable[[Page, str], None]
_PHONE = {"width": 390, "height": 844}


def test_what_fires_is_cared_for_silenced_and_told(page: Page, server: Server, hooked: Hook, shot: _SHOT) -> None:
    fires(server, "cart", severity="critical", action={"type": "webhook", "url": hooked.url}, labels={"team": "cart"})
    page.goto("/alerts")
    alert = alert_of(page, "cart")
    expect(alert.get_by_text("firing", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    expect(alert).to_contain_text("> 3")
    expect(alert).to_contain_text("Payment failed: timeout")
    expect(alert.get_by_text("Told once")).to_be_visible(timeout=PATIENCE_MS)
    assert "firing: cart (host web-1)" in hooked.titles()
    expect(page).to_have_title(re.compile(r"^\(\d+\) Alerts · logd$"))

    alert.get_by_role("button", name="Acknowledge").click()
    page.get_by_label("Why, or what you do about it").fill("looking at <b>it</b>")
    page.get_by_role("dialog").get_by_role("button", name="Acknowledge").click()
    expect(alert.get_by_text("Acknowledged: looking at <b>it</b>")).to_be_visible(timeout=PATIENCE_MS)
    alert.get_by_role("button", name="Take back").click()
    expect(alert.get_by_role("button", name="Acknowledge")).to_be_visible(timeout=PATIENCE_MS)

    alert.get_by_role("button", name="Silence").click()
    dialog = page.get_by_role("dialog", name="Silence alerts")
    expect(dialog.get_by_text("1 alert is silenced by it now")).to_be_visible()
    dialog.get_by_label("Rule").fill("nobody*")
    expect(dialog.get_by_text("0 alerts are silenced by it now")).to_be_visible()
    dialog.get_by_label("Rule").fill("c?rt")
    expect(dialog.get_by_text("1 alert is silenced by it now")).to_be_visible()
    dialog.get_by_label("Why").fill("a deploy")
    shot(page, "alerts-silence")
    dialog.get_by_role("button", name="Silence", exact=True).click()
    expect(alert.get_by_text("Silenced until")).to_be_visible(timeout=PATIENCE_MS)
    shot(page, "alerts-list")

    page.get_by_role("link", name="Silences").click()
    row = page.get_by_role("row").filter(has_text="a deploy")
    expect(row.get_by_text("active")).to_be_visible()
    row.get_by_role("button", name="End").click()
    expect(row).to_have_count(0)

    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("list", name="When what fired").get_by_text("cart")).to_be_visible()
    events = page.get_by_role("region", name="Events")
    expect(events.get_by_role("row").filter(has_text="looking at <b>it</b>").first).to_be_visible()
    shot(page, "alerts-history")

    page.goto("/alerts")
    with page.expect_navigation(url="**/explore?**", wait_until="commit"):
        alert_of(page, "cart").get_by_role("link", name="Explore").click()
    q = page.evaluate("new URLSearchParams(location.search).get('q')")
    assert q == 'service:"cart" AND level:"ERROR" AND host:"web-1"'


def test_dead_letters_are_sent_once_more(page: Page, server: Server, hooked: Hook, shot: _SHOT) -> None:
    hooked.status = 404
    fires(server, "dead", action={"type": "webhook", "url": hooked.url})
    page.goto("/alerts/deliveries?show=dead")
    row = page.get_by_role("row").filter(has_text="dead").first
    expect(row.get_by_text("404")).to_be_visible(timeout=PATIENCE_MS)
    hooked.status = 204
    shot(page, "alerts-deliveries")
    row.get_by_role("button", name="Retry").click()
    page.get_by_role("button", name="Delivered").click()
    expect(page.get_by_role("row").filter(has_text="dead").first).to_be_visible(timeout=PATIENCE_MS)


def test_what_lines_and_names_hold_is_text(page: Page, server: Server, shot: _SHOT) -> None:
    name = "<img src=x onerror=\"document.title='pwned'\">"
    make_rule(
        server,
        name=name,
        condition={"service": "xss", "threshold": 0, "window_seconds": 60},
        group_by=["host"],
        description="<script>document.title = 'pwned'</script>",
        labels={"a": "<b>x</b>"},
        runbook="javascript:document.title='pwned'",
    )
    server.ingest("xss", [{"message": text, "level": "ERROR"} for text in XSS], X_Host="<i>xss</i>")
    page.goto("/alerts")
    alert = alert_of(page, name)
    expect(alert).to_be_visible(timeout=PATIENCE_MS)
    expect(alert).to_contain_text("<i>xss</i>")
    alert.get_by_role("button", name="lines").click()
    expect(alert).to_contain_text(XSS[0])
    shot(page, "alerts-xss")
    assert page.locator("main img, main script, main i:not(.tick, .legend i), main iframe").count() == 0
    assert page.locator("a[href^='javascript:']").count() == 0
    alert.get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_role("list", name="Firings")).to_be_visible(timeout=PATIENCE_MS)
    page.goto("/alerts/history")
    expect(page.get_by_role("region", name="Events").get_by_text(name).first).to_be_visible()
    assert "pwned" not in page.title()
    server.ingest("xss2", [{"message": "a \u001b[31mred\u001b[0m \u202eexe"}], X_Host="a")
    make_rule(server, name="control", condition={"service": "xss2", "threshold": 0, "window_seconds": 60})
    server.ingest("xss2", [{"message": "a \u001b[31mred\u001b[0m \u202eexe"}] * 3, X_Host="a")
    page.goto("/alerts")
    expect(alert_of(page, "control")).to_contain_text("a \\x1b[31mred\\x1b[0m \\u202eexe", timeout=PATIENCE_MS)


def test_the_history_is_left_while_it_loads(page: Page) -> None:
    answers = re.compile(r"/api/v1/alerts(/history)?\?")
    page.route(answers, lambda _: None)
    with page.expect_request(lambda request: "before=" not in request.url and "/alerts/history?" in request.url):
        page.goto("/alerts/history")
    page.get_by_role("link", name="Live tail").click()
    expect(page.get_by_role("heading", name="Live tail")).to_be_attached()


_PATHS = ("/alerts", "/alerts/rules", "/alerts/rules/new", "/alerts/history", "/alerts/silences", "/alerts/deliveries")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everyone_can_read_it_also_on_a_phone(new_page: NewPage, server: Server, theme: Any, shot: _SHOT) -> None:
    rule = fires(server, f"shown {theme}", action={"type": "webhook", "url": f"http://127.0.0.1:{free_port()}/x"})
    ask(server, "POST", "/api/v1/alerts/silences", {"rule": "other*", "duration": "1h", "why": theme})
    page = new_page(base_url=url_of(server), color_scheme=theme)
    phone = new_page(base_url=url_of(server), color_scheme=theme, viewport=_PHONE, has_touch=True)
    page.goto("/alerts")
    expect(alert_of(page, f"shown {theme}")).to_be_visible(timeout=PATIENCE_MS)
    for path in (*_PATHS, f"/alerts/rules/{rule['rule_id']}"):
        for one, where in ((page, theme), (phone, f"{theme}-phone")):
            one.goto(path)
            expect(one.get_by_role("heading", level=1)).to_be_visible()
            expect(one.get_by_role("status").filter(has_text="Loading")).to_have_count(0)
            if rule["rule_id"] in path:
                expect(one.get_by_role("status").filter(has_text="Would have fired")).to_be_visible(timeout=PATIENCE_MS)
            shot(one, f"alerts-{path.rpartition('/')[2]}-{where}".replace(rule["rule_id"], "rule"))
            axe(one)
            width = one.evaluate("document.querySelector('main').scrollWidth - innerWidth")
            assert width <= 0, f"{path} is wider than the {where}"
    page.goto("/alerts")
    page.get_by_role("button", name="Silence").first.click()
    axe(page)


def test_the_server_may_go(new_page: NewPage, tmp_path: Path, watches: list[Watch]) -> None:
    with Server(tmp_path, roles="processor,api,alerter") as own:
        page = new_page(base_url=url_of(own))
        watches[-1].allow("ERR_CONNECTION_REFUSED|Failed to load resource|ERR_")
        page.goto("/alerts")
        expect(page.get_by_text("No rule watches anything yet")).to_be_visible()
        own.kill()
        page.get_by_role("link", name="Rules").click()
        expect(page.get_by_text("can’t be reached").first).to_be_visible(timeout=PATIENCE_MS)
