"""Figures of groups and fields over any records: what a naive list of them gives (seams.Searches)."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logd.query.parse import parse
from logd.query.tree import Everything, Node
from logd.seams import Aggregate, Fields, Function, Stats
from logd.store import segments
from tests.services import Running
from tests.support import strategies
from tests.support.indexes import ELASTICSEARCH_VARIABLE, ElasticsearchStore, SegmentsStore, Store
from tests.support.naive_groups import NaiveGroups, check_fields
from tests.support.rows import DAY, row
from tests.support.stats import written

EXAMPLES = 600 if os.environ.get("LOGD_TEST_LONG") else 60
SECOND = 1_000_000
BY = st.sampled_from(
    ["service", "host", "level", "tags", "trace_id", "source", "metadata.x", "metadata.a.b", "metadata.z", "metadata.y"]
)
OF = st.sampled_from(["metadata.x", "metadata.y", "metadata.a.b", "metadata.z"])
#: What Elasticsearch keeps as it is: numbers whose text is theirs in any spelling, sums of which are exact.
PLAIN = st.sampled_from([0, 1, 2, 7, -3, 1.5, 0.25, "1", "2.5", "x", "X", "ab", True, None])
RECORDS = st.fixed_dictionaries(
    {
        "service": st.sampled_from(["a", "b", None]),
        "host": st.sampled_from(["h", "", None]),
        "level": st.sampled_from(["INFO", "WARN", None]),
        "tags": st.sampled_from([None, [], ["t"], ["t", "u", "t"], ["u"]]),
        "trace_id": st.sampled_from([None, "t"]),
        "message": st.sampled_from(["red", "blue", "red blue"]),
        "metadata": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                "x": PLAIN | st.lists(PLAIN, max_size=3),
                "y": PLAIN,
                "a": st.fixed_dictionaries({"b": PLAIN}),
                "a.b": PLAIN,
            },
        ),
    }
)
QUERIES: list[Node] = [
    Everything(),
    *map(parse, ("red", "NOT red", "x:1", "x:>1 OR blue", "tags:t AND service:a", "timestamp:>2024-10-04T00:00:05")),
]
TIMES = st.none() | st.integers(0, 12).map(lambda second: DAY + second * SECOND)


def _stats(by: st.SearchStrategy[str], of: st.SearchStrategy[str]) -> st.SearchStrategy[Stats]:
    numbers = st.builds(Aggregate, st.sampled_from(Function), of)
    distinct = st.builds(Aggregate, st.just(Function.DISTINCT), by)
    asked = st.builds(
        Stats,
        query=st.sampled_from(QUERIES),
        from_us=TIMES,
        to_us=TIMES,
        aggregates=st.lists(numbers | distinct, max_size=3, unique=True).map(tuple),
        by=st.lists(by, max_size=3, unique=True).map(tuple),
        by_time=st.booleans(),
        interval_us=st.sampled_from([None, SECOND, 7_000, 5 * SECOND]),
        top=st.integers(1, 4) | st.just(100),
        prefix=st.sampled_from([None, None, None, "", "a", "1"]),
    )
    return asked.map(lambda one: one if one.by else msgspec.structs.replace(one, prefix=None))


async def _same_as_naive(store: Store, records: Sequence[Any], asked: Sequence[Any]) -> None:
    index = await store.open()
    rows = [
        row(DAY + n % 9 * SECOND, f"{n:04}", **{**record, "metadata": _json(record["metadata"])})
        for n, record in enumerate(records)
    ]
    naive = await written(index, rows)
    # What is asked again may be known from before.
    for one in [*asked, *asked] if isinstance(store, SegmentsStore) else asked:
        if isinstance(one, Fields):
            check_fields(naive, one, await index.fields(one))
        else:
            NaiveGroups(naive, one).check(await index.stats(one))
    await index.close()


def _json(metadata: Any) -> str | None:
    return None if metadata is None else json.dumps(metadata)


FIELDS = st.builds(Fields, query=st.sampled_from(QUERIES), from_us=TIMES, to_us=TIMES)
ASKED = st.lists(_stats(BY, OF) | _stats(BY, OF) | FIELDS, min_size=1, max_size=8)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(RECORDS, max_size=14), ASKED, st.data())
def test_as_a_naive_list_would(records: list[Any], asked: list[Any], data: st.DataObject) -> None:
    """Also ordered by a figure."""
    asked = [_ordered(one, data) for one in asked]
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(segments, "ROW_GROUP_ROWS", 4)
        asyncio.run(_same_as_naive(SegmentsStore(Path(folder)), records, asked))


def _ordered(asked: Any, data: st.DataObject) -> Any:
    if isinstance(asked, Fields) or not asked.aggregates:
        return asked
    return msgspec.structs.replace(asked, order=data.draw(st.none() | st.integers(0, len(asked.aggregates) - 1)))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(strategies.RECORDS, min_size=1, max_size=10),
    st.lists(_stats(strategies.PATHS | BY, strategies.PATHS), min_size=1, max_size=4),
)
def test_any_json_as_a_naive_list_would(records: list[Any], asked: list[Stats]) -> None:
    """All groups, as sums of any numbers aren't the same to the last bit."""
    asked = [msgspec.structs.replace(one, order=None) for one in asked]
    drawn = [{name: value for name, value in one.items() if not name.endswith(("timestamp", "_at"))} for one in records]
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_same_as_naive(SegmentsStore(Path(folder)), drawn, asked))


@pytest.fixture
def remote(elasticsearch: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    monkeypatch.setenv(ELASTICSEARCH_VARIABLE, elasticsearch.url)
    return elasticsearch


@settings(
    max_examples=EXAMPLES // 6,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.lists(RECORDS, max_size=14), ASKED, st.data())
def test_an_elasticsearch_as_a_naive_list_would(
    remote: Running, records: list[Any], asked: list[Any], data: st.DataObject
) -> None:
    """Ordered by what isn't estimated."""
    asked = [one if isinstance(one, Fields) else _ordered_exactly(one, data) for one in asked]
    store = ElasticsearchStore(Path())
    asyncio.run(_same_as_naive(store, records, asked))
    store.clear()


def _ordered_exactly(asked: Stats, data: st.DataObject) -> Stats:
    exact = [
        place
        for place, one in enumerate(asked.aggregates)
        if one.function is not Function.DISTINCT and one.function.share is None
    ]
    return msgspec.structs.replace(asked, order=data.draw(st.sampled_from([None, *exact])))
