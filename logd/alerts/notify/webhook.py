"""A webhook: a POST of JSON, signed where the action has a secret.

    {"version": 1, "key": "…-firing-0", "firing_key": "…", "status": "firing", "title": "…", "text": "…",
     "rule": {"id": "…", "name": "…", "description": "…", "severity": "error", "runbook": "…", "labels": {…}},
     "labels": {…}, "group": {"service": "payment"},
     "aggregation": "count", "value": 123.0, "compare": ">", "threshold": 100.0, "window_seconds": 300,
     "started_at": "2026-11-27T10:00:00.000Z", "ended_at": null, "link": "…", "lines": [{…}],
     "others": [{"status": "firing", "group": {…}, "value": 7.0, "started_at": "…"}], "others_text": "…", "more": 0}

A test has the status "test".
`others` are further groups of the rule, of which this tells too; there are `more` that it doesn't name.

`Idempotency-Key` is `key`: a receiver that has seen it may leave the rest. `Logd-Signature` is `t=UNIX,v1=HEX`, where
HEX is HMAC-SHA256 of `UNIX.BODY` by the secret; who checks it also checks that UNIX is no more than minutes ago.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec

from logd.alerts.notify import template
from logd.alerts.notify.notification import Notification, Other, measured, others_text, status_of, time_text, title
from logd.alerts.notify.request import Request, json_request
from logd.alerts.rules import Action

VERSION = 1


def document(told: Notification) -> dict[str, Any]:
    """What the body says, and the names of a template."""
    ended = None if told.ended_us is None else time_text(told.ended_us)
    return {
        "version": VERSION,
        "key": told.key,
        "firing_key": told.firing_key,
        "status": told.status,
        "title": title(told),
        "text": measured(told),
        "rule": {
            "id": told.rule_id,
            "name": told.rule,
            "description": told.description,
            "severity": told.severity,
            "runbook": told.runbook,
            "labels": dict(told.labels),
        },
        "labels": dict(told.labels),
        "group": dict(told.group),
        "aggregation": told.aggregation,
        "value": told.value,
        "compare": told.compare,
        "threshold": told.threshold,
        "window_seconds": told.window_seconds,
        "started_at": time_text(told.started_us),
        "ended_at": ended,
        "link": told.link,
        "lines": [dict(line) for line in told.lines],
        "others": [
            {
                "status": status_of(other.firing),
                "group": dict(other.group),
                "value": other.value,
                "started_at": time_text(other.started_us),
            }
            for other in told.others
        ],
        "others_text": "\n".join(others_text(told)),
        "more": told.more,
    }


def request(action: Action, told: Notification, now_seconds: int) -> Request:
    """Raises template.Malformed."""
    made = json_request(action.url, document(told))
    if action.body:
        made = made._replace(body=template.fill(action.body, document(told)).encode(errors="replace"))
    headers = {**made.headers, "Idempotency-Key": told.key}
    if action.secret:
        headers["Logd-Signature"] = signature(action.secret, now_seconds, made.body)
    return made._replace(headers=headers)


def signature(secret: str, now_seconds: int, body: bytes) -> str:
    """What the header says; a receiver makes it anew and compares."""
    signed = hmac.new(secret.encode(), b"%d." % now_seconds + body, hashlib.sha256).hexdigest()
    return f"t={now_seconds},v1={signed}"


def check_body(body: str) -> None:
    """That a template will do for every notification. Raises template.Malformed."""
    template.check(body, document(_FULL), document(_EMPTY))


#: Between quotes it is a text; on its own it is no JSON.
_ODD = 'a "\\\n\u2028'
_NAMES: Mapping[str, str] = {"x": _ODD}
_FULL = Notification(
    rule_id=_ODD,
    rule=_ODD,
    description=_ODD,
    severity=_ODD,
    labels=_NAMES,
    runbook=_ODD,
    group=_NAMES,
    firing=True,
    aggregation=_ODD,
    value=0.5,
    compare=">",
    threshold=-1e300,
    window_seconds=60,
    started_us=0,
    ended_us=0,
    made_us=0,
    lines=[_NAMES],
    link=_ODD,
    others=[Other(group=_NAMES, firing=True, value=0.5, started_us=0)],
    more=1,
)
_EMPTY = msgspec.structs.replace(
    _FULL,
    labels={},
    group={},
    value=float("nan"),
    threshold=None,
    ended_us=None,
    lines=[],
    link="",
    runbook="",
    others=[],
    more=0,
)
