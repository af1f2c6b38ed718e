"""When rules would have fired: stored records through what counts and evaluates live, by a clock that follows them.

    records in order of time ── Counter ── pages ── each at its time ──> Evaluator, which decides as the clock goes on

The clock goes on by the rules' buckets. Many buckets are counted at once, and what comes of each is held back until the
clock is there; records that are late, or ahead of the clock, are counted alone. Where nothing changes, by all windows
that are over then, the clock leaps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from logd.alerts.counter import Counter, Shown
from logd.alerts.curves import Curve, Curves, Firing
from logd.alerts.evaluator import Evaluator
from logd.alerts.gauges import Gauge, gauges
from logd.alerts.pages import Cells, read_cells
from logd.alerts.rules import Rule
from logd.alerts.windows import Group, Ints
from logd.query.parse import Operator
from logd.seams import AlertStage, Event, Page

MOST_FIRINGS = 1_000
_MOST_EVENTS = 10_000
_SECOND_US = 1_000_000
#: What fires because something is missing ends after so long, as Watching has it.
_ABSENT_US = 7 * 86_400 * _SECOND_US
#: Of a batch 300 cells' records are kept, five of a cell: with more groups fewer buckets are counted at once.
_SAMPLED = 60


class Series(NamedTuple):
    """Of a rule, the values of some groups by the ends of windows, in Unix µs."""

    times_us: Sequence[int]
    curves: Sequence[Curve]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`firings` are in order of time, at most MOST_FIRINGS of the `fired`; `events` what fired and was resolved, as it
    happened, from `reads_from_us` on. `refused` are how many records of a rule had no room to be counted by their
    group. Windows that end by `upto_us` were looked at; `stopped`: not all that was asked for."""

    firings: Sequence[Firing]
    fired: int
    events: Sequence[Event]
    series: Mapping[str, Series]
    refused: Mapping[str, int]
    lines: int
    upto_us: int
    stopped: bool


