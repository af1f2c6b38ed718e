"""Dashboards that people make: panels, their layout, saving, and what happens when two save the same one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from playwright.sync_api import Page, expect

from tests.support.process import JSON, Server
from tests.web.axe import axe
from tests.web.conftest import NewPage, url_of
from tests.web.desk import API, IN_HOUR, drop_all, frame, keep, kept, menu, panel, rows, send_hour
from tests.web.watching import Watch

Shot = Callable[[Page, str], None]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With the lines of desk.py."""
    with Server(tmp_path_factory.mktemp("desk"), roles="processor,api,alerter,archiver") as running:
        send_hour(running)
        yield running


@pytest.fixture
def desktop(new_page: NewPage, desk: Server) -> Page:
    """A page of that server, which has no dashboards yet."""
    drop_all(desk)
    return new_page(base_url=url_of(desk))


def _places(desk: Server, name: str) -> dict[str, tuple[int, int, int, int]]:
    """Where its panels stand, as they are kept: x, y, w, h."""
    one = next(one for one in kept(desk) if one["name"] == name)
    return {found["title"]: (found["x"], found["y"], found["w"], found["h"]) for found in one["panels"]}


def _save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("is saved.").last).to_be_visible()
    expect(page.get_by_text("not saved")).to_have_count(0)


def test_one_makes_a_dashboard(desktop: Page, desk: Server, shot: Shot) -> None:
    page = desktop
    page.goto("/dashboards/all")
    page.get_by_role("button", name="New dashboard").click()
    page.get_by_label("Name").fill("Shop")
    page.get_by_label("From").fill("2026-02-01T12:00:00Z")
    page.get_by_label("To", exact=True).fill("2026-02-01T13:00:00Z")
    page.get_by_role("button", name="Create").click()
    page.get_by_role("button", name="Add a panel").last.click()
    dialog = page.get_by_role("dialog", name="New panel")
    dialog.get_by_label("Title").fill("Slow ones")
    dialog.get_by_label("Shown as").select_option("table")
    dialog.get_by_label("Services").fill("shop, pay")
    dialog.get_by_label("Value").select_option("max")
    dialog.get_by_label("Of the field").fill("latency_ms")
    dialog.get_by_label("By", exact=True).fill("service")
    dialog.get_by_label("and by").fill("level")
    dialog.get_by_label("Unit").select_option("ms")
    dialog.get_by_role("button", name="A limit with a colour").click()
    dialog.get_by_label("From", exact=True).fill("250")
    preview = dialog.get_by_role("region", name="Preview")
    figures = [["shop", "INFO", "30", "300 ms"], ["pay", "INFO", "20", "200 ms"]]
    expect(preview.locator("tbody tr")).to_have_count(4)
    expect(preview.locator(".value.warning")).to_have_text("300 ms")
    assert rows(preview)[:2] == figures
    shot(page, "dashboard-editor")
    axe(page)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("not saved")).to_be_visible()
    _save(page)
    page.reload()
    assert rows(frame(page, "Slow ones"))[:2] == figures
    (one,) = kept(desk)
    assert one["panels"][0]["aggregate"] == "max(latency_ms)"
    assert one["panels"][0]["thresholds"] == [{"value": 250.0, "colour": "warning"}]


def test_a_query_that_is_wrong_is_said_in_the_preview(desktop: Page, watches: list[Watch]) -> None:
    watches[0].allow("400 ")
    desktop.goto(f"/dashboards/shipped?edit=1&{IN_HOUR}")
    desktop.get_by_role("button", name="Add a panel").click()
    dialog = desktop.get_by_role("dialog", name="New panel")
    dialog.get_by_label("Value").select_option("share")
    dialog.get_by_label("That match").fill("level:(")
    expect(dialog.get_by_role("region", name="Preview").get_by_role("alert")).to_be_visible()
    dialog.get_by_label("That match").fill("level:FATAL")
    expect(dialog.get_by_role("region", name="Preview").get_by_role("alert")).to_have_count(0)


