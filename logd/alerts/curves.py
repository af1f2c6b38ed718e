"""The values of a rule over time, as a replay goes on: for a chart, and the furthest one of each firing.

A point is of several windows where there are more of them than points: the highest of their values, or where the rule
looks for what is low, the lowest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

import msgspec
import numpy as np

from logd.alerts.gauges import Gauge
from logd.alerts.judging import Judge
from logd.alerts.pages import Cells
from logd.alerts.windows import Floats, Group, Ints, Row

#: A chart has no more pixels for them than so.
POINTS = 500
#: Of a rule, so many groups are followed, of which these are shown.
_FOLLOWED, _SHOWN = 1_000, 10
_LOW = ("<", "<=")


class Firing(msgspec.Struct, kw_only=True):
    """A group fired: when (Unix µs), until when, None for as long as was looked, the value by which it did, the
    furthest one while it did, and some of the records that were counted."""

    rule_id: str
    group: Group
    fired_us: int
    resolved_us: int | None = None
    value: float
    peak: float
    samples: Sequence[Mapping[str, Any]] = ()


class Curve(msgspec.Struct, frozen=True):
    """A group's values, nan where there is none, at the `times_us` of Curves."""

    group: Group
    values: Floats


class Curves:
    """Of one rule, by its gauge, or the first one of a composite."""

    def __init__(self, gauge: Gauge, from_us: int, to_us: int) -> None:
        self._judge = Judge(gauge, gauge.store(2 * gauge.max_groups + 1))
        self._gauge = gauge
        self._width_us = gauge.span.width_us
        condition = gauge.part.condition
        self._low = condition.compare in _LOW or condition.aggregation == "absence"
        #: The first window's last bucket, and how many buckets a point is of.
        self._first = -(-from_us // self._width_us)
        count = max(1, to_us // self._width_us - self._first)
        self._stride = -(-count // POINTS)
        self._size = -(-count // self._stride)
        self._points: dict[Group, Floats] = {}
        self._last: int | None = None

    @property
    def times_us(self) -> Sequence[int]:
        """With which the windows of each point end, the last of them."""
        first = self._first * self._width_us
        return [first + number * self._stride * self._width_us for number in range(1, self._size + 1)]

    @property
    def step(self) -> int:
        """In buckets, how often `upto` has to be asked, so that none is forgotten."""
        return max(1, self._gauge.span.window // 2)

    def put(self, cells: Cells) -> None:
        """What was counted."""
        rows = [Row(group, cells.part) for group in cells.groups]
        buckets = np.full(len(rows), cells.bucket)
        values = cells.values(self._gauge)
        self._judge.store.put(rows, buckets, values, cells.version_numbers)  # type: ignore[arg-type]

    @property
    def leaps(self) -> bool:
        """Whether what a window says is the same however far ahead of it more is counted: nothing but its records, and
        those of the window that it is compared with, tells it."""
        aggregation = self._gauge.part.aggregation
        of_groups = self._judge.of_few and bool(self._gauge.watch.group_by)
        return not of_groups and aggregation not in ("absence", "new_value", "new_pattern")

    def is_calm(self, decided_us: int, upto_us: int, fires: Set[Group]) -> bool:
        """Whether each of the windows that end after the one, up to the other, is true of all groups that fire and of
        no other. Of those that `leaps`."""
        first, last = decided_us // self._width_us, upto_us // self._width_us - 1
        self._judge.store.move_on(last)
        groups = [()] if not self._gauge.watch.group_by else list({*self._judge.groups, *fires})
        if not groups:
            return True
        judged = self._judge.judge(groups, first)
        if judged.ends.start > first:
            return False
        wanted = np.array([group in fires for group in groups])
        return bool((judged.true == wanted[:, None]).all())

    def upto(self, decided_us: int, firings: Sequence[Firing]) -> None:
        """The windows that end by then are over. `firings` are those that fired, or were resolved, since the last
        call, and all that fire."""
        last = decided_us // self._width_us - 1
        first = last if self._last is None else self._last + 1
        if last < first:
            return
        self._last = last
        store = self._judge.store
        store.move_on(last)
        known = [()] if not self._gauge.watch.group_by else list(self._judge.groups)[:_FOLLOWED]
        groups = list(dict.fromkeys([*known, *(firing.group for firing in firings)]))
        if not groups:
            return
        judged = self._judge.judge(groups, first)
        size = last + 1 - judged.ends.start
        if size <= 0:
            return
        values, ends = judged.values[:, :size], np.arange(judged.ends.start, last + 1)
        # Nothing has changed in windows that nobody has asked for in time.
        self._draw(groups, range(first, judged.ends.start), ends, values)
        self._reach(groups, ends, values, firings)

    def shown(self) -> Sequence[Curve]:
        """Of the groups that went furthest."""
        worst = np.inf if self._low else -np.inf
        furthest = {group: self._fold(values, worst) for group, values in self._points.items()}
        order = sorted(furthest, key=lambda group: furthest[group], reverse=not self._low)
        return [Curve(group, self._points[group]) for group in order[:_SHOWN]]

    def _draw(self, groups: Sequence[Group], skipped: range, ends: Ints, values: Floats) -> None:
        """`skipped` windows have the values of the first of `ends`."""
        before, after = self._place(skipped.start), self._place(skipped.stop - 1) + 1
        before, after = max(before, 0), min(after, self._size) if skipped else 0
        places = (ends - self._first) // self._stride
        inside = (places >= 0) & (places < self._size)
        if not inside.any() and before >= after:
            return
        fold = np.fmin if self._low else np.fmax
        for group, row in zip(groups, values, strict=True):
            points = self._points.get(group)
            if points is None:
                if len(self._points) >= _FOLLOWED:
                    continue
                points = self._points[group] = np.full(self._size, np.nan)
            points[before:after] = fold(points[before:after], row[0])
            fold.at(points, places[inside], row[inside])

    def _place(self, end: int) -> int:
        return (end - self._first) // self._stride

    def _reach(self, groups: Sequence[Group], ends: Ints, values: Floats, firings: Sequence[Firing]) -> None:
        at_us = (ends + 1) * self._width_us
        places = {group: place for place, group in enumerate(groups)}
        for firing in firings:
            during = at_us >= firing.fired_us
            if firing.resolved_us is not None:
                during &= at_us < firing.resolved_us
            if during.any():
                firing.peak = self._fold(values[places[firing.group]][during], firing.peak)

    def _fold(self, values: Floats, start: float) -> float:
        fold = np.fmin if self._low else np.fmax
        return float(fold.reduce(values, initial=start))
