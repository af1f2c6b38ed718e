"""Queries as SQL: by table, and against the naive evaluator over generated records and trees."""

from __future__ import annotations

import json
import time
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
from tests.support.strategies import RECORDS, TREES, WHEN, leaves, of_text, of_value

_DUCKDB = duckdb.connect(config={"threads": 1})
_NAMES = [name for name in SCHEMA.names if name not in ("timestamp", "ingested_at")]


def _table(records: list[dict[str, Any]]) -> pa.Table:
    rows = [
        {
            **{name: record.get(name) for name in _NAMES},
            "timestamp": record.get("timestamp", WHEN),
            "ingested_at": record.get("ingested_at", WHEN),
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
        ("trace_id:7", {"metadata": {"trace_id": 7}}, True),
        ("trace_id:b", {"metadata": {"trace_id": ["a", "b"]}}, True),
        ("trace_id:>=7", {"metadata": {"trace_id": 7}}, True),
        ("trace_id:te*", {"metadata": {"trace_id": ["test"]}}, True),
        ("trace_id:/te.*/", {"metadata": {"trace_id": ["test"]}}, True),
        ("trace_id:tset~", {"metadata": {"trace_id": ["test"]}}, True),
        ("trace_id:*", {"metadata": {"trace_id": 7}}, True),
        ("_exists_:trace_id", {"metadata": {"trace_id": 7}}, True),
        ("NOT trace_id:7", {"metadata": {"trace_id": 7}}, False),
        ("NOT trace_id:7", {"trace_id": "t"}, True),
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
        ("time*", {"message": "a TimeOut"}, True),
        ("time*", {"message": "a runtime"}, False),
        ("*time", {"message": "a runtime"}, True),
        ("*time", {"message": "a timeout"}, False),
        ("10.0.3.*", {"message": "peer 10.0.3.17:80"}, True),
        ("10.0.3.*", {"message": "peer 110.0.3.17"}, False),
        ("10.0.3.*", {"message": "peer 10.0.3"}, False),
        ("/api/*/items", {"message": "GET /api/v1/items"}, True),
        ("/api/*/items", {"message": "GET /api/v1/x/items"}, False),
        ("日本*", {"message": "全日本語"}, True),
        ("a\\*b", {"message": "a*b"}, True),
        ("service:pay*", {"service": "payment"}, True),
        ("service:Pay*", {"service": "payment"}, False),
        ("service:a?c", {"service": "a\nc"}, True),
        ("level:err*", {"level": "ERROR"}, True),
        ("code:5??", {"metadata": {"code": 503}}, True),
        ("code:5*", {"metadata": {"code": [404, "5xx"]}}, True),
        ("code:*", {"metadata": {"code": None}}, False),
        ("_exists_:code", {"metadata": {"code": [None, 0]}}, True),
        ("_exists_:code", {"metadata": {"code": []}}, False),
        ("NOT _exists_:code", {"metadata": None}, True),
        ("/time.{3}/", {"message": "a TIMEOUT"}, True),
        ("/time/", {"message": "a timeout"}, False),
        ("/.*/", {"message": "--- ---"}, False),
        ("/[^a]+/", {"message": "a b"}, True),
        ("/[^A]+/", {"message": "a"}, False),
        ("message.raw:/took [0-9]+ms$/", {"message": "GET / took 15ms"}, True),
        ("message.raw:/GET$/", {"message": "GET / took 15ms"}, False),
        ("message.raw:/(?i)get .* 15/", {"message": "GET /\n took 15ms"}, True),
        ('message.raw:"/ took"', {"message": "GET / took 15ms"}, True),
        ('message.raw:"/ Took"', {"message": "GET / took 15ms"}, False),
        ("host:/web-[0-9]+/", {"host": "web-12"}, True),
        ("host:/web-[0-9]/", {"host": "web-12"}, False),
        ("url:/.*\\/items/", {"metadata": {"url": "/cart/items"}}, True),
        ("conection~", {"message": "Connection refused"}, True),
        ("connecitno~2", {"message": "Connection refused"}, True),
        ("cnection~1", {"message": "Connection refused"}, False),
        ("ünicode~1", {"message": "unicode"}, True),
        ("service:paymnet~1", {"service": "payment"}, True),
        ("service:Payment~1", {"service": "payment"}, True),
        ('"connection timeout"~1', {"message": "connection a timeout"}, True),
        ('"connection timeout"~1', {"message": "timeout connection"}, False),
        ('"connection timeout"~2', {"message": "timeout connection"}, True),
        ('"a a"~9', {"message": "a b"}, False),
        ("ms:>=10", {"metadata": {"ms": 9.5}}, False),
        ("ms:>=10", {"metadata": {"ms": 10}}, True),
        ("ms:>9", {"metadata": {"ms": "10"}}, True),
        ("ms:>9", {"metadata": {"ms": "10 "}}, False),
        ("ms:>0", {"metadata": {"ms": True}}, False),
        ("ms:{1 TO 2}", {"metadata": {"ms": [1, 1.5]}}, True),
        ("ms:{1 TO 2}", {"metadata": {"ms": [1, 2]}}, False),
        ("v:[1.2.0 TO 1.3.0}", {"metadata": {"v": "1.2.9"}}, True),
        ("v:[a TO *]", {"metadata": {"v": 5}}, False),
        ("host:[a TO b}", {"host": "az"}, True),
        ("level:>=warn", {"level": "FATAL"}, True),
        ("level:<WARN", {"level": "WARN"}, False),
        ("level:[* TO INFO]", {"level": None}, False),
        ("timestamp:2026-11-22", {}, True),
        ("timestamp:<2026-11-22", {}, False),
        ("timestamp:[2026-11-21 TO 2026-11-22]", {}, True),
        ("timestamp:>2026-11-21", {}, True),
        ("timestamp:>2026-11-22", {}, False),
        ("a OR b OR c OR d OR 日 OR エラー", {"message": "xエラー"}, True),
        ("a OR b OR c OR d OR 日 OR エラー", {"message": "xa日"}, True),
        ("a OR b OR c OR d OR 日 OR エラー", {"message": "ab エ bc"}, False),
    ],
)
def test_hits(query: str, record: dict[str, Any], hit: bool) -> None:
    record = {"log_id": "0000", "timestamp": WHEN, **record}
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
    costly = [f"w{number}*x" for number in range(20)] + ["/w.{90}/", "wordsworth~2", '"w1 w3 w2"~100']
    assert _hits(parse(" ".join(costly)), rows) == ["0000"]
    assert _hits(parse("NOT (" * 50 + "w1" + ")" * 50), rows) == ["0000"]
    assert _hits(parse("(w1 AND NOT (x OR " * 24 + "w1" + "))" * 24), rows) == ["0000"]