def test_panels_of_a_saved_search(desktop: Page, desk: Server) -> None:
    body = orjson.dumps({"name": "bad ones", "search": {"q": "level:ERROR", "service": ["shop"]}})
    assert desk.request("POST", "/api/v1/searches", body, JSON).status == 201
    one = keep(desk, "saved", panel("bad"))
    desktop.goto(f"/dashboards/{one['id']}?edit=1")
    menu(desktop, "bad", "Edit")
    dialog = desktop.get_by_role("dialog", name="Edit bad")
    dialog.get_by_label("Saved search").first.check()
    expect(dialog.get_by_role("region", name="Preview").locator(".figure")).to_have_text("9")
    dialog.get_by_role("button", name="Apply").click()
    _save(desktop)
    assert kept(desk)[0]["panels"][0]["saved"] == "bad ones"
    frame(desktop, "bad")
    menu(desktop, "bad", "Open in Explore")
    desktop.wait_for_url("**/explore?q=level%3AERROR&service=shop&from=**")


def test_panels_are_moved_and_resized_by_the_keyboard(desktop: Page, desk: Server) -> None:
    one = keep(desk, "keys", panel("a"), panel("b", x=4))
    desktop.goto(f"/dashboards/{one['id']}?edit=1")
    handle = desktop.get_by_role("button", name="Move a", exact=True)
    handle.focus()
    for key in ("Shift+ArrowRight", "Shift+ArrowDown"):
        handle.press(key)
    expect(desktop.get_by_text("a: 5 columns wide, 4 rows high")).to_be_attached()
    expect(handle).to_be_focused()
    handle.press("ArrowDown")
    expect(desktop.get_by_text("a: column 1, row 4")).to_be_attached()
    _save(desktop)
    assert _places(desk, "keys") == {"a": (0, 3, 5, 4), "b": (4, 0, 4, 3)}
    desktop.reload()
    upper, lower = (frame(desktop, title).bounding_box() for title in ("b", "a"))
    assert upper is not None
    assert lower is not None
    assert lower["y"] > upper["y"] + upper["height"]


def test_panels_are_moved_and_resized_by_the_pointer(desktop: Page, desk: Server, shot: Shot) -> None:
    one = keep(desk, "pointer", panel("a", w=6), panel("b", x=6, w=6), panel("c", y=3, w=6))
    desktop.goto(f"/dashboards/{one['id']}?edit=1")
    target = frame(desktop, "b").bounding_box()
    grip = desktop.get_by_role("button", name="Move a", exact=True).bounding_box()
    assert target is not None
    assert grip is not None
    desktop.mouse.move(grip["x"] + 10, grip["y"] + 10)
    desktop.mouse.down()
    desktop.mouse.move(target["x"] + 10, target["y"] + 10, steps=4)
    shot(desktop, "dashboard-moving")
    desktop.mouse.up()
    expect(desktop.get_by_text("not saved")).to_be_visible()
    corner = frame(desktop, "c").locator(".panel-corner").bounding_box()
    assert corner is not None
    desktop.mouse.move(corner["x"] + 9, corner["y"] + 9)
    desktop.mouse.down()
    desktop.mouse.move(corner["x"] + 9, corner["y"] + 9 + 140, steps=4)
    desktop.mouse.up()
    _save(desktop)
    assert _places(desk, "pointer") == {"a": (6, 0, 6, 3), "b": (6, 3, 6, 3), "c": (0, 0, 6, 5)}


def test_panels_are_duplicated_and_removed_and_changes_dropped(desktop: Page, desk: Server) -> None:
    one = keep(desk, "menu", panel("a"))
    desktop.goto(f"/dashboards/{one['id']}")
    frame(desktop, "a")
    menu(desktop, "a", "Duplicate")
    expect(frame(desktop, "a (copy)").locator(".figure")).to_have_text("62")
    menu(desktop, "a", "Remove")
    expect(desktop.get_by_role("article")).to_have_count(1)
    # Another page, and back: it is still there.
    desktop.get_by_role("link", name="Explore").click()
    desktop.go_back()
    expect(desktop.get_by_role("article", name="a (copy)")).to_be_visible()
    desktop.get_by_role("button", name="Drop changes").click()
    expect(desktop.get_by_role("article", name="a", exact=True)).to_be_visible()
    assert _places(desk, "menu") == {"a": (0, 0, 4, 3)}


def test_the_home_page_is_replaced_and_comes_back(desktop: Page, desk: Server) -> None:
    desktop.goto("/dashboards?edit=1")
    frame(desktop, "Lines")
    menu(desktop, "Lines", "Remove")
    desktop.get_by_role("button", name="Save as home").click()
    expect(desktop.get_by_text("Saved as everyone’s home page.")).to_be_visible()
    desktop.goto("/dashboards")
    expect(desktop.get_by_role("heading", name="home", level=1)).to_be_visible()
    expect(desktop.get_by_role("article", name="Error rate", exact=True)).to_be_visible()
    expect(desktop.get_by_role("article", name="Lines", exact=True)).to_have_count(0)
    assert [one["name"] for one in kept(desk)] == ["home"]
    desktop.get_by_role("button", name="More about this dashboard").click()
    desktop.get_by_role("button", name="Delete: the shipped one comes back").click()
    desktop.get_by_role("button", name="Delete", exact=True).click()
    expect(desktop.get_by_role("article", name="Lines", exact=True)).to_be_visible()
    assert kept(desk) == []


