"""Filters over one batch after another find what searches find, whatever the batches' sizes and contents."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.enrich import filters as module
from logd.enrich.filters import Filters
from logd.query.parse import parse
from logd.query.sql import Condition, compile_sql
from logd.query.tree import Equals, Everything, Node, Words
from logd.record import SCHEMA
from tests.support.naive_query import matches
from tests.support.strategies import RECORDS, TREES

_WHEN = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture(scope="module")
def filters() -> Iterator[Filters]:
    made = Filters()
    yield made
    made.close()


def table(records: list[dict[str, Any]]) -> pa.Table:
    rows = [
        {
            **{name: record.get(name) for name in SCHEMA.names},
            "log_id": f"{number}",
            "timestamp": record.get("timestamp", _WHEN),
            "ingested_at": record.get("ingested_at", _WHEN),
            "metadata": None if record.get("metadata") is None else json.dumps(record["metadata"]),
        }
        for number, record in enumerate(records)
    ]
    return pa.Table.from_pylist(rows, SCHEMA)


def found(filters: Filters, records: list[dict[str, Any]], nodes: list[Node]) -> dict[Node, list[int]]:
    matched = filters.match(table(records), nodes)
    assert set(matched) == set(nodes)
    return {node: mask.nonzero()[0].tolist() for node, mask in matched.items()}


@settings(deadline=None, max_examples=60)
@given(st.lists(TREES, min_size=1, max_size=4, unique=True), st.lists(st.lists(RECORDS, max_size=4), max_size=4))
def test_as_the_naive_evaluator(filters: Filters, nodes: list[Node], batches: list[list[dict[str, Any]]]) -> None:
    for records in batches:
        expected = {node: [n for n, record in enumerate(records) if matches(node, record)] for node in nodes}
        assert found(filters, records, nodes) == expected


def test_batches_of_every_size(filters: Filters) -> None:
    """Around the step, and around DuckDB's own blocks of 2,048 rows; values change from batch to batch."""
    rng = random.Random(3)
    nodes: list[Node] = [parse("service:s7 OR word3"), parse("n:5"), Everything(), parse("NOT level:ERROR")]
    for size in (1, 63, 64, 65, 0, 128, 2_047, 2_048, 2_049, 1, 5_000, 130):
        records: list[dict[str, Any]] = [
            {
                "message": f"word{rng.randrange(9)}",
                "service": f"s{rng.randrange(10)}",
                "level": rng.choice(["INFO", "ERROR", None]),
                "metadata": {"n": rng.randrange(9)},
            }
            for _ in range(size)
        ]
        expected = {node: [n for n, record in enumerate(records) if matches(node, record)] for node in nodes}
        assert found(filters, records, nodes) == expected


def test_filters_that_come_and_go(filters: Filters) -> None:
    records = [{"message": f"word{n}"} for n in range(100)]
    for first in range(0, 60, 7):
        nodes = [parse(f"word{n}") for n in range(first, first + 40)]
        assert found(filters, records, nodes) == {node: [n] for n, node in enumerate(nodes, first)}


def test_nobody_asks(filters: Filters) -> None:
    assert found(filters, [{"message": "a"}], []) == {}


def test_question_marks_and_quotes(filters: Filters) -> None:
    nodes: list[Node] = [Equals("service", "what? 'x'"), Equals("host", "?"), Words("message", "a", ("a",))]
    records = [{"service": "what? 'x'", "host": "?", "message": "a"}, {"service": "?", "host": "'", "message": "b"}]
    assert found(filters, records, nodes) == {node: [0] for node in nodes}


def test_a_question_mark_in_the_sql_is_no_placeholder(filters: Filters, monkeypatch: pytest.MonkeyPatch) -> None:
    condition = Condition("(message = '?''?' OR message = ?)", ["a"], frozenset(["message"]))
    monkeypatch.setattr(module, "compile_sql", lambda node: condition)
    assert found(filters, [{"message": "a"}, {"message": "?'?"}, {"message": "b"}], [parse("once")]).popitem()[1] == [
        0,
        1,
    ]


def test_a_filter_that_fails_ends_no_other(filters: Filters, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = parse("bad")
    failing = Condition("CAST(message AS INTEGER) = 1", [], frozenset(["message"]))
    monkeypatch.setattr(module, "compile_sql", lambda node: failing if node == bad else compile_sql(node))
    with pytest.raises(module.Failed, match="Could not convert string 'a' to INT32"):
        filters.match(table([{"message": "a"}]), [bad, parse("a")])
    assert found(filters, [{"message": "a"}], [parse("a")]) == {parse("a"): [0]}
