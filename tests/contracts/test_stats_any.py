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

from logd.seams import Fields, Function, Stats
from logd.store import segments
from tests.services import Running
from tests.support import cold, strategies
from tests.support.indexes import ElasticsearchStore, SegmentsStore, Store
from tests.support.naive_groups import NaiveGroups, check_fields
from tests.support.rows import DAY, row
from tests.support.stats import BY, OF, QUERIES, RECORDS, SECOND, TIMES, stats_of, written

EXAMPLES = 600 if os.environ.get("TEST_LONG") else 60


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
ASKED = st.lists(stats_of(BY, OF) | stats_of(BY, OF) | FIELDS, min_size=1, max_size=8)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(RECORDS, max_size=14), ASKED, st.data())
def test_as_a_naive_list_would(records: list[Any], asked: list[Any], data: st.DataObject) -> None:
    """Also ordered by a figure."""
    asked = [_ordered(one, data) for one in asked]
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(segments, "ROW_GROUP_ROWS", 4)
        asyncio.run(_same_as_naive(SegmentsStore(Path(folder)), records, asked))


@settings(max_examples=EXAMPLES // 6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(RECORDS, max_size=14), ASKED, st.data())
def test_an_archive_as_a_naive_list_would(records: list[Any], asked: list[Any], data: st.DataObject) -> None:
    asked = [_ordered(one, data) for one in asked]
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.setattr(cold, "ROW_GROUP_ROWS", 3)
        asyncio.run(_same_as_naive(cold.ArchiveStore(Path(folder)), records, asked))


def _ordered(asked: Any, data: st.DataObject) -> Any:
    if isinstance(asked, Fields) or not asked.aggregates:
        return asked
    return msgspec.structs.replace(asked, order=data.draw(st.none() | st.integers(0, len(asked.aggregates) - 1)))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(strategies.RECORDS, min_size=1, max_size=10),
    st.lists(stats_of(strategies.PATHS | BY, strategies.PATHS), min_size=1, max_size=4),
)
def test_any_json_as_a_naive_list_would(records: list[Any], asked: list[Stats]) -> None:
    """All groups, as sums of any numbers aren't the same to the last bit."""
    asked = [msgspec.structs.replace(one, order=None) for one in asked]
    drawn = [{name: value for name, value in one.items() if not name.endswith(("timestamp", "_at"))} for one in records]
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_same_as_naive(SegmentsStore(Path(folder)), drawn, asked))


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
