"""Times as people write them in `from` and `to`.

    now, -15m, +1h, now-1d, now-1d/d, -1h+5m/m     relative; units ms s m h d w; `/d` rounds down, `/w` to a Monday
    2026-11-22, 2026-11, 2026                      the beginning of the day, month or year
    2026-11-22T10:00[:00[.123456789]][Z|±hh[:mm]]  ISO 8601; `,` for `.` and a blank for `T` do as well
    1763805600[.5], 1763805600000, …               Unix time in s, ms, µs or ns, by its number of digits

Without an offset a time is UTC, and days and weeks are those of UTC. What is finer than a microsecond is cut off. A `+`
may be a blank, which is what a URL makes of it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from logd.errors import BadRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: What a datetime can hold: the years 1 to 9999.
_MIN_US = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_MAX_US = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_UNITS_US = {
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
#: 1970-01-01 was a Thursday.
_FIRST_MONDAY_US = 4 * _UNITS_US["d"]
_UNIT = "ms|s|m|h|d|w"
_RELATIVE = re.compile(rf"(?:now)?((?:[+ -][0-9]{{1,18}}(?:{_UNIT}))*)(?:/({_UNIT}))?")
_STEP = re.compile(rf"([+ -][0-9]+)({_UNIT})")
_ISO = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2}):?(\d{2})(?::?(\d{2})(?:[.,](\d{1,18}))?)?"
    r" ?(Z|[+ -]\d{2}(?::?\d{2})?)?)?)?)?",
    re.ASCII | re.IGNORECASE,
)
#: Seconds have up to 11 digits (until the year 5138), and three more in each finer unit. Four digits are a year.
_UNIX = re.compile(r"([0-9]{1,3}|[0-9]{5,20})(?:\.([0-9]{1,18}))?")
_EXPECTED = "an ISO 8601 time, a Unix time, or a relative one like now-15m"


def parse_time(text: str, now_us: int, where: str) -> int:
    """Unix µs. `where` names the parameter, for the error: BadRequest, code bad_time."""
    text = text.strip()
    micros = _relative(text, now_us) if text else None
    try:
        micros = _unix(text) if micros is None else micros
        micros = _absolute(text) if micros is None else micros
    except (ValueError, OverflowError) as error:
        raise BadRequest("bad_time", f"{where} is {text[:100]!r}, which is no time: {error}", where) from None
    if micros is None:
        raise BadRequest("bad_time", f"{where} is {text[:100]!r}, expected {_EXPECTED}", where)
    if not _MIN_US <= micros <= _MAX_US:
        raise BadRequest("bad_time", f"{where} is {text[:100]!r}, expected a time in the years 1 to 9999", where)
    return micros


def _relative(text: str, now_us: int) -> int | None:
    found = _RELATIVE.fullmatch(text)
    if not found:
        return None
    micros = now_us + sum(int(count) * _UNITS_US[unit] for count, unit in _STEP.findall(found[1]))
    if unit := found[2]:
        start = _FIRST_MONDAY_US if unit == "w" else 0
        micros -= (micros - start) % _UNITS_US[unit]
    return micros


def _unix(text: str) -> int | None:
    found = _UNIX.fullmatch(text)
    if not found:
        return None
    whole, fraction = found[1], found[2] or ""
    finer = 0 if len(whole) <= 11 else min((len(whole) - 9) // 3, 3)
    billionths = int(whole + fraction.ljust(9, "0")[:9])
    return billionths // (10**3, 10**6, 10**9, 10**12)[finer]


def _absolute(text: str) -> int | None:
    found = _ISO.fullmatch(text)
    if not found:
        return None
    given = zip(found.groups()[:6], "111000", strict=True)
    year, month, day, hour, minute, second = (int(part or default) for part, default in given)
    fraction = int((found[7] or "").ljust(6, "0")[:6])
    moment = datetime(year, month, day, hour, minute, second, fraction, tzinfo=_zone(found[8] or "Z"))
    return (moment - _EPOCH) // _MICROSECOND


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError(f"the offset {text} is out of range")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
