"""logd_time: a table of what it reads, and Hypothesis against a reference that reads one value at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.parse import timestamp
from tests.support.naive_time import EPOCH, MONTHS, naive_time

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe")
OBSERVED = datetime.fromisoformat("2024-11-22T10:00:00+00:00")
Connections = dict[str, duckdb.DuckDBPyConnection]


@pytest.fixture(scope="module")
def sql() -> Iterator[Connections]:
    connections = {}
    for zone in ZONES:
        connections[zone] = duckdb.connect()
        connections[zone].execute(f"SET threads = 1; SET TimeZone = '{zone}'")
        for macro in timestamp.MACROS:
            connections[zone].execute(macro)
    yield connections
    for connection in connections.values():
        connection.close()


def read(
    connection: duckdb.DuckDBPyConnection,
    texts: Sequence[str | None],
    observed: datetime = OBSERVED,
    ahead_seconds: int = 3600,
    macro: str = "logd_time",
) -> list[datetime | None]:
    """The times of the texts, in UTC, all in one query."""
    rows = pa.table({"i": range(len(texts)), "text": pa.array(texts, pa.string()), "observed": [observed] * len(texts)})
    connection.register("src", rows)
    time = f"{macro}(text, observed, ahead_seconds := {ahead_seconds})"
    micros = connection.sql(f"SELECT epoch_us({time}) AS t FROM src ORDER BY i").to_arrow_table()["t"].to_pylist()
    connection.unregister("src")
    return [None if one is None else EPOCH + timedelta(microseconds=one) for one in micros]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # ISO 8601
        ("2024-11-22T10:00:00Z", "2024-11-22T10:00:00"),
        ("2024-11-22T10:00:00.1Z", "2024-11-22T10:00:00.100000"),
        ("2024-11-22T10:00:00.123456Z", "2024-11-22T10:00:00.123456"),
        ("2024-11-22T10:00:00.123456999Z", "2024-11-22T10:00:00.123456"),
        ("2024-11-22T10:00:00.123456789012345Z", "2024-11-22T10:00:00.123456"),
        ("2024-11-22t10:00:00z", "2024-11-22T10:00:00"),
        ("2024-11-22 10:00:00", "2024-11-22T10:00:00"),
        ("2024-11-22 10:00:00,123", "2024-11-22T10:00:00.123000"),
        ("2024-11-22T10:00:00+02:00", "2024-11-22T08:00:00"),
        ("2024-11-22T10:00:00.5+0200", "2024-11-22T08:00:00.500000"),
        ("2024-11-22T10:00:00-02", "2024-11-22T12:00:00"),
        ("2024-11-22 10:00:00 +0530", "2024-11-22T04:30:00"),
        ("2024-11-22 10:00:00,123 +02:00", "2024-11-22T08:00:00.123000"),
        ("2024-11-22 10:00:00 UTC", "2024-11-22T10:00:00"),
        ("2024-11-22 10:00:00.25 GMT", "2024-11-22T10:00:00.250000"),
        ("2024-11-22T10:00:00 Z", "2024-11-22T10:00:00"),
        ("2024-11-22T10:00:00-15:59", "2024-11-23T01:59:00"),
        ("2024-11-22T10:00:00+16:00", None),
        ("2024-11-22T10:00:00+02:60", None),
        ("2024-11-22T10:00:00 CEST", None),
        ("2024-11-22T10:00", "2024-11-22T10:00:00"),
        ("2024-11-22 10:00+01:00", "2024-11-22T09:00:00"),
        ("2024-11-22", "2024-11-22T00:00:00"),
        ("2024/11/22", "2024-11-22T00:00:00"),
        ("2024/11/22 10:00:00", "2024-11-22T10:00:00"),
        ("2024-11/22", None),
        ("20241122T100000Z", "2024-11-22T10:00:00"),
        ("20241122T100000.5+02", "2024-11-22T08:00:00.500000"),
        ("2024-11-22T24:00:00Z", "2024-11-23T00:00:00"),
        ("2024-11-22T24:00:01Z", None),
        ("2024-11-22T25:00:00Z", None),
        ("2024-11-22T10:60:00Z", None),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59"),
        ("2016-12-31T23:59:60.5Z", "2016-12-31T23:59:59.500000"),
        ("2017-01-01 00:59:60,5 +01:00", "2016-12-31T23:59:59.500000"),
        ("2016-12-31T23:59:61Z", None),
        ("2024-02-29", "2024-02-29T00:00:00"),
        ("2023-02-29", None),
        ("2024-02-30T00:00:00Z", None),
        ("0000-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00"),
        ("0001-01-01T00:00:00+00:01", None),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999"),
        ("9999-12-31T23:59:59-00:01", None),
        ("9999-12-31T24:00:00Z", None),
        ("10000-01-01T00:00:00Z", None),
        # what DuckDB's casts take besides
        ("infinity", None),
        ("epoch", None),
        ("2024-11-22 (BC)", None),
        ("2024-1-2", None),
        ("2024-11-22T 0:00:00.000Z", None),
        ("2024-11-22T10:00:0.0000Z", None),
        ("2024-11-22T10:00:00.Z", None),
        ("2024-11-22T10:00:00. NZ", None),
        ("2024-11-22 10:00:00 Europe/Berlin", None),
        (" 2024-11-22", None),
        ("nan", None),
        ("1_000", None),
        # since 1970
        ("0", None),
        ("99999999", None),
        ("100000000", "1973-03-03T09:46:40"),
        ("1732269600", "2024-11-22T10:00:00"),
        ("1732269600.123", "2024-11-22T10:00:00.123000"),
        ("1732269600.123456", "2024-11-22T10:00:00.123456"),
        ("1.7322696e9", "2024-11-22T10:00:00"),
        ("1.732269600123E+12", "2024-11-22T10:00:00.123000"),
        ("1732269600123", "2024-11-22T10:00:00.123000"),
        ("1732269600123.456", "2024-11-22T10:00:00.123456"),
        ("1732269600123456", "2024-11-22T10:00:00.123456"),
        ("1732269600123456789", "2024-11-22T10:00:00.123456"),
        ("99999999999", "5138-11-16T09:46:39"),
        ("100000000000", "1973-03-03T09:46:40"),
        ("9223372036854775807", "2262-04-11T23:47:16.854775"),
        ("9999999999999999999", None),
        ("99999999999999999999", None),
        ("1e99", None),
        ("-1732269600", None),
        # web servers, mail, syslog, C
        ("10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36"),
        ("10/Oct/2000:13:55:36.123 +0000", "2000-10-10T13:55:36.123000"),
        ("32/Oct/2000:13:55:36 -0700", None),
        ("10/Oct/2000:24:00:00 -0700", None),
        ("10/Okt/2000:13:55:36 -0700", None),
        ("Mon, 02 Jan 2006 15:04:05 GMT", "2006-01-02T15:04:05"),
        ("Mon, 2 Jan 2006 15:04:05 -0700", "2006-01-02T22:04:05"),
        ("02 Jan 2006 15:04:05.123", "2006-01-02T15:04:05.123000"),
        ("02-Jan-2006 15:04:05", "2006-01-02T15:04:05"),
        ("30 Feb 2006 15:04:05", None),
        ("Sun Dec 04 04:47:44 2005", "2005-12-04T04:47:44"),
        ("Sun Dec  4 04:47:44.123456 2005", "2005-12-04T04:47:44.123456"),
        ("Sun Dec  4 04:47:44 UTC 2005", "2005-12-04T04:47:44"),
        ("Jun 14 15:16:01", "2024-06-14T15:16:01"),
        ("Jun  4 15:16:01", "2024-06-04T15:16:01"),
        ("Jun 4 15:16:01.5", "2024-06-04T15:16:01.500000"),
        ("Jun 31 15:16:01", None),
        ("JUN 14 15:16:01", None),
        ("Jun 14", None),
        # log4j in Spark and HDFS
        ("17/06/09 20:10:40", "2017-06-09T20:10:40"),
        ("69/01/01 00:00:00", "1969-01-01T00:00:00"),
        ("17/13/09 20:10:40", None),
        ("081109 203615", "2008-11-09T20:36:15"),
        ("081109 243615", None),
        # no times at all
        ("", None),
        ("hello", None),
        ("12:00:00", None),
        ("2024-11-22T10:00:00Z\0", None),
        ("２０２４-11-22", None),
        (None, None),
    ],
)
def test_reads(sql: Connections, text: str | None, expected: str | None) -> None:
    assert read(sql["UTC"], [text]) == [datetime.fromisoformat(f"{expected}+00:00") if expected else None]


@pytest.mark.parametrize(
    ("zone", "text", "expected"),
    [
        ("Europe/Berlin", "2024-07-01 12:00:00", "2024-07-01T10:00:00"),
        ("Europe/Berlin", "2024-12-01 12:00:00,5", "2024-12-01T11:00:00.500000"),
        ("Europe/Berlin", "2024-12-01", "2024-11-30T23:00:00"),
        ("Europe/Berlin", "2024-12-01 12:00:00 UTC", "2024-12-01T12:00:00"),
        ("Europe/Berlin", "Sun Dec 01 12:00:00 2024", "2024-12-01T11:00:00"),
        ("Europe/Berlin", "241201 120000", "2024-12-01T11:00:00"),
        ("America/New_York", "2024-03-10 02:30:00", "2024-03-10T07:30:00"),  # skipped: the offset before, -5
        ("America/New_York", "2024-11-03 01:30:00", "2024-11-03T06:30:00"),  # twice: the offset after, -5
        ("Australia/Lord_Howe", "10/Oct/2024:12:00:00 +0200", "2024-10-10T10:00:00"),
    ],
)
def test_the_sessions_zone_holds_where_none_is_written(sql: Connections, zone: str, text: str, expected: str) -> None:
    assert read(sql[zone], [text]) == [datetime.fromisoformat(f"{expected}+00:00")]


@pytest.mark.parametrize(
    ("zone", "text", "observed", "ahead_seconds", "expected"),
    [
        ("UTC", "Nov 22 10:00:00", "2024-11-22T10:00:00", 0, "2024-11-22T10:00:00"),
        ("UTC", "Nov 22 10:00:00.5", "2024-11-22T10:00:00.500000", 0, "2024-11-22T10:00:00.500000"),
        ("UTC", "Nov 22 10:00:01", "2024-11-22T10:00:00", 0, "2023-11-22T10:00:01"),
        ("UTC", "Nov 22 11:00:00", "2024-11-22T10:00:00", 3600, "2024-11-22T11:00:00"),
        ("UTC", "Nov 22 11:00:01", "2024-11-22T10:00:00", 3600, "2023-11-22T11:00:01"),
        ("UTC", "Dec 31 23:59:59", "2025-01-01T00:00:01", 3600, "2024-12-31T23:59:59"),
        ("UTC", "Jan  1 00:10:00", "2024-12-31T23:30:00", 3600, "2025-01-01T00:10:00"),
        ("UTC", "Feb 29 12:00:00", "2024-02-29T12:00:00", 0, "2024-02-29T12:00:00"),
        ("UTC", "Feb 29 12:00:00", "2024-02-29T11:00:00", 0, "2020-02-29T12:00:00"),
        ("UTC", "Feb 29 12:00:00", "2023-11-22T00:00:00", 3600, "2020-02-29T12:00:00"),
        ("Asia/Kolkata", "Jan  1 05:00:00", "2024-12-31T23:30:00", 0, "2024-12-31T23:30:00"),
        ("America/New_York", "Dec 31 20:00:00", "2025-01-01T01:00:00", 0, "2025-01-01T01:00:00"),
    ],
)
def test_a_missing_year_is_the_latest_not_ahead(
    sql: Connections, zone: str, text: str, observed: str, ahead_seconds: int, expected: str
) -> None:
    seen = datetime.fromisoformat(f"{observed}+00:00")
    assert read(sql[zone], [text], seen, ahead_seconds) == [datetime.fromisoformat(f"{expected}+00:00")]


def _fraction(digits: str) -> st.SearchStrategy[str]:
    return st.sampled_from([f"{point}{digits[:length]}" for point in ".," for length in (1, 3, 6, 9)] + [""])


OFFSETS = st.sampled_from(["", "Z", " Z", "z", " UTC", " GMT", "+02:00", " +0530", "-05", "+14:00", "-15:59", "+16:00"])
FORMATS: Sequence[Callable[[datetime, str, str], str]] = (
    lambda t, f, z: f"{t:%Y-%m-%dT%H:%M:%S}{f}{z}",
    lambda t, f, z: f"{t:%Y-%m-%d %H:%M:%S}{f}{z}",
    lambda t, f, z: f"{t:%Y/%m/%d %H:%M:%S}{f}{z}",
    lambda t, f, z: f"{t:%Y%m%dT%H%M%S}{f}{z}",
    lambda t, f, z: f"{t:%Y-%m-%d %H:%M}{z}",
    lambda t, f, z: f"{t:%Y-%m-%d}",
    lambda t, f, z: f"{t:%d}/{MONTHS[t.month - 1]}/{t:%Y:%H:%M:%S}{f}{z}",
    lambda t, f, z: f"Mon, {t.day} {MONTHS[t.month - 1]} {t:%Y %H:%M:%S}{f}{z}",
    lambda t, f, z: f"Sun {MONTHS[t.month - 1]} {t.day:2} {t:%H:%M:%S}{f} {t:%Y}",
    lambda t, f, z: f"Sun {MONTHS[t.month - 1]} {t.day:02} {t:%H:%M:%S} UTC {t:%Y}",
    lambda t, f, z: f"{MONTHS[t.month - 1]} {t.day:2} {t:%H:%M:%S}{f}",
    lambda t, f, z: f"{t:%y/%m/%d %H:%M:%S}{f}",
    lambda t, f, z: f"{t:%y%m%d %H%M%S}",
    lambda t, f, z: f"{(t - datetime(1970, 1, 1)) // timedelta(seconds=1)}{f.replace(',', '.')[:7]}",
    lambda t, f, z: f"{(t - datetime(1970, 1, 1)) // timedelta(microseconds=1)}",
)
#: Within the years for which both ICU and zoneinfo know every zone's rules.
TIMES = st.datetimes(datetime(1975, 1, 1), datetime(2037, 12, 31))
WRITTEN = st.builds(
    lambda write, time, fraction, offset: write(time, fraction, offset),
    st.sampled_from(FORMATS),
    TIMES,
    st.integers(0, 10**9 - 1).flatmap(lambda digits: _fraction(f"{digits:09}")),
    OFFSETS,
)
#: A time with a few characters put in, taken out or exchanged: mostly none any more, sometimes another one.
MARRED = st.builds(
    lambda text, at, width, more: text[: at % (len(text) + 1)] + more + text[at % (len(text) + 1) + width :],
    WRITTEN,
    st.integers(0, 40),
    st.integers(0, 2),
    st.text("0123456789:-/., +TZe\0é", max_size=2),
)


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(WRITTEN | MARRED | st.text(max_size=30), min_size=1, max_size=60),
    observed=TIMES,
    zone=st.sampled_from(ZONES),
)
def test_equals_the_naive_reference(sql: Connections, texts: list[str], observed: datetime, zone: str) -> None:
    seen = observed.replace(tzinfo=ZoneInfo("UTC"))
    expected = [naive_time(text, seen, ZoneInfo(zone)) for text in texts]
    assert dict(zip(texts, read(sql[zone], texts, seen), strict=True)) == dict(zip(texts, expected, strict=True))


@settings(max_examples=20, deadline=None)
@given(texts=st.lists(WRITTEN | MARRED, min_size=1, max_size=60), macro=st.sampled_from(timestamp.NARROW))
def test_a_narrow_macro_gives_the_same_or_nothing(sql: Connections, texts: list[str], macro: str) -> None:
    wide = read(sql["UTC"], texts)
    narrow = read(sql["UTC"], texts, macro=macro)
    assert [one for one, other in zip(narrow, wide, strict=True) if one is not None and one != other] == []


@pytest.mark.parametrize(
    ("macro", "text"),
    [
        ("logd_usual_time", "2024-11-22T10:00:00Z"),
        ("logd_usual_time", "2024-11-22 10:00:00,123"),
        ("logd_usual_time", "1732269600"),
        ("logd_syslog_time", "Nov 22 10:00:00"),
        ("logd_clf_time", "22/Nov/2024:10:00:00 +0000"),
    ],
)
def test_what_narrow_macros_are_for(sql: Connections, macro: str, text: str) -> None:
    assert read(sql["UTC"], [text], macro=macro) == read(sql["UTC"], [text]) != [None]


@settings(max_examples=20, deadline=None)
@given(zone=st.sampled_from(ZONES), around=st.sampled_from(["2024-03-10", "2024-11-03", "2024-04-07", "2024-10-06"]))
def test_days_on_which_clocks_change(sql: Connections, zone: str, around: str) -> None:
    texts = [f"{around} {hour:02}:{minute:02}:00" for hour in range(24) for minute in (0, 15, 30, 45)]
    assert read(sql[zone], texts) == [naive_time(text, OBSERVED, ZoneInfo(zone)) for text in texts]
