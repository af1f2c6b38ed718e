"""Times in ranges: which span each means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.query.span import parse_span

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOW = "2026-11-25T10:20:30.123456"


def _us(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2026", "2026-01-01", "2027-01-01"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("2028-02", "2028-02-01", "2028-03-01"),
        ("2026-11-22", "2026-11-22", "2026-11-23"),
        ("2026-11-22T10", "2026-11-22T10:00:00", "2026-11-22T11:00:00"),
        ("2026-11-22T10:05+01:00", "2026-11-22T09:05:00", "2026-11-22T09:06:00"),
        ("2026-11-22 10:05:07Z", "2026-11-22T10:05:07", "2026-11-22T10:05:08"),
        ("2026-11-22T10:05:07.5Z", "2026-11-22T10:05:07.500000", "2026-11-22T10:05:07.500001"),
        ("1763805600", "2025-11-22T10:00:00", "2025-11-22T10:00:01"),
        ("1763805600123", "2025-11-22T10:00:00.123000", "2025-11-22T10:00:00.124000"),
        ("1763805600123456", "2025-11-22T10:00:00.123456", "2025-11-22T10:00:00.123457"),
        ("now/d", "2026-11-25", "2026-11-26"),
        ("now-1d/d", "2026-11-24", "2026-11-25"),
        ("now/w", "2026-11-23", "2026-11-30"),
        ("now-1M/M", "2026-10-01", "2026-11-01"),
        ("now/y", "2026-01-01", "2027-01-01"),
        ("now/H", "2026-11-25T10:00:00", "2026-11-25T11:00:00"),
        ("now/d+h", "2026-11-25T01:00:00", "2026-11-26T01:00:00"),
        ("2026-11-22||/M", "2026-11-01", "2026-12-01"),
        ("2026-11-22||-1d", "2026-11-21", "2026-11-22"),
        ("2024-02-29T00:00:00.0||+1y", "2025-02-28", "2025-02-28T00:00:00.000001"),
        ("2026-05-31T00:00:00.0||-1M", "2026-04-30", "2026-04-30T00:00:00.000001"),
    ],
)
def test_spans(text: str, first: str, after: str) -> None:
    assert parse_span(text, _us(_NOW)) == (_us(first), _us(after) - 1)


@pytest.mark.parametrize("text", ["now", "now-0d", "now+1h-1h", " now "])
def test_now_is_a_moment(text: str) -> None:
    assert parse_span(text, _us(_NOW)) == (_us(_NOW), _us(_NOW))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "x",
            "now-",
            "now-1q",
            "now/",
            "||",
            "2026-11-22||x",
            "2026-11-22-1d",
            "2026-13",
            "0001||-1d",
            "now-9999y",
        ),
        *("now*", "2026-11-22||-99999999w", "now-999999999d", "٢٠٢٦", "now-1d||/d"),
    ],
)
def test_what_is_no_time(text: str) -> None:
    assert parse_span(text, _us(_NOW)) is None


@given(st.text() | st.from_regex(r"\A(now|[0-9]{4}(-[0-9]{2})?\|\|)([+-][0-9]{0,9}[yMwdhHms]|/[yMwdhHms]){0,4}\Z"))
def test_any_text_is_a_span_or_none(text: str) -> None:
    span = parse_span(text, _us(_NOW))
    assert span is None or datetime.min.replace(tzinfo=UTC) <= _EPOCH + timedelta(microseconds=span[0])
    assert span is None or span[0] <= span[1]
