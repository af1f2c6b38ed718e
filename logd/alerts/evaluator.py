"""The rules of one shard, from pages of counts to alerts: pure, by the records' own times and a clock that is given.

    pages ── stores: all parts of the stream together ── Watching: windows, states ── alerts

Its alerts say all that it has to know of what was before: with them, the clock, and the pages that were published, one
that is made anew goes on as if nothing had happened.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
import orjson

from logd.alerts.following import calmed, followed
from logd.alerts.gauges import Gauge, Store
from logd.alerts.judging import Judge
from logd.alerts.pages import CLOCK, SOURCES, Cells, kind_of, read_cells, read_clock
from logd.alerts.rules import Rule
from logd.alerts.states import Group, Stage, State
from logd.alerts.watching import Watching
from logd.alerts.windows import Row
from logd.errors import Corrupt
from logd.seams import Alert, AlertStage, Event, Page

#: Of a rule's groups, several alerters may each have counted so many.
_ROOM = 2
_SAMPLES = 5
#: Of a gauge, cells whose records are kept.
_SAMPLED_CELLS = 1_000
#: Of pages of rules that aren't known: other alerters may know a new one two seconds earlier.
_UNKNOWN_BYTES = 16 * 1024 * 1024
_SECOND_US = 1_000_000
#: Of a part that nobody has told of: it isn't waited for.
_NEVER_US = 2**62
#: What waits for parts that are behind; what is more doesn't.
_HELD_BYTES = 64 * 1024 * 1024


class Changes(msgspec.Struct, frozen=True):
    """What has to be kept: alerts that are other than before, those that aren't any more, and what to tell who asks."""

    alerts: Sequence[Alert] = ()
    gone: Sequence[tuple[str, Group]] = ()
    events: Sequence[Event] = ()

    def __bool__(self) -> bool:
        return bool(self.alerts or self.gone or self.events)


class _Gauged:
    """A gauge's store, and some records of its cells."""

    def __init__(self, gauge: Gauge) -> None:
        self.gauge = gauge
        parts = 1_000  # of the stream: each may have every group
        self.store: Store = gauge.store(_ROOM * gauge.max_groups * (parts if gauge.watch.group_by else 1) + parts)
        self._parts: set[int] = set()
        self._samples: OrderedDict[tuple[Row, int], list[bytes]] = OrderedDict()
        self._of_group: defaultdict[Group, set[tuple[Row, int]]] = defaultdict(set)

    def is_ahead(self, cells: Cells, parts_us: Mapping[int, int]) -> bool:
        """Whether with them its windows would forget what isn't counted yet of parts that are far behind."""
        self._parts.add(cells.part)
        upto_us = min(parts_us.get(part, 0) or _NEVER_US for part in self._parts)
        span = self.gauge.span
        return (cells.bucket - span.kept + span.window) * span.width_us > upto_us

    def put(self, cells: Cells) -> None:
        """Cells of it."""
        rows = [Row(group, cells.part) for group in cells.groups]
        buckets = np.full(len(rows), cells.bucket)
        self.store.put(rows, buckets, cells.values(self.gauge), cells.version_numbers)  # type: ignore[arg-type]
        for row, samples in zip(rows, cells.samples, strict=False):
            if samples:
                self._samples[row, cells.bucket] = samples
                self._of_group[row.group].add((row, cells.bucket))
        while len(self._samples) > _SAMPLED_CELLS:
            (row, bucket), _ = self._samples.popitem(last=False)
            self._of_group[row.group].discard((row, bucket))
            if not self._of_group[row.group]:
                del self._of_group[row.group]

    def samples(self, group: Group) -> list[bytes]:
        """The last that are known."""
        keys = sorted(self._of_group.get(group, ()), key=lambda key: key[1])
        return [sample for key in keys for sample in self._samples[key]][-_SAMPLES:]


