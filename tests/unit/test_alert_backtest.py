"""A replay says what would have fired live, whatever tables the records come in."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.alerts.backtest import MOST_FIRINGS, Backtest, Outcome, backtest
from logd.alerts.rules import Rule
from logd.http.records import records
from logd.record import SCHEMA
from tests.support.alert_engine import Record, Shard, count, rule
from tests.support.rows import DAY, row

SECOND = 1_000_000
HOUR = 3_600 * SECOND
_SERVICES, _USERS = "ab", "uv"


def _row(second: float, message: str = "x", service: str = "a", level: str = "INFO", **fields: Any) -> Record:
    metadata = json.dumps(fields) if fields else None
    return row(DAY + int(second * SECOND), "x", message, service=service, level=level, metadata=metadata)


def _tables(rows: Sequence[Record], ends: Iterable[int] = ()) -> list[pa.Table]:
    table = pa.Table.from_pylist(list(rows), schema=SCHEMA)
    places = sorted({0, len(rows), *(end % (len(rows) + 1) for end in ends)})
    return [table.slice(start, end - start) for start, end in pairwise(places)]


def _replayed(rules: Mapping[str, Rule], rows: Sequence[Record], *, end: float = 60, late: int = 0) -> Outcome:
    test = Backtest(rules, DAY, DAY + int(end * SECOND), late, records)
    return backtest(test, _tables(rows))


def _seconds(outcome: Outcome) -> list[tuple[float, float | None, float, float]]:
    """When it fired and was resolved, by what, and the furthest value."""
    return [
        (
            (one.fired_us - DAY) / SECOND,
            None if one.resolved_us is None else (one.resolved_us - DAY) / SECOND,
            one.value,
            one.peak,
        )
        for one in outcome.firings
    ]


_RULES = {
    "counts": rule(group_by=["user"], threshold=2, window_seconds=5),
    "long": rule(group_by=["user"], threshold=3, window_seconds=20),
    "few of late": rule(threshold=3, compare="<=", window_seconds=20, lasting=3),
    "mean": rule(group_by=["service"], aggregation="avg", field="ms", threshold=120, window_seconds=20),
    "some": rule(service="a", query="y", threshold=0, window_seconds=4),
    "few": rule(threshold=3, compare="<", window_seconds=5),
    "p90": rule(group_by=["service"], aggregation="p90", field="ms", threshold=150, window_seconds=10),
    "most": rule(aggregation="max", field="ms", threshold=290, window_seconds=5),
    "users": rule(aggregation="distinct", field="user", threshold=1, window_seconds=3),
    "sums": rule(aggregation="sum", field="ms", threshold=500, window_seconds=4, lasting=2),
    "gone": rule(group_by=["service"], aggregation="absence", window_seconds=5),
    "spike": rule(aggregation="spike", threshold=2, window_seconds=4),
    "new": rule(aggregation="new_value", field="user", window_seconds=5),
    "both": rule(
        aggregation="composite",
        window_seconds=4,
        conditions=[
            {"aggregation": "max", "field": "ms", "threshold": 100, "window_seconds": 4},
            {"service": "b", "threshold": 1, "window_seconds": 4},
        ],
    ),
}


@st.composite
def _streams(draw: st.DrawFn) -> list[tuple[int, Record]]:
    """Records with the second at which they come, some of which are late, or ahead; and with long pauses."""
    some = st.tuples(
        st.integers(0, 6),
        st.sampled_from([0, 0, 0, 0, 0, 0, -2, -9, 3]),
        st.sampled_from(_SERVICES),
        st.sampled_from(_USERS),
        st.integers(1, 300),
        st.sampled_from("xy"),
    )
    second, found = 20, []
    for pause, off, service, user, ms, message in draw(st.lists(some, max_size=30)):
        second += pause if pause < 6 else 60
        found.append((second, _row(second + off + 0.5, message, service=service, user=user, ms=ms)))
    return found


@settings(deadline=None, max_examples=100)
@given(
    _streams(),
    st.lists(st.integers(0, 50), max_size=5),
    st.sampled_from([0, 3, 12]),
    st.booleans(),
    st.sampled_from([None, *_RULES]),
)
def test_it_is_what_would_have_fired(
    stream: list[tuple[int, Record]], ends: list[int], late: int, own_times: bool, one_rule: str | None
) -> None:
    rules = _RULES if one_rule is None else {one_rule: _RULES[one_rule]}
    end = max([60, *(second + 40 for second, _ in stream)])
    if own_times:
        # What comes late is known only by what came before it.
        times = np.maximum.accumulate(np.array([_micros(one) for _, one in stream], np.int64))
        stream = [((at - DAY) // SECOND, one) for at, (_, one) in zip(times.tolist(), stream, strict=True)]
    shard = Shard(rules, late_seconds=late)
    test = Backtest(rules, DAY, DAY + end * SECOND, late, records)
    counter = shard.counter()
    try:
        position = 0
        # The clock starts where the other one does: what there are few of has to be known from then on.
        for second in range((test.reads_from_us - DAY) // SECOND, end + late):
            some = [one for at, one in stream if at == second]
            if some:
                count(counter, [(0, position, some)])
                position += 1
            shard.publish(counter.pages())
            if (decided_us := DAY + (second + 1 - late) * SECOND) > test.reads_from_us:
                shard.decide(decided_us)
    finally:
        counter.close()
    at = None if own_times else [DAY + second * SECOND + SECOND // 2 for second, _ in stream]
    start = 0
    for table in _tables([one for _, one in stream], ends):
        assert test.feed(table, at_us=None if at is None else np.array(at[start : start + len(table)], np.int64))
        start += len(table)
    outcome = test.end()
    test.close()
    assert _by_group(outcome.events) == _by_group(shard.events)
    fires = [(event.rule_id, event.at_us) for event in outcome.events if event.what == "firing" and event.at_us > DAY]
    assert sorted((one.rule_id, one.fired_us) for one in outcome.firings if one.fired_us > DAY) == sorted(fires)


def _micros(record: Record) -> int:
    return int(pa.scalar(record["timestamp"], pa.timestamp("us", "UTC")).cast(pa.int64()).as_py())


def _by_group(events: Iterable[Any]) -> dict[Any, list[Any]]:
    found = defaultdict(list)
    for event in events:
        found[event.rule_id, event.group].append((event.what, event.at_us, str(event.value)))
    return dict(found)


def test_firings_have_values_and_lines() -> None:
    rows = [_row(at, f"line {n}") for n, at in enumerate([10, 11, 12, 12.5, 13, 30])]
    outcome = _replayed({"r": rule(threshold=2, window_seconds=5)}, rows)
    assert _seconds(outcome) == [(13, 18, 4, 5)]
    assert [one["message"] for one in outcome.firings[0].samples] == [f"line {n}" for n in range(4)]
    assert (outcome.lines, outcome.fired, outcome.stopped, outcome.upto_us) == (6, 1, False, DAY + 60 * SECOND)
    times, (curve,) = outcome.series["r"]
    at = {(time - DAY) / SECOND: value for time, value in zip(times, curve.values.tolist(), strict=True)}
    assert (len(at), min(at), max(at)) == (60, 1, 60)
    assert [at[second] for second in (10, 11, 13, 14, 17, 18, 31, 36)] == [0, 1, 4, 5, 3, 1, 1, 0]


def test_what_fires_at_the_start_is_there_and_what_fired_before_is_not() -> None:
    rows = [_row(at) for at in (-20, -19, -18, -2, -1, -0.5, 0.5)]
    outcome = _replayed({"r": rule(threshold=1, window_seconds=5)}, rows)
    assert _seconds(outcome) == [(0, 5, 3, 4)]
    assert outcome.fired == 1


def test_what_there_are_few_of_goes_low() -> None:
    rows = [_row(at) for at in range(-20, 20)] + [_row(at) for at in range(30, 60)]
    outcome = _replayed({"r": rule(threshold=4, compare="<", window_seconds=5)}, rows)
    assert _seconds(outcome) == [(22, 34, 3, 0)]


def test_a_long_silence_is_leapt_over() -> None:
    gone = rule(group_by=["service"], aggregation="absence", window_seconds=60)
    slow = rule(threshold=1, compare="<", window_seconds=60, lasting=3_600)
    rows = [_row(-30), _row(10), _row(20 * 86_400)]
    asked = []
    test = Backtest({"gone": gone, "slow": slow}, DAY, DAY + 30 * 86_400 * SECOND, 10, records)
    outcome = backtest(test, _tables(rows), lambda: not asked.append(0))  # type: ignore[func-returns-value]
    found = {(one.rule_id, (one.fired_us - DAY) // SECOND): one.resolved_us for one in outcome.firings}
    # For a week people are told that something is missing.
    assert found["gone", 72] == DAY + (72 + 7 * 86_400) * SECOND
    assert found["slow", 72 + 3_600] == DAY + (72 + 7 * 86_400) * SECOND
    assert len(found) == 7
    assert len(asked) < 1_000


def test_many_firings_are_counted() -> None:
    rows = [_row(10, user=f"u{number}") for number in range(MOST_FIRINGS + 50) for _ in range(2)]
    outcome = _replayed({"r": rule(group_by=["user"], threshold=1, window_seconds=5)}, rows)
    assert (len(outcome.firings), outcome.fired) == (MOST_FIRINGS, MOST_FIRINGS + 50)
    assert len(outcome.series["r"].curves) == 10
    few = rule(group_by=["user"], threshold=1, window_seconds=5, max_groups=10)
    assert _replayed({"r": few}, rows).refused["r"] == 2 * (MOST_FIRINGS + 50 - 9)


def test_a_chart_has_500_points_at_most() -> None:
    rows = [_row(minute * 60) for minute in range(180)] + [_row(7_000 + n / 10) for n in range(20)]
    rows.sort(key=lambda one: one["timestamp"])
    times, (curve,) = _replayed({"r": rule(threshold=5, window_seconds=10)}, rows, end=10_800).series["r"]
    assert len(times) == len(curve.values) == 491
    assert np.nanmax(curve.values) == 20
    assert times[int(np.nanargmax(curve.values))] == DAY + 7_018 * SECOND


def test_it_stops_when_it_is_told_to() -> None:
    rows = [_row(at) for at in range(60)]
    test = Backtest({"r": rule(threshold=1, window_seconds=5)}, DAY, DAY + 60 * SECOND, 0, records)
    outcome = backtest(test, _tables(rows, [20, 40]), lambda: test.upto_us < DAY + 15 * SECOND)
    assert outcome.stopped
    assert 15 <= outcome.lines <= 20
    assert DAY + 15 * SECOND <= outcome.upto_us < DAY + 40 * SECOND


@pytest.mark.parametrize("window", [60, 300, 7 * 86_400])
def test_wider_buckets(window: int) -> None:
    rows = [_row(at * window) for at in (0.1, 0.2, 0.25, 3)]
    outcome = _replayed({"r": rule(threshold=2, window_seconds=window)}, rows, end=4 * window)
    ((fired, resolved, value, peak),) = _seconds(outcome)
    assert 0.25 * window < fired <= 0.3 * window
    assert resolved is not None
    assert 1.1 * window <= resolved <= 1.2 * window
    assert (value, peak) == (3, 3)
