"""Any query over any records: page after page, counts by time and neighbours are those of a naive list, wherever the
rows lie (seams.Searches)."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logd.chunk import log_id
from logd.query.tree import Node
from logd.seams import Histogram, Place, Search
from logd.store import count, find, merge, segments, skip_index, walk
from tests.services import Running
from tests.support import cold
from tests.support.indexes import ElasticsearchStore, SearchedIndex, SegmentsStore, Store
from tests.support.naive_query import matches
from tests.support.rows import DAY, NaiveIndex, Row, batch, row
from tests.support.strategies import ELASTIC_METADATA, RECORDS, TREES, of_any, same_on_elasticsearch

EXAMPLES = 600 if os.environ.get("TEST_LONG") else 60
SECOND = 1_000_000
_SOURCES = ("6f1c2a9be03d4457", "6f1c2a9be03d4458")
_WHERE = st.sampled_from(["flush", "upkeep", None])
_SIZES = st.integers(1, 5)
_BY = st.sampled_from([None, "service", "host", "level", "tags", "trace_id"])


class _Asked(msgspec.Struct, frozen=True):
    """Of each query, how it is asked."""

    size: int
    by: str | None
    top: int
    fill: bool
    interval_us: int | None
    line: int


_ASKED = st.builds(
    _Asked, _SIZES, _BY, st.integers(1, 3), st.booleans(), st.sampled_from([None, SECOND, 5_000]), st.integers(0, 99)
)


def _rows(records: Sequence[dict[str, Any]]) -> list[Row]:
    """Lines of two files, three at each second."""
    return [
        row(
            DAY + number // 3 * SECOND,
            log_id(_SOURCES[number % 2], number),
            **{**record, "metadata": _json(record["metadata"])},
        )
        for number, record in enumerate(records)
    ]


def _json(metadata: Any) -> str | None:
    """As parsers write it."""
    return None if metadata is None else json.dumps(metadata, separators=(",", ":"), ensure_ascii=False)


async def _same_as_naive(
    store: Store, rows: Sequence[Row], where: str | None, queries: Sequence[Node], asked: Sequence[_Asked]
) -> None:
    """A third of the rows are in segments, a third is merged or flushed, and a third in memory."""
    index, naive = await store.open(), NaiveIndex()
    for part in range(3):
        if some := rows[part::3]:
            await index.write(batch(some, part + 1))
            naive.write(some)
        if part == 0 or (part == 1 and where):
            await index.flush()
    if where == "upkeep":
        await store.upkeep()
    try:
        for query, one in zip(queries, asked, strict=False):
            for newest_first in (True, False):
                await _pages(index, naive, query, one.size, newest_first)
            histogram = Histogram(query=query, by=one.by, top=one.top, fill=one.fill, interval_us=one.interval_us)
            await naive.check_histogram(histogram, index.histogram(histogram))
            await _neighbours(index, rows, query, rows[one.line % len(rows)], one.size)
    finally:
        await index.close()


async def _pages(index: SearchedIndex, naive: NaiveIndex, query: Node, size: int, newest_first: bool) -> None:
    search = Search(query=query, limit=size, newest_first=newest_first, count_limit=None)
    expected = naive.hits(query, None, None, newest_first)
    seen: list[Row] = []
    while True:
        found = await index.search(search)
        assert (found.total, found.exact) == (len(expected), True), query
        seen += found.table.to_pylist()
        assert len(seen) <= len(expected), query
        if not found.more or not len(found.table):
            break
        last = found.table.slice(len(found.table) - 1)
        search = msgspec.structs.replace(
            search, after=Place(last["timestamp"].cast(pa.int64())[0].as_py(), last["log_id"][0].as_py())
        )
    assert [*map(_by_value, seen)] == [*map(_by_value, expected)], query


def _by_value(one: Row) -> Row:
    """The same JSON may be written in several ways."""
    return {**one, "metadata": json.loads(one["metadata"] or "null")}


async def _neighbours(index: SearchedIndex, rows: Sequence[Row], query: Node, line: Row, size: int) -> None:
    for after in (True, False):
        of_source = [
            one["log_id"]
            for one in sorted(rows, key=lambda one: str(one["log_id"]), reverse=not after)
            if one["log_id"][:17] == line["log_id"][:17]
            and (one["log_id"] > line["log_id"] if after else one["log_id"] < line["log_id"])
            and matches(query, _by_value(one))
        ]
        place = Place(DAY, line["log_id"])
        search = Search(query=query, after=place, by_position=True, limit=size, newest_first=not after)
        found = await index.search(search)
        assert found.table["log_id"].to_pylist() == of_source[:size], (query, line)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(RECORDS, min_size=1, max_size=14),
    _WHERE,
    st.lists(TREES, max_size=4),
    st.lists(_ASKED, min_size=8, max_size=8),
    st.randoms(use_true_random=False),
)
def test_as_a_naive_list_would(
    drawn: list[dict[str, Any]], where: str | None, trees: list[Node], asked: list[_Asked], chance: Any
) -> None:
    records = [{name: value for name, value in one.items() if name not in _TIMES} for one in drawn]
    queries = [*trees, *of_any(chance, records)]
    chance.shuffle(queries)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        # So small that a few rows need slices, row groups and both ways to read a slice.
        for module, name, size in _SMALL:
            assert hasattr(module, name)
            patch.setattr(module, name, size)
        asyncio.run(_same_as_naive(SegmentsStore(Path(folder)), _rows(records), where, queries, asked))


_TIMES = ("timestamp", "ingested_at")
_SMALL: tuple[tuple[Any, str, int], ...] = (
    (find, "FIRST_SLICE_ROWS", 3),
    (count, "_COUNT_ROWS", 3),
    (walk, "GROWTH", 2),
    (find, "WHOLE_ROWS", 5),
    (segments, "ROW_GROUP_ROWS", 4),
    (merge, "ROW_GROUP_ROWS", 4),
    (merge, "FAN_IN", 2),
    (skip_index, "_PANEL_GROUPS", 2),
)


@settings(max_examples=EXAMPLES // 6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(RECORDS, min_size=1, max_size=14),
    st.lists(TREES, max_size=4),
    st.lists(_ASKED, min_size=8, max_size=8),
    st.randoms(use_true_random=False),
)
def test_an_archive_as_a_naive_list_would(
    drawn: list[dict[str, Any]], trees: list[Node], asked: list[_Asked], chance: Any
) -> None:
    """Whose files are by service first, and overlap in time, as do their row groups."""
    records = [{name: value for name, value in one.items() if name not in _TIMES} for one in drawn]
    queries = [*trees, *of_any(chance, records)]
    chance.shuffle(queries)
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        for module, name, size in (*_SMALL, (cold, "ROW_GROUP_ROWS", 3)):
            patch.setattr(module, name, size)
        asyncio.run(_same_as_naive(cold.ArchiveStore(Path(folder)), _rows(records), None, queries, asked))


@settings(
    max_examples=EXAMPLES // 12,  # each asks some hundred times
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.tuples(RECORDS, ELASTIC_METADATA), min_size=1, max_size=12),
    st.lists(TREES.filter(same_on_elasticsearch), max_size=4),
    st.lists(_ASKED, min_size=3, max_size=3),
    st.randoms(use_true_random=False),
)
def test_an_elasticsearch_as_a_naive_list_would(
    remote: Running, drawn: list[tuple[dict[str, Any], Any]], trees: list[Node], asked: list[_Asked], chance: Any
) -> None:
    records = [
        {**{name: value for name, value in one.items() if name not in _TIMES}, "metadata": metadata}
        for one, metadata in drawn
    ]
    queries = [*trees, *filter(same_on_elasticsearch, of_any(chance, records))]
    chance.shuffle(queries)
    store = ElasticsearchStore(Path())
    asyncio.run(_same_as_naive(store, _rows(records), None, queries, asked))
    store.clear()
