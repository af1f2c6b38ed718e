"""What rules count of a batch equals a recount by record."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.alerts.counting import Counting, Watch
from logd.alerts.pins import pinned
from logd.query.parse import parse
from logd.query.tree import And, Equals
from logd.record import SCHEMA
from tests.support.naive_query import matches
from tests.support.rows import DAY, row

QUERIES = [
    "",
    "service:web",
    "service:(web OR shop) AND level:error",
    "service:web AND level:(warn OR error) AND timeout",
    "timeout OR service:web",
    "host:h1 AND NOT timeout",
    "service:(web OR shop) AND NOT fine AND timeout AND NOT user:u2",
    "NOT timeout AND NOT level:error",
    "user:u1",
    "service:web AND service:shop",
    "level:odd",
]
GROUPS = [(), ("service",), ("user",), ("service", "user", "host")]
_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["web", "shop", "cart"]),
        st.sampled_from(["INFO", "ERROR", "WARN", None]),
        st.sampled_from(["h1", None]),
        st.sampled_from(["timeout of x", "fine"]),
        st.sampled_from([None, "u1", "u2", 7]),
        st.integers(0, 50),
        st.integers(0, 2),
    ),
    max_size=40,
)


def _record(one: tuple[Any, ...]) -> dict[str, Any]:
    service, level, host, message, user, second, _ = one
    metadata = json.dumps({"user": user}) if user is not None else None
    time_us = DAY + second * 1_000_000
    return row(time_us, "x", message, service=service, level=level, host=host, metadata=metadata)


@settings(deadline=None)
@given(_ROWS)
def test_a_recount_says_the_same(rows: list[tuple[Any, ...]]) -> None:
    records = [_record(one) for one in rows]
    table = pa.Table.from_pylist(records, schema=SCHEMA)
    asked = [(parse(text), by) for text in QUERIES for by in GROUPS]
    counting = Counting([Watch(pinned(node), by, 10_000_000) for node, by in asked])
    try:
        found = counting.count(table, np.array([one[-1] for one in rows], np.int64))
    finally:
        counting.close()
    for (node, by), counts in zip(asked, found, strict=True):
        expected: Counter[tuple[tuple[str | None, ...], int, int]] = Counter()
        for one, record in zip(rows, records, strict=True):
            if matches(node, {**record, "metadata": json.loads(record["metadata"] or "null")}):
                values = {"service": one[0], "host": one[2], "user": None if one[4] is None else str(one[4])}
                bucket = (DAY + one[5] * 1_000_000) // 10_000_000
                expected[tuple(values[name] for name in by), one[-1], bucket] += 1
        got = (
            {}
            if counts is None
            else dict(
                zip(
                    zip(counts.groups, counts.parts.tolist(), counts.buckets.tolist(), strict=True),
                    counts.numbers.tolist(),
                    strict=True,
                )
            )
        )
        assert got == expected, (node, by)


@pytest.mark.parametrize(
    ("query", "pins", "rest"),
    [
        ("service:web", {"service": {"web"}}, ""),
        ("service:web AND timeout", {"service": {"web"}}, "timeout"),
        ("service:(a OR b) AND level:err", {"service": {"a", "b"}, "level": {"ERROR"}}, ""),
        ("service:a AND service:b", {"service": set()}, ""),
        ("service:a OR host:b", {}, "service:a OR host:b"),
        ("level:odd AND host:h", {"host": {"h"}}, "level:odd"),
    ],
)
def test_pins(query: str, pins: dict[str, set[str]], rest: str) -> None:
    found = pinned(parse(query))
    assert {column: set(values) for column, values in found.pins.items()} == pins
    assert found.rest == parse(rest)


def test_pins_of_a_tree_within_a_tree() -> None:
    found = pinned(And((Equals("service", "a"), And((Equals("level", "INFO"), Equals("host", "b"))))))
    assert found.pins == {"service": {"a"}}
