"""Queries as SQL: by table, and against the naive evaluator over generated records and trees."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.query.parse import parse
from logd.query.sql import compile_sql
from logd.query.tokens import tokens
from logd.query.tree import Equals, Node, Words
from logd.record import SCHEMA
from tests.support.naive_query import matches
from tests.support.strategies import RECORDS, TREES, leaves

_DUCKDB = duckdb.connect(config={"threads": 1})
_WHEN = datetime(2026, 11, 22, tzinfo=UTC)
_NAMES = [name for name in SCHEMA.names if name not in ("timestamp", "ingested_at")]


def _table(records: list[dict[str, Any]]) -> pa.Table:
    rows = [
        {
            **{name: record.get(name) for name in _NAMES},
            "timestamp": _WHEN,
            "ingested_at": _WHEN,
            "metadata": None if record.get("metadata") is None else _json(record["metadata"]),
        }
        for record in records
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def _json(value: dict[str, Any]) -> str:
    """Now with `\\u00e9` and now with `é`: both are the same JSON."""
    return json.dumps(value, ensure_ascii=len(value) % 2 == 0)


def _hits(node: Node, rows: pa.Table) -> list[str]:
    condition = compile_sql(node)
    _DUCKDB.register("rows", rows)
    query = f"SELECT log_id FROM rows WHERE {condition.sql} AND timestamp IS NOT NULL ORDER BY log_id"
    return [log_id for (log_id,) in _DUCKDB.execute(query, condition.parameters).fetchall()]


@pytest.mark.parametrize(
    ("query", "record", "hit"),
    [
        ("timeout", {"message": "connection TIMEOUT, giving up"}, True),
        ("time", {"message": "connection timeout"}, False),
        ("timeout", {"message": "java.net.SocketTimeoutException: timeout"}, True),
        ("out", {"message": None}, False),
        ("NOT out", {"message": None}, True),
        ("code", {"message": "ünïcode"}, False),
        ("code", {"message": "¿code¡"}, True),
        ("code", {"message": "code\u0301"}, False),
        ("foo", {"message": "foo_bar"}, False),
        ("kelvin", {"message": "\u212aelvin"}, True),
        ("strasse", {"message": "Straße"}, False),
        ("straße", {"message": "STRAẞE"}, True),
        ("istanbul", {"message": "İstanbul"}, True),
        ("ms", {"message": "mſ"}, False),
        ("after", {"message": "before\x00after\n"}, True),
        ("x", {"message": "x"}, True),
        ("k", {"message": "a K"}, True),
        ('"connection timeout"', {"message": "connection  -- timeout"}, True),
        ('"connection timeout"', {"message": "connection a timeout"}, False),
        ('"connection timeout"', {"message": "connectiontimeout"}, False),
        ('"connection timeout"', {"message": "timeout connection"}, False),
        ('"a a b"', {"message": "a a a b"}, True),
        ("10.0.3.17", {"message": "peer 10.0.3.17:443 closed"}, True),
        ("10.0.3.17", {"message": "peer 10.0.3.170 closed"}, False),
        ("日本", {"message": "全日本語"}, True),
        ("日本", {"message": "日 本"}, True),
        ("本日", {"message": "日本"}, False),
        ("エラー", {"message": "DBエラーが"}, True),
        ("エラ", {"message": "エラー"}, False),
        ('"db エラー"', {"message": "DBエラー"}, True),
        ("🚀", {"message": "deploy🚀🚀"}, True),
        ("❤", {"message": "❤\ufe0f"}, True),
        ('"---"', {"message": "---"}, False),
        ("level:warning", {"level": "WARN"}, True),
        ("level:Err", {"level": "ERROR"}, True),
        ("level:loud", {"level": None, "metadata": {"level": "loud"}}, True),
        ("level:WARN", {"level": None}, False),
        ("NOT level:WARN", {"level": None}, True),
        ("NOT (level:WARN OR service:x)", {"level": None}, True),
        ("service:pay", {"service": "payment"}, False),
        ("service:Payment", {"service": "payment"}, False),
        ("host:ip-10-0-6-13", {"host": "ip-10-0-6-13"}, True),
        ("source:/var/log/x.log", {"source": "/var/log/x.log"}, True),
        ("tags:b", {"tags": ["a", "b"]}, True),
        ("tags:b", {"tags": None}, False),
        ("metadata.trace_id:t", {"trace_id": "t"}, True),
        ("log_id:0000", {}, True),
        ("user_id:42", {"metadata": {"user_id": 42}}, True),
        ("user_id:42", {"metadata": {"user_id": "42"}}, True),
        ("user_id:42", {"metadata": {"user_id": 42.0}}, True),
        ("user_id:42.0", {"metadata": {"user_id": 42}}, True),
        ("user_id:42.0", {"metadata": {"user_id": "42"}}, False),
        ("user_id:42", {"metadata": {"user_id": 425}}, False),
        ("user_id:42", {"metadata": {"other": 42}}, False),
        ("NOT user_id:42", {"metadata": None}, True),
        ("id:9007199254740993", {"metadata": {"id": 9007199254740993}}, True),
        ("id:9007199254740993", {"metadata": {"id": 9007199254740992}}, False),
        ("ok:true", {"metadata": {"ok": True}}, True),
        ("ok:true", {"metadata": {"ok": "true"}}, True),
        ("ok:True", {"metadata": {"ok": True}}, False),
        ("ok:1", {"metadata": {"ok": True}}, False),
        ("x:null", {"metadata": {"x": None}}, False),
        ("a.b:1", {"metadata": {"a": {"b": 1}}}, True),
        ("a.b:1", {"metadata": {"a.b": 1}}, True),
        ("a.b.c:1", {"metadata": {"a": {"b.c": 1}}}, True),
        ("a.b.c:1", {"metadata": {"a.b": {"c": 1}}}, True),
        ("a:1", {"metadata": {"a": [3, 1]}}, True),
        ("a:x", {"metadata": {"a": ["y", "x"]}}, True),
        ("a.0:1", {"metadata": {"a": [1]}}, True),
        ("a.b:1", {"metadata": {"a": [{"b": 1}]}}, False),
        ('a:"[1]"', {"metadata": {"a": [1]}}, False),
        ('x:"é\\"/\\\\"', {"metadata": {"x": 'é"/\\'}}, True),
        ('x:"é\\"/\\\\"', {"metadata": {"x": 'é"/\\', "y": 1}}, True),
        ('x:"a\nb"', {"metadata": {"x": "a\nb"}}, True),
        ("a/b~c:1", {"metadata": {"a/b~c": 1}}, False),  # a path, so a text
        ("metadata.a/b~c:1", {"metadata": {"a/b~c": 1}}, True),
        ('x\\"y:1', {"metadata": {'x"y': 1}}, True),
        ("x\\'y:1", {"metadata": {"x'y": 1}}, True),
        ("db-3.internal:5432", {"message": "timeout to db-3.internal:5432"}, True),
        ("db-3.internal:5432", {"metadata": {"db-3": {"internal": 5432}}}, True),
        ("a OR b OR c OR d OR 日 OR エラー", {"message": "xエラー"}, True),
        ("a OR b OR c OR d OR 日 OR エラー", {"message": "xa日"}, True),
        ("a OR b OR c OR d OR 日 OR エラー", {"message": "ab エ bc"}, False),
    ],
)
def test_hits(query: str, record: dict[str, Any], hit: bool) -> None:
    record = {"log_id": "0000", **record}
    assert bool(_hits(parse(query), _table([record]))) == hit
    assert matches(parse(query), record) == hit


@pytest.mark.parametrize("value", ["' OR 1=1 --", "'; DROP TABLE rows; --", "\\", "%", "_", "a\x00'b", "$1", "?"])
def test_user_text_stays_text(value: str) -> None:
    records: list[dict[str, Any]] = [
        {"log_id": "0000", "service": value, "metadata": {"a": value}},
        {"log_id": "0001", "service": "x"},
    ]
    for node in (Equals("service", value), Equals("metadata.a", value)):
        assert value not in compile_sql(node).sql or value in ("?", "\\", "_")
        assert _hits(node, _table(records)) == ["0000"]


def test_the_condition_stands_as_an_operand_of_and() -> None:
    for query in ("a OR b", "NOT b", "a", "*", "a b c d e", "x:1 OR a", "a AND NOT (b OR c)", "x:1", "level:x"):
        condition = compile_sql(parse(query))
        nothing = (
            f"SELECT 1 FROM (VALUES ('a', NULL, NULL)) AS t(message, metadata, level) WHERE false AND {condition.sql}"
        )
        assert _DUCKDB.execute(nothing, condition.parameters).fetchall() == [], query


def test_the_largest_query_runs() -> None:
    rows = _table([{"log_id": "0000", "message": " ".join(f"w{number}" for number in range(1_024))}])
    words = [f"w{number}" for number in range(1_000)]
    for text in (" OR ".join(words), " ".join(words), f'"{" ".join(words)}"', "w1 " + "k" * 30_000):
        assert _hits(parse(text), rows) == ["0000"]
    assert _hits(parse("w" * 20_000), rows) == []
    assert _hits(parse("NOT (" * 50 + "w1" + ")" * 50), rows) == ["0000"]
    assert _hits(parse("(w1 AND NOT (x OR " * 24 + "w1" + "))" * 24), rows) == ["0000"]


@settings(max_examples=200, deadline=None)
@given(st.data(), st.lists(RECORDS, min_size=1, max_size=12))
def test_duckdb_finds_what_the_naive_evaluator_finds(data: st.DataObject, drawn: list[dict[str, Any]]) -> None:
    records = [{"log_id": f"{number:04}", **record} for number, record in enumerate(drawn)]
    nodes = data.draw(st.lists(TREES, min_size=1, max_size=4))
    # Words and values that are there, besides those that may be.
    there = tokens(data.draw(st.sampled_from([record["message"] or "" for record in records])))
    start = data.draw(st.integers(0, len(there)))
    nodes.append(Words("message", "", tuple(there[start : start + data.draw(st.integers(1, 3))])))
    if found := [leaf for record in records for leaf in leaves(record["metadata"] or {})]:
        nodes += [Equals(*leaf) for leaf in data.draw(st.lists(st.sampled_from(found), max_size=4))]
    rows = _table(records)
    for node in nodes:
        assert _hits(node, rows) == [record["log_id"] for record in records if matches(node, record)], node
