"""Alerts, their rules and silences of a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from logd.backends.catalog.alerts import CatalogAlerts
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.seams import Alert, Delivery, Event
from tests.support.access import Made
from tests.support.process import JSON, Answer, Server

RULES = "/api/v1/alerts/rules"
SILENCES = "/api/v1/alerts/silences"
ALERTS = "/api/v1/alerts"
#: As the system's design has it.
MINIMAL: dict[str, Any] = {
    "name": "Payment Errors Spike",
    "condition": {
        "service": "payment-service",
        "level": "ERROR",
        "threshold": 100,
        "window_seconds": 300,
        "aggregation": "count",
    },
    "action": {"type": "webhook", "url": "https://pagerduty.com/webhook/..."},
}


def ask(server: Server, method: str, path: str, body: object = None, made: Made | None = None) -> Answer:
    """A request with a JSON body, if there is one."""
    sent = None if body is None else json.dumps(body).encode()
    return server.request(method, path, sent, {**JSON, **(made.header if made else {})})


def make_rule(server: Server, made: Made | None = None, **rule: object) -> dict[str, Any]:
    """Creates it; as it is kept."""
    answer = ask(server, "POST", RULES, rule, made)
    assert answer.status == 201, answer
    assert answer.headers["location"] == f"{RULES}/{answer.json()['rule_id']}"
    found: dict[str, Any] = answer.json()
    return found


def record(server: Server, *alerts: Alert, events: Sequence[Event] = (), deliveries: Sequence[Delivery] = ()) -> None:
    """As an alerter beside the server would."""

    async def recorded() -> None:
        keeper = CatalogAlerts(await SqliteFile.open(server.data_dir / "catalog.db"))
        try:
            epoch = (await keeper.take(0, 1)).epoch
            await keeper.record(0, epoch, 1, alerts, (), events, deliveries)
        finally:
            await keeper.close()

    asyncio.run(recorded())
