"""What every index guarantees to those who ask it (seams.Searches), beyond what test_index.py compares with a list."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from logd.config.schema import SearchLimits
from logd.errors import BadRequest
from logd.query.parse import parse
from logd.query.tree import Everything, Not, Regex, Wildcard, Words
from logd.record import SCHEMA
from logd.seams import MAX_BUCKETS, Batch, Buckets, Found, Histogram, Place, Search
from tests.support.indexes import SearchedIndex, Store, ids, many
from tests.support.rows import DAY, DAY_US, batch, everything, row

ARCHIVE_TOO = True
SECOND = 1_000_000
#: Reads every message, with a condition that no skip index knows.
SLOW = Not(Words("message", "x y", ("x", "y")))


@pytest.fixture
def store(index_store: Store) -> Store:
    return index_store


@pytest.fixture
async def index(store: Store) -> AsyncIterator[SearchedIndex]:
    opened = await store.open()
    yield opened
    await opened.close()


def _place(found: Found) -> Place:
    last = found.table.slice(len(found.table) - 1)
    return Place(last["timestamp"].cast(pa.int64())[0].as_py(), last["log_id"][0].as_py())


async def test_a_pattern_that_no_engine_takes(index: SearchedIndex) -> None:
    """The parser refuses most by its own rules; the rest is the client's error all the same."""
    await index.write(many(10))
    for query in (Wildcard("service", "?" * 1_000_000), Regex("message", "(?=a)")):
        with pytest.raises(BadRequest):
            await index.search(everything(query=query))
        with pytest.raises(BadRequest):
            await index.histogram(Histogram(query=query, interval_us=SECOND))
    assert (await index.search(everything())).total == 10


