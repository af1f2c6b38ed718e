"""`[[test]]` tables of rule files: lines come at times, through the real parser, and what fires is compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

import numpy as np

from logd.alerts.backtest import Backtest
from logd.alerts.counter import Shown
from logd.alerts.file import FileRule, Firing, RuleTest
from logd.alerts.gauges import gauges
from logd.chunk import Chunk, Positions, compress
from logd.parse.parsing import Parses
from logd.query.parse import Operator
from logd.seams import Event

#: Of a test that has none.
START = datetime(2026, 1, 1, tzinfo=UTC)
_SECOND_US = 1_000_000
#: Lines are parsed by so many chunks, each of lines that come at the same time.
_CHUNKS = 500
#: What sketches give is near, of other values only the last digits are theirs.
_NEAR, _SAME = 0.03, 1e-9
_SKETCHED = ("p50", "p90", "p95", "p99", "distinct")


class Tried(NamedTuple):
    """What was expected and didn't happen, and what happened and wasn't expected, for people."""

    missing: Sequence[str]
    surplus: Sequence[str]

    @property
    def passed(self) -> bool:
        return not self.missing and not self.surplus


class _Come(NamedTuple):
    """A line, and when it comes."""

    at_us: int
    service: str
    host: str
    line: str


def try_rule(
    test: RuleTest, found: FileRule, parser: Parses, shown: Shown, late_seconds: int, operator: Operator
) -> Tried:
    """Of a test from its start, before which there was nothing, up to its last line and what is expected last. What
    happens at a time may be told up to a bucket of the rule's window later. Raises filters.Failed."""
    start_us = round((test.start or START).timestamp() * _SECOND_US)
    rules = {found.id: found.rule}
    step_us = min(gauge.span.width_us for gauge in gauges(rules, 1, late_seconds, operator)[found.id])
    lines = sorted(_lines(test, start_us), key=lambda one: one.at_us)
    last_us = max([lines[-1].at_us, *(start_us + _us(one.at) for one in test.expect)])
    end_us = (last_us // step_us + 1) * step_us
    replay = Backtest(rules, start_us, end_us, late_seconds, shown, operator, anew=True)
    try:
        chunks = list(_chunks(test, lines))
        for place in range(0, len(chunks), _CHUNKS):
            some = chunks[place : place + _CHUNKS]
            times = [chunk.observed_us for chunk in some]
            parsed = parser.parse(some, times)
            at_us = np.repeat(np.array(times, np.int64), parsed.chunk_lines)
            if parsed.kept is not None:
                at_us = at_us[parsed.kept.to_numpy(zero_copy_only=False)]
            replay.feed(parsed.stored()[0], at_us=at_us)
        events = [event for event in replay.end().events if event.at_us <= end_us]
    finally:
        replay.close()
    return _compared(test, found, events, start_us, step_us)


def _compared(test: RuleTest, found: FileRule, events: Sequence[Event], start_us: int, step_us: int) -> Tried:
    left = sorted(events, key=lambda event: event.at_us)
    near = _NEAR if found.rule.condition.aggregation in _SKETCHED else _SAME
    missing = []
    for wanted in test.expect:
        at_us = start_us + _us(wanted.at)
        for event in left:
            in_time = at_us <= event.at_us <= at_us + step_us
            if in_time and _is_so(wanted, event, found.rule.group_by, near):
                left.remove(event)
                break
        else:
            missing.append(_told(wanted.at, wanted.fires, wanted.group.items(), wanted.value))
    names = found.rule.group_names
    surplus = [
        _told(
            (event.at_us - start_us) / _SECOND_US,
            event.what == "firing",
            zip(names, (value or "" for value in event.group), strict=True),
            event.value,
        )
        for event in left
    ]
    return Tried(missing, surplus)


def _is_so(wanted: Firing, event: Event, names: Sequence[str], near: float) -> bool:
    if wanted.fires != (event.what == "firing"):
        return False
    if any(wanted.group[name] != (value or "") for name, value in zip(names, event.group, strict=False)):
        return False
    if wanted.value is None:
        return True
    return event.value is not None and math.isclose(wanted.value, event.value, rel_tol=near)


def _told(at: float, fires: bool, group: Iterable[tuple[str, str]], value: float | None) -> str:
    """`at 10 s: fires, host=web-1, value 101`."""
    parts = ["fires" if fires else "is resolved", *(f"{name}={text}" for name, text in group)]
    if value is not None:
        parts.append("no value" if math.isnan(value) else f"value {value:.10g}")
    return f"at {at:.10g} s: {', '.join(parts)}"


def _lines(test: RuleTest, start_us: int) -> Iterator[_Come]:
    for one in test.lines:
        for number in range(one.repeat):
            at_us = start_us + _us(one.at + number * one.every_seconds)
            yield _Come(at_us, one.service or test.service, one.host or test.host, one.line)


def _chunks(test: RuleTest, lines: Sequence[_Come]) -> Iterator[Chunk]:
    """As an agent would send them, in order of time."""
    offset = 0
    for (at_us, service, host), some in groupby(lines, key=lambda one: one[:3]):
        text = "".join(f"{one.line}\n" for one in some).encode()
        yield Chunk(
            service=service,
            host=host,
            source=test.source,
            source_id="0" * 16,
            offset=offset,
            lines=text.count(b"\n"),
            observed_us=at_us,
            value=compress(text),
            content_type=test.content_type,
            positions=Positions.BYTE,
        )
        offset += len(text)


def _us(seconds: float) -> int:
    return round(seconds * _SECOND_US)