def test_home_is_duplicated_renamed_and_chosen(desktop: Page, desk: Server) -> None:
    desktop.goto("/dashboards")
    desktop.get_by_role("button", name="More about this dashboard").click()
    desktop.get_by_role("button", name="Duplicate, to change it").click()
    desktop.wait_for_url("**/dashboards/*")
    desktop.get_by_role("button", name="More about this dashboard").click()
    desktop.get_by_role("button", name="Rename, describe").click()
    desktop.get_by_label("Name").fill("Mine")
    desktop.get_by_role("button", name="Apply").click()
    _save(desktop)
    assert [one["name"] for one in kept(desk)] == ["Mine"]
    for choice in ("This browser’s home", "Make it a favourite"):
        desktop.get_by_role("button", name="More about this dashboard").click()
        desktop.get_by_role("button", name=choice).click()
    desktop.goto("/dashboards")
    expect(desktop.get_by_role("heading", name="Mine", level=1)).to_be_visible()
    desktop.goto("/dashboards/all")
    expect(desktop.get_by_text("your home")).to_be_visible()
    expect(desktop.get_by_role("button", name="Mine is a favourite")).to_have_attribute("aria-pressed", "true")
    desktop.get_by_role("button", name="Delete Mine").click()
    desktop.get_by_role("button", name="Delete", exact=True).click()
    expect(desktop.get_by_text("Nobody has made one yet")).to_be_visible()
    assert kept(desk) == []


def test_an_export_is_imported(desktop: Page, desk: Server, tmp_path: Path, shot: Shot) -> None:
    one = keep(desk, "kept", panel("a", share="level:FATAL", unit="percent"), description="what it is")
    desktop.goto(f"/dashboards/{one['id']}")
    with desktop.expect_download() as download:
        desktop.get_by_role("button", name="More about this dashboard").click()
        desktop.get_by_role("button", name="Export as JSON").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    drop_all(desk)
    desktop.goto("/dashboards/all")
    desktop.get_by_role("button", name="Import").click()
    dialog = desktop.get_by_role("dialog", name="Import a dashboard")
    dialog.get_by_label("File").set_input_files(file)
    dialog.get_by_role("button", name="Import").click()
    expect(desktop.get_by_text("“kept” is imported.")).to_be_visible()
    expect(frame(desktop, "a").locator(".figure")).to_have_text("1.6 %")
    (again,) = kept(desk)
    changing = ("id", "created", "updated", "created_by", "updated_by", "version")
    assert [{k: v for k, v in found.items() if k not in changing} for found in (again,)] == [
        {k: v for k, v in one.items() if k not in changing}
    ]
    shot(desktop, "dashboard-imported")


def test_what_is_wrong_with_an_import_is_said_at_its_place(desktop: Page, desk: Server, watches: list[Watch]) -> None:
    watches[0].allow("400 ")
    desktop.goto("/dashboards/all")
    desktop.get_by_role("button", name="Import").click()
    dialog = desktop.get_by_role("dialog", name="Import a dashboard")
    text = dialog.get_by_label("Or paste it")
    for body, where in (
        ({"name": "x", "panels": [panel("a", type="pie")]}, "panels[0].type"),
        ({"name": "x", "panels": [panel("a"), panel("b", search={"q": "a AND ("})]}, "panels[1].search.q"),
        ({"name": "x", "panels": [panel("a", share="level:(")]}, "panels[0].share"),
    ):
        text.fill(json.dumps(body))
        dialog.get_by_role("button", name="Import").click()
        expect(dialog.get_by_role("alert")).to_contain_text(where)
        expect(dialog.get_by_role("alert")).to_contain_text("of the panel")
    text.fill("{")
    dialog.get_by_role("button", name="Import").click()
    expect(dialog.get_by_role("alert")).to_contain_text("this is no JSON")
    assert kept(desk) == []