class TestPages:
    @pytest.mark.parametrize("flushed", [False, True])
    async def test_oldest_first(self, index: SearchedIndex, flushed: bool) -> None:
        for upto, times in enumerate([[5, 1, 5], [9, 5, DAY_US], [0]]):
            await index.write(batch([row(DAY + t, f"{upto}{n}") for n, t in enumerate(times)], upto))
            if flushed:
                await index.flush()
        assert await ids(index, newest_first=False) == ["20", "01", "00", "02", "11", "10", "12"]
        assert await ids(index, newest_first=False, offset=2, limit=2) == ["00", "02"]
        assert await ids(index, newest_first=False, from_us=DAY + 5, limit=2) == ["00", "02"]

    @pytest.mark.parametrize("newest_first", [True, False])
    @pytest.mark.parametrize("query", ["", "hello", "NOT absent"])
    @pytest.mark.parametrize("size", [1, 3, 50])
    async def test_no_gap_and_no_repeat_whatever_happens_between(
        self, store: Store, index: SearchedIndex, newest_first: bool, query: str, size: int
    ) -> None:
        """All moments are the same for some rows, which only ids tell apart."""
        before = [row(DAY + n // 4 * SECOND, f"{n:03}") for n in range(40)]
        for part in range(4):
            await index.write(batch(before[part::4], part + 1))
            if part % 2:
                await index.flush()
        seen: list[str] = []
        search = everything(
            query=parse(query), limit=size, newest_first=newest_first, to_us=DAY + 3_600 * SECOND, count_limit=0
        )
        while (found := await index.search(search)).more:
            seen += found.table["log_id"].to_pylist()
            assert len(seen) <= len(before)
            search = msgspec.structs.replace(search, after=_place(found))
            number = len(seen)
            beyond = DAY - number if newest_first is False else DAY + 100 * SECOND + number
            await index.write(batch([row(beyond, f"new{number}")], number))
            if number % 3 == 0:
                await index.flush()
            if number % 5 == 0:
                await store.upkeep()
        seen += found.table["log_id"].to_pylist()
        assert seen == [one["log_id"] for one in (reversed(before) if newest_first else before)]

    async def test_the_total_is_of_all_pages(self, index: SearchedIndex) -> None:
        await index.write(many(100))
        found = await index.search(everything(limit=10, after=Place(DAY + 50, "")))
        assert (found.total, found.more) == (100, True)
        assert found.table["log_id"].to_pylist() == [f"{n:08}" for n in range(49, 39, -1)]

    @pytest.mark.parametrize("query", [Everything(), Words("message", "hello", ("hello",))])
    async def test_a_place_beyond_all(self, index: SearchedIndex, query: Any) -> None:
        await index.write(many(10))
        for newest_first, time_us in ((True, DAY - 1), (True, -(2**55)), (False, DAY + 10), (False, 2**55)):
            search = everything(query=query, newest_first=newest_first, after=Place(time_us, "~"))
            found = await index.search(search)
            assert (len(found.table), found.more, found.total) == (0, False, 10)
            again = msgspec.structs.replace(search, newest_first=not newest_first)
            assert len((await index.search(again)).table) == 10


class TestHistogram:
    async def test_nothing(self, index: SearchedIndex) -> None:
        empty = await index.histogram(Histogram(by="level"))
        assert (list(empty.starts), list(empty.counts), list(empty.values)) == ([], [], [])
        filled = await index.histogram(Histogram(interval_us=SECOND, from_us=DAY, to_us=DAY + 2 * SECOND, fill=True))
        assert (filled.starts, filled.counts) == ([DAY, DAY + SECOND], [0, 0])

    @pytest.mark.parametrize("flushed", [False, True])
    async def test_intervals_are_aligned_to_the_epoch(self, index: SearchedIndex, flushed: bool) -> None:
        times = [DAY - 1, DAY, DAY + 6 * SECOND, DAY + 7 * SECOND]
        await index.write(batch([row(t, f"{n}") for n, t in enumerate(times)], 1))
        if flushed:
            await index.flush()
        found = await index.histogram(Histogram(interval_us=7 * SECOND))
        assert all(start % (7 * SECOND) == 0 for start in found.starts)
        assert sum(found.counts) == 4
        found = await index.histogram(Histogram(interval_us=SECOND, from_us=DAY))
        assert (found.starts, found.counts) == ([DAY, DAY + 6 * SECOND, DAY + 7 * SECOND], [1, 1, 1])

    @pytest.mark.parametrize(
        ("span_us", "interval_us"),
        [
            (0, 1_000),
            (100_000, 1_000),
            (100_001, 2_000),
            (60 * SECOND, SECOND),
            (600 * SECOND, 10 * SECOND),
            (3_600 * SECOND, 60 * SECOND),
            (DAY_US, 900 * SECOND),
            (30 * DAY_US, 12 * 3_600 * SECOND),
            (365 * DAY_US, 5 * DAY_US),
            (9_998 * 365 * DAY_US, 50_000 * DAY_US),
        ],
    )
    async def test_round_intervals(self, index: SearchedIndex, span_us: int, interval_us: int) -> None:
        found = await index.histogram(Histogram(from_us=DAY, to_us=DAY + span_us, fill=True))
        assert found.interval_us == interval_us
        assert len(found.starts) <= 101

    @pytest.mark.only("segments", reason="Elasticsearch counts by whole milliseconds")
    async def test_too_many(self, index: SearchedIndex) -> None:
        await index.write(many(30_000))
        await index.flush()
        await index.write(batch([row(DAY + 3 * DAY_US, "late")], 2))
        for asked in (
            Histogram(interval_us=1),
            Histogram(interval_us=5),
            Histogram(interval_us=SECOND, fill=True, from_us=-(2**55), to_us=2**55),
            Histogram(interval_us=1, fill=True, from_us=DAY, to_us=DAY + MAX_BUCKETS + 1),
            Histogram(interval_us=1, by="service"),
            Histogram(interval_us=1, by="tags"),
        ):
            with pytest.raises(BadRequest, match="at most 5000") as refused:
                await index.histogram(asked)
            assert refused.value.where == "interval"
        found = await index.histogram(Histogram(interval_us=1, to_us=DAY + MAX_BUCKETS))
        assert len(found.starts) == MAX_BUCKETS

    async def test_far_apart_is_not_too_many(self, index: SearchedIndex) -> None:
        await index.write(batch([row(time, f"{time}") for time in (0, DAY, 3 * DAY)], 1))
        await index.flush()
        found = await index.histogram(Histogram(interval_us=1_000))
        assert (found.starts, found.counts) == ([0, DAY, 3 * DAY], [1, 1, 1])

    @pytest.mark.only("segments", reason="the memory is Elasticsearch's own")
    async def test_many_values_are_exact_or_refused(self, store: Store) -> None:
        index = await store.open(search=SearchLimits(threads=1, memory_bytes=16 * 1024 * 1024))
        await index.write(_names(100_000))
        try:
            found = await index.histogram(Histogram(interval_us=DAY_US, by="service", top=2))
        except BadRequest as error:
            assert error.code == "too_much_memory"  # noqa: PT017
        else:
            assert (found.values, found.by_value, found.other) == (["n0", "n1"], [[1], [1]], [99_998])
        assert (await index.search(everything(limit=1))).total == 100_000
        await index.close()
        index = await store.open()
        found = await index.histogram(Histogram(interval_us=DAY_US, by="service", top=2))
        assert (found.values, found.by_value, found.other) == (["n0", "n1"], [[1], [1]], [99_998])
        await index.close()

    @pytest.mark.parametrize("query", ["", "hello"])
    async def test_values_that_json_has_in_many_ways(self, index: SearchedIndex, query: str) -> None:
        metadata = [
            '{"a":{"b":1}}',
            '{"a.b":1}',
            '{"a":{"b":"1"}}',
            '{"a":{"b":true}}',
            '{"a":[1]}',
            "{}",
            None,
            "[",
            "{",
        ]
        rows = [row(DAY, f"{n}", metadata=text) for n, text in enumerate(metadata)]
        await index.write(batch(rows, 1))
        found = await index.histogram(Histogram(query=parse(query), by="metadata.a.b"))
        assert _by_value(found) == {None: 5, "1": 3, "true": 1}


def _by_value(found: Buckets) -> dict[str | None, int]:
    return {value: sum(counts) for value, counts in zip(found.values, found.by_value, strict=True)}


def _names(count: int) -> Batch:
    names = pa.array([f"n{number}" for number in range(count)])
    place = SCHEMA.get_field_index("service")
    made = many(count)
    table = made.table.set_column(place, SCHEMA.field("service"), names.dictionary_encode())
    return msgspec.structs.replace(made, table=table)


@pytest.mark.only("segments", reason="what is stopped is Elasticsearch's own, at its next look")
class TestCancelling:
    async def test_what_nobody_waits_for_makes_room(self, store: Store) -> None:
        """One thread: what comes after a cancelled search would otherwise wait for all of it."""
        index = await store.open(search=SearchLimits(threads=1, concurrent=1))
        for number in range(6):
            await index.write(msgspec.structs.replace(many(100_000), positions={0: number + 1}))
            await index.flush()
        asked = everything(query=SLOW, limit=10)
        begun = time.perf_counter()
        await index.search(asked)
        whole = time.perf_counter() - begun
        waits = []
        for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.9):
            search = asyncio.create_task(index.search(asked))
            await asyncio.wait([search], timeout=whole * share)
            search.cancel()
            begun = time.perf_counter()
            await index.search(Search(limit=1, count_limit=0))
            waits.append(time.perf_counter() - begun)
            await asyncio.gather(search, return_exceptions=True)
        assert sorted(waits)[len(waits) // 2] < whole / 2, (whole, waits)  # uncancelled: 0.7
        await index.close()

    async def test_a_cancelled_histogram_harms_nothing(self, index: SearchedIndex) -> None:
        await index.write(_names(50_000))
        asked = Histogram(query=SLOW, by="service", interval_us=DAY_US)
        for turns in (0, 1, 5, 50, 500):
            counts = asyncio.create_task(index.histogram(asked))
            for _ in range(turns):
                await asyncio.sleep(0)
            counts.cancel()
            await asyncio.gather(counts, return_exceptions=True)
        assert sum((await index.histogram(asked)).counts) == 50_000
