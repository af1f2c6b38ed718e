"""Why people aren't told of a group at a time: a silence, a window of maintenance, somebody who cares for it, or
something worse that fires for the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from logd.alerts import maintenance
from logd.alerts.inhibiting import Inhibiting
from logd.alerts.rules import Rule
from logd.alerts.silencing import RuleSilencing, Silencing
from logd.config.alerting import Alerts as Settings
from logd.seams import Acknowledgement, Alert, AlertGroup, AlertStage, Silence

#: What keeps it quiet may be in another shard, and end there.
_INHIBITED_US = 5 * 1_000_000
ACKNOWLEDGED = "acknowledged"
#: So long what a schedule has made is used: it makes the windows of two days.
_SCHEDULED_US = 3_600 * 1_000_000


class Held(NamedTuple):
    """What an event says: `what` it is, `why` and `by` whom. `until_us` is when it may be over though nobody says so,
    None for never."""

    what: str
    why: str = ""
    by: str = ""
    until_us: int | None = None


class Holding:
    """By the silences and acknowledgements as they are."""

    def __init__(
        self,
        settings: Settings,
        rules: Mapping[str, Rule],
        silences: Sequence[Silence],
        acknowledgements: Sequence[Acknowledgement],
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._silences = silences
        self._acknowledged: dict[tuple[str, AlertGroup, int], Acknowledgement] = {
            (one.rule_id, one.group, one.fired_us): one for one in acknowledgements
        }
        self._silencing = Silencing(silences)
        self._scheduled_us: int | None = None

    def at(self, now_us: int, alerts: Iterable[Alert]) -> HeldNow:
        """Of all alerts that are known at a time."""
        if self._settings.maintenance:
            made_us = self._scheduled_us
            if made_us is None or not made_us <= now_us < made_us + _SCHEDULED_US:
                scheduled = maintenance.silences(self._settings.maintenance, now_us)
                self._silencing = Silencing([*self._silences, *scheduled])
                self._scheduled_us = now_us
        return HeldNow(self._settings, self._rules, self._silencing, self._acknowledged, now_us, alerts)


class HeldNow:
    """At one time."""

    def __init__(
        self,
        settings: Settings,
        rules: Mapping[str, Rule],
        silencing: Silencing,
        acknowledged: Mapping[tuple[str, AlertGroup, int], Acknowledgement],
        now_us: int,
        alerts: Iterable[Alert],
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._silencing = silencing
        self._acknowledged = acknowledged
        self._now_us = now_us
        self._alerts = alerts
        self._by_rule: dict[str, RuleSilencing] = {}
        self._inhibiting: Inhibiting | None = None

    def firing(self, rule: Rule, alert: Alert) -> Held | None:
        """Why people aren't told that it fires."""
        if (silenced := self.ended(rule, alert)) is not None:
            return silenced
        if (one := self._acknowledged.get((alert.rule_id, alert.group, alert.fired_us or 0))) is not None:
            return Held(ACKNOWLEDGED, one.why, one.by)
        if self._inhibiting is None:
            loud = (other for other in self._alerts if other.stage is AlertStage.FIRING and not self._silenced(other))
            self._inhibiting = Inhibiting(self._settings.inhibit_by, self._rules, loud)
        if (name := self._inhibiting.by(rule, alert)) is not None:
            return Held("inhibited", f"{name} fires", until_us=self._now_us + _INHIBITED_US)
        return None

    def ended(self, rule: Rule, alert: Alert) -> Held | None:
        """Why people aren't told that it ended: only a silence is a reason."""
        silencing = self._by_rule.get(alert.rule_id)
        if silencing is None:
            silencing = self._silencing.of_rule(alert.rule_id, rule, self._now_us)
            self._by_rule[alert.rule_id] = silencing
        silence = silencing.of(alert.group)
        if silence is None:
            return None
        return Held("silenced", silence.why, silence.created_by, silence.to_us)

    def _silenced(self, alert: Alert) -> bool:
        """Who is, keeps nobody quiet: else nobody would hear anything."""
        rule = self._rules.get(alert.rule_id)
        known = rule is not None and len(rule.group_names) == len(alert.group)
        return rule is None or not known or self.ended(rule, alert) is not None
