"""The pages below /admin: what people see there is what the API says, and what they do there is done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.letters import PATH as LETTERS
from tests.support.letters import make_dead_letter
from tests.support.process import JSON, Server, until
from tests.web.axe import axe
from tests.web.conftest import NewPage, url_of
from tests.web.watching import Watch

Shot = Callable[[Page, str], None]
_SECTIONS = ("pipeline", "agents", "retention", "holds", "usage", "deadletters", "tokens")
_SETTINGS = {"index.flush_rows": 50, "index.flush_seconds": 0.2, "parse.join_seconds": 0.01}
_EVIL = "<img src=x onerror=\"document.title='pwned'\">"


@contextmanager
def _serving(folder: Path) -> Iterator[Server]:
    """With lines of a day that is long over and a dead letter."""
    with Server(folder, settings=_SETTINGS, roles="processor,api,archiver") as running:
        old = [{"timestamp": f"2026-02-01T12:00:{n:02}Z", "message": f"old line {n}"} for n in range(60)]
        running.ingest("shop", old)
        running.settle()
        make_dead_letter(running)
        yield running


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For tests that only look."""
    with _serving(tmp_path_factory.mktemp("admin")) as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Of the test's own."""
    with _serving(tmp_path / "admin") as running:
        yield running


@pytest.fixture
def admin(new_page: NewPage, server: Server) -> Page:
    return new_page(base_url=url_of(server))


def _json(server: Server, path: str) -> Any:
    answer = server.get(path)
    assert answer.status == 200, answer
    return answer.json()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("section", _SECTIONS)
def test_everyone_can_read_it(new_page: NewPage, unchanged: Server, shot: Shot, section: str, theme: str) -> None:
    page = new_page(base_url=url_of(unchanged), color_scheme=theme)
    page.goto(f"/admin/{section}")
    expect(page.get_by_role("link", name="Pipeline")).to_be_visible()
    expect(page.locator(".progress")).to_have_count(0)
    shot(page, f"admin-{section}-{theme}")
    axe(page)


@pytest.mark.parametrize("section", _SECTIONS)
def test_on_a_phone_nothing_sticks_out(new_page: NewPage, unchanged: Server, shot: Shot, section: str) -> None:
    page = new_page(base_url=url_of(unchanged), viewport={"width": 390, "height": 800})
    page.goto(f"/admin/{section}")
    expect(page.locator(".progress")).to_have_count(0)
    shot(page, f"admin-{section}-phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(
        "[...document.querySelectorAll('main, main .table-holder')].every((one) => one.scrollWidth <= one.clientWidth)"
    ), "a table or a card is wider than the phone"
    current = page.locator(".subnav a[aria-current]").bounding_box()
    assert current, "nothing says where one is"
    assert 0 <= current["x"] <= 390 - current["width"], "where one is is out of sight"


def test_the_pipeline_shows_every_stage(admin: Page, server: Server) -> None:
    admin.goto("/admin")
    path = admin.get_by_role("group", name="The path of the data")
    for name in _json(server, "/api/v1/status")["stages"]:
        expect(path.get_by_text(name, exact=True)).to_be_visible()
    expect(path.get_by_text("raw-logs", exact=True)).to_be_visible()
    assert admin.url.endswith("/admin/pipeline")
    assert path.evaluate("path => path.scrollWidth <= path.clientWidth"), "a stage is wider than its place"


def test_a_policy_is_previewed_before_it_deletes(admin: Page, server: Server, shot: Shot, watches: list[Watch]) -> None:
    watches[0].allow("400|409")  # while one types, ages are out of order
    admin.goto("/admin/retention")
    admin.get_by_role("button", name="New policy").click()
    form = admin.get_by_role("dialog")
    form.get_by_label("Services").fill("shop")
    form.get_by_label("Description").fill(_EVIL)
    form.get_by_label("Warm until, days").fill("3")
    form.get_by_label("Deleted after, days").fill("5")
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)
    row = admin.get_by_role("row", name=re.compile("^shop"))
    expect(row).to_contain_text("deleted after 5 days")
    (policy,) = [one for one in _json(server, "/api/v1/retention/policies")["policies"] if one["name"] == "shop"]
    assert (policy["hot_days"], policy["warm_days"], policy["cold_days"]) == (1, 3, 5)

    # What is there already is DEFAULT's, so a change of that one deletes.
    admin.get_by_role("button", name="Change DEFAULT").click()
    form.get_by_label("Deleted after, days").fill("40")
    expect(form.get_by_text("100 lines")).to_be_visible()  # the dead letter's source has sent 40
    expect(form.get_by_text("Deleted at once")).to_be_visible()
    save = form.get_by_role("button", name="Save and delete")
    expect(save).to_be_disabled()
    shot(admin, "admin-retention-preview")
    axe(admin)
    form.get_by_label("Yes, delete this for ever").check()
    save.click()
    expect(form).to_have_count(0)
    (policy,) = [one for one in _json(server, "/api/v1/retention/policies")["policies"] if one["name"] == "DEFAULT"]
    assert policy["cold_days"] == 40
    assert admin.title() != "pwned"

    admin.get_by_role("button", name="Delete shop").click()
    form.get_by_role("button", name="Delete").last.click()
    expect(row).to_have_count(0)


def test_somebody_else_has_changed_a_policy(admin: Page, server: Server, watches: list[Watch]) -> None:
    watches[0].allow("409")
    body = {"name": "shop", "service": "shop", "hot_days": 1, "warm_days": 2, "cold_days": 3}
    assert server.request("POST", "/api/v1/retention/policies", json.dumps(body).encode(), JSON).status == 201
    admin.goto("/admin/retention")
    admin.get_by_role("button", name="Change shop").click()
    form = admin.get_by_role("dialog")
    form.get_by_label("Description").fill("mine")
    expect(form.get_by_text("Nothing", exact=False)).to_be_visible()
    changed = {**body, "description": "theirs"}
    assert server.request("PUT", "/api/v1/retention/policies/shop", json.dumps(changed).encode(), JSON).status == 200
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("changed")


