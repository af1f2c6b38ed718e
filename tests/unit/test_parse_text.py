"""Plain lines: the message, and the time that shows; on the real logs the time that their CSVs give."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.parse import level, text, timestamp
from tests.support.naive_time import EPOCH

OBSERVED = datetime(2024, 11, 22, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def sql() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("SET threads = 1; SET TimeZone = 'UTC'")
    for macro in (*timestamp.MACROS, *level.MACROS):
        connection.execute(macro)
    yield connection
    connection.close()


def parse(sql: duckdb.DuckDBPyConnection, lines: Sequence[str]) -> list[dict[str, Any]]:
    """A row a line, in order: time (UTC), level, message."""
    rows = pa.table({"i": range(len(lines)), "line": pa.array(lines, pa.string()), "observed": [OBSERVED] * len(lines)})
    sql.register("src", rows)
    parsed = sql.sql(f"SELECT i, epoch_us(time) AS t, level, message FROM ({text.query('src')}) ORDER BY i")
    answer: list[dict[str, Any]] = parsed.to_arrow_table().to_pylist()
    sql.unregister("src")
    for row in answer:
        row["time"] = None if row["t"] is None else EPOCH + timedelta(microseconds=row["t"])
    return answer


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", ""),
        ("\n", ""),
        ("\r\n", ""),
        ("a\n", "a"),
        ("a\r\n", "a"),
        ("a\r", "a"),
        ("a", "a"),
        ("a\n\n", "a\n"),
        ("a\r\r\n", "a\r"),
        ("a\n\r", "a\n"),
        (" a \t\n", " a \t"),
        ("first\n  second\n", "first\n  second"),
        ("é😀\r\n", "é😀"),
        ("e\u0301\n", "e\u0301"),
        ("a\0b\0\n", "a\0b\0"),
    ],
)
def test_the_message_is_the_line_without_its_ending(sql: duckdb.DuckDBPyConnection, line: str, message: str) -> None:
    assert [row["message"] for row in parse(sql, [line])] == [message]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2024-11-22T10:00:00.123Z INFO x", "2024-11-22T10:00:00.123"),
        ("2024-11-22T10:00:00Z", "2024-11-22T10:00:00"),
        ("2024-11-22 10:00:00,123 - x", "2024-11-22T10:00:00.123"),
        ("[2024-11-22 10:00:00 +02:00] x", "2024-11-22T08:00:00"),
        ("[2024-11-22T10:00:00.123+0000] x", "2024-11-22T10:00:00.123"),
        ("2024-11-22 10:00:00.5-05 x", "2024-11-22T15:00:00.500"),
        ("2024-11-22 10:00:00.123 UTC [7] LOG:  x", "2024-11-22T10:00:00.123"),
        ("2024-11-22 10:00:00 -5 items", "2024-11-22T10:00:00"),
        ("2024-11-22 10:00:00 - 12:00 lunch", "2024-11-22T10:00:00"),
        ("2024/11/22 10:00:00 [error] 7#7: x", "2024-11-22T10:00:00"),
        ("20241122T100000Z x", "2024-11-22T10:00:00"),
        ("time=2024-11-22T10:00:00Z level=info", "2024-11-22T10:00:00"),
        ('x {"ts":"2024-11-22T10:00:00Z"}', "2024-11-22T10:00:00"),
        ("<34>1 2024-11-22T10:00:00.003Z host app - - - x", "2024-11-22T10:00:00.003"),
        ("<34>Oct 11 22:14:15 host su: x", "2024-10-11T22:14:15"),
        ("Dec  1 22:14:15 host su: x", "2023-12-01T22:14:15"),
        ('1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 7', "2000-10-10T20:55:36"),
        ('::1 - - [10/Oct/2000 13:55:36] "GET / HTTP/1.0" 200 -', "2000-10-10T13:55:36"),
        ("[Sun Dec 04 04:47:44.123456 2005] [error] x", "2005-12-04T04:47:44.123456"),
        ("Sun Dec  4 04:47:44 UTC 2005 x", "2005-12-04T04:47:44"),
        ("Date: Mon, 02 Jan 2006 15:04:05 GMT", "2006-01-02T15:04:05"),
        ("7:M 02 Jan 2006 15:04:05.123 * Ready", "2006-01-02T15:04:05.123"),
        ("17/06/09 20:10:40 INFO x", "2017-06-09T20:10:40"),
        ("081109 203615 148 INFO x", "2008-11-09T20:36:15"),
        ("1732269600 x", "2024-11-22T10:00:00"),
        ("1732269600.123 7 TCP_MISS/200", "2024-11-22T10:00:00.123"),
        ("1732269600123 x", "2024-11-22T10:00:00.123"),
        ("1732269600123456 x", "2024-11-22T10:00:00.123456"),
        ("1732269600123456789 x", "2024-11-22T10:00:00.123456"),
        # the earliest counts
        ("2024-11-22T10:00:00Z after 2023-01-01T00:00:00Z", "2024-11-22T10:00:00"),
        ("nova.log.2017-05-16_13:53:08 2017-05-16 00:00:00.008 x", "2017-05-16T00:00:00.008"),
        # it must begin within 100 characters
        ("x" * 98 + " 2024-11-22 10:00:00.123456 +0200 x", "2024-11-22T08:00:00.123456"),
        ("x" * 99 + " 2024-11-22T10:00:00Z", None),
        ("é" * 98 + " 2024-11-22T10:00:00Z", "2024-11-22T10:00:00"),
        ("x" * 160 + " 2024-11-22T10:00:00Z", None),
        # no times
        ("", None),
        ("x 2024-11-22 x", None),
        ("x 1732269600 x", None),
        ("1732269600", None),
        ("1732269600-1 x", None),
        ("17322696001 x", None),
        ("12024-11-22T10:00:00Z", None),
        ("a2024-11-22T10:00:00Z", None),
        ("x 17/06/09 20:10:40", None),
        ("x 081109 203615 148", None),
        ("123456 789012 x", None),
        ("2024-13-22T10:00:00Z", None),
        ("2024-02-30T10:00:00Z", None),
        ("Jun 14 15:16:61 x", None),
        ("version 10.0.0 at 10:00:00", None),
    ],
)
def test_the_time_that_shows(sql: duckdb.DuckDBPyConnection, line: str, expected: str | None) -> None:
    time = datetime.fromisoformat(f"{expected}+00:00") if expected else None
    assert [row["time"] for row in parse(sql, [line, line + "\n", line + "\r\n"])] == [time] * 3


def _in_year(row: dict[str, str], month: str, day: str) -> datetime:
    time = datetime.strptime(f"2024 {row[month]} {row[day]} {row['Time']}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
    return time if time <= OBSERVED else time.replace(year=2023)


def _date_and_time(row: dict[str, str], form: str) -> datetime:
    return datetime.strptime(f"{row['Date']} {row['Time']}", form).replace(tzinfo=UTC)


TRUTH: dict[str, Callable[[dict[str, str]], datetime]] = {
    "Apache": lambda row: datetime.strptime(row["Time"], "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC),
    "HDFS": lambda row: _date_and_time(
        row | {"Date": row["Date"].zfill(6), "Time": row["Time"].zfill(6)}, "%y%m%d %H%M%S"
    ),
    "Hadoop": lambda row: _date_and_time(row, "%Y-%m-%d %H:%M:%S,%f"),
    "Linux": lambda row: _in_year(row, "Month", "Date"),
    "Mac": lambda row: _in_year(row, "Month", "Date"),
    "OpenSSH": lambda row: _in_year(row, "Date", "Day"),
    "OpenStack": lambda row: _date_and_time(row, "%Y-%m-%d %H:%M:%S.%f"),
    "Spark": lambda row: _date_and_time(row, "%y/%m/%d %H:%M:%S"),
    "Zookeeper": lambda row: _date_and_time(row, "%Y-%m-%d %H:%M:%S,%f"),
}


@pytest.mark.parametrize("name", TRUTH)
def test_real_logs(sql: duckdb.DuckDBPyConnection, test_data: Path, name: str) -> None:
    raw = (test_data / f"loghub/{name}_2k.log").read_bytes().decode()
    lines = raw.split("\n")[: 2000 if raw.endswith("\n") else None]
    truth = csv.DictReader(StringIO((test_data / f"loghub/{name}_2k.log_structured.csv").read_text(encoding="utf-8")))
    parsed = parse(sql, [f"{line}\n" for line in lines])
    assert [row["time"] for row in parsed] == [TRUTH[name](row) for row in truth]
    assert [row["message"] for row in parsed] == [line.removesuffix("\r") for line in lines]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=20))
def test_any_text_is_a_line(sql: duckdb.DuckDBPyConnection, lines: list[str]) -> None:
    parsed = parse(sql, lines)
    assert [row["i"] for row in parsed] == list(range(len(lines)))
    assert all(line.startswith(row["message"]) for line, row in zip(lines, parsed, strict=True))


@settings(max_examples=40, deadline=None)
@given(
    time=st.datetimes(datetime(1975, 1, 1), datetime(2037, 1, 1)),
    before=st.text("abc [(<\"'=:|é", max_size=60),
    after=st.sampled_from(["", " x", "] x", '", "', ": x", "\n", "|"]),
)
def test_a_time_is_found_anywhere_near_the_beginning(
    sql: duckdb.DuckDBPyConnection, time: datetime, before: str, after: str
) -> None:
    line = f"{before} {time.isoformat(timespec='microseconds')}Z{after}"
    assert [row["time"] for row in parse(sql, [line])] == [time.replace(tzinfo=UTC)]
