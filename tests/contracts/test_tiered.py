"""Two tiers as one: which of them is asked, what is said when one is away, and what boundaries a process goes by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from logd.errors import BadRequest, Corrupt, Unavailable
from logd.query.parse import parse
from logd.seams import BOUNDARY_SECONDS, Aggregate, Boundary, Fields, Function, Histogram, Patterns, Place, Stats
from tests.support.indexes import ids
from tests.support.rows import DAY, DAY_US, batch, everything, row
from tests.support.tiered import PartOf, TieredIndex, TieredStore

_DAY = DAY // DAY_US
_BOUNDARIES = (
    Boundary(policy="DEFAULT", warm_before=_DAY + 2, cold_before=_DAY + 1),
    Boundary(policy="audit", warm_before=_DAY + 2),
)
_AWAY = Unavailable("nobody is there", 7.0)


def _is_cold(rows: pa.Table) -> list[bool]:
    times = rows["timestamp"].cast(pa.int64()).to_pylist()
    services = rows["service"].to_pylist()
    return [time < DAY + DAY_US and name != "audit" for time, name in zip(times, services, strict=True)]


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[TieredIndex]:
    """A line at each hour of four days, of which the first is cold, the second warm."""
    opened = await TieredStore(tmp_path, _is_cold, _BOUNDARIES).open()
    await opened.write(batch([row(DAY + n * DAY_US // 24, f"{n:04}", f"line {n}") for n in range(96)], 1))
    await opened.flush()
    opened.newest_us = DAY + 3 * DAY_US
    yield opened
    await opened.close()


def _asked(index: TieredIndex) -> tuple[int, int]:
    """How often the index and the archive were asked since the last call."""
    counts = len(index.index.asked), len(index.archive.asked)
    index.index.asked.clear()
    index.archive.asked.clear()
    return counts


class TestWhoIsAsked:
    async def test_a_range_without_a_cold_day_is_the_indexs_alone(self, index: TieredIndex) -> None:
        search = everything(from_us=DAY + DAY_US, limit=1_000)
        found = await index.search(search)
        assert (found.total, found.exact, list(found.tiers)) == (72, True, ["hot", "warm"])
        assert index.index.asked == [search]
        assert not index.archive.asked
        found = await index.search(everything(query=parse("timestamp:>=2024-10-06"), limit=1_000))
        assert (found.total, list(found.tiers)) == (48, ["hot"])
        found = await index.search(everything(from_us=DAY + DAY_US, to_us=DAY + 2 * DAY_US))
        assert list(found.tiers) == ["warm"]
        assert not index.archive.asked

    async def test_a_page_of_new_hits_is_the_indexs_alone(self, index: TieredIndex) -> None:
        found = await index.search(everything(limit=10, count_limit=10_000))
        assert (found.total, found.exact, found.more) == (72, False, True)
        assert found.table["log_id"].to_pylist() == [f"{n:04}" for n in range(95, 85, -1)]
        assert (list(found.tiers), _asked(index)) == (["hot", "warm"], (1, 0))
        found = await index.search(everything(limit=10, offset=30, count_limit=0))
        assert (found.table["log_id"][0].as_py(), found.more, _asked(index)) == ("0065", True, (2, 0))
        found = await index.search(everything(limit=10, count_limit=50))
        assert (found.total, found.exact, _asked(index)[1]) == (50, False, 0)

    async def test_all_are_counted_in_both(self, index: TieredIndex) -> None:
        found = await index.search(everything(limit=10, count_limit=None))
        assert (found.total, found.exact, found.more) == (96, True, True)
        assert list(found.tiers) == ["hot", "warm", "cold"]
        assert [one.limit for one in index.archive.asked] == [0]

    async def test_a_page_over_the_boundary(self, index: TieredIndex) -> None:
        found = await index.search(everything(limit=10, count_limit=0, after=Place(DAY + DAY_US + 1, "")))
        assert found.table["log_id"].to_pylist() == [f"{n:04}" for n in range(24, 14, -1)]
        assert index.archive_of[-1] == {"DEFAULT": _DAY + 1}
        assert index.index.asked[-1].archived == {"DEFAULT": _DAY + 1}
        assert (list(found.tiers), found.more) == (["hot", "warm", "cold"], True)

    @pytest.mark.parametrize("count_limit", [0, 10_000, None])
    async def test_a_page_that_old_hits_of_the_index_fill(self, index: TieredIndex, count_limit: int | None) -> None:
        """Those of the archive between them are in it."""
        hour = DAY_US // 24
        await index.write(batch([row(DAY + n * hour + 1, f"a{n:03}", service="audit") for n in range(24)], 2))
        found = await index.search(
            everything(limit=4, count_limit=count_limit, to_us=DAY + DAY_US + hour + 1, offset=1)
        )
        assert found.table["log_id"].to_pylist() == ["0024", "a023", "0023", "a022"]
        assert (found.total, found.exact, found.more) == (None if count_limit == 0 else 50, True, True)

    async def test_a_cold_range_is_the_archives_and_of_other_policies_the_indexs(self, index: TieredIndex) -> None:
        found = await index.search(everything(to_us=DAY + DAY_US))
        assert (found.total, found.exact, _asked(index)) == (24, True, (1, 1))
        assert list(found.tiers) == ["warm", "cold"]  # audit's days are warm there

    async def test_no_boundaries(self, index: TieredIndex) -> None:
        index.tiering.known = ()
        for ask, asked in (
            (index.search, everything()),
            (index.histogram, Histogram()),
            (index.stats, Stats()),
            (index.fields, Fields()),
            (index.patterns, Patterns()),
            (index.explain, everything()),
        ):
            answer: Any = await ask(asked)  # type: ignore[arg-type]
            assert index.index.asked.pop() is asked
            assert not getattr(answer, "tiers", ())
        assert not index.archive.asked
        assert index.tiering.reads == 1

    async def test_plans(self, index: TieredIndex) -> None:
        plan = await index.explain(everything())
        assert (plan["engine"], plan["archive_before"]) == ("tiered", {"DEFAULT": "2024-10-05"})
        assert {plan["index"]["engine"], plan["archive"]["engine"]} == {"segments"}
        index.archive.fails = _AWAY
        assert (await index.explain(everything()))["archive"] == {"unavailable": "nobody is there"}


def _every(index: TieredIndex) -> list[Any]:
    aggregates = (Aggregate(Function.DISTINCT, "service"),)
    return [
        lambda: index.search(everything(limit=1_000)),
        lambda: index.histogram(Histogram(by="service")),
        lambda: index.stats(Stats(by=("service",), aggregates=aggregates, by_time=True)),
        lambda: index.fields(Fields()),
        lambda: index.patterns(Patterns()),
    ]


class TestAway:
    async def test_the_archive(self, index: TieredIndex) -> None:
        index.archive.fails = _AWAY
        for ask in _every(index):
            found = await ask()
            (why,) = found.missing
            assert why == (
                "the archive can't be asked now, so what is before 2024-10-05 of DEFAULT is missing: nobody is there"
            )
            assert list(found.tiers) == ["hot", "warm"]
            assert getattr(found, "total", 72) == 72
        assert not (await index.search(everything(limit=10, count_limit=10_000))).missing

    async def test_the_index(self, index: TieredIndex) -> None:
        """The archive answers for all that it has, also of hot days."""
        index.index.fails = _AWAY
        for ask in [*_every(index), lambda: index.search(everything(from_us=DAY + 2 * DAY_US))]:
            found = await ask()
            (why,) = found.missing
            assert why.startswith("the index can't be asked now, so this is what the archive has, up to 2024-10-07T00:")
            assert list(found.tiers) == ["cold"]
            assert index.archive_of[-1] is None

    async def test_nothing_is_archived_yet(self, index: TieredIndex) -> None:
        index.index.fails, index.newest_us = _AWAY, None
        with pytest.raises(Unavailable, match=r"^nobody is there$") as raised:
            await index.search(everything())
        assert raised.value.retry_after_seconds == 7.0

    async def test_both(self, index: TieredIndex) -> None:
        index.index.fails = index.archive.fails = _AWAY
        for ask in _every(index):
            with pytest.raises(Unavailable, match="nobody is there; and the archive: nobody is there"):
                await ask()

    async def test_what_the_query_is_to_blame_for(self, index: TieredIndex) -> None:
        index.archive.fails = BadRequest("too_many_lines", "it reads too much")
        for ask in _every(index):
            with pytest.raises(BadRequest, match="too much"):
                await ask()

    async def test_an_archive_that_does_not_answer_in_time(self, index: TieredIndex) -> None:
        index.archive.search = _for_ever  # type: ignore[method-assign]
        found = await index.search(everything(to_us=DAY + DAY_US, within_seconds=0.5))
        assert "it didn't answer within 0.3 s" in found.missing[0]

    async def test_cancelling_cancels_both(self, index: TieredIndex) -> None:
        begun, ended, both = [], [], asyncio.Event()

        async def hangs(search: Any) -> Any:
            begun.append(search)
            if len(begun) == 2:
                both.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(search)

        index.index.search = index.archive.search = hangs  # type: ignore[method-assign]
        task = asyncio.create_task(index.search(everything(to_us=DAY)))
        await both.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(ended) == 2


async def _for_ever(search: Any) -> Any:
    await asyncio.Event().wait()


class TestBoundaries:
    async def test_they_are_read_now_and_then(self, index: TieredIndex) -> None:
        for _ in range(3):
            await index.search(everything())
        assert index.tiering.reads == 1
        index.seconds += BOUNDARY_SECONDS / 3 + 1
        await asyncio.gather(*(index.search(everything()) for _ in range(3)))
        assert index.tiering.reads == 2

    @pytest.mark.parametrize("error", [Unavailable("no catalog"), Corrupt("no sense")])
    async def test_a_catalog_that_is_away(self, index: TieredIndex, error: Exception) -> None:
        await index.search(everything())
        index.tiering.fails = error
        index.seconds += BOUNDARY_SECONDS
        assert not (await index.search(everything())).missing
        index.seconds += 2
        for ask in _every(index):
            (why,) = (await ask()).missing
            assert why == f"which days have gone to the archive in the last 32 s can't be told: {error}"
        assert index.tiering.reads == 3
        index.tiering.fails = None
        index.seconds += 2
        assert not (await index.search(everything())).missing

    async def test_a_catalog_that_was_never_there(self, index: TieredIndex) -> None:
        index.tiering.fails = Unavailable("no catalog")
        found = await index.search(everything())
        assert found.missing == ("which days are in the archive alone can't be told: no catalog",)
        assert found.total == 72

    async def test_a_day_that_is_moved_while_one_searches(self, index: TieredIndex, tmp_path: Path) -> None:
        """What takes longer than boundaries last is asked again by those of then."""
        index.tiering.known = ()
        ask = PartOf.search

        async def slow(search: Any) -> Any:
            index.seconds += BOUNDARY_SECONDS + 1
            index.tiering.known = _BOUNDARIES
            index.index.search = slow_no_more  # type: ignore[method-assign]
            return await ask(index.index, search)

        async def slow_no_more(search: Any) -> Any:
            return await ask(index.index, search)

        index.index.search = slow  # type: ignore[method-assign]
        found = await index.search(everything(limit=1_000))
        assert (found.total, list(found.tiers)) == (96, ["hot", "warm", "cold"])


async def test_values_of_which_each_tier_shows_others(index: TieredIndex) -> None:
    """Second in both is first in all; what one of them doesn't show is asked for."""
    more = [row(DAY + n, f"a{n}", service="both" if n < 40 else "old") for n in range(100)]
    more += [row(DAY + 2 * DAY_US + n, f"b{n}", service="both" if n < 40 else "new") for n in range(100)]
    more += [row(DAY + DAY_US * (n % 2), f"c{n}", service=f"s{n:04}") for n in range(300)]
    await index.write(batch(more, 2))
    found = await index.histogram(Histogram(by="service", top=1, interval_us=DAY_US))
    assert (found.values, found.by_value, found.other[0]) == (["web"], [[24, 24, 24, 24]], 250)
    query = parse("NOT service:web")
    found = await index.histogram(Histogram(query=query, by="service", top=1, interval_us=DAY_US))
    assert (found.values, found.by_value, found.other) == (["both"], [[40, 0, 40]], [210, 150, 60])
    groups = await index.stats(Stats(query=query, by=("service",), top=1, by_time=True, interval_us=DAY_US))
    assert [(one.values, one.count, len(one.cells)) for one in groups.groups] == [(("both",), 80, 2)]
    assert (groups.other, groups.total, groups.estimated_groups) == (420, 500, False)
    assert await ids(index, query=parse("service:s0001")) == ["c1"]