def test_a_dead_letter_is_shown_replayed_and_deleted(admin: Page, server: Server) -> None:
    admin.goto("/admin/deadletters")
    table = admin.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(2)
    table.locator(".preview").click()
    expect(admin.get_by_role("dialog")).to_contain_text("Dead letter 1")
    admin.get_by_role("button", name="Close").click()
    table.get_by_role("checkbox").check()
    admin.get_by_role("button", name="Replay 1").click()
    expect(admin.get_by_text(re.compile("into the queue again|stayed"))).to_be_visible()
    # It is broken still, and comes back.
    until(lambda: [one for one in _json(server, LETTERS)["deadletters"] if one["position"] > 1], "it is back")
    admin.reload()
    admin.get_by_role("button", name="Delete all").click()
    admin.get_by_role("dialog").get_by_role("button", name="Delete").last.click()
    expect(admin.get_by_text("No dead letters")).to_be_visible()
    assert _json(server, LETTERS)["deadletters"] == []


def test_the_first_token_signs_in_and_the_next_can_be_revoked(admin: Page, server: Server, shot: Shot) -> None:
    admin.goto("/admin/tokens")
    expect(admin.get_by_text("Nobody needs a token yet")).to_be_visible()
    _make_token(admin, "mine", ("send lines", "administer", "search"))
    expect(admin.get_by_role("dialog").locator(".secret")).to_have_text(re.compile(r"^logd_[0-9a-f]{12}_[0-9a-f]{64}$"))
    shot(admin, "admin-token-made")
    admin.get_by_role("button", name="Close").click()
    expect(admin.get_by_text("A request without a token is refused.")).to_be_visible()

    _make_token(admin, _EVIL, ("search",))
    admin.get_by_role("button", name="Close").click()
    row = admin.get_by_role("row").filter(has_text=_EVIL)
    row.get_by_role("button", name="Revoke").click()
    admin.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked")
    assert admin.title() != "pwned"


def _make_token(page: Page, name: str, scopes: tuple[str, ...]) -> None:
    page.get_by_role("button", name="New token").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Name").fill(name)
    for text in ("send lines", "search", "administer"):
        form.get_by_label(text).set_checked(text in scopes)
    form.get_by_role("button", name="Make it").click()
    expect(form.locator(".secret")).to_be_visible()


def test_a_token_is_asked_for_where_it_is_needed(new_page: NewPage, server: Server, watches: list[Watch]) -> None:
    made = {"name": "first", "scopes": ["admin", "search"]}
    answer = server.request("POST", "/api/v1/tokens", json.dumps(made).encode(), JSON)
    assert answer.status == 201, answer
    page = new_page(base_url=url_of(server))
    watches[0].allow("Failed to load resource")
    page.goto("/admin/agents")
    form = page.get_by_role("dialog", name="Who are you?")
    form.get_by_label("Token").fill("logd_wrong")
    form.get_by_role("button", name="Sign in").click()
    expect(form.get_by_role("alert")).to_contain_text("doesn’t know this token")
    form.get_by_label("Token").fill(answer.json()["token"])
    form.get_by_role("button", name="Sign in").click()
    expect(form).to_have_count(0)
    expect(page.get_by_text("No agent has told how it does")).to_be_visible()
    page.reload()
    expect(page.get_by_text("No agent has told how it does")).to_be_visible()


def test_a_hold_is_made_and_released(admin: Page, server: Server) -> None:
    admin.goto("/admin/holds")
    admin.get_by_role("button", name="New hold").click()
    form = admin.get_by_role("dialog")
    form.get_by_label("Name").fill("case 7")
    form.get_by_label("Services").fill("shop")
    form.get_by_role("button", name="Hold it").click()
    expect(admin.get_by_role("row", name=re.compile("^case 7"))).to_be_visible()
    (hold,) = _json(server, "/api/v1/retention/holds")["holds"]
    assert (hold["services"], hold["released"]) == (["shop"], None)
    admin.get_by_role("button", name="Release").click()
    admin.get_by_role("dialog").get_by_role("button", name="Release").click()
    expect(admin.get_by_role("row", name=re.compile("released"))).to_be_visible()


def test_an_agent_is_listed(admin: Page, server: Server) -> None:
    report = {"id": "0123456789abcdef", "host": _EVIL, "version": "1.0", "started": "2026-11-28T05:00:00Z"}
    status = {"files": 3, "behind_bytes": 70_000}
    body = json.dumps({**report, "status": status}).encode()
    assert server.request("POST", "/api/v1/agents", body, JSON).status in (200, 202)
    admin.goto("/admin/agents")
    row = admin.get_by_role("row", name=re.compile("1.0"))
    expect(row).to_contain_text("70 kB")
    expect(row).to_contain_text(_EVIL)
    assert admin.title() != "pwned"


def test_usage_adds_up(admin: Page, server: Server) -> None:
    until(lambda: _json(server, "/api/v1/retention/usage")["rows"] >= 60, "lines are in segments")
    admin.goto("/admin/usage")
    rows = _json(server, "/api/v1/retention/usage")["rows"]
    expect(admin.locator(".totals")).to_contain_text(f"{rows:,}")
    expect(admin.get_by_role("row", name=re.compile("^shop"))).to_be_visible()
    expect(admin.get_by_role("list", name="Tiers").get_by_role("listitem")).to_have_text(["hot", "warm", "cold"])
