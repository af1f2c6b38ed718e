"""Queries on a real Elasticsearch against the naive evaluator, over generated records and trees."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from itertools import count
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logd.errors import BadRequest
from logd.query.elasticsearch import compile_query
from logd.query.parse import parse
from logd.query.tree import And, Node, Wildcard
from logd.record import SCHEMA
from tests.support.elastic import Elastic, Server
from tests.support.naive_query import matches
from tests.support.strategies import (
    ELASTIC_METADATA,
    RECORDS,
    TREES,
    leaves,
    of_text,
    of_value,
    same_on_elasticsearch,
)

EXAMPLES = 200 if os.environ.get("TEST_LONG") else 25
_NUMBERS = count()


@pytest.fixture(scope="module")
def generated(elasticsearch: Server) -> Iterator[Elastic]:
    """One index for all records: making one takes longer than searching it."""
    with Elastic(elasticsearch.url, "generated") as index:
        yield index


def _json(metadata: Any) -> str | None:
    """Over several lines, as some write it."""
    return None if metadata is None else json.dumps(metadata, indent=1)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(RECORDS, ELASTIC_METADATA), min_size=1, max_size=12),
    st.lists(TREES.filter(same_on_elasticsearch), max_size=25),
    st.randoms(use_true_random=False),
)
def test_it_finds_what_the_naive_evaluator_finds(
    generated: Elastic, drawn: list[tuple[dict[str, Any], Any]], trees: list[Node], chance: random.Random
) -> None:
    mine = f"{next(_NUMBERS):04}-"
    records = [
        {**record, "metadata": metadata, "log_id": f"{mine}{number:04}"}
        for number, (record, metadata) in enumerate(drawn)
    ]
    queries = [*trees]
    for record in records:
        queries += of_text(chance, record["message"] or "")
        for path, value in [*leaves(record["metadata"])][:4] if record["metadata"] else ():
            queries += filter(same_on_elasticsearch, of_value(chance, path, value))
    rows = [{**record, "metadata": _json(record["metadata"])} for record in records]
    generated.write(pa.Table.from_pylist(rows, SCHEMA))
    answers = generated.hits([And((query, Wildcard("log_id", f"{mine}*"))) for query in queries])
    for query, found in zip(queries, answers, strict=True):
        assert found == [record["log_id"] for record in records if matches(query, record)], query


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (r"message.raw:/\bword\b/", "a place (^, $, \\b) within it"),
        (r"message.raw:/a(^b|c)/", "a place (^, $, \\b) within it"),
        (r"service:/a$b/", "a place (^, $, \\b) within it"),
        (
            "".join(f"({'a' if n % 2 else 'b'} {'OR' if n % 2 else 'AND'} " for n in range(40)) + "c" + ")" * 40,
            "nested",
        ),
        ("a" * 1_000 + "*", "a pattern of 1001 characters, at most 1000"),
        ("service:" + "a" * 30_000 + "*", "a pattern of 30001 characters, at most 1000"),
        ("service:" + "a" * 30_000 + "~2", "words near one of 30000 characters, at most 1000"),
    ],
)
def test_what_it_cant_do_is_said(query: str, says: str) -> None:
    with pytest.raises(BadRequest) as caught:
        compile_query(parse(query))
    assert says in str(caught.value)
    assert caught.value.code == "bad_query"


def test_long_patterns_and_many_words_are_taken(elasticsearch: Server) -> None:
    records = [{"log_id": "1", "message": "10.0.3.17 " + "ab" * 100}]
    queries = [
        "?" * 99 + "*",
        ".".join("?*" for _ in range(20)),
        "*.".join("x" for _ in range(50)),
        "/(ab){100}/",
        "message.raw:/.*1.{0,8}b$/",
        "message.raw:/[^a]{3}[^0-9]*(?:ab)+/",
        " ".join(f"w{number}" for number in range(1_000)),
        "17~2 " * 60,
        "(a OR " * 20 + "b" + ")" * 20,
    ]
    found = ["1", "", "", "1", "", "1", "", "1", ""]
    with Elastic(elasticsearch.url, "long-patterns") as server:
        server.write(pa.Table.from_pylist([{**row, **_TIMES} for row in records], SCHEMA))
        answers = server.hits([parse(query) for query in queries])
    assert ["".join(one) for one in answers] == found


_TIMES = {"timestamp": 0, "ingested_at": 0}
