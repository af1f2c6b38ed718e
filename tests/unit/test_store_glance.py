"""A look at one column never rules out a row group that has a hit."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from logd.query.parse import parse
from logd.query.sql import compile_sql
from logd.record import SCHEMA
from logd.store.glance import Glance, glance
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
_QUERIES = [
    *("timeout", "TimeOut", "kelvin", "istanbul", "naïve", "错误", "42", '"x 42"', "k", "zyzzyva"),
    *("timeout AND 42", "timeout OR 42", "NOT timeout", "service:web AND kelvin", "trace_id:abc", "log_id:a-1"),
    *("level:INFO", "metadata.x:1", "*", "NOT timeout AND 42"),
]


@pytest.mark.parametrize("query", _QUERIES)
@pytest.mark.parametrize("text", _TEXTS)
def test_a_hit_is_never_missed(query: str, text: str) -> None:
    for trace_id in (None, "abc", "abcd"):
        table = pa.Table.from_pylist([row(DAY, "a-1", text, trace_id=trace_id)], schema=SCHEMA)
        look = glance(parse(query))
        condition = compile_sql(parse(query))
        with duckdb.connect() as sql:
            sql.register("rows", table)
            found = sql.sql(f"SELECT 1 FROM rows WHERE {condition.sql}", params=condition.parameters).to_arrow_table()
        if look is not None and len(found):
            assert look.finds(table[look.column])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Zyzzyva", Glance("message", "zyzzyva", any_case=True)),
        ("trace_id:abc", Glance("trace_id", "abc", whole=True)),
        ("level:INFO AND 12345", Glance("message", "12345")),
        ("timeout OR refused", None),
        ("NOT timeout", None),
        ("level:INFO", None),
        ("*", None),
    ],
)
def test_what_is_looked_for(query: str, expected: Glance | None) -> None:
    assert glance(parse(query)) == expected


def test_what_nothing_has() -> None:
    table = pa.Table.from_pylist([row(DAY, "a", "timeout"), row(DAY, "b", "refused")], schema=SCHEMA)
    assert not Glance("message", "zyzzyva", any_case=True).finds(table["message"])
    assert not Glance("trace_id", "abc", whole=True).finds(table["trace_id"])
    assert not Glance("message", "x").finds(table.slice(0, 0)["message"])