class Evaluator:
    """Not thread-safe. `alerts` are those that are kept of the shard's rules, `clock_us` up to when its windows were
    decided."""

    def __init__(self, alerts: Iterable[Alert] = (), clock_us: int | None = None) -> None:
        self.clock_us = clock_us
        self._alerts = {(alert.rule_id, alert.group): alert for alert in alerts}
        self._rules: Mapping[str, Rule] = {}
        self._set = False
        self._gauged: dict[str, _Gauged] = {}
        self._watching: dict[str, Watching] = {}
        self._rule_of: dict[str, str] = {}
        self._touched: defaultdict[str, set[Group]] = defaultdict(set)
        self._parts_us: dict[int, int] = {}
        self._gone: set[tuple[str, Group]] = set()
        self._changed: set[tuple[str, Group]] = set()
        self._events: list[Event] = []
        self._held: list[tuple[Cells, int]] = []
        self._held_bytes = 0
        #: By key, the oldest first.
        self._unknown: dict[bytes, Page] = {}
        self._unknown_bytes = 0

    @property
    def alerts(self) -> Mapping[tuple[str, Group], Alert]:
        """By rule and group."""
        return self._alerts

    @property
    def upto_us(self) -> int | None:
        """Up to when all parts of the stream are counted, by the transport's clock; None while nothing is known."""
        return min(self._parts_us.values(), default=None)

    def set_rules(self, rules: Mapping[str, Rule], gauges: Mapping[str, Sequence[Gauge]], now_us: int) -> None:
        """From now on these, of which what is counted as before goes on. What fires of other rules is forgotten, and of
        groups that the rule no longer has."""
        wanted = {gauge.key: gauge for of_rule in gauges.values() for gauge in of_rule}
        self._gauged = {key: self._gauged.get(key) or _Gauged(gauge) for key, gauge in wanted.items()}
        self._rules = rules
        made_us = now_us if self._set else None
        self._set = True
        self._rule_of = {gauge.key: rule_id for rule_id, of_rule in gauges.items() for gauge in of_rule}
        for key, alert in list(self._alerts.items()):
            if (why := self._why_ended(alert, rules)) is not None:
                self._drop(key)
                if alert.stage is AlertStage.FIRING:
                    self._tell(alert, "ended", now_us, why)
        known = {rule_id: watching for rule_id, watching in self._watching.items() if self._is_same(rule_id, gauges)}
        self._watching = {
            rule_id: known.get(rule_id) or self._watch(rule_id, of_rule, made_us) for rule_id, of_rule in gauges.items()
        }
        self.put([self._take_unknown(key) for key in list(self._unknown) if kind_of(key) in wanted])

    def put(self, pages: Iterable[Page]) -> int:
        """Counts, and clocks; how many pages were damaged, of which nothing counts."""
        damaged = 0
        for page in pages:
            kind = kind_of(page.key)
            if not page.value or kind == SOURCES:
                continue
            try:
                if kind == CLOCK:
                    for part, upto_us in read_clock(page).upto_us.items():
                        self._parts_us[part] = max(self._parts_us.get(part, upto_us), upto_us)
                    self._put_held()
                elif (gauged := self._gauged.get(kind)) is not None:
                    self._put_cells(gauged, read_cells(page), len(page.value))
                else:
                    self._put_aside(page)
            except Corrupt:
                damaged += 1
        return damaged

    def _put_cells(self, gauged: _Gauged, cells: Cells, size: int) -> None:
        if gauged.is_ahead(cells, self._parts_us) and self._held_bytes + size <= _HELD_BYTES:
            self._held.append((cells, size))
            self._held_bytes += size
            return
        gauged.put(cells)
        self._touched[self._rule_of[gauged.gauge.key]].update(cells.groups)

    def _put_held(self) -> None:
        """What was ahead of other parts, as far as these have come by now."""
        held, self._held, self._held_bytes = self._held, [], 0
        for cells, size in held:
            if (gauged := self._gauged.get(cells.gauge)) is not None:
                self._put_cells(gauged, cells, size)

    def look(self) -> None:
        """At what was counted since the last time."""
        touched, self._touched = self._touched, defaultdict(set)
        for rule_id, groups in touched.items():
            if (watching := self._watching.get(rule_id)) is not None:
                watching.look(groups)
                self._note(rule_id, watching)

    def decide(self, upto_us: int) -> None:
        """All windows that end by then, which is no earlier than before."""
        if self.clock_us is not None and upto_us <= self.clock_us:
            return
        for rule_id, watching in self._watching.items():
            watching.decide(upto_us)
            self._note(rule_id, watching)
        self.clock_us = upto_us

    def take_changes(self) -> Changes:
        """Since the last call."""
        changes = Changes([self._alerts[key] for key in self._changed], list(self._gone), self._events)
        self._changed, self._gone, self._events = set(), set(), []
        return changes

    def told(self, alerts: Iterable[Alert]) -> None:
        """They are so now, as who tells people says; it keeps them itself."""
        for alert in alerts:
            self._alerts[alert.rule_id, alert.group] = alert

    def forget(self, keys: Iterable[tuple[str, Group]]) -> Sequence[tuple[str, Group]]:
        """Those of which there is nothing to tell any more; which of them its windows don't have to know either."""
        gone = [key for key in keys if key in self._alerts and self._is_over(self._alerts[key])]
        for key in gone:
            del self._alerts[key]
        return gone

    def _put_aside(self, page: Page) -> None:
        if page.key in self._unknown:
            self._take_unknown(page.key)
        self._unknown[page.key] = page
        self._unknown_bytes += len(page.value)
        while self._unknown_bytes > _UNKNOWN_BYTES:
            self._take_unknown(next(iter(self._unknown)))

    def _take_unknown(self, key: bytes) -> Page:
        page = self._unknown.pop(key)
        self._unknown_bytes -= len(page.value)
        return page

    def _why_ended(self, alert: Alert, rules: Mapping[str, Rule]) -> str | None:
        """Why nobody will know any more whether it fires, None when somebody will."""
        if (rule := rules.get(alert.rule_id)) is None:
            return "the rule was removed, or disabled"
        before = self._watching.get(alert.rule_id)
        same = before is None or list(before.rule.group_names) == list(rule.group_names)
        return None if same and len(alert.group) == len(rule.group_names) else "the rule has other groups now"

    def _is_same(self, rule_id: str, gauges: Mapping[str, Sequence[Gauge]]) -> bool:
        """Whether nothing of the rule has changed that its windows go by."""
        before, now = self._watching[rule_id].rule, self._rules.get(rule_id)
        keys = [gauge.key for gauge in gauges.get(rule_id, ())]
        return before == now and [gauge.key for gauge in self._watching[rule_id].gauges] == keys

    def _watch(self, rule_id: str, gauges: Sequence[Gauge], made_us: int | None) -> Watching:
        alerts = [alert for alert in self._alerts.values() if alert.rule_id == rule_id]
        return Watching(
            self._rules[rule_id],
            [Judge(gauge, self._gauged[gauge.key].store) for gauge in gauges],
            {alert.group: _state(alert) for alert in alerts if alert.stage is not AlertStage.RESOLVED},
            {alert.group: alert.ended_us for alert in alerts if alert.ended_us is not None},
            self.clock_us,
            made_us,
        )

    def _note(self, rule_id: str, watching: Watching) -> None:
        """What has become of the rule's groups."""
        for group in watching.take_dirty():
            key, state = (rule_id, group), watching.states.get(group)
            before = self._alerts.get(key)
            if state is not None:
                self._keep(key, self._made(rule_id, group, state, before, watching))
            elif before is not None and before.stage is AlertStage.FIRING:
                end = watching.ended(group)
                ended = {"stage": AlertStage.RESOLVED, "ended_us": end.at_us, "value": end.value, "at_us": end.at_us}
                alert = followed(before, msgspec.structs.replace(before, **ended))
                self._keep(key, alert)
                self._tell(alert, "resolved", end.at_us)
                # A window that isn't decided yet may be true already, and nothing more may come.
                self._touched[rule_id].add(group)
            elif before is not None and before.stage is AlertStage.PENDING:
                if (calm := calmed(before, watching.decided_us)) is None:
                    self._drop(key)
                else:
                    self._keep(key, calm)

    def _made(self, rule_id: str, group: Group, state: State, before: Alert | None, watching: Watching) -> Alert:
        rule = self._rules[rule_id]
        fires = state.stage is Stage.FIRING
        texts = [text for gauge in watching.gauges for text in self._gauged[gauge.key].samples(group)]
        alert = Alert(
            rule_id=rule_id,
            rule=rule.name,
            group=group,
            severity=rule.severity,
            labels=rule.labels,
            stage=AlertStage.FIRING if fires else AlertStage.PENDING,
            since_us=state.since_us,
            fired_us=state.fired_us,
            value=state.value,
            at_us=state.at_us,
            samples=[orjson.loads(text) for text in texts[-_SAMPLES:]],
        )
        if fires:
            self._tell(alert, "firing", state.at_us)
        return followed(before, alert)

    def _keep(self, key: tuple[str, Group], alert: Alert) -> None:
        self._alerts[key] = alert
        self._changed.add(key)
        self._gone.discard(key)

    def _drop(self, key: tuple[str, Group]) -> None:
        del self._alerts[key]
        self._changed.discard(key)
        self._gone.add(key)

    def _tell(self, alert: Alert, what: str, at_us: int, why: str = "") -> None:
        told = Event(
            at_us=at_us,
            rule_id=alert.rule_id,
            rule=alert.rule,
            group=alert.group,
            what=what,
            value=alert.value,
            why=why,
        )
        self._events.append(told)

    def _is_over(self, alert: Alert) -> bool:
        if (watching := self._watching.get(alert.rule_id)) is None:
            return True
        # What fires goes on by itself, whatever who tells people knows of its rule by now.
        ended = alert.stage is AlertStage.RESOLVED
        return ended and (self.clock_us or 0) > (alert.ended_us or 0) + watching.kept_us


def _state(alert: Alert) -> State:
    stage = Stage.FIRING if alert.stage is AlertStage.FIRING else Stage.PENDING
    return State(stage=stage, since_us=alert.since_us, fired_us=alert.fired_us, value=alert.value, at_us=alert.at_us)
