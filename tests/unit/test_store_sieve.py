"""What passes a sieve is what the compiled SQL finds, and never less than the hits."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from logd.query.parse import parse
from logd.query.sql import compile_sql
from logd.record import SCHEMA
from logd.store.sieve import sieve
from tests.support.rows import DAY, row

_TEXTS = [
    "timeout",
    "TIMEOUT",
    "a Timeout!",
    "\u212aelvin",
    "KELVIN",
    "İstanbul",
    "naïve NAÏVE",
    "错误",
    "x 42 y",
    "",
    "42",
]
_ROWS = pa.concat_tables(
    [
        pa.Table.from_pylist([row(DAY, f"{service}-{number}", text, trace_id=trace_id, service=service)], schema=SCHEMA)
        for service in ("web", "db")
        for trace_id in (None, "abc", "abcd")
        for number, text in enumerate(_TEXTS)
    ]
    + [pa.Table.from_pylist([row(DAY, "odd", "m", metadata='{"trace_id":[7,"xyz"]}')], schema=SCHEMA)]
)
_SIMPLE = [
    "*",
    *("timeout", "TimeOut", "kelvin", "istanbul", "naïve", "错误", "42", '"x 42"', "k", "zyzzyva", "timeout AND a"),
    *("time*", "*elvi? AND service:db", "x.4*", "?", "message.raw:/T[iI]/", 'message.raw:"x 42"', "message.raw:/^$|./"),
    *("service:web AND kelvin", "trace_id:abc", "log_id:web-1", "level:INFO", "level:info AND service:db AND 42"),
]
_NARROWED = [
    "timeout AND metadata.x:1",
    "trace_id:7",
    "trace_id:xyz",
    "a AND NOT timeout",
    "service:web AND (42 OR timeout)",
    "tags:x AND 42",
]


def _found(query: str) -> list[str]:
    condition = compile_sql(parse(query))
    with duckdb.connect() as sql:
        sql.register("rows", _ROWS)
        found = sql.sql(f"SELECT log_id, trace_id FROM rows WHERE {condition.sql}", params=condition.parameters)
        return sorted(map(str, found.to_arrow_table().to_pylist()))


def _passing(query: str) -> list[str]:
    first = sieve(parse(query))
    assert first is not None
    passing = _ROWS.take(pa.array(first.places(_ROWS)[0]))
    return sorted(map(str, passing.select(["log_id", "trace_id"]).to_pylist()))


@pytest.mark.parametrize("query", _SIMPLE)
def test_a_simple_query_needs_no_more(query: str) -> None:
    first = sieve(parse(query))
    assert first is not None
    assert first.places(_ROWS)[1]
    assert _passing(query) == _found(query)


@pytest.mark.parametrize("query", _NARROWED)
def test_what_is_left_of_others_has_all_hits(query: str) -> None:
    first = sieve(parse(query))
    assert first is not None
    assert not first.places(_ROWS)[1]
    assert set(_found(query)) <= set(_passing(query))
    assert len(_passing(query)) < len(_ROWS)


@pytest.mark.parametrize(
    "query",
    ["timeout OR refused", "NOT timeout", '"x 42"~2', "timeou~", "/x./", "level:odd", "metadata.x:1", "tags:x"],
)
def test_nothing_is_said_of_others(query: str) -> None:
    assert sieve(parse(query)) is None


def test_no_rows() -> None:
    for query in ("zyzzyva", "trace_id:abc AND timeout"):
        first = sieve(parse(query))
        assert first is not None
        assert not len(first.places(_ROWS.slice(0, 0))[0])
