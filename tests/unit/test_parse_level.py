"""logd_level and what shows in a line: tables, and the levels that the real logs' CSVs give."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.levels import LEVEL_LETTERS, LEVEL_WORDS, level_of
from logd.parse import level, text, timestamp


@pytest.fixture(scope="module")
def sql() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute("SET threads = 1; SET TimeZone = 'UTC'")
    for macro in (*timestamp.MACROS, *level.MACROS):
        connection.execute(macro)
    yield connection
    connection.close()


def of_value(sql: duckdb.DuckDBPyConnection, value: str | None, field: str) -> str | None:
    rows = sql.execute("SELECT logd_level(text, field) FROM (SELECT ? AS text, ? AS field)", [value, field]).fetchall()
    answer: str | None = rows[0][0]
    return answer


def of_lines(sql: duckdb.DuckDBPyConnection, lines: list[str]) -> list[str | None]:
    observed = pa.array([0] * len(lines), pa.timestamp("us", "UTC"))
    sql.register("src", pa.table({"i": range(len(lines)), "line": lines, "observed": observed}))
    levels: list[str | None] = (
        sql.sql(f"SELECT level FROM ({text.query('src')}) ORDER BY i").to_arrow_table()["level"].to_pylist()
    )
    sql.unregister("src")
    return levels


@pytest.mark.parametrize(
    ("value", "field", "expected"),
    [
        ("info", "level", "INFO"),
        ("INFO", "level", "INFO"),
        ("Information", "level", "INFO"),
        ("Warning", "log.level", "WARN"),
        ("err", "lvl", "ERROR"),
        ("crit", "severity", "FATAL"),
        ("trace", "@l", "TRACE"),
        (" [Error] ", "level", "ERROR"),
        ("info2", "severity_text", "INFO"),
        ("loud", "level", None),
        ("", "level", None),
        (None, "level", None),
        ("ＩＮＦＯ", "level", None),
        ("info\0", "level", None),
        ("10", "level", "TRACE"),
        ("30", "level", "INFO"),
        ("35", "level", "INFO"),
        ("60", "level", "FATAL"),
        ("70", "level", None),
        ("3", "level", None),
        ("030", "level", None),
        ("30.5", "level", None),
        ("-30", "level", None),
        ("1", "severity_number", "TRACE"),
        ("9", "severity_number", "INFO"),
        ("13", "severityNumber", "WARN"),
        ("24", "severity_number", "FATAL"),
        ("0", "severity_number", None),
        ("25", "severity_number", None),
        ("0", "severity", "FATAL"),
        ("3", "severity", "ERROR"),
        ("4", "severity", "WARN"),
        ("6", "priority", "INFO"),
        ("7", "severity", "DEBUG"),
        ("8", "severity", None),
        ("30", "severity", None),
    ],
)
def test_values(sql: duckdb.DuckDBPyConnection, value: str | None, field: str, expected: str | None) -> None:
    assert of_value(sql, value, field) == expected


@pytest.mark.parametrize(("word", "expected"), LEVEL_WORDS.items())
def test_every_word_in_any_case(sql: duckdb.DuckDBPyConnection, word: str, expected: str) -> None:
    assert [of_value(sql, one, "level") for one in (word, word.upper(), word.title())] == [expected] * 3


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("INFO starting", "INFO"),
        ("starting INFO", "INFO"),
        ("2015-10-18 18:01:47,978 WARN [main] org.apache.hadoop: x", "WARN"),
        ("[2024-11-22T10:00:00,123][ERROR][o.e.n.Node] x", "ERROR"),
        ("[2024-11-22T10:00:00,123][INFO ][o.e.n.Node] x", "INFO"),
        ("WARNING:root:careful", "WARN"),
        ("10:00AM ERR request failed", "ERROR"),
        ("2024-11-22 10:00:00 UTC [7] FATAL:  no such role", "FATAL"),
        ("2024-11-22 10:00:00 UTC [7] NOTICE:  truncated", "INFO"),
        ("2024-11-22 10:00:00 UTC [7] PANIC:  could not write", "FATAL"),
        ("I, [2024-11-22T10:00:00.1 #7]  DEBUG -- : x", "DEBUG"),
        ("[Sun Dec 04 04:47:44 2005] [error] mod_jk", "ERROR"),
        ("[Sun Dec 04 04:47:44 2005] [core:notice] [pid 7] x", "INFO"),
        ("2024/11/22 10:00:00 [warn] 7#7: x", "WARN"),
        ("2024-11-22T10:00:00Z 0 [Warning] mysqld", "WARN"),
        ("a <debug> b", "DEBUG"),
        ("time=2024-11-22T10:00:00Z level=info msg=x", "INFO"),
        ('t=1 lvl="warn" msg=x', "WARN"),
        ("severity=Critical x", "FATAL"),
        ('x {"level":"error"}', "ERROR"),
        ('x {"level": "trace"}', "TRACE"),
        # the first one counts
        ("INFO no ERROR here", "INFO"),
        ("level=info [error]", "INFO"),
        # no levels
        ("an error occurred", None),
        ("error: in small letters without brackets", None),
        ("GET /INFO HTTP/1.1", None),
        ("MY_ERROR_CODE=1", None),
        ("java.lang.ERROR.x", None),
        ("INFORMATION desk", None),
        ("logrotate: ALERT exited abnormally", None),
        ("[config] loaded", None),
        ("[lvl=2] x", None),
        ("sublevel=infox", None),
        ("level=loud", None),
        ("", None),
        # it must begin within 100 characters
        ("x" * 98 + " [error]", "ERROR"),
        ("x" * 100 + " [error]", None),
        ("x" * 160 + " [error]", None),
    ],
)
def test_lines(sql: duckdb.DuckDBPyConnection, line: str, expected: str | None) -> None:
    assert of_lines(sql, [line, line + "\n", line + "\r\n"]) == [expected] * 3


@pytest.mark.parametrize("name", ["Apache", "HDFS", "Hadoop", "OpenStack", "Spark", "Zookeeper"])
def test_real_logs_with_a_level(sql: duckdb.DuckDBPyConnection, test_data: Path, name: str) -> None:
    truth = csv.DictReader(StringIO((test_data / f"loghub/{name}_2k.log_structured.csv").read_text(encoding="utf-8")))
    levels = of_lines(sql, (test_data / f"loghub/{name}_2k.log").read_text(encoding="utf-8").splitlines())
    assert levels == [level_of(row["Level"]) for row in truth]


@pytest.mark.parametrize(("name", "shown"), [("Linux", 0), ("OpenSSH", 0), ("Mac", 10)])
def test_real_logs_without(sql: duckdb.DuckDBPyConnection, test_data: Path, name: str, shown: int) -> None:
    lines = (test_data / f"loghub/{name}_2k.log").read_text(encoding="utf-8").splitlines()
    seen = [line for line, one in zip(lines, of_lines(sql, lines), strict=True) if one]
    assert len(seen) == shown
    assert all("WARNING:" in line or "ERROR:" in line or "[Error]" in line for line in seen)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=300), min_size=1, max_size=20))
def test_any_text_is_a_line_and_a_value(sql: duckdb.DuckDBPyConnection, lines: list[str]) -> None:
    assert len(of_lines(sql, lines)) == len(lines)
    meant = {None, level_of(lines[0]), LEVEL_LETTERS.get(lines[0].lower())}
    assert of_value(sql, lines[0], "level") in meant
