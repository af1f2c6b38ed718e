"""Times as people write them in `from` and `to`.

    now, -15m, +1h, now-1d, now-1d/d, -1h+5m/m     relative; units ms s m h d w; `/d` rounds down, `/w` to a Monday
    2026-11-22, 2026-11, 2026                      the beginning of the day, month or year
    2026-11-22T10[:00[:00[.123456789]]][Z|±hh[:mm]]  ISO 8601; `,` for `.` and a blank for `T` do as well
    1763805600[.5], 1763805600000, …               Unix time in s, ms, µs or ns, by its number of digits

Without an offset a time is UTC, and days and weeks are those of UTC. What is finer than a microsecond is cut off. A `+`
may be a blank, which is what a URL makes of it.
"""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime, timedelta, timezone

from logd.errors import BadRequest

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
#: What a datetime can hold: the years 1 to 9999.
MIN_US = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
MAX_US = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
UNITS_US = {
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
#: 1970-01-01 was a Thursday.
FIRST_MONDAY_US = 4 * UNITS_US["d"]
_UNIT = "ms|s|m|h|d|w"
_RELATIVE = re.compile(rf"(?:now)?((?:[+ -][0-9]{{1,18}}(?:{_UNIT}))*)(?:/({_UNIT}))?")
_STEP = re.compile(rf"([+ -][0-9]+)({_UNIT})")
_ISO = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d{1,18}))?)?)?"
    r" ?(Z|[+ -]\d{2}(?::?\d{2})?)?)?)?)?",
    re.ASCII | re.IGNORECASE,
)
#: Seconds have up to 11 digits (until the year 5138), and three more in each finer unit. Four digits are a year.
_UNIX = re.compile(r"([0-9]{1,3}|[0-9]{5,20})(?:\.([0-9]{1,18}))?")
EXPECTED = "an ISO 8601 time, a Unix time, or a relative one like now-15m"


def parse_time(text: str, now_us: int, where: str) -> int:
    """Unix µs. `where` names the parameter, for the error: BadRequest, code bad_time."""
    text = text.strip()
    micros = _relative(text, now_us) if text else None
    try:
        if micros is None and (span := moment(text)):
            micros = span[0]
    except (ValueError, OverflowError) as error:
        raise BadRequest("bad_time", f"{where} is {text[:100]!r}, which is no time: {error}", where) from None
    if micros is None:
        raise BadRequest("bad_time", f"{where} is {text[:100]!r}, expected {EXPECTED}", where)
    if not MIN_US <= micros <= MAX_US:
        raise BadRequest("bad_time", f"{where} is {text[:100]!r}, expected a time in the years 1 to 9999", where)
    return micros


def _relative(text: str, now_us: int) -> int | None:
    found = _RELATIVE.fullmatch(text)
    if not found:
        return None
    micros = now_us + sum(int(count) * UNITS_US[unit] for count, unit in _STEP.findall(found[1]))
    if unit := found[2]:
        start = FIRST_MONDAY_US if unit == "w" else 0
        micros -= (micros - start) % UNITS_US[unit]
    return micros


def moment(text: str) -> tuple[int, int] | None:
    """The first and the last Unix µs that a Unix time or an ISO 8601 one can mean, as far as it goes: a day, a second;
    None when it is neither. Raises ValueError and OverflowError when there is no such time."""
    return _unix(text) or _absolute(text)


def _unix(text: str) -> tuple[int, int] | None:
    found = _UNIX.fullmatch(text)
    if not found:
        return None
    whole, fraction = found[1], found[2] or ""
    finer = 0 if len(whole) <= 11 else min((len(whole) - 9) // 3, 3)
    billionths = int(whole + fraction.ljust(9, "0")[:9])
    first = billionths // (10**3, 10**6, 10**9, 10**12)[finer]
    return first, first if fraction else first + (1_000_000, 1_000, 1, 1)[finer] - 1


def _absolute(text: str) -> tuple[int, int] | None:
    found = _ISO.fullmatch(text)
    if not found:
        return None
    given = zip(found.groups()[:6], "111000", strict=True)
    year, month, day, hour, minute, second = (int(part or default) for part, default in given)
    fraction = int((found[7] or "").ljust(6, "0")[:6])
    zone = _zone(found[8] or "Z")
    start = datetime(year, month, day, hour, minute, second, fraction, tzinfo=zone)
    first = (start - EPOCH) // MICROSECOND
    if found[7]:
        return first, first
    if found[3]:
        return first, first + UNITS_US["s" if found[6] else "m" if found[5] else "h" if found[4] else "d"] - 1
    return first, (following(start, "M" if found[2] else "y") - EPOCH) // MICROSECOND - 1


def following(start: datetime, unit: str, count: int = 1) -> datetime:
    """So many months (`M`) or years (`y`) later, on the month's last day if it has no such day; the last moment of the
    year 9999 when that is over. Raises ValueError before the year 1."""
    months = start.year * 12 + start.month - 1 + count * (12 if unit == "y" else 1)
    if months >= 10_000 * 12:
        return datetime.max.replace(tzinfo=start.tzinfo)
    year, month = months // 12, months % 12 + 1
    for day in (start.day, 30, 29):
        with contextlib.suppress(ValueError):
            return start.replace(year=year, month=month, day=day)
    return start.replace(year=year, month=month, day=28)


def _zone(text: str) -> timezone:
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 23 or minutes > 59:
        raise ValueError(f"the offset {text} is out of range")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