class Backtest:
    """Not thread-safe. What fired from `from_us` to `to_us` by `rules`, and what fires then already; records from
    `reads_from_us` on have to be fed, or if it is `anew`, from `from_us` on: then there was nothing before. Windows are
    decided up to `until_us`, which is `late_seconds` behind `to_us` unless told."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        from_us: int,
        to_us: int,
        late_seconds: int,
        shown: Shown,
        operator: Operator = "or",
        until_us: int | None = None,
        *,
        anew: bool = False,
    ) -> None:
        found: Mapping[str, Sequence[Gauge]] = gauges(rules, 1, late_seconds, operator)
        every = [gauge for some in found.values() for gauge in some]
        self._late_us = late_seconds * _SECOND_US
        self._from_us, self._to_us = from_us, to_us
        self._until_us = to_us + self._late_us if until_us is None else until_us
        #: The clock goes on by so much.
        self.step_us = min(gauge.span.width_us for gauge in every)
        self._same_steps = all(gauge.span.width_us == self.step_us for gauge in every)
        self._at_once = max(1, min(gauge.span.window for gauge in every) // 2)
        self._for_us = {rule_id: rule.for_seconds * _SECOND_US for rule_id, rule in rules.items()}
        kept_us = max(gauge.span.kept * gauge.span.width_us for gauge in every)
        before_us = 0 if anew else kept_us + max(self._for_us.values()) + self._late_us
        self.reads_from_us = from_us - before_us
        self._kept_steps = -(-(kept_us + 2 * self._late_us) // self.step_us) + 2
        self._counter = Counter("backtest", every, shown)
        self._evaluator = Evaluator()
        self._evaluator.set_rules(rules, found, 0)
        self._curves = {rule_id: Curves(some[0], from_us, to_us) for rule_id, some in found.items()}
        self._curve_of = {some[0].key: self._curves[rule_id] for rule_id, some in found.items()}
        self._curve_steps = min(curves.step for curves in self._curves.values())
        #: Many steps may be one: each rule is of one gauge.
        self._leaps = self._same_steps and len(every) == len(rules) and all(one.leaps for one in self._curves.values())
        self._lasts = any(some[0].part.condition.compare in ("<", "<=") for some in found.values())
        self._waiting: defaultdict[int, list[tuple[Page, Cells]]] = defaultdict(list)
        self._step = self.reads_from_us // self.step_us
        self._last_put = self._step
        self._last_curves = self._step
        self._position = 0
        self._groups = 1
        self._clock_us = self.reads_from_us
        self._open: dict[tuple[str, Group], Firing] = {}
        self._ended: list[Firing] = []
        self._over: set[tuple[str, Group]] = set()
        self._firings: list[Firing] = []
        self._events: list[Event] = []
        self._fired = 0
        self._refused: defaultdict[str, int] = defaultdict(int)
        self._lines = 0
        self._stopped = False

    @property
    def upto_us(self) -> int:
        """Where the clock is: as far as this has come."""
        return min(self._step * self.step_us, self._to_us)

    def feed(self, table: pa.Table, go_on: Callable[[], bool] = lambda: True, at_us: Ints | None = None) -> bool:
        """Records of record.SCHEMA in order of time, or nearly: the clock is at `at_us` as each of them comes, or else
        at their own. Asks every moment whether to `go_on`; false when that was answered so, then this is over. Raises
        filters.Failed."""
        if self._stopped or not len(table):
            return not self._stopped
        own: Ints = table["timestamp"].cast(pa.int64()).to_numpy()
        times = np.maximum.accumulate(own if at_us is None else at_us)
        times = np.maximum(times, self._clock_us)
        self._clock_us = int(times[-1])
        steps = times // self.step_us
        in_step = self._same_steps and bool((own // self.step_us == steps).all())
        start = 0
        while start < len(table):
            first = int(steps[start])
            self._advance(first, go_on)
            if self._stopped:
                return False
            most = max(1, min(self._at_once, _SAMPLED // self._groups)) if in_step else 1
            end = int(np.searchsorted(steps, first + most))
            self._count(table.slice(start, end - start), first, in_step)
            start = end
        return True

    def end(self, go_on: Callable[[], bool] = lambda: True) -> Outcome:
        """After the last record; nothing can be fed any more."""
        last = -(-self._until_us // self.step_us)
        self._advance(last, go_on)
        self._draw()
        firings = sorted(self._firings, key=lambda firing: firing.fired_us)
        series = {rule_id: Series(curves.times_us, curves.shown()) for rule_id, curves in self._curves.items()}
        return Outcome(
            firings=firings,
            fired=self._fired,
            events=self._events,
            series=series,
            refused=dict(self._refused),
            lines=self._lines,
            upto_us=self.upto_us,
            stopped=self._stopped,
        )

    def close(self) -> None:
        """Gives its memory back."""
        self._counter.close()

    def _count(self, table: pa.Table, first: int, in_step: bool) -> None:
        parts, positions = np.zeros(len(table), np.int64), np.full(len(table), self._position)
        self._counter.count(table, parts, positions)
        self._position += 1
        self._lines += len(table)
        self._groups = 1
        for page in self._counter.pages():
            cells = read_cells(page)
            self._groups = max(self._groups, len(cells.groups))
            self._waiting[max(first, cells.bucket) if in_step else first].append((page, cells))
        for rule_id, count in self._counter.refused().items():
            self._refused[rule_id] += count

    def _advance(self, step: int, go_on: Callable[[], bool]) -> None:
        """All steps before this one are over."""
        self._stopped |= not go_on()
        while self._step < step and not self._stopped:
            end = min(self._step + self._curve_steps, step)
            if self._leaps and self._is_calm(end):
                self._pass(end)
                self._draw()
            else:
                self._go(end, step, go_on)
            self._stopped |= not go_on()

    def _go(self, end: int, most: int, go_on: Callable[[], bool]) -> None:
        """Step by step, or further where nothing can happen."""
        while self._step < end and go_on():
            changed = self._pass(self._step + 1)
            if self._step - self._last_curves >= self._curve_steps:
                self._draw()
            if not changed and not self._waiting and self._step - self._last_put > self._kept_steps:
                self._leap(most)

    def _is_calm(self, end: int) -> bool:
        """Whether nothing changes in the steps before this one."""
        waiting = [(step, self._waiting[step]) for step in range(self._step, end) if step in self._waiting]
        if any(cells.bucket != step for step, some in waiting for _, cells in some):
            return False
        active = [alert for alert in self._evaluator.alerts.values() if alert.stage is not AlertStage.RESOLVED]
        if any(alert.stage is AlertStage.PENDING for alert in active) or (active and self._lasts):
            return False
        for _, some in waiting:
            self._put_in_curves(some)
        decided_us = (self._evaluator.clock_us or self.reads_from_us) // self.step_us * self.step_us
        for rule_id, curves in self._curves.items():
            fires = {alert.group for alert in active if alert.rule_id == rule_id}
            if not curves.is_calm(decided_us, end * self.step_us, fires):
                return False
        return True

    def _pass(self, end: int) -> bool:
        """The steps before this one are over; whether anything changed by it."""
        for step in range(self._step, end):
            if waiting := self._waiting.pop(step, ()):
                self._last_put = step
                self._evaluator.put(page for page, _ in waiting)
                self._put_in_curves(waiting)
        self._step = end
        self._evaluator.look()
        changed = self._take()
        decided_us = min(end * self.step_us, self._until_us) - self._late_us
        if decided_us > self.reads_from_us:
            self._evaluator.decide(decided_us)
            changed |= self._take()
        # What was resolved may be true again of a window that isn't decided yet.
        self._evaluator.look()
        return changed | self._take()

    def _put_in_curves(self, waiting: Iterable[tuple[Page, Cells]]) -> None:
        """What is there already stays."""
        for _, cells in waiting:
            if (curves := self._curve_of.get(cells.gauge)) is not None:
                curves.put(cells)

    def _leap(self, most: int) -> None:
        """Nothing is counted of any window that isn't decided: it goes on as it is until something has lasted."""
        self._draw()
        for alert in self._evaluator.alerts.values():
            if alert.stage is AlertStage.RESOLVED:
                continue
            lasts_us = self._for_us[alert.rule_id] if alert.stage is AlertStage.PENDING else _ABSENT_US
            next_us = alert.since_us + lasts_us + self._late_us
            if next_us > self._step * self.step_us:
                most = min(most, next_us // self.step_us - 1)
        self._step = max(self._step, most - 1)

    def _take(self) -> bool:
        changes = self._evaluator.take_changes()
        for event in changes.events:
            key = (event.rule_id, event.group)
            assert event.value is not None
            if len(self._events) < _MOST_EVENTS:
                self._events.append(event)
            if event.what == "firing":
                self._over.discard(key)
                alert = self._evaluator.alerts[key]
                firing = Firing(
                    rule_id=event.rule_id,
                    group=event.group,
                    fired_us=event.at_us,
                    value=event.value,
                    peak=event.value,
                    samples=alert.samples,
                )
                self._open[key] = firing
                self._fired += 1
                if len(self._firings) < MOST_FIRINGS:
                    self._firings.append(firing)
            elif (ended := self._open.pop(key, None)) is not None:
                ended.resolved_us = event.at_us
                self._ended.append(ended)
                self._over.add(key)
                if event.at_us <= self._from_us:
                    self._fired -= 1
                    self._firings = [one for one in self._firings if one is not ended]
        return bool(changes)

    def _draw(self) -> None:
        """Before the windows that are decided are forgotten."""
        self._last_curves = self._step
        decided_us = min(self._step * self.step_us, self._until_us) - self._late_us
        of_rule: defaultdict[str, list[Firing]] = defaultdict(list)
        for firing in (*self._ended, *self._open.values()):
            of_rule[firing.rule_id].append(firing)
        self._ended.clear()
        for rule_id, curves in self._curves.items():
            curves.upto(decided_us, of_rule[rule_id])
        # What was pending since is gone by itself.
        alerts = self._evaluator.alerts
        self._over &= alerts.keys()
        over = [key for key in self._over if alerts[key].stage is AlertStage.RESOLVED]
        self._over.difference_update(self._evaluator.forget(over))


def backtest(test: Backtest, tables: Iterable[pa.Table], go_on: Callable[[], bool] = lambda: True) -> Outcome:
    """All of it. Raises filters.Failed."""
    try:
        for table in tables:
            if not test.feed(table, go_on):
                break
        return test.end(go_on)
    finally:
        test.close()
