"""What fires is what a recount of the records says, in whatever order they come; nothing is told twice."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.alerts.gauges import gauges
from logd.alerts.judging import Judge
from logd.alerts.states import Change
from logd.alerts.watching import Watching
from logd.alerts.windows import Row, Span, Windows
from tests.support.alert_engine import rule

SPAN = Span(1_000_000, window=3, kept=40)
GROUPS = [("a",), ("b",)]


class _Rule:
    """Counts records one by one, of any part."""

    def __init__(self, **condition: Any) -> None:
        made = rule(group_by=["service"], window_seconds=3, **condition)
        ((gauge,),) = gauges({"r": made}, 1, 34).values()
        assert (gauge.span.width_us, gauge.span.window) == (SPAN.width_us, SPAN.window)
        assert gauge.span.kept >= SPAN.kept
        store = gauge.store(100)
        assert isinstance(store, Windows)
        self.windows = store
        self.judge = Judge(gauge, store)
        self.watching = Watching(made, [self.judge], {}, {}, None)
        self._totals: dict[tuple[Row, int], Any] = {}
        self._version = 0

    def count(self, group: tuple[str], part: int, bucket: int, numbers: list[float]) -> list[Change]:
        self._version += 1
        cell = (Row(group, part), bucket)
        self._totals[cell] = self._totals.get(cell, np.zeros(len(numbers))) + numbers
        self.windows.put([cell[0]], np.array([bucket]), self._totals[cell][None], np.array([self._version]))
        return self.watching.look([group])

    def decide(self, upto: int) -> list[Change]:
        """All windows that end with a bucket before this one."""
        return self.watching.decide(upto * SPAN.width_us)


def _told(changes: list[Change]) -> list[str]:
    return [f"{change.group[0]} {'fires' if change.fires else 'resolved'} {change.state.value:g}" for change in changes]


@given(
    st.lists(st.tuples(st.sampled_from(GROUPS), st.integers(0, 2), st.integers(0, 30)), max_size=40),
    st.integers(0, 5),
    st.randoms(use_true_random=False),
)
def test_a_recount_says_the_same(
    records: list[tuple[tuple[str], int, int]], more_than: int, rng: random.Random
) -> None:
    """Of all records together, and then in the order of their times with all windows decided on the way."""
    together, in_order = _Rule(threshold=more_than), _Rule(threshold=more_than)
    shuffled = rng.sample(records, len(records))
    fired = {change.group for one in shuffled for change in together.count(*one, [1.0])}
    expected = {
        group
        for group in GROUPS
        if any(sum(g == group and end - 3 < at <= end for g, _, at in records) > more_than for end in range(33))
    }
    assert fired == expected
    changes: list[Change] = []
    for bucket in range(40):
        changes += in_order.decide(bucket)
        for one in records:
            if one[2] == bucket:
                changes += in_order.count(*one, [1.0])
    changes += in_order.decide(80)
    assert {change.group for change in changes if change.fires} == expected
    for group in GROUPS:
        steps = [change.fires for change in changes if change.group == group]
        assert steps == [number % 2 == 0 for number in range(len(steps))]
        assert len(steps) % 2 == 0
    assert not in_order.watching.states


def test_it_fires_at_once_and_is_resolved_when_a_window_is_over() -> None:
    rule = _Rule(threshold=1)
    assert not rule.count(("a",), 0, 10, [1.0])
    assert _told(rule.count(("a",), 1, 11, [1.0])) == ["a fires 2"]
    assert not rule.count(("a",), 1, 11, [1.0])
    for upto in (12, 13):
        assert not rule.decide(upto)
    rule.count(("b",), 0, 13, [1.0])
    assert not rule.decide(14)  # the window from 11 to 13 has two
    assert _told(rule.decide(15)) == ["a resolved 0"]


def test_late_records_tell_nothing_twice() -> None:
    rule = _Rule(threshold=1)
    assert _told(rule.count(("a",), 0, 10, [2.0])) == ["a fires 2"]
    rule.count(("b",), 0, 30, [1.0])
    assert not rule.decide(11)
    assert _told(rule.decide(20)) == ["a resolved 0"]
    assert not rule.count(("a",), 0, 10, [5.0])
    assert _told(rule.count(("a",), 0, 20, [2.0])) == ["a fires 2"]
    assert _told(rule.count(("b",), 0, 12, [2.0])) == ["b fires 2"]


def test_what_has_to_last() -> None:
    rule = _Rule(threshold=0, lasting=2)
    rule.decide(9)
    for bucket in range(10, 13):
        assert not rule.count(("a",), 0, bucket, [1.0])
        assert not rule.decide(bucket)
    assert _told(rule.decide(13)) == ["a fires 3"]


def test_fewer_than_is_known_once_the_window_is_over() -> None:
    rule = _Rule(threshold=1, compare="<")
    rule.count(("b",), 0, 20, [1.0])
    rule.decide(9)
    rule.count(("a",), 0, 10, [1.0])
    assert not rule.watching.look([("a",)])
    told = [one for upto in range(10, 15) for one in _told(rule.decide(upto)) if one[0] == "a"]
    assert told == ["a fires 0"]  # what has just come was none before


def test_a_ratio_of_nothing_is_none() -> None:
    rule = _Rule(aggregation="ratio", threshold=0.5)
    rule.decide(9)
    assert not rule.count(("a",), 0, 10, [3.0, 4.0])
    assert not rule.decide(10)
    assert _told(rule.decide(12)) == ["a fires 0.75"]
    assert _told(rule.decide(20)) == ["a resolved nan"]


@pytest.mark.parametrize("compare", [">", ">=", "<", "<="])
def test_a_value_that_is_none_is_never_true(compare: str) -> None:
    rule = _Rule(aggregation="ratio", threshold=0, compare=compare)
    rule.count(("a",), 0, 10, [0.0, 0.0])
    assert not rule.judge.judge([("a",)], 0).true.any()
