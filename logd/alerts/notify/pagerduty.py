"""PagerDuty's Events API v2: a firing triggers an incident, its end resolves it."""

from __future__ import annotations

from typing import Any

from logd.alerts.notify.notification import Notification, cut, is_link, line_text, measured, time_text, title
from logd.alerts.notify.request import Request, json_request
from logd.alerts.rules import Action

URL = "https://events.pagerduty.com/v2/enqueue"
#: PagerDuty's own limit of a summary.
_SUMMARY = 1_024
#: PagerDuty knows these four; what else a rule may say in some later version counts as an error.
_SEVERITIES = ("critical", "error", "warning", "info")


def request(action: Action, told: Notification) -> Request:
    """Attempts have the same `dedup_key`, which makes them one incident."""
    event: dict[str, Any] = {
        "routing_key": action.routing_key,
        "event_action": "trigger" if told.firing else "resolve",
        "dedup_key": told.firing_key,
    }
    if told.firing:
        event |= {"client": "logd", "payload": _payload(told), "links": _links(told)}
        if is_link(told.link):
            event["client_url"] = told.link
    return json_request(action.url or URL, event)


def _payload(told: Notification) -> dict[str, Any]:
    group = {name: value for name, value in told.group.items() if value}
    return {
        "summary": cut(f"{title(told)}: {measured(told)}", _SUMMARY),
        "source": next(iter(group.values()), "logd"),
        "severity": told.severity if told.severity in _SEVERITIES else "error",
        "timestamp": time_text(told.started_us),
        "component": group.get("service", told.rule),
        "class": told.aggregation,
        "custom_details": {
            "rule_id": told.rule_id,
            "rule": told.rule,
            "description": told.description,
            "value": told.value,
            "compare": told.compare,
            "threshold": told.threshold,
            "window_seconds": told.window_seconds,
            "group": dict(told.group),
            "labels": dict(told.labels),
            "runbook": told.runbook,
            "lines": [line_text(line) for line in told.lines],
        },
    }


def _links(told: Notification) -> list[dict[str, str]]:
    links = ((told.link, "Open the search"), (told.runbook, "Runbook"))
    return [{"href": link, "text": text} for link, text in links if is_link(link)]
