"""A server that alerts by itself, for the tests of its pages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page

from tests.support.alerts import make_rule
from tests.support.process import Server

PATIENCE_MS = 60_000
#: What Chromium says of it, beside what the page does.
REFUSED = r"the server responded with a status of 4\d\d"
#: Of a rule that never fires.
NEVER = {"aggregation": "count", "service": "nothing", "threshold": 100}
_FILE = """
[[rule]]
name = "gateway: slow"
group_by = ["host"]
severity = "warning"
condition = { service = "gateway", aggregation = "p95", field = "latency_ms", threshold = 1000 }
"""


@contextmanager
def alerting(folder: Path) -> Iterator[Server]:
    """With a rule of a file, a broken file, and three bursts of failed payments in the last 6 hours, of two hosts."""
    rules = folder / "rules"
    rules.mkdir()
    (rules / "gateway.toml").write_text(_FILE)
    (rules / "broken.toml").write_text('[[rule]]\nname = "broken"\ncondition = { aggregation = "many" }\n')
    settings = {"alerts.notify.allow": '["127.0.0.1"]', "alerts.rules": rules, "alerts.late_seconds": 2}
    with Server(folder, roles="processor,api,alerter", settings=settings) as running:
        running.may_log_errors = True  # of the broken file
        now = int(time.time())
        for host in ("web-1", "web-2"):
            records: list[dict[str, Any]] = []
            for at in range(now - 6 * 3_600, now - 600, 30):
                records.append({"timestamp": at, "level": "INFO", "message": "order paid", "latency_ms": at % 300})
                if at % 7_200 < 900:
                    records += [_failed(at + 1 + number) for number in range(3)]
            running.ingest("payment", records, X_Host=host)
        running.settle()
        yield running


def _failed(at: float) -> dict[str, Any]:
    return {"timestamp": at, "level": "ERROR", "message": "Payment failed: timeout", "latency_ms": 5_000}


def fires(server: Server, service: str, **rule: object) -> dict[str, Any]:
    """Makes a rule that fires by lines of its own service, of the host web-1; its name is the service's unless told."""
    condition = {"service": service, "level": "ERROR", "threshold": 3, "window_seconds": 60}
    made = make_rule(server, None, **{"name": service, "condition": condition, "group_by": ["host"], **rule})
    server.ingest(service, [{"level": "ERROR", "message": "Payment failed: timeout"}] * 5, X_Host="web-1")
    return made


def alert_of(page: Page, rule: str) -> Locator:
    """The first one of a rule in the list."""
    return page.get_by_role("list", name="Alerts").get_by_role("listitem").filter(has_text=rule).first