async def test_percentiles_are_between_those_of_the_tiers(index: TieredIndex) -> None:
    rows = [row(DAY + n, f"a{n:04}", service="x", metadata=f'{{"ms":{n}}}') for n in range(1_000)]
    rows += [row(DAY + DAY_US + n, f"b{n:04}", service="x", metadata=f'{{"ms":{n}}}') for n in range(3_000)]
    await index.write(batch(rows, 2))
    functions = (Function.P50, Function.P95, Function.AVG)
    asked = Stats(query=parse("service:x"), aggregates=tuple(Aggregate(one, "metadata.ms") for one in functions))
    found = await index.stats(asked)
    assert found.estimated == [0, 1]
    middle, high, average = found.groups[0].figures
    assert average == pytest.approx((499.5 * 1_000 + 1_499.5 * 3_000) / 4_000)
    assert middle == pytest.approx(1_000, rel=0.05)
    assert high == pytest.approx(2_800, rel=0.05)


async def test_what_is_new_in_the_index_but_old_in_the_archive(index: TieredIndex) -> None:
    await index.write(batch([row(DAY, "o", "old words here"), row(DAY + 3 * DAY_US, "n", "old words here")], 2))
    await index.write(batch([row(DAY + 3 * DAY_US, "m", "never seen before")], 3))
    found = await index.patterns(Patterns(new_since_us=DAY + 2 * DAY_US))
    assert [(one.template, one.count) for one in found.patterns] == [("never seen before", 1)]
    whole = await index.patterns(Patterns())
    assert [(one.template, one.count) for one in whole.patterns][:2] == [("line <*>", 96), ("old words here", 2)]
    assert msgspec.structs.replace(whole, patterns=()).total == 99
