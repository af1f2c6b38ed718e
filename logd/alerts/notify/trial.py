"""A test notification of a rule: what its targets would be told, marked as a test, and tried once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec

from logd.alerts.notify.attempts import Attempt, Result
from logd.alerts.notify.named import target_name
from logd.alerts.notify.notification import Notification
from logd.alerts.notify.notifier import Notifier
from logd.alerts.rules import Action, Rule

_SAID = "This is a test notification: nothing fires."
_LINE = "an example of a line that such a rule tells of"
_GROUP = "test"


class Tried(msgspec.Struct, frozen=True):
    """What came of it at one target, which is named without secrets."""

    target: str
    type: str
    result: Result
    status: int | None
    seconds: float
    error: str


def of_rule(rule_id: str, rule: Rule, now_us: int, link: str, time_text: str) -> Notification:
    """As when a group of the rule fires just now, by its threshold."""
    condition = rule.condition
    return Notification(
        rule_id=rule_id,
        rule=rule.name,
        description=f"{_SAID} {rule.description}".strip(),
        severity=rule.severity,
        labels=rule.labels,
        runbook=rule.runbook,
        group=dict.fromkeys(rule.group_names, _GROUP),
        firing=True,
        test=True,
        aggregation=condition.aggregation,
        value=condition.threshold or 0.0,
        compare=condition.compare,
        threshold=condition.threshold,
        window_seconds=condition.window_seconds,
        started_us=now_us,
        made_us=now_us,
        lines=[{"timestamp": time_text, "level": "ERROR", "message": f"{_SAID[:-1]}, {_LINE}"}],
        link=link,
    )


async def tell(notifier: Notifier, actions: Sequence[Action], told: Notification, within_seconds: float) -> list[Tried]:
    """All of them at once, each within the time. PagerDuty's incident is resolved again."""
    async with asyncio.TaskGroup() as tasks:
        trials = [
            tasks.create_task(_tell(notifier, action, told, within_seconds), name="api.test_notification")
            for action in actions
        ]
    return [trial.result() for trial in trials]


async def _tell(notifier: Notifier, action: Action, told: Notification, within_seconds: float) -> Tried:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(within_seconds):
            attempt = await notifier.once(action, told, within_seconds)
            if action.type == "pagerduty" and attempt.result is Result.DELIVERED:
                ended = msgspec.structs.replace(told, firing=False, ended_us=told.made_us)
                attempt = _resolved(await notifier.once(action, ended, within_seconds))
    except TimeoutError:
        attempt = Attempt(at_us=told.made_us, seconds=0, result=Result.FAILED, error=f"not within {within_seconds:g} s")
    seconds = time.perf_counter() - began
    return Tried(target_name(action), action.type, attempt.result, attempt.status, seconds, attempt.error)


def _resolved(attempt: Attempt) -> Attempt:
    if attempt.result is Result.DELIVERED:
        return attempt
    return msgspec.structs.replace(
        attempt, error=f"the incident was triggered, but couldn't be resolved: {attempt.error}"
    )
