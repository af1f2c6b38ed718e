"""Times in `from` and `to`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.errors import BadRequest
from logd.query.time import parse_time

_NOW = "2026-11-25T10:20:30.123456"


def _us(iso: str) -> int:
    moment = datetime.fromisoformat(iso).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (moment.days * 86_400 + moment.seconds) * 1_000_000 + moment.microseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", _NOW),
        (" now ", _NOW),
        ("-15m", "2026-11-25T10:05:30.123456"),
        ("now-1h", "2026-11-25T09:20:30.123456"),
        ("now+90s", "2026-11-25T10:22:00.123456"),
        ("now 90s", "2026-11-25T10:22:00.123456"),
        ("-500ms", "2026-11-25T10:20:29.623456"),
        ("-1d+2h-1m", "2026-11-24T12:19:30.123456"),
        ("now-1d/d", "2026-11-24T00:00:00"),
        ("now/h", "2026-11-25T10:00:00"),
        ("/w", "2026-11-23T00:00:00"),
        ("-1w/w", "2026-11-16T00:00:00"),
        ("2026", "2026-01-01T00:00:00"),
        ("2026-11", "2026-11-01T00:00:00"),
        ("2026-11-22", "2026-11-22T00:00:00"),
        ("2026-11-22T10", "2026-11-22T10:00:00"),
        ("2026-11-22T10:00", "2026-11-22T10:00:00"),
        ("2026-11-22t10:00:05z", "2026-11-22T10:00:05"),
        ("2026-11-22 10:00:05,123", "2026-11-22T10:00:05.123000"),
        ("2026-11-22T10:00:05.123456789Z", "2026-11-22T10:00:05.123456"),
        ("2026-11-22T10:00:05+02:00", "2026-11-22T08:00:05"),
        ("2026-11-22T10:00:05 02:00", "2026-11-22T08:00:05"),
        ("2026-11-22T10:00:05-0530", "2026-11-22T15:30:05"),
        ("2026-11-22T10:00+02", "2026-11-22T08:00:00"),
        ("1968-07-01", "1968-07-01T00:00:00"),
        ("0", "1970-01-01T00:00:00"),
        ("1795341605", "2026-11-22T10:00:05"),
        ("1795341605.25", "2026-11-22T10:00:05.250000"),
        ("1795341605123", "2026-11-22T10:00:05.123000"),
        ("1795341605123.5", "2026-11-22T10:00:05.123500"),
        ("1795341605123456", "2026-11-22T10:00:05.123456"),
        ("1795341605123456789", "2026-11-22T10:00:05.123456"),
    ],
)
def test_times(text: str, expected: str) -> None:
    assert parse_time(text, _us(_NOW), "from") == _us(expected)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "15m", "-15", "-1y", "now-", "now-1d/", "12:00", "2026-13-01", "2026-02-30", "2026-11-22T24:00"),
        *("2026-11-22T10:00:60", "2026-11-22T1", "2026-11-22T10:00+99", "2026-11-22T10:00+05:99", "-9999999999w"),
        *("0001-01-01T00:00:00+01:00", "0000-01-01", "-1", "1" * 21, "٢٠٢٦", "now\n-1d", "1e9", "\x00", "nan"),
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_time(text, _us(_NOW), "from")
    assert (caught.value.code, caught.value.where) == ("bad_time", "from")


@given(st.text() | st.from_regex(r"\A(now)?[+ -]?[0-9]{1,20}(ms|[smhdw])?(/[smhdw])?[T:. 0-9Z-]*\Z"))
def test_any_text_is_a_time_or_a_bad_request(text: str) -> None:
    try:
        micros = parse_time(text, _us(_NOW), "to")
    except BadRequest:
        return
    assert datetime(1, 1, 1, tzinfo=UTC) <= datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)), st.integers(-1439, 1439))
def test_iso_times_with_any_offset(utc: datetime, offset_minutes: int) -> None:
    moment = utc.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=offset_minutes)))
    assert parse_time(moment.isoformat(), 0, "from") == _us(utc.isoformat())
