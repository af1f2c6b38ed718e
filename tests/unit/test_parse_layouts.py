"""What is learned of lines' keys changes what parsing them costs, never what it gives."""

from __future__ import annotations

import json as stdlib
from collections.abc import Iterator, Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.parse import json, level, timestamp
from logd.parse.json import Layout
from logd.parse.layouts import Layouts, layout_of
from logd.parse.objects import JsonLines
from logd.parse.window import Limits
from tests.support.chunks import OBSERVED_US
from tests.support.strategies import JSON

LIMITS = Limits()
KNOWN = ["timestamp", "level", "service", "host", "message", "trace_id", "log_id", "tags", "metadata"]
OTHERS = ["user_id", "a.b", "Path", "@odd", "x-y/z", "$v"]
VALUES = {
    "timestamp": st.sampled_from(["2024-11-22T09:00:00Z", "yesterday", 1_732_269_600, None]),
    "level": st.sampled_from(["info", "WARN", "loud", 30, None]),
    "service": st.sampled_from(["cart", "", {"name": "pay"}, None]),
    "trace_id": st.sampled_from(["0af7651916cd43dd8448eb211c80319c", "", 7, None]),
    "metadata": st.sampled_from([{}, {"n": 1}, {"user_id": 2}, {"trace_id": "abc"}, "none", None]),
}


@pytest.fixture(scope="module")
def sql() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for macro in (*timestamp.MACROS, *level.MACROS):
            connection.execute(macro)
        yield connection


