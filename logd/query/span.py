"""Times as ranges in a query write them: what they leave open is a span, and a bound is one of its ends.

    2026, 2026-11, 2026-11-22, 2026-11-22T10:00     the whole year, month, day, minute
    1763805600, 1763805600000                       the whole second, the whole millisecond
    now, now-1h, now/d, now-1d/d, -15m              date maths; a rounded time is the whole day (month, …) it falls in
    2026-11-22||+1M/d                               the same from another time, after `||`

As in Elasticsearch, `<=` and a bracket take the end of the span, `<` and a brace its beginning, `>=` the beginning, `>`
the end; and `timestamp:2026-11-22` is the span. Units are y M w d h H m s, and ms; weeks begin on Monday, all in UTC.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from logd.query.time import (
    EPOCH,
    FIRST_MONDAY_US,
    MAX_US,
    MICROSECOND,
    MIN_US,
    UNITS_US,
    following,
    moment,
)

EXPECTED = "a time such as 2026-11-22, 2026-11-22T10:00:00Z, now-1h, now/d or 2026-11-22||-1d"
_UNIT = "ms|[yMwdhHms]"
_STEP = re.compile(rf"([+-])([0-9]{{0,9}})({_UNIT})|/({_UNIT})")
_MATHS = re.compile(rf"(?:{_STEP.pattern})*")


def parse_span(text: str, now_us: int) -> tuple[int, int] | None:
    """The first and the last Unix µs; None when the text is no time, or one outside the years 1 to 9999."""
    text = text.strip()
    anchor, bars, maths = text.partition("||")
    if not bars:
        anchor, maths = ("now", text.removeprefix("now")) if text.startswith(("now", "-", "+")) else (text, "")
    try:
        span = (now_us, now_us) if anchor == "now" else moment(anchor.strip())
        if span is None or not _MATHS.fullmatch(maths):
            return None
        first, last = span
        for sign, count, unit, rounded in _STEP.findall(maths):
            if rounded:
                first, last = _start(first, rounded), _end(last, rounded)
            else:
                steps = int(f"{sign}{count or 1}")
                first, last = _moved(first, steps, unit), _moved(last, steps, unit)
    except (ValueError, OverflowError):
        return None
    return (first, last) if MIN_US <= first <= last <= MAX_US else None


def _moved(micros: int, count: int, unit: str) -> int:
    if unit in "yM":
        return _micros(following(_datetime(micros), unit, count))
    return micros + count * UNITS_US[unit.lower()]


def _start(micros: int, unit: str) -> int:
    """Of the unit that the time is in."""
    if unit in "yM":
        day = _datetime(micros).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return _micros(day.replace(month=1) if unit == "y" else day)
    start = FIRST_MONDAY_US if unit == "w" else 0
    return micros - (micros - start) % UNITS_US[unit.lower()]


def _end(micros: int, unit: str) -> int:
    return min(_moved(_start(micros, unit), 1, unit) - 1, MAX_US)


def _datetime(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)


def _micros(time: datetime) -> int:
    return (time - EPOCH) // MICROSECOND
