"""Alert rules and silences of a real server."""

from __future__ import annotations

import json
from typing import Any

from tests.support.access import Made
from tests.support.process import JSON, Answer, Server

RULES = "/api/v1/alerts/rules"
SILENCES = "/api/v1/alerts/silences"
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
