"""Who has to be told what, of the alerts of a shard: pure, by a clock that is given.

    alerts ── what is due ── held back? ── a message of the rule's ── deliveries to its targets

It goes by what is, not by what changed: whoever kept what it gave, and asks again, is given the rest, and after a
restart the same. A firing is told once, and again every `repeat_interval_seconds`; its end once, to those who were told
that it fires. What can't be said now (a silence, a cooldown, the rule's last message was a moment ago) is said as soon
as it can be, if it is still so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from logd.alerts.holding import ACKNOWLEDGED, Held, HeldNow, Holding
from logd.alerts.messages import Due, Messages
from logd.alerts.notify.named import target_id
from logd.alerts.rules import Rule
from logd.config.alerting import Alerts as Settings
from logd.seams import Acknowledgement, Alert, AlertGroup, AlertStage, Delivery, Event, Silence

_SECOND_US = 1_000_000


class Told(NamedTuple):
    """What to keep in one `Alerts.record`: alerts that are otherwise now, those that nobody needs any more, events, and
    messages to be delivered once they are kept. `again_us` is when to look again though nothing changed, None never."""

    alerts: Sequence[Alert]
    gone: Sequence[tuple[str, AlertGroup]]
    events: Sequence[Event]
    deliveries: Sequence[Delivery]
    again_us: int | None


class Telling:
    """By the rules, silences and acknowledgements as they are now; when these change, make a new one, and look."""

    def __init__(
        self,
        settings: Settings,
        rules: Mapping[str, Rule],
        silences: Sequence[Silence] = (),
        acknowledgements: Sequence[Acknowledgement] = (),
    ) -> None:
        """`rules` are those of all shards by their ids: of an alert whose rule isn't there nobody is told, and it is
        gone."""
        self._rules = rules
        self._holding = Holding(settings, rules, silences, acknowledgements)
        self._messages = Messages(settings)
        self._wait_us = int(settings.group_wait_seconds * _SECOND_US)
        self._interval_us = int(settings.group_interval_seconds * _SECOND_US)
        self._repeat_us = int(settings.repeat_interval_seconds * _SECOND_US)

    def look(self, alerts: Iterable[Alert], now_us: int, elsewhere: Iterable[Alert] = ()) -> Told:
        """`alerts` are all of a shard's, each with what `following.followed` kept of it; `elsewhere` those of other
        shards that fire, as far as they are known: they may hold back ours. `now_us` is by the wall clock. Takes some
        10 µs for each alert, for 100 silences ten times as long."""
        ours = list(alerts)
        held = self._holding.at(now_us, [*ours, *elsewhere])
        gone: list[tuple[str, AlertGroup]] = []
        by_rule: dict[str, list[Alert]] = {}
        for alert in ours:
            rule = self._rules.get(alert.rule_id)
            if rule is None or len(rule.group_names) != len(alert.group):
                gone.append((alert.rule_id, alert.group))
            else:
                by_rule.setdefault(alert.rule_id, []).append(alert)
        parts = [self._rule(self._rules[rule_id], its, held, now_us) for rule_id, its in by_rule.items()]
        again = [part.again_us for part in parts if part.again_us is not None]
        return Told(
            [alert for part in parts for alert in part.alerts],
            [*gone, *(key for part in parts for key in part.gone)],
            [event for part in parts for event in part.events],
            [delivery for part in parts for delivery in part.deliveries],
            min(again, default=None),
        )

    def _rule(self, rule: Rule, alerts: Sequence[Alert], held: HeldNow, now_us: int) -> Told:
        """The same for the alerts of one rule."""
        spoken = [alert.spoken_us for alert in alerts if alert.spoken_us is not None]
        # It may have been said by a machine whose clock was ahead.
        free_us = max(spoken) + self._interval_us if spoken and max(spoken) <= now_us else now_us
        now: dict[AlertGroup, Alert] = {}
        gone: list[tuple[str, AlertGroup]] = []
        events: list[Event] = []
        due: list[Due] = []
        again: list[int] = []
        for alert in alerts:
            at_us = self._due_us(rule, alert, now_us)
            if at_us is None:
                until_us = self._kept_us(rule, alert)
                if until_us is not None and until_us <= now_us:
                    gone.append((alert.rule_id, alert.group))
                elif until_us is not None:
                    again.append(until_us)
                continue
            if at_us > now_us:
                again.append(at_us)
                continue
            fires = alert.stage is AlertStage.FIRING
            why = held.firing(rule, alert) if fires else held.ended(rule, alert)
            if why is not None:
                if alert.held != why.what:
                    now[alert.group] = replace(alert, held=why.what)
                    # That somebody acknowledged it was said when he did.
                    events += [_event(alert, now_us, why)] if why.what != ACKNOWLEDGED else []
                if why.until_us is not None:
                    again.append(why.until_us)
                continue
            if alert.held:
                now[alert.group] = replace(alert, held="")
            due.append(Due(alert, fires))
        deliveries: list[Delivery] = []
        open_us = max(free_us, min((self._waited_us(one, now_us) for one in due), default=now_us))
        if open_us > now_us:
            again.append(open_us)
        elif due:
            deliveries = self._messages.made(rule, due, now_us)
            to = tuple(target_id(action) for action in rule.targets)
            now |= {one.alert.group: _told(one, to, now_us) for one in due}
            again += [at_us for one in due if (at_us := self._next_us(rule, now[one.alert.group], now_us)) is not None]
        return Told(list(now.values()), gone, events, deliveries, min(again, default=None))

    def _next_us(self, rule: Rule, alert: Alert, now_us: int) -> int | None:
        """When there is something to do for one that was just told of."""
        at_us = self._due_us(rule, alert, now_us)
        return self._kept_us(rule, alert) if at_us is None else at_us

    def _due_us(self, rule: Rule, alert: Alert, now_us: int) -> int | None:
        """From when on people should be told of an alert as it is; None for never."""
        if alert.stage is not AlertStage.FIRING:
            return now_us if alert.told and not alert.told_end else None
        if not rule.targets:
            return None
        if alert.told:
            return (alert.told_us or 0) + self._repeat_us if self._repeat_us else None
        return now_us if alert.told_us is None else alert.told_us + rule.cooldown_seconds * _SECOND_US

    def _waited_us(self, due: Due, now_us: int) -> int:
        """Until when one that could be told waits for others."""
        alert = due.alert
        fired_us = alert.since_us if alert.fired_us is None else alert.fired_us
        # Records may be ahead of the wall clock: nobody waits for that.
        return now_us if not due.fires or alert.told or fired_us > now_us else fired_us + self._wait_us

    def _kept_us(self, rule: Rule, alert: Alert) -> int | None:
        """Until when one of which there is nothing to tell has to be remembered; None where it goes on by itself."""
        if alert.stage is not AlertStage.RESOLVED:
            return None
        cooldown_us = rule.cooldown_seconds * _SECOND_US
        ended_us = alert.at_us if alert.ended_us is None else alert.ended_us
        return max(
            ended_us + cooldown_us,
            (alert.told_us or 0) + cooldown_us,
            (alert.spoken_us or 0) + self._interval_us,
        )


def _told(due: Due, to: tuple[str, ...], now_us: int) -> Alert:
    alert = replace(due.alert, held="", spoken_us=now_us)
    if due.fires:
        return replace(alert, told=alert.told + 1, told_us=now_us, told_to=to, told_end=False)
    if alert.stage is AlertStage.PENDING:  # it isn't of that firing any more
        return replace(alert, told=0, told_to=(), fired_us=None, ended_us=None)
    return replace(alert, told_end=True)


def _event(alert: Alert, now_us: int, held: Held) -> Event:
    return Event(
        at_us=now_us,
        rule_id=alert.rule_id,
        rule=alert.rule,
        group=alert.group,
        what=held.what,
        value=alert.value,
        why=held.why,
        by=held.by,
    )
