"""Real logs of nine systems: of every line the time, the level, the content and the rest of its head, as their tables
have it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from logd.chunk import TEXT, compress
from logd.parse.plan import Parser
from tests.support import loghub
from tests.support.chunks import OBSERVED_US, TAKEN_US, chunk_of
from tests.support.naive_parse import Record, as_records

_LATEST = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=OBSERVED_US, hours=1)
#: Where a table's column is, beside time, level and content; and what is there in its place, of a row.
_REST: Mapping[str, Mapping[str, Callable[[loghub.Row], str]]] = {
    "Apache": {},
    "HDFS": {"pid": lambda row: row["Pid"], "logger": lambda row: row["Component"]},
    "Hadoop": {"thread": lambda row: row["Process"], "logger": lambda row: row["Component"]},
    "Linux": {
        "host": lambda row: row["Level"],
        "appname": lambda row: row["Component"],
        "procid": lambda row: row["PID"].removesuffix(".0"),
    },
    "Mac": {
        "host": lambda row: row["User"],
        "appname": lambda row: row["Component"],
        "procid": lambda row: row["PID"],
        "address": lambda row: row["Address"],
    },
    "OpenSSH": {"host": lambda row: row["Component"], "procid": lambda row: row["Pid"]},
    "OpenStack": {
        "file": lambda row: row["Logrecord"],
        "pid": lambda row: row["Pid"],
        "logger": lambda row: row["Component"],
        "request": lambda row: row["ADDR"],
    },
    "Spark": {"logger": lambda row: row["Component"]},
    # Where it has a colon, the table's component begins before the last one.
    "Zookeeper": {"line": lambda row: row["Id"], "logger": lambda row: row["Component"].rpartition(":")[2]},
}


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    parser = Parser()
    yield parser
    parser.close()


def _records(parser: Parser, test_data: Path, system: str) -> list[Record]:
    body = loghub.path_of(test_data, system).read_bytes()
    chunk = chunk_of(content_type=TEXT, value=compress(body), lines=loghub.LINES, host="")
    parsed = parser.parse([chunk], [TAKEN_US])
    assert parsed.unparsed == 0
    return as_records(parsed.table)


@pytest.mark.parametrize("system", loghub.SYSTEMS)
def test_every_line_is_as_its_table_says(parser: Parser, test_data: Path, system: str) -> None:
    records, rows = _records(parser, test_data, system), loghub.rows(test_data, system)
    assert len(records) == len(rows) == loghub.LINES
    assert [record["message"].rstrip() for record in records] == [row["Content"].rstrip() for row in rows]
    assert [record["timestamp"] for record in records] == [loghub.TIMES[system](row, _LATEST) for row in rows]
    if loghub.level_of(system, rows[0]) is not None:
        assert [record["level"] for record in records] == [loghub.level_of(system, row) for row in rows]
    for name, value_of in _REST[system].items():
        expected = [value_of(row) for row in rows]
        assert [_text(record, name) for record in records] == expected, name


def _text(record: Record, name: str) -> str:
    value = record.get(name) if name == "host" else (record["metadata"] or {}).get(name)
    return "" if value is None else str(value)
