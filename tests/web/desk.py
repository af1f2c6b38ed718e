"""What the tests of dashboards stand on: lines whose figures are known, of an hour that is long over."""

from __future__ import annotations

from typing import Any

import orjson
from playwright.sync_api import Locator, Page, expect

from tests.support.process import JSON, PATIENCE_SECONDS, Server

# Others are at work beside.
expect.set_options(timeout=PATIENCE_SECONDS * 1_000 / 4)
#: The hour, in a page's parameters and in the API's.
HOUR = {"from": "2026-02-01T12:00:00Z", "to": "2026-02-01T13:00:00Z"}
IN_HOUR = "from=2026-02-01T12%3A00%3A00Z&to=2026-02-01T13%3A00%3A00Z"
API = "/api/v1/dashboards"
EVIL = "<img src=x onerror=\"document.title='pwned'\">"
#: How many of which level, by service. The shares are 25 %, 0 and 100 %.
COUNTS = {"shop": {"INFO": 30, "ERROR": 9, "FATAL": 1}, "pay": {"INFO": 20}, EVIL: {"ERROR": 2}}


def send_hour(server: Server) -> None:
    """Returns once all are searchable."""
    for service, levels in COUNTS.items():
        records = [
            {
                "timestamp": f"2026-02-01T12:{number:02}:{at:02}Z",
                "level": level,
                "message": f"{level.lower()} happened" if service != EVIL else EVIL,
                "latency_ms": 10 * (number + 1),
            }
            for at, (level, count) in enumerate(levels.items())
            for number in range(count)
        ]
        server.ingest("shop", [{"service": service, **record} for record in records])
    server.settle()


def panel(title: str, **fields: Any) -> dict[str, Any]:
    """A panel of a document: a number, unless told."""
    return {"id": title, "title": title, "type": "number", "x": 0, "y": 0, "w": 4, "h": 3, **fields}


def keep(server: Server, name: str, *panels: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Makes a dashboard of that hour, by the API."""
    body = {"name": name, "refresh_seconds": 0, "time": HOUR, "panels": list(panels), **fields}
    answer = server.request("POST", API, orjson.dumps(body), JSON)
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.json()
    return made


def kept(server: Server) -> list[dict[str, Any]]:
    """All of them."""
    found: list[dict[str, Any]] = server.get(API).json()["dashboards"]
    return found


def drop_all(server: Server) -> None:
    """Deletes all of them."""
    for one in kept(server):
        assert server.request("DELETE", f"{API}/{one['id']}").status == 200


def frame(page: Page, title: str) -> Locator:
    """A panel, by its title, once it has an answer."""
    found = page.get_by_role("article", name=title, exact=True)
    expect(found).to_have_attribute("aria-busy", "false")
    return found


def rows(table: Locator) -> list[list[str]]:
    """The cells' texts."""
    found = table.locator("tbody tr")
    return [found.nth(at).locator("td").all_inner_texts() for at in range(found.count())]


def menu(page: Page, title: str, item: str) -> None:
    """Chooses from a panel's menu."""
    page.get_by_role("button", name=f"Menu of {title}", exact=True).click()
    page.get_by_role("button", name=item, exact=True).click()
