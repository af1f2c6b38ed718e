"""A shard's alerts as an alerter keeps them: what the planner gave is kept, and asked again at times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from logd.alerts.following import calmed, followed
from logd.alerts.messages import notification_of
from logd.alerts.notify.notification import Notification
from logd.alerts.rules import Action, Condition, Rule
from logd.alerts.telling import Telling, Told
from logd.config.alerting import Alerts as Settings
from logd.seams import Acknowledgement, Alert, AlertGroup, AlertStage, Delivery, Event, Silence

SECOND = 1_000_000
#: A Friday morning.
START = 1_700_000_000 * SECOND
Key = tuple[str, AlertGroup]


def rule(name: str = "errors", url: str = "https://hooks.example.org/a", **settings: Any) -> Rule:
    plain: dict[str, Any] = {
        "condition": Condition(level="ERROR", threshold=10.0),
        "group_by": ["service"],
        "action": Action(type="webhook", url=url),
    }
    return Rule(name=name, **(plain | settings))


class Shard:
    """Seconds are from START on."""

    def __init__(self, rules: Mapping[str, Rule], **settings: Any) -> None:
        self.settings = Settings(**settings)
        self.rules = rules
        self.rows: dict[Key, Alert] = {}
        self.silences: list[Silence] = []
        self.acknowledgements: list[Acknowledgement] = []
        self.events: list[Event] = []
        self.deliveries: list[tuple[float, Delivery]] = []
        self.again: float | None = None

    def fires(self, at: float, *groups: str | None, rule_id: str = "r", value: float = 11.0) -> None:
        for group in groups:
            self._put(rule_id, (group,), at, AlertStage.FIRING, value, fired_us=_us(at))

    def ends(self, at: float, *groups: str | None, rule_id: str = "r") -> None:
        for group in groups:
            before = self.rows[rule_id, (group,)]
            self._put(rule_id, (group,), at, AlertStage.RESOLVED, 0.0, fired_us=before.fired_us, ended_us=_us(at))

    def pending(self, at: float, *groups: str | None, rule_id: str = "r") -> None:
        for group in groups:
            self._put(rule_id, (group,), at, AlertStage.PENDING, 11.0)

    def calms(self, at: float, *groups: str | None, rule_id: str = "r") -> None:
        for group in groups:
            left = calmed(self.rows.pop((rule_id, (group,))), _us(at))
            if left is not None:
                self.rows[rule_id, (group,)] = left

    def _put(self, rule_id: str, group: AlertGroup, at: float, stage: AlertStage, value: float, **times: Any) -> None:
        now = Alert(
            rule_id=rule_id,
            rule=self.rules[rule_id].name,
            group=group,
            stage=stage,
            since_us=_us(at),
            at_us=_us(at),
            value=value,
            **times,
        )
        self.rows[rule_id, group] = followed(self.rows.get((rule_id, group)), now)

    def silence(self, start: float, end: float, group: str = "*", **settings: Any) -> Silence:
        made = Silence(
            id=str(len(self.silences)),
            group={"service": group},
            from_us=_us(start),
            to_us=_us(end),
            created_us=_us(start),
            **settings,
        )
        self.silences.append(made)
        return made

    def acknowledge(self, at: float, group: str, rule_id: str = "r") -> None:
        fired_us = self.rows[rule_id, (group,)].fired_us
        assert fired_us is not None
        self.acknowledgements.append(
            Acknowledgement(rule_id=rule_id, group=(group,), fired_us=fired_us, at_us=_us(at), by="ann")
        )

    def look(self, at: float, elsewhere: Sequence[Alert] = ()) -> list[Notification]:
        """What people are told then, after which it is kept. Nothing is remembered but what was kept, as JSON."""
        told = self._looked(at, elsewhere)
        kept = [msgspec.json.decode(msgspec.json.encode(alert), type=Alert) for alert in told.alerts]
        self.rows |= {(alert.rule_id, alert.group): alert for alert in kept}
        for key in told.gone:
            del self.rows[key]
        self.events += told.events
        self.deliveries += [(at, delivery) for delivery in told.deliveries]
        self.again = None if told.again_us is None else (told.again_us - START) / SECOND
        # Who asks again at once is told nothing.
        second = self._looked(at, elsewhere)
        assert (list(second.alerts), list(second.events), list(second.deliveries)) == ([], [], [])
        return [notification_of(delivery) for delivery in told.deliveries]

    def _looked(self, at: float, elsewhere: Sequence[Alert]) -> Told:
        telling = Telling(self.settings, self.rules, self.silences, self.acknowledgements)
        return telling.look(list(self.rows.values()), _us(at), elsewhere)

    def until(self, at: float) -> list[tuple[float, Notification]]:
        """Looks when it asks for it, up to a time; what people were told when."""
        found = []
        looks = 0
        while self.again is not None and self.again <= at:
            when = self.again
            found += [(when, told) for told in self.look(when)]
            looks += 1
            assert looks < 1_000, "it asks to look again, and nothing comes of it"
        return found


def said(told: Sequence[Notification]) -> list[str]:
    """`firing a 0`: what of which group, and for which time; with the others."""
    lines = []
    for one in told:
        more = "".join(f", {'firing' if other.firing else 'resolved'} {_group(other.group)}" for other in one.others)
        lines.append(f"{one.status} {_group(one.group)} {one.number}{more}" + (f" +{one.more}" if one.more else ""))
    return lines


def timed(told: Sequence[tuple[float, Notification]]) -> list[tuple[float, str]]:
    return [(at, said([one])[0]) for at, one in told]


def _group(group: Mapping[str, str | None]) -> str:
    return "/".join(value or "-" for value in group.values())


def _us(at: float) -> int:
    return START + int(at * SECOND)


def one_rule(**settings: Any) -> Shard:
    """Of one rule, that isn't told again unless a test says so."""
    own = {name: settings.pop(name) for name in ("cooldown_seconds", "actions", "action") if name in settings}
    return Shard({"r": rule(**own)}, **({"repeat_interval_seconds": 0.0} | settings))
