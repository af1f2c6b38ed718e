"""What every index guarantees (seams.Index, seams.Searches): one suite, run over each implementation in STORES, but
where it is marked `only`, with the reason why the guarantee isn't one of the others.
test_searches.py has the rest of it."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logd.config.schema import SearchLimits
from logd.query.tree import And, Equals, Everything, Exists, Fuzzy, Node, Not, Or, Range, Regex, Wildcard, Words
from logd.record import SCHEMA
from logd.seams import Histogram, Place, Search
from logd.store import count, find, merge, segments, skip_index, walk
from tests.services import Running
from tests.support.indexes import (
    ElasticsearchStore,
    SearchedIndex,
    SegmentsStore,
    Store,
    ids,
    many,
)
from tests.support.rows import DAY, DAY_US, NaiveIndex, Row, batch, everything, row

EXAMPLES = 600 if os.environ.get("TEST_LONG") else 60


@pytest.fixture
def store(index_store: Store) -> Store:
    return index_store


@pytest.fixture
async def index(store: Store) -> AsyncIterator[SearchedIndex]:
    opened = await store.open()
    yield opened
    await opened.close()


class TestSearch:
    async def test_an_empty_index(self, index: SearchedIndex) -> None:
        found = await index.search(everything())
        assert (len(found.table), found.total, found.exact) == (0, 0, True)
        assert found.table.schema == SCHEMA

    @pytest.mark.parametrize("flushed", [False, True])
    async def test_rows_come_back_whole(self, index: SearchedIndex, flushed: bool) -> None:
        rows = [
            row(DAY + 1, "b", "käse 日本 \x00 \n", tags=["a", "ü"], metadata='{"a":[1,{"b":null}]}', trace_id="t"),
            row(DAY, "a", "", level=None, service="", host="h", source=None, tags=[]),
        ]
        await index.write(batch(rows, 1))
        if flushed:
            await index.flush()
        assert (await index.search(everything())).table.to_pylist() == rows

    @pytest.mark.parametrize("flushed", [False, True])
    async def test_newest_first_then_by_id(self, index: SearchedIndex, flushed: bool) -> None:
        for upto, rows in enumerate(
            [[(5, "b"), (1, "z"), (5, "c")], [(5, "a"), (9, "e"), (5, "d")], [(5, "ä"), (5, "B")]]
        ):
            await index.write(batch([row(DAY + time, log_id) for time, log_id in rows], upto))
            if flushed:
                await index.flush()
        assert await ids(index) == ["e", "ä", "d", "c", "b", "a", "B", "z"]

    async def test_rows_are_found_at_once(self, index: SearchedIndex) -> None:
        for number in range(5):
            await index.write(batch([row(DAY + number, f"{number}")], number))
            assert await ids(index) == [f"{n}" for n in range(number, -1, -1)]

    @pytest.mark.parametrize("flushed", [False, True])
    @pytest.mark.parametrize(
        ("from_us", "to_us", "found"),
        [
            (None, None, "edcba"),
            (DAY + 1, DAY + 3, "cb"),
            (DAY + 1, DAY + 1, ""),
            (DAY + 3, DAY + 1, ""),
            (DAY - 10**15, DAY + 1, "a"),
            (DAY + 4, 2**62, "e"),
            (DAY + 5, None, ""),
            (None, DAY, ""),
            (-(2**62), 2**62, "edcba"),
        ],
    )
    async def test_time_ranges(
        self, index: SearchedIndex, flushed: bool, from_us: int | None, to_us: int | None, found: str
    ) -> None:
        await index.write(batch([row(DAY + number, log_id) for number, log_id in enumerate("abcde")], 1))
        if flushed:
            await index.flush()
        answer = await index.search(everything(from_us=from_us, to_us=to_us))
        assert answer.table["log_id"].to_pylist() == list(found)
        assert (answer.total, answer.exact) == (len(found), True)

    async def test_the_disk_is_as_full_as_it_is(self, index: SearchedIndex) -> None:
        assert 0 < await index.disk_used_percent() < 100

    async def test_limits_and_offsets(self, index: SearchedIndex) -> None:
        await index.write(batch([row(DAY + number, f"{number}") for number in range(10)], 1))
        assert await ids(index, limit=3) == ["9", "8", "7"]
        assert await ids(index, limit=3, offset=2) == ["7", "6", "5"]
        assert await ids(index, limit=5, offset=8) == ["1", "0"]
        assert await ids(index, limit=5, offset=10) == []
        assert await ids(index, limit=0) == []

    @pytest.mark.parametrize("query", [Everything(), Words("message", "hello", ("hello",))])
    @pytest.mark.parametrize(
        ("count_limit", "total", "exact"),
        [(None, 10, True), (10, 10, True), (11, 10, True), (9, 9, False), (1, 1, False)],
    )
    async def test_counts(
        self, index: SearchedIndex, query: Node, count_limit: int | None, total: int, exact: bool
    ) -> None:
        await index.write(batch([row(DAY + number, f"{number}") for number in range(10)], 1))
        for limit in (0, 5):
            found = await index.search(Search(query=query, limit=limit, count_limit=count_limit))
            assert (found.total, found.exact) == (total, exact)

    async def test_not_counted_when_nobody_asks(self, index: SearchedIndex) -> None:
        await index.write(batch([row(DAY, "a")], 1))
        assert (await index.search(Search(count_limit=0))).total is None

    @pytest.mark.only("segments", reason="Elasticsearch takes half a minute to write as much")
    async def test_a_cancelled_search_harms_nothing(self, store: Store) -> None:
        index = await store.open(search=SearchLimits(threads=1, concurrent=1))
        await index.write(many(200_000))
        slow = everything(query=Not(Words("message", "x y", ("x", "y"))), limit=1)
        for turns in [0, 1, 2, 5, 20, 100, 500, 2_000]:
            searches = [asyncio.create_task(index.search(slow)) for _ in range(3)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for search in searches:
                search.cancel()
            results = await asyncio.gather(*searches, return_exceptions=True)
            assert all(isinstance(one, asyncio.CancelledError) or getattr(one, "total", 0) for one in results), results
        assert (await index.search(slow)).total == 200_000
        await index.close()

    async def test_searches_at_the_same_time(self, index: SearchedIndex) -> None:
        await index.write(many(20_000))
        searches = [everything(from_us=DAY + low, to_us=DAY + low + 1_000, limit=3) for low in range(0, 20_000, 1_000)]
        answers = await asyncio.gather(*(index.search(search) for search in searches))
        assert [answer.total for answer in answers] == [1_000] * 20


class TestDurability:
    async def test_what_was_flushed_survives(self, store: Store, index: SearchedIndex) -> None:
        for number in range(3):
            await index.write(batch([row(DAY + number, f"{number}")], number + 1))
            await index.flush()
            left = await store.after_crash()
            try:
                assert await ids(left) == [f"{n}" for n in range(number, -1, -1)]
                assert left.durable() == index.durable()
            finally:
                await left.close()

    async def test_reopening_gives_the_same_answers(self, store: Store) -> None:
        naive = NaiveIndex()
        for number in range(4):
            index = await store.open()
            for found in (await index.search(everything()),):
                naive.check(everything(), found)
            rows = [row(DAY + 7 * number % 5, f"{number}.{part}") for part in range(3)]
            naive.write(rows)
            await index.write(batch(rows, number + 1))
            await index.close()

    async def test_close_flushes(self, store: Store) -> None:
        index = await store.open()
        await index.write(batch([row(DAY, "a")], 5))
        await index.close()
        again = await store.open()
        assert await ids(again) == ["a"]
        assert again.durable() in ({0: 5}, None)
        await again.close()

    async def test_a_flush_of_nothing(self, index: SearchedIndex) -> None:
        await index.flush()
        await index.flush()
        assert await ids(index) == []


class TestOwnIds:
    """An id that a client chose is kept once within its day."""

    @pytest.mark.parametrize("flushed", [False, True])
    async def test_the_first_one_is_kept(self, index: SearchedIndex, flushed: bool) -> None:
        assert (await index.write(batch([row(DAY, "a", "first")], 1, own=[0]))).duplicates == 0
        if flushed:
            await index.flush()
        assert (await index.write(batch([row(DAY + 5, "a", "second"), row(DAY, "b")], 2, own=[0, 1]))).duplicates == 1
        assert (await index.write(batch([row(DAY + 6, "a", "third")], 3, own=[0]))).duplicates == 1
        assert await ids(index) == ["b", "a"]
        assert (await index.search(everything())).table["message"].to_pylist() == ["hello", "first"]

    async def test_after_reopening(self, store: Store) -> None:
        for dropped in (0, 1, 1):
            index = await store.open()
            assert (await index.write(batch([row(DAY, "a")], 1, own=[0]))).duplicates == dropped
            assert await ids(index) == ["a"]
            await index.close()

    async def test_within_a_batch(self, index: SearchedIndex) -> None:
        rows = [row(DAY, "a", "first"), row(DAY, "b"), row(DAY + 1, "a", "second"), row(DAY + DAY_US, "a", "next day")]
        assert (await index.write(batch(rows, 1, own=[0, 2, 3]))).duplicates == 1
        found = (await index.search(everything())).table
        assert found["message"].to_pylist() == ["next day", "hello", "first"]

    @pytest.mark.parametrize("flushed", [False, True])
    async def test_days_are_apart(self, index: SearchedIndex, flushed: bool) -> None:
        last_moment = DAY + DAY_US - 1
        for upto, time in enumerate([last_moment, last_moment + 1, last_moment - 1, last_moment + 2, DAY, DAY - 1]):
            dropped = await index.write(batch([row(time, "a")], upto, own=[0]))
            assert dropped.duplicates == (upto in (2, 3, 4))
            if flushed:
                await index.flush()
        assert (await index.search(everything())).total == 3

    async def test_the_index_own_ids_count_too(self, index: SearchedIndex) -> None:
        await index.write(batch([row(DAY, "a")], 1))
        assert (await index.write(batch([row(DAY, "a")], 2, own=[0]))).duplicates == 1

    async def test_writes_at_the_same_time(self, index: SearchedIndex) -> None:
        writes = [batch([row(DAY + n, "a"), row(DAY + n, f"b{n % 3}")], n, own=[0, 1]) for n in range(20)]
        written = await asyncio.gather(*(index.write(one) for one in writes))
        assert sum(one.duplicates for one in written) == 40 - 4
        assert sorted(await ids(index)) == ["a", "b0", "b1", "b2"]

    @pytest.mark.only("segments", reason="bulks are several: what is written again is whole")
    async def test_a_cancelled_write_is_whole_or_nothing(self, index: SearchedIndex) -> None:
        await index.write(many(1_000))
        for turns in range(6):
            write = asyncio.create_task(
                index.write(batch([row(DAY, f"x{turns}"), row(DAY, f"y{turns}")], 1, own=[0, 1]))
            )
            for _ in range(turns):
                await asyncio.sleep(0)
            write.cancel()
            await asyncio.gather(write, return_exceptions=True)
            found = [log_id for log_id in await ids(index) if log_id in (f"x{turns}", f"y{turns}")]
            assert len(found) in (0, 2)
            again = await index.write(batch([row(DAY, f"x{turns}"), row(DAY, f"y{turns}")], 1, own=[0, 1]))
            assert again.duplicates == len(found)


TIMES = st.integers(0, 12) | st.sampled_from([DAY_US - 1, DAY_US, 2 * DAY_US + 5])
QUERIES: list[Node] = [
    Everything(),
    Everything(),
    Words("message", "red", ("red",)),
    Equals("service", "a"),
    Equals("tags", "t"),
    Not(Equals("host", "h")),
    And((Words("message", "red", ("red",)), Equals("service", "b"))),
    Or((Words("message", "blue", ("blue",)), Equals("trace_id", "t"))),
    Words("message", "", ()),
    Words("message", "blue red", ("blue", "red"), 2),
    Wildcard("message", "b*e"),
    Wildcard("service", "*"),
    Regex("message", "re."),
    Regex("message.raw", "d b"),
    Fuzzy("message", "rde", 1),
    Range("metadata.x", "1", "2", True, False),
    Range("service", "a", None, False, False),
    Exists("host"),
    Range("timestamp", DAY + 3, DAY + 5, True, False),
    And((Range("timestamp", DAY + 2, None, False, False), Range("timestamp", None, DAY + DAY_US, False, True))),
    Or((Range("timestamp", DAY + 6, None, True, False), Equals("service", "a"))),
]
ROWS = st.lists(
    st.tuples(
        TIMES, st.booleans(), st.integers(0, 4), st.sampled_from(["red", "blue", "red blue", ""]), st.integers(0, 3)
    ),
    max_size=9,
)
SEARCHES = st.builds(
    Search,
    query=st.sampled_from(QUERIES),
    from_us=st.none() | TIMES.map(lambda time: DAY + time),
    to_us=st.none() | TIMES.map(lambda time: DAY + time),
    newest_first=st.booleans(),
    after=st.none()
    | st.builds(Place, TIMES.map(lambda time: DAY + time), st.sampled_from(["", "0001-1", "own-2", "~"])),
    limit=st.integers(0, 12) | st.just(100),
    offset=st.integers(0, 4),
    count_limit=st.sampled_from([None, 0, 2, 5, 10_000]),
    columns=st.none() | st.sampled_from([(), ("message",), ("metadata", "trace_id"), ("service", "log_id", "tags")]),
)
HISTOGRAMS = st.builds(
    Histogram,
    query=st.sampled_from(QUERIES),
    from_us=st.none() | TIMES.map(lambda time: DAY + time),
    to_us=st.none() | TIMES.map(lambda time: DAY + time),
    interval_us=st.none() | st.sampled_from([1, 3, 5, DAY_US // 2, DAY_US, 3 * DAY_US + 7]),
    by=st.sampled_from([None, None, "service", "host", "level", "tags", "metadata.x", "metadata.a.b"]),
    top=st.integers(1, 3),
    fill=st.booleans(),
)
CHANGES = ROWS | st.sampled_from(["flush", "flush", "reopen", "upkeep"])
STEPS = st.lists(CHANGES | SEARCHES | SEARCHES | HISTOGRAMS, max_size=12)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_as_a_naive_list_would(steps: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        # So small that a few rows need slices, row groups and both ways to read a slice.
        for module, name, size in [
            (find, "FIRST_SLICE_ROWS", 3),
            (count, "_COUNT_ROWS", 3),
            (walk, "GROWTH", 2),
            (find, "WHOLE_ROWS", 5),
            (find, "PORTION_BYTES", 700),
            (find, "MAX_TIMES", 2),
            (segments, "ROW_GROUP_ROWS", 4),
            (merge, "ROW_GROUP_ROWS", 4),
            (merge, "FAN_IN", 2),
            (merge, "_HELD_ROWS", 9),
            (skip_index, "_PANEL_GROUPS", 2),
        ]:
            assert hasattr(module, name)
            patch.setattr(module, name, size)
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(_same_as_naive(SegmentsStore(Path(folder)), steps))


@settings(
    max_examples=EXAMPLES // 6,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(STEPS.map(lambda steps: [step for step in steps if not _is_by_microseconds(step)]))
def test_an_elasticsearch_as_a_naive_list_would(remote: Running, steps: list[Any]) -> None:
    store = ElasticsearchStore(Path())
    asyncio.run(_same_as_naive(store, steps))
    store.clear()


def _is_by_microseconds(step: Any) -> bool:
    """Elasticsearch counts by whole milliseconds."""
    return isinstance(step, Histogram) and (step.interval_us or 0) % 1_000 > 0


async def _same_as_naive(store: Store, steps: Sequence[Any]) -> None:
    index, naive = await store.open(), NaiveIndex()
    for number, step in enumerate(steps):
        match step:
            case "flush":
                await index.flush()
            case "reopen":
                await index.close()
                index = await store.open()
            case "upkeep":
                await store.upkeep()
            case Search():
                naive.check(step, await index.search(step))
            case Histogram():
                await naive.check_histogram(step, index.histogram(step))
            case rows:
                made = [_row(number, place, *one) for place, one in enumerate(rows)]
                own = [place for place, one in enumerate(rows) if one[1]]
                assert (await index.write(batch(made, number, own))).duplicates == naive.write(made, own)
    naive.check(everything(), await index.search(everything()))
    await index.close()


def _row(number: int, place: int, time: int, own: bool, name: int, message: str, kind: int) -> Row:
    """Ids of clients come again and again, others never do."""
    columns: dict[str, Any] = {"service": "ab"[kind % 2], "host": "h" if kind > 1 else None}
    if kind == 3:
        columns |= {"tags": ["t", "u", "t"], "trace_id": "t", "metadata": '{"x":1,"a":{"b":"c"}}'}
    if kind == 2:
        columns |= {"tags": ["u"], "level": None, "metadata": '{"x":"1","a.b":null}'}
    return row(DAY + time, f"own-{name}" if own else f"{number:04}-{place}", message, **columns)