@pytest.mark.parametrize(
    "query",
    ['"ab ab cd"~100', "message.raw:/(a+)+$/", "message.raw:/(.*a){200}x/", "/(a|b|ab)*c/", "*a*b*c*", "abx~2", "*"],
)
def test_a_megabyte_a_line_takes_a_moment(query: str) -> None:
    rows = _table([{"log_id": "0000", "message": text * 100_000} for text in ("ab, ", "aaaaa", "é日 ab ", "aba, ba ")])
    start = time.process_time()
    _hits(parse(query), rows)
    assert time.process_time() - start < 20


@settings(max_examples=200, deadline=None)
@given(st.data(), st.lists(RECORDS, min_size=1, max_size=12))
def test_duckdb_finds_what_the_naive_evaluator_finds(data: st.DataObject, drawn: list[dict[str, Any]]) -> None:
    records = [{"log_id": f"{number:04}", **record} for number, record in enumerate(drawn)]
    chance = data.draw(st.randoms(use_true_random=False))
    nodes = data.draw(st.lists(TREES, min_size=1, max_size=4))
    # Words and values that are there, besides those that may be.
    there = tokens(data.draw(st.sampled_from([record["message"] or "" for record in records])))
    start = data.draw(st.integers(0, len(there)))
    nodes.append(Words("message", "", tuple(there[start : start + data.draw(st.integers(1, 3))])))
    if found := [leaf for record in records for leaf in leaves(record["metadata"] or {})]:
        nodes += [Equals(*leaf) for leaf in data.draw(st.lists(st.sampled_from(found), max_size=4))]
        nodes += of_value(chance, *chance.choice(found))
    for field in ("level", "service", "host"):
        nodes += of_value(chance, field, records[0][field] or "a")
    nodes += of_text(chance, records[0]["message"] or "")
    rows = _table(records)
    for node in nodes:
        assert _hits(node, rows) == [record["log_id"] for record in records if matches(node, record)], node


def test_many_values_of_a_column_are_one_condition() -> None:
    condition = compile_sql(parse("service:(a OR b OR a) OR level:(err OR warn OR loud) OR tags:(a OR b) OR service:c"))
    assert condition.sql.count("service") == 1
    assert condition.sql.startswith("(service IN (?, ?, ?) OR level IN (?, ?) OR ")
    assert condition.parameters[:5] == ["a", "b", "c", "ERROR", "WARN"]
