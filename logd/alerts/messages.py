"""What people are told of the groups of a rule, as deliveries to its targets: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from logd.alerts.linking import made_link
from logd.alerts.notify.named import by_group, target_id, target_name
from logd.alerts.notify.notification import Notification, Other, samples
from logd.alerts.notify.request import finite
from logd.alerts.rules import Action, Rule
from logd.config.alerting import Alerts as Settings
from logd.seams import Alert, AlertGroup, Delivery

#: A message that names more isn't read, and Slack's sections end at 3,000 characters.
MOST_OTHERS = 20


class Due(NamedTuple):
    """That a group fires, or that it ended."""

    alert: Alert
    fires: bool


class Messages:
    """Of all rules."""

    def __init__(self, settings: Settings) -> None:
        self._public_url = settings.public_url

    def made(self, rule: Rule, due: Sequence[Due], now_us: int) -> list[Delivery]:
        """One for each target, or one for each target and group where the target puts them together itself. Ends are
        for those who were told of the firing."""
        ordered = sorted(due, key=_order)
        found: list[Delivery] = []
        times: Counter[str] = Counter()
        for action in rule.targets:
            target = target_id(action)
            times[target] += 1
            place = target if times[target] == 1 else f"{target}-{times[target]}"
            its = [one for one in ordered if one.fires or not one.alert.told_to or target in one.alert.told_to]
            parts = [[one] for one in its] if by_group(action) else [its] if its else []
            found += [self._delivery(rule, action, place, part, now_us) for part in parts]
        return found

    def _delivery(self, rule: Rule, action: Action, place: str, due: Sequence[Due], now_us: int) -> Delivery:
        told = self._notification(rule, due, now_us)
        return Delivery(
            id=f"{told.key}-{place}",
            rule_id=told.rule_id,
            rule=rule.name,
            group=due[0].alert.group,
            target=target_name(action),
            action=msgspec.to_builtins(action),
            notification=finite(msgspec.to_builtins(told)),
            made_us=now_us,
        )

    def _notification(self, rule: Rule, due: Sequence[Due], now_us: int) -> Notification:
        """Of the first, with the others beside it."""
        alert, fires = due[0]
        condition = rule.condition
        others = list(_others(rule, due[1 : 1 + MOST_OTHERS]))
        return Notification(
            rule_id=alert.rule_id,
            rule=rule.name,
            description=rule.description,
            severity=rule.severity,
            labels=rule.labels,
            runbook=rule.runbook,
            group=_named(rule, alert.group),
            firing=fires,
            aggregation=condition.aggregation,
            value=alert.value,
            compare=condition.compare,
            threshold=condition.threshold,
            window_seconds=condition.window_seconds,
            started_us=_started_us(alert),
            ended_us=None if fires else alert.ended_us,
            made_us=now_us,
            lines=samples(alert.samples),
            link=made_link(self._public_url, rule, None if others else alert.group, alert.at_us),
            number=alert.told if fires else 0,
            others=others,
            more=len(due) - 1 - len(others),
        )


def action_of(delivery: Delivery) -> Action:
    """Raises msgspec.ValidationError for a row that is damaged."""
    return msgspec.convert(delivery.action, Action)


def notification_of(delivery: Delivery) -> Notification:
    """What JSON has no number for is NaN again. Raises msgspec.ValidationError for a row that is damaged."""
    plain: dict[str, Any] = _numbers(delivery.notification)
    plain["others"] = [_numbers(other) for other in plain.get("others", ())]
    return msgspec.convert(plain, Notification)


def _numbers(plain: Any) -> dict[str, Any]:
    return {**plain, "value": float("nan") if plain.get("value", 0) is None else plain.get("value")}


def _others(rule: Rule, due: Sequence[Due]) -> Iterator[Other]:
    for alert, fires in due:
        group = _named(rule, alert.group)
        yield Other(group=group, firing=fires, value=alert.value, started_us=_started_us(alert))


def _named(rule: Rule, group: AlertGroup) -> dict[str, str | None]:
    return dict(zip(rule.group_names, group, strict=True))


def _started_us(alert: Alert) -> int:
    return alert.since_us if alert.fired_us is None else alert.fired_us


def _order(due: Due) -> tuple[Any, ...]:
    """What fires comes first, those that began first before others."""
    group = tuple((value is not None, value or "") for value in due.alert.group)
    return not due.fires, _started_us(due.alert), group