def test_two_browsers_save_the_same_one(desktop: Page, new_page: NewPage, desk: Server, watches: list[Watch]) -> None:
    one = keep(desk, "ours", panel("a"))
    second = new_page(base_url=url_of(desk))
    for page in (desktop, second):
        page.goto(f"/dashboards/{one['id']}")
        frame(page, "a")
        menu(page, "a", "Duplicate")
        page.get_by_role("button", name="Save", exact=True).scroll_into_view_if_needed()
    _save(desktop)
    watches[1].allow("409 ")
    for choice in ("Go on editing", "Save mine as a copy"):
        second.get_by_role("button", name="Save", exact=True).click()
        dialog = second.get_by_role("dialog", name="Somebody has changed it meanwhile")
        axe(second)
        dialog.get_by_role("button", name=choice).click()
    expect(second.get_by_role("heading", name="ours (copy)", level=1)).to_be_visible()
    assert {found["name"]: found["version"] for found in kept(desk)} == {"ours": 2, "ours (copy)": 1}
    second.goto(f"/dashboards/{one['id']}")
    menu(desktop, "a", "Remove")
    _save(desktop)
    menu(second, "a", "Duplicate")
    second.get_by_role("button", name="Save", exact=True).click()
    second.get_by_role("button", name="Take theirs, drop mine").click()
    expect(second.get_by_role("article")).to_have_count(1)
    assert desk.request("DELETE", f"{API}/{one['id']}").status == 200
    watches[1].allow("404 ")
    menu(second, "a (copy)", "Duplicate")
    second.get_by_role("button", name="Save", exact=True).click()
    expect(second.get_by_role("dialog", name="Somebody has deleted it meanwhile")).to_be_visible()


def test_what_was_saved_while_one_looked_elsewhere_is_told(desktop: Page, desk: Server, watches: list[Watch]) -> None:
    one = keep(desk, "mine", panel("a"))
    desktop.goto(f"/dashboards/{one['id']}")
    frame(desktop, "a")
    menu(desktop, "a", "Duplicate")
    desktop.get_by_role("link", name="Live tail").click()
    expect(desktop.get_by_role("link", name="Dashboards: something isn’t saved yet")).to_be_visible()
    theirs = {name: one[name] for name in ("refresh_seconds", "time", "panels", "version")}
    body = orjson.dumps({**theirs, "name": "mine", "description": "theirs"})
    assert desk.request("PUT", f"{API}/{one['id']}", body, JSON).status == 200
    desktop.go_back()
    expect(desktop.get_by_role("article")).to_have_count(2)
    watches[0].allow("409 ")
    desktop.get_by_role("button", name="Save", exact=True).click()
    expect(desktop.get_by_role("dialog", name="Somebody has changed it meanwhile")).to_be_visible()
    assert [found["description"] for found in kept(desk) if found["id"] == one["id"]] == ["theirs"]


def test_a_name_that_is_taken(desktop: Page, desk: Server, watches: list[Watch]) -> None:
    watches[0].allow("409 ")
    keep(desk, "taken")
    desktop.goto("/dashboards/all")
    desktop.get_by_role("button", name="New dashboard").click()
    desktop.get_by_label("Name").fill("taken")
    desktop.get_by_role("button", name="Create").click()
    expect(desktop.get_by_role("alert")).to_contain_text("taken")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everyone_can_edit(new_page: NewPage, desk: Server, shot: Shot, theme: str) -> None:
    drop_all(desk)
    keep(desk, "One of many", panel("a"), description="What it is for.")
    page = new_page(base_url=url_of(desk), color_scheme=theme)
    page.goto("/dashboards/all")
    expect(page.get_by_role("link", name="One of many")).to_be_visible()
    shot(page, f"dashboard-list-{theme}")
    axe(page)
    page.goto(f"/dashboards/shipped?edit=1&{IN_HOUR}")
    frame(page, "Volume by level")
    shot(page, f"dashboard-edit-{theme}")
    axe(page)
    page.get_by_role("button", name="Menu of Lines").click()
    axe(page)


def test_on_a_phone_one_edits_too(new_page: NewPage, desk: Server, shot: Shot) -> None:
    page = new_page(base_url=url_of(desk), viewport={"width": 390, "height": 800})
    page.goto(f"/dashboards/shipped?edit=1&{IN_HOUR}")
    frame(page, "Lines")
    shot(page, "dashboard-edit-phone")
    menu(page, "Lines", "Edit")
    expect(page.get_by_role("dialog").get_by_role("region", name="Preview").locator(".figure")).to_have_text("62")
    shot(page, "dashboard-editor-phone")
    axe(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