@st.composite
def lines(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Lines that all have the same keys, with any values, and the keys."""
    known = draw(st.lists(st.sampled_from(KNOWN), unique=True))
    keys = draw(st.permutations([*known, *draw(st.lists(st.sampled_from(OTHERS), unique=True, min_size=1))]))
    values = [VALUES.get(key, JSON if key in OTHERS else st.text(max_size=5)) for key in keys]
    rows = draw(st.lists(st.tuples(*values), min_size=1, max_size=4))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    ascii_ = draw(st.booleans())
    return [
        stdlib.dumps(dict(zip(keys, row, strict=True)), separators=separators, ensure_ascii=ascii_) for row in rows
    ], keys


def rows_of(texts: Sequence[str]) -> pa.Table:
    count = len(texts)
    observed = pa.array([OBSERVED_US] * count).cast(pa.timestamp("us", tz="UTC"))
    return pa.table(
        {
            "i": list(range(count)),
            "line": pa.array(texts, pa.string()),
            "observed": observed,
            "takes_ids": [True] * count,
            "checked": [False] * count,
        }
    )


@settings(max_examples=50, deadline=None)
@given(lines())
def test_a_known_layout_gives_the_same_text(sql: duckdb.DuckDBPyConnection, drawn: tuple[list[str], list[str]]) -> None:
    texts, keys = drawn
    rows = rows_of(texts)
    sql.register("layout_rows", rows)
    hashed = _hash_of_keys(sql)
    layout = layout_of(hashed, keys)
    assert layout is not None
    answers = []
    for layouts in ((), (layout,)):
        query = json.fields_query("layout_rows", json.KNOWN, layouts, LIMITS, careful=True)
        answers.append(sql.sql(query).to_arrow_table().drop_columns(["layout"]).to_pylist())
    assert answers[1] == answers[0]


def test_a_known_layout_isn_t_cut_out_of_the_line(sql: duckdb.DuckDBPyConnection) -> None:
    sql.register("layout_rows", rows_of(['{"message":"m","b":[1, 2],"a":"x"}', '{"message":"m","b":null,"a":"x"}']))
    hashed = _hash_of_keys(sql)
    query = json.fields_query("layout_rows", json.USUAL, [Layout(hashed, 1, ("b", "a"))], LIMITS, careful=False)
    table = sql.sql(query).to_arrow_table()
    assert table["metadata"].to_pylist() == ['{"b":[1,2],"a":"x"}', '{"b":null,"a":"x"}']
    assert table["layout"].to_pylist() == [None, hashed]  # a null has to be cut out


@pytest.mark.parametrize("line", ['{"message":"m","a":1,"b":2}', '{"a":1,"b":2,"message":"m"}', '{"a":1,"a":2}'])
def test_a_line_whose_keys_have_the_hash_of_others_loses_none(sql: duckdb.DuckDBPyConnection, line: str) -> None:
    """Whoever writes logs can make such keys: the hash is no secret one."""
    sql.register("layout_rows", rows_of([line]))
    answers = []
    for layouts in ((), (Layout(_hash_of_keys(sql), int("message" in line), ("a",)),)):
        query = json.fields_query("layout_rows", json.USUAL, layouts, LIMITS, careful=False)
        answers.append(sql.sql(query).to_arrow_table().to_pylist())
    assert answers[1] == answers[0]


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        (["message"], "nothing stays"),
        (["message", "msg", "a"], "two names of one column"),
        (["message", "log", "a"], "whether log says a level depends on the line"),
        (["severity_number", "a"], "as does whether the number counts"),
        (["message", "a", "A"], "fields of a struct are told apart without case"),
        (["message", "LEVEL"], "also from the names of columns"),
        (["a", "b", "a"], "a key twice"),
        (["a'b"], "would have to be escaped"),
        (['a"b'], "would have to be escaped"),
        (["é"], "may have another form"),
        ([""], "no name"),
    ],
)
def test_layouts_that_no_query_can_know(keys: list[str], why: str) -> None:
    assert layout_of(1, keys) is None, why


def test_only_frequent_layouts_are_learned_and_each_is_tried_once() -> None:
    layouts = Layouts()
    hashes, counts = np.array([1, 2, 3], np.uint64), np.array([10_000, 499, 600])
    assert layouts.frequent(hashes, counts).tolist() == [1, 3]
    layouts.learn(1, ["message", "a"])
    layouts.learn(3, ["message", "A"])  # can't be told from the first
    assert layouts.known == (Layout(1, 1, ("a",)),)
    assert layouts.frequent(hashes, counts).tolist() == []


def test_what_is_known_is_bounded_and_given_up_for_what_is_frequent_now() -> None:
    layouts = Layouts()
    for number in range(20):
        layouts.learn(number, ["message", f"key{number}"])
    assert [layout.others for layout in layouts.known] == [(f"key{number}",) for number in range(8)]
    now, counts = np.array([100], np.uint64), np.array([10_000])
    for _ in range(300):
        for hashed in layouts.frequent(now, counts).tolist():
            layouts.learn(hashed, ["message", "now"])
    assert [layout.others for layout in layouts.known] == [("now",)]


def test_a_stream_that_changes_gives_what_each_line_gives_alone(sql: duckdb.DuckDBPyConnection) -> None:
    """Layouts are learned, then names of columns come that weren't there before, times of another form, no JSON."""
    one = [f'{{"timestamp":"2024-11-22T09:00:00Z","message":"m","user":{number}}}' for number in range(1_000)]
    odd = [
        '{"ts":"22/Nov/2024:09:00:00 +0000","user":1}',
        '{"timestamp":"Nov 22 09:00:00","message":"m","user":2}',
        '{"message":"m","level":30,"user":3}',
        '{"message":"m","user":4,"user":5}',
        '{"message":"m","user":NaN}',
        '{"message":"m"',
    ]
    long_lived = JsonLines(sql, LIMITS, "long_lived_")
    for place, texts in enumerate([one, one, [*one, *odd], one, [*odd, *one]]):
        got = long_lived.parse(rows_of(texts))
        fresh = JsonLines(sql, LIMITS, f"fresh_{place}_").parse(rows_of(texts))
        assert records(got.table) == records(fresh.table), place
        assert got.broken.equals(fresh.broken)
    assert len(long_lived._layouts.known) == 1


def _hash_of_keys(sql: duckdb.DuckDBPyConnection) -> int:
    ((hashed,),) = sql.execute("SELECT DISTINCT hash(json_keys(line)) FROM layout_rows").fetchall()
    assert isinstance(hashed, int)
    return hashed


def records(table: pa.Table) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = table.drop_columns(["layout", "unread"]).to_pylist()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]
