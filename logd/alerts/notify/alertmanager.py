"""Alertmanager's API v2, which groups, silences and routes on its own."""

from __future__ import annotations

import re

from logd.alerts.notify.notification import Notification, is_link, line_text, measured, time_text, title
from logd.alerts.notify.request import Request, json_request
from logd.alerts.rules import Action

PATH = "/api/v2/alerts"
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")
#: An alert without an end is over after five minutes for Alertmanager. This is how long a rule may keep silent about
#: one that goes on, see Rule.cooldown_seconds; its real end comes before.
_HOLDS_US = 7 * 86_400 * 1_000_000
#: A test is over by itself.
_TEST_US = 60 * 1_000_000


def request(action: Action, told: Notification) -> Request:
    """Alerts with the same labels are one alert: all notifications of a group of a rule have the same."""
    url = action.url.rstrip("/")
    holds_us = _TEST_US if told.test else _HOLDS_US
    ends_us = told.made_us + holds_us if told.firing else told.ended_us or told.made_us
    annotations = {
        "summary": title(told),
        "description": told.description,
        "value": measured(told),
        "runbook_url": told.runbook,
        "lines": "\n".join(line_text(line) for line in told.lines),
    }
    alert = {
        "labels": _labels(told),
        "annotations": {name: text for name, text in annotations.items() if text},
        "startsAt": time_text(told.started_us),
        # It refuses alerts that end before they start, as records' own times may have it.
        "endsAt": time_text(max(ends_us, told.started_us)),
    }
    if is_link(told.link):
        alert["generatorURL"] = told.link
    return json_request(url if url.endswith(PATH) else url + PATH, [alert])


def _labels(told: Notification) -> dict[str, str]:
    """A field of the group that is called like one of the rule's own is `group_…`. An empty value is none."""
    found = {_name(name): value for name, value in told.labels.items()}
    found |= {"alertname": told.rule, "rule_id": told.rule_id, "severity": told.severity}
    if told.test:  # which mustn't end what fires
        found["logd_test"] = "true"
    for field, value in told.group.items():
        name = _name(field)
        found[f"group_{name}" if name in found else name] = value or ""
    return {name: value for name, value in found.items() if value}


def _name(text: str) -> str:
    """As every version of Alertmanager takes it: `metadata.user` is `metadata_user`."""
    name = _NOT_IN_NAMES.sub("_", text)
    return f"_{name}" if not name or name[0].isdigit() else name
