"""The scenarios give the same answers on the naive evaluator, the embedded index and Elasticsearch, but where a
difference is written down."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from logd.backends.index.segments import SegmentsIndex
from logd.errors import BadRequest
from logd.query.elasticsearch import compile_query
from logd.query.parse import parse
from logd.query.tree import And, Equals, Everything, Exists, Fuzzy, Node, Not, Or, Range, Regex, Wildcard, Words
from logd.record import SCHEMA
from tests.contracts.scenarios import of_fields, of_forms, of_text
from tests.contracts.scenarios.corpus import CORPUS
from tests.contracts.scenarios.differences import ON_ELASTICSEARCH, ON_FLATTENED, REFUSED_ON_FLATTENED
from tests.support.elastic import Elastic, Server
from tests.support.indexes import SegmentsStore, ids
from tests.support.naive_query import matches
from tests.support.rows import batch

SCENARIOS = (*of_text.SCENARIOS, *of_fields.SCENARIOS, *of_forms.SCENARIOS)
#: Sets with names are nothing to Python's expressions.
_NOT_NAIVE = ("[[:upper:]]",)


@pytest.fixture
async def segments(tmp_path: Path) -> AsyncIterator[SegmentsIndex]:
    """With half of the corpus in segments."""
    index = await SegmentsStore(tmp_path).open()
    half = len(CORPUS) // 2
    await index.write(batch(CORPUS[:half], 1))
    await index.flush()
    await index.write(batch(CORPUS[half:], 2))
    yield index
    await index.close()


def test_there_are_enough_and_none_twice() -> None:
    queries = [query for query, _ in SCENARIOS]
    assert len(queries) == len(set(queries)) > 120
    assert {*ON_ELASTICSEARCH, *ON_FLATTENED} <= set(queries)
    assert all(found != dict(SCENARIOS)[query] for query, (found, _) in ON_ELASTICSEARCH.items())


def test_every_form_is_asked_of_every_kind_of_field() -> None:
    """What a kind of field can be asked for, by the nodes of the tree that mean it."""
    keywords = ("level", "service", "host", "source", "tags", "log_id", "trace_id", "metadata")
    expected = {
        **{name: {Equals, Wildcard, Regex, Fuzzy, Range, Exists} for name in keywords},
        **{name: {Range, Exists} for name in ("timestamp", "ingested_at")},
        "message": {Words, Wildcard, Regex, Fuzzy, Exists},
        "message.raw": {Regex},
        "": {Everything, And, Or, Not},
    }
    found: dict[str, set[type]] = {}
    between: dict[str, set[str]] = {}
    for query, _ in SCENARIOS:
        for node in _nodes(parse(query)):
            field = getattr(node, "field", "")
            kind = "metadata" if field.startswith("metadata.") else field
            found.setdefault(kind, set()).add(type(node))
            if isinstance(node, Range) and node.low is not None and node.high is not None:
                signs = f"{'[' if node.low_included else '{'}{']' if node.high_included else '}'}"
                between.setdefault(kind, set()).add(signs)
    assert found == expected
    for kind in ("level", "metadata"):
        assert between[kind] == {"[]", "[}", "{]", "{}"}


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    match node:
        case And(children) | Or(children):
            for child in children:
                yield from _nodes(child)
        case Not(child):
            yield from _nodes(child)


def test_on_the_naive_evaluator() -> None:
    records = [{**one, "metadata": json.loads(one["metadata"] or "null")} for one in CORPUS]
    for query, expected in SCENARIOS:
        if any(part in query for part in _NOT_NAIVE):
            continue
        tree = parse(query)
        assert "".join(one["log_id"] for one in records if matches(tree, one)) == expected, query


async def test_on_the_embedded_index(segments: SegmentsIndex) -> None:
    for query, expected in SCENARIOS:
        found = await ids(segments, query=parse(query), newest_first=False)
        assert "".join(found) == expected, query


def test_on_elasticsearch(elasticsearch: Server) -> None:
    with Elastic(elasticsearch.url, "scenarios") as server:
        server.write(pa.Table.from_pylist(list(CORPUS), schema=SCHEMA))
        answers = server.hits([parse(query) for query, _ in SCENARIOS])
    for (query, expected), found in zip(SCENARIOS, answers, strict=True):
        assert "".join(found) == ON_ELASTICSEARCH.get(query, (expected,))[0], query


def test_on_flattened_metadata(elasticsearch: Server) -> None:
    refused = {query for query, (found, _) in ON_FLATTENED.items() if found is None}
    for query in refused:
        with pytest.raises(BadRequest, match=REFUSED_ON_FLATTENED):
            compile_query(parse(query), "flattened")
    asked = [(query, expected) for query, expected in SCENARIOS if query not in refused]
    with Elastic(elasticsearch.url, "flattened-scenarios", "flattened") as server:
        server.write(pa.Table.from_pylist(list(CORPUS), schema=SCHEMA))
        answers = server.hits([parse(query) for query, _ in asked])
    for (query, expected), found in zip(asked, answers, strict=True):
        otherwise = ON_FLATTENED.get(query) or ON_ELASTICSEARCH.get(query) or (expected, "")
        assert "".join(found) == otherwise[0], query
