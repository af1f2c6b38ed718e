"""What logd_time must answer, one value at a time, in the standard library: slow, plain, and written apart from it."""

from __future__ import annotations

import re
from calendar import isleap
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = "|".join(MONTHS)
_WEEKDAY = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_CLOCK = r"(?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)"
_FRACTION = r"(?:[.,](?P<f>\d+))?"
_MICROS = r"(?:[.,](?P<f>\d{1,6}))?"
_OFFSET = r"[+-]\d\d(?::?\d\d)?"
_MONTH_DAY = rf"(?P<m>{_MONTH}) (?P<d>[ \d]?\d)"

_LOCAL = r"[Tt ](?P<H>\d\d):(?P<M>\d\d)(?::(?P<S>\d\d)(?:[.,](?P<f>\d+))?)?"

#: ISO 8601: 24:00:00 and second 60 are fine.
_ISO = (
    rf"(?P<any>\d{{4}})-(?P<m>\d\d)-(?P<d>\d\d)(?:(?!.*t){_LOCAL}(?P<z>Z|{_OFFSET})?)?",
    rf"(?P<Y>\d{{4}})([-/])(?P<m>\d\d)\2(?P<d>\d\d){_LOCAL}(?P<z> ?[Zz]| UTC| GMT| ?{_OFFSET})?",
    r"(?P<Y>\d{4})/(?P<m>\d\d)/(?P<d>\d\d)",
    rf"(?P<Y>\d{{4}})(?P<m>\d\d)(?P<d>\d\d)T(?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d){_FRACTION}(?P<z>Z|{_OFFSET})?",
)
_OTHERS = (
    rf"(?:(?:{_WEEKDAY})[a-z]*, )?(?P<d>\d?\d)[ /-](?P<m>{_MONTH})[ /-](?P<Y>\d{{4}})"
    rf"[ :]{_CLOCK}{_FRACTION}(?P<z> UTC| GMT| ?{_OFFSET})?",
    rf"(?:{_WEEKDAY}) {_MONTH_DAY} {_CLOCK}{_MICROS} (?P<Y>\d{{4}})",
    rf"(?:{_WEEKDAY}) {_MONTH_DAY} {_CLOCK} (?P<z>UTC|GMT) (?P<Y>\d{{4}})",
    rf"{_MONTH_DAY} {_CLOCK}{_MICROS}",
    rf"(?P<Y>\d\d)/(?P<m>\d\d)/(?P<d>\d\d) {_CLOCK}{_FRACTION}",
    r"(?P<Y>\d\d)(?P<m>\d\d)(?P<d>\d\d) (?P<H>\d\d)(?P<M>\d\d)(?P<S>\d\d) ?",
)


def naive_time(text: str, observed: datetime, zone: ZoneInfo, ahead: timedelta = timedelta(hours=1)) -> datetime | None:
    """The instant that `text` says, in UTC; None where it says none."""
    try:
        if re.fullmatch(r"\d{1,19}(\.\d*)?([eE][+-]?\d\d?)? ?", text, re.A):
            return _since_1970(text.strip(" "))
        for pattern in _ISO + _OTHERS:
            if match := re.fullmatch(pattern, text, re.A):
                fields = {name: value for name, value in match.groupdict().items() if value is not None}
                time_of_day = _time_of_day(fields, iso=pattern in _ISO)
                return _in_zone(
                    _midnight(fields, time_of_day, (observed + ahead).astimezone(zone)) + time_of_day, fields, zone
                )
    except (ValueError, OverflowError):
        return None
    return None


def _since_1970(text: str) -> datetime:
    """Numbers with a point or an exponent are doubles, as in JSON: exact to the microsecond until 2242."""
    number = int(text) if text.isdigit() else float(text)
    if number >= (2**63 if isinstance(number, int) else 1e20):
        raise OverflowError(text)
    if number < 10**8:
        raise OverflowError(text)
    if number >= 10**17:
        micros = number // 1000 if isinstance(number, int) else number / 1000
    else:
        micros = number * (10**6 if number < 10**11 else 10**3 if number < 10**14 else 1)
    return EPOCH + timedelta(microseconds=round(micros))


def _time_of_day(fields: Mapping[str, str], iso: bool) -> timedelta:
    hour, minute, second = (int(fields.get(name, "0")) for name in "HMS")
    micros = int((fields.get("f", "") + "000000")[:6])
    if iso and (hour, minute, second, micros) == (24, 0, 0, 0):
        return timedelta(days=1)
    if iso and second == 60:
        second = 59
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(fields)
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros)


def _midnight(fields: Mapping[str, str], time_of_day: timedelta, latest: datetime) -> datetime:
    month = MONTHS.index(fields["m"]) + 1 if fields["m"] in MONTHS else int(fields["m"])
    day = int(fields["d"])
    if "any" in fields:
        return datetime(int(fields["any"]), month, day)
    if "Y" in fields:
        year = int(fields["Y"])
        if len(fields["Y"]) == 2:
            year += 1900 if year >= 69 else 2000
        elif not 1000 <= year <= 2999:
            raise ValueError(fields)
        return datetime(year, month, day)
    for year in range(latest.year, latest.year - 9, -1):
        if (month, day) == (2, 29) and not isleap(year):
            continue
        if datetime(year, month, day) + time_of_day <= latest.replace(tzinfo=None):
            return datetime(year, month, day)
    raise ValueError(fields)


def _in_zone(local: datetime, fields: Mapping[str, str], zone: ZoneInfo) -> datetime:
    """In an hour that the zone skips the offset before holds, in one that it repeats the offset after."""
    written = fields.get("z", "").strip()
    if written in ("Z", "z", "UTC", "GMT"):
        return local.replace(tzinfo=UTC)
    if written:
        digits = written[1:].replace(":", "").ljust(4, "0")
        hours, minutes = int(digits[:2]), int(digits[2:])
        if hours > 15 or minutes > 59:
            raise ValueError(written)
        offset = timedelta(hours=hours, minutes=minutes)
        return (local + offset if written[0] == "-" else local - offset).replace(tzinfo=UTC)
    before, after = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return after if before.astimezone(zone).replace(tzinfo=None) == local else before
