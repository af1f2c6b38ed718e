"""What every index guarantees of figures of groups, and of which fields there are (seams.Searches)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from logd.config.schema import SearchLimits
from logd.errors import BadRequest
from logd.query.parse import parse
from logd.query.tree import Not, Words
from logd.seams import MAX_CELLS, MAX_GROUPS, SAMPLE_ROWS, Aggregate, Fields, Function, Groups, Stats
from tests.support.indexes import ElasticsearchStore, SearchedIndex, Store
from tests.support.naive_groups import NaiveGroups, check_fields
from tests.support.rows import DAY, NaiveIndex, Row, batch, row
from tests.support.stats import written

ARCHIVE_TOO = True
SECOND = 1_000_000
_WIDE = {f"f{n:05}": n for n in range(15_000)}
BYTES = Aggregate(Function.BYTES, "message")
EACH = (*(Aggregate(one, "metadata.ms") for one in Function if one is not Function.BYTES), BYTES)


@pytest.fixture
def store(index_store: Store) -> Store:
    return index_store


@pytest.fixture
async def index(store: Store) -> AsyncIterator[SearchedIndex]:
    opened = await store.open()
    yield opened
    await opened.close()


def _of(*metadata: Any, **columns: Any) -> list[Row]:
    """A row a second for each."""
    texts = [one if isinstance(one, str | None) else json.dumps(one) for one in metadata]
    return [row(DAY + n * SECOND, f"{n:04}", metadata=text, **columns) for n, text in enumerate(texts)]


def _counts(found: Groups) -> dict[tuple[str | None, ...], int]:
    return {group.values: group.count for group in found.groups}


class TestStats:
    async def test_nothing(self, index: SearchedIndex) -> None:
        for stats in (Stats(aggregates=EACH), Stats(aggregates=EACH, by_time=True, interval_us=SECOND)):
            (group,) = (await index.stats(stats)).groups
            assert (group.values, group.count, list(group.cells)) == ((), 0, [])
            assert list(group.figures) == [0, *[None] * 7, 0]
        for by in ({"by": ("service",)}, {"by": ("service", "host")}, {"by": ("tags",), "prefix": ""}):
            found = await index.stats(Stats(**by))
            assert (found.total, list(found.groups), found.other, found.without) == (0, [], 0, 0)

    async def test_what_is_a_number(self, index: SearchedIndex) -> None:
        """As ranges have it: numbers, and strings that are numbers in JSON."""
        values = [1, 2.5, "3", "4e0", -0.5, "0x6", "inf", "5 s", True, None, {}, "", 1e300, "1e999"]
        naive = await written(index, _of(*({"ms": value} for value in values), None, {"ms": []}))
        found = await index.stats(asked := Stats(aggregates=EACH[1:]))
        NaiveGroups(naive, asked).check(found)
        assert list(found.groups[0].figures[:2]) == [-0.5, 1e300]

    @pytest.mark.only("segments", reason="Elasticsearch takes what Java takes for a number")
    async def test_what_looks_like_a_number_is_none(self, index: SearchedIndex) -> None:
        values = [" 5", "7 ", "09", ".5", "5.", "1_000", "1d", "NaN", "-", "+1", "\u0665", 6]
        await written(index, _of(*({"ms": value} for value in values)))
        (group,) = (await index.stats(Stats(aggregates=EACH[:-1]))).groups
        assert list(group.figures) == [12, *[6] * 7]

    async def test_the_bytes_of_messages(self, index: SearchedIndex) -> None:
        """By service, whose order they can be, and by time; of those that match alone."""
        texts = ["", "a", "ünï 日本 \N{PILE OF POO}", "x" * 40_000, "\x00\n", "a"]
        rows = [
            row(DAY + n * SECOND, f"{n:04}", text, service=service, tags=["s", "t"])
            for n, (service, text) in enumerate((service, text) for service in ("b", "a", None) for text in texts)
        ]
        naive = await written(index, [*rows, row(DAY, "c", "xyz", service="c")])
        for asked in (
            Stats(aggregates=(BYTES,)),
            Stats(aggregates=(BYTES,), by=("service",), order=0),
            Stats(aggregates=(BYTES,), by=("service", "tags"), order=0, top=3),
            Stats(aggregates=(BYTES, Aggregate(Function.DISTINCT, "service")), by=("tags",)),
            Stats(aggregates=(BYTES,), by=("service",), by_time=True, interval_us=5 * SECOND),
            Stats(aggregates=(BYTES,), by=("service",), query=parse("a"), from_us=DAY + 3 * SECOND),
            Stats(aggregates=(BYTES,), query=parse("nothing")),
        ):
            found = await index.stats(asked)
            NaiveGroups(naive, asked).check(found)
            assert 0 not in found.estimated

    async def test_several_values_count_each(self, index: SearchedIndex) -> None:
        metadata = [{"ms": [1, 2, "3"]}, {"ms": 4}, {"ms": [[9], {"x": 9}]}, {"ms": ["[x", "[x"]}, {"ms": "[x"}]
        naive = await written(index, _of(*metadata[:2], *metadata[3:]))
        for asked in (
            Stats(aggregates=EACH),
            Stats(aggregates=EACH, by=("metadata.ms",)),
            Stats(aggregates=EACH, by=("metadata.ms", "service"), by_time=True, interval_us=2 * SECOND),
        ):
            NaiveGroups(naive, asked).check(await index.stats(asked))

    @pytest.mark.only("segments", reason="Elasticsearch looks into arrays and objects in arrays")
    async def test_what_is_in_an_array_in_an_array_is_no_value(self, index: SearchedIndex) -> None:
        naive = await written(index, _of({"ms": [[9], {"x": 9}, 1]}, {"ms": {"x": 3}}, {"ms": 2}))
        for asked in (Stats(aggregates=EACH), Stats(aggregates=EACH, by=("metadata.ms",))):
            NaiveGroups(naive, asked).check(await index.stats(asked))

    async def test_all_spellings_of_a_path(self, index: SearchedIndex) -> None:
        naive = await written(index, _of({"a": {"b": 1}}, {"a.b": 1}, {"a": {"b": 2}, "a.b": 3}, {"a": {"c": 1}}, {}))
        for by in (("metadata.a.b",), ("service", "metadata.a.b")):
            asked = Stats(by=by, aggregates=(Aggregate(Function.SUM, "metadata.a.b"),))
            NaiveGroups(naive, asked).check(await index.stats(asked))

    async def test_what_stands_in_values_is_text(self, index: SearchedIndex) -> None:
        values = ["a'b", 'a"b', "a\\b", "a?b", "a*b", "a.b", "a\nb", "{x", "[x", "日本", "", "null", "@&<>~#()|"]
        naive = await written(index, _of(*({"v'": value} for value in values)))
        for prefix in (None, "", "a", "a'", "a\\", "a?", "a.", "[", "日", "@&<>~#()|", "absent"):
            asked = Stats(by=("metadata.v'",), prefix=prefix, top=5)
            NaiveGroups(naive, asked).check(await index.stats(asked))

    async def test_the_top_ones_by_a_figure(self, index: SearchedIndex) -> None:
        """The least frequent have the most; those without a number are last."""
        rows = _of(*({"ms": n} if n % 3 else {} for n in range(30)))
        for n, one in enumerate(rows):
            one |= {"service": f"s{n // 4}", "host": "h" if n % 2 else None}
        naive = await written(index, rows)
        for order, figure in enumerate(EACH):
            for by in (("service",), ("service", "host"), ("host", "service", "level")):
                asked = Stats(aggregates=EACH, by=by, order=order, top=4)
                found = await index.stats(asked)
                if order not in found.estimated:
                    NaiveGroups(naive, asked).check(found)
                assert len(found.groups) == 4, figure

    async def test_values_for_completion(self, index: SearchedIndex) -> None:
        rows = _of(*[None] * 6)
        names = ["web-1", "web-2", "web-2", "db", None, "Web-3"]
        for one, name in zip(rows, names, strict=True):
            one["host"] = name
        await written(index, rows)
        found = await index.stats(Stats(by=("host",), prefix="web", top=1))
        assert (_counts(found), found.other, found.without, found.total) == ({("web-2",): 2}, 1, 1, 6)

    async def test_counts_of_what_is_known_from_before(self, store: Store, index: SearchedIndex) -> None:
        """Of a column alone, asked again and again while rows come and segments are merged."""
        naive = NaiveIndex()
        whole: list[dict[str, Any]] = [
            {},
            {"to_us": DAY + 37 * SECOND},
            {"from_us": DAY + 3 * SECOND, "to_us": DAY + 50 * SECOND},
        ]
        for part in range(6):
            rows = [
                row(DAY + (n * 7 + part) * SECOND, f"{part}{n}", host=[None, "a", "b", "ab"][n * part % 4])
                for n in range(10)
            ]
            await index.write(batch(rows, part + 1))
            naive.write(rows)
            if part % 2:
                await index.flush()
            if part == 4:
                await store.upkeep()
            for times in whole:
                for prefix in (None, "", "a"):
                    asked = Stats(by=("host",), top=2, prefix=prefix, **times)
                    NaiveGroups(naive, asked).check(await index.stats(asked))

    @pytest.mark.parametrize("values", [2_000, 2_001])
    async def test_a_column_with_many_values(self, index: SearchedIndex, values: int) -> None:
        rows = [row(DAY + n, f"{n:06}", host=f"h{n % values}") for n in range(2 * values)]
        naive = await written(index, rows)
        for _ in range(2):
            NaiveGroups(naive, asked := Stats(by=("host",))).check(await index.stats(asked))

    async def test_too_many_cells(self, index: SearchedIndex) -> None:
        """Also more than Elasticsearch has buckets."""
        rows = [row(DAY + n * 1_000, f"{n:06}", level="INFO" if n > MAX_CELLS else "WARN") for n in range(70_000)]
        await index.write(batch(rows, 1))
        await index.flush()
        for by in ((), ("service",), ("service", "level")):
            with pytest.raises(BadRequest, match=r"over 10000 figures by 0\.001 s") as refused:
                await index.stats(Stats(by=by, by_time=True, interval_us=1_000, to_us=DAY + (MAX_CELLS + 1) * 1_000))
            assert refused.value.where == "interval"
            with pytest.raises(BadRequest):
                await index.stats(Stats(by=by, by_time=True, interval_us=1_000))
        found = await index.stats(Stats(by_time=True, interval_us=1_000, to_us=DAY + MAX_CELLS * 1_000))
        assert len(found.groups[0].cells) == MAX_CELLS

    async def test_intervals_that_are_chosen(self, index: SearchedIndex) -> None:
        naive = await written(index, _of(*[{"ms": 1}] * 200))
        for by in ((), ("level",)):
            asked = Stats(by=by, by_time=True, aggregates=EACH)
            found = await index.stats(asked)
            NaiveGroups(naive, asked).check(found)
            assert 1 < len(found.groups[0].cells) <= 101

    async def test_more_groups_than_are_read_at_once(self, index: SearchedIndex) -> None:
        """Of one field the most frequent ones; of two, all of them are read."""
        rows = [row(DAY + n, f"{n:06}", host=f"h{n % 12_000}", trace_id=f"t{n % 7}") for n in range(24_001)]
        await index.write(batch(rows, 1))
        await index.flush()
        found = await index.stats(Stats(by=("host",), top=1))
        assert (_counts(found), found.other, found.total) == ({("h0",): 3}, 23_998, 24_001)
        found = await index.stats(Stats(by=("host", "level"), top=2))
        assert (_counts(found), found.other) == ({("h0", "INFO"): 3, ("h1", "INFO"): 2}, 23_996)
        figures = (Aggregate(Function.DISTINCT, "trace_id"),)
        found = await index.stats(Stats(by=("host", "level"), top=MAX_GROUPS, aggregates=figures))
        assert [group.figures[0] for group in found.groups] == [3, *[2] * (MAX_GROUPS - 1)]
        found = await index.stats(Stats(aggregates=(Aggregate(Function.DISTINCT, "host"),)))
        assert found.groups[0].figures[0] == pytest.approx(12_000, rel=0.01)

    @pytest.mark.only("elasticsearch", reason="the embedded index has a limit of memory instead")
    async def test_more_groups_than_are_read_at_all(self, index: SearchedIndex) -> None:
        await index.write(batch([row(DAY + n, f"{n:06}", host=f"h{n}") for n in range(60_000)], 1))
        with pytest.raises(BadRequest, match="over 50000 groups by host, level") as refused:
            await index.stats(Stats(by=("host", "level")))
        assert (refused.value.code, refused.value.where) == ("too_many_groups", "by")
        found = await index.stats(Stats(by=("host",)))
        assert found.estimated_groups
        assert found.other + len(found.groups) == found.total == 60_000

    @pytest.mark.only("elasticsearch", reason="the embedded index keeps metadata in one way")
    async def test_metadata_without_numbers(self, index_store: ElasticsearchStore) -> None:
        index_store.settings = msgspec.structs.replace(index_store.settings, metadata="flattened")
        index = await index_store.open()
        naive = await written(index, _of({"a": {"b": "x"}}, {"a": {"b": "x"}}, {"a": {"b": "y"}}, {}))
        of = (Aggregate(Function.DISTINCT, "metadata.a.b"),)
        for by in ((), ("metadata.a.b",), ("service", "metadata.a.b")):
            asked = Stats(by=by, aggregates=of)
            NaiveGroups(naive, asked).check(await index.stats(asked))
        with pytest.raises(BadRequest, match="metadata has no numbers") as refused:
            await index.stats(Stats(aggregates=EACH))
        assert refused.value.where == "aggregate"
        assert (await index.fields(Fields())).counts["metadata.a.b"].count == 3
        await index.close()

    @pytest.mark.only("segments", reason="the memory is Elasticsearch's own")
    async def test_too_much_memory_is_refused(self, store: Store) -> None:
        index = await store.open(search=SearchLimits(threads=1, memory_bytes=16 * 1024 * 1024))
        await index.write(batch([row(DAY + n, f"{n:06}", host=f"host-{n}" * 5) for n in range(150_000)], 1))
        asked = Stats(by=("host",), aggregates=(Aggregate(Function.DISTINCT, "log_id"),))
        with pytest.raises(BadRequest) as refused:
            await index.stats(asked)
        assert refused.value.code == "too_much_memory"
        assert (await index.stats(Stats())).total == 150_000
        await index.close()

    @pytest.mark.only("segments", reason="what is stopped is Elasticsearch's own, at its next look")
    async def test_what_is_cancelled_harms_nothing(self, index: SearchedIndex) -> None:
        await index.write(batch([row(DAY + n, f"{n:06}", host=f"h{n}") for n in range(50_000)], 1))
        asked = Stats(query=Not(Words("message", "x y", ("x", "y"))), by=("host",), aggregates=EACH)
        for turns in (0, 1, 5, 50, 500):
            counts = asyncio.create_task(index.stats(asked))
            for _ in range(turns):
                await asyncio.sleep(0)
            counts.cancel()
            await asyncio.gather(counts, return_exceptions=True)
        assert (await index.stats(asked)).other == 49_990


class TestFields:
    async def test_nothing(self, index: SearchedIndex) -> None:
        found = await index.fields(Fields())
        assert (found.total, found.sampled, found.counts) == (0, 0, {})

    async def test_what_json_can_be(self, index: SearchedIndex) -> None:
        metadata = [
            {"a": {"b": 1}, "a.b": "x"},
            {"a": {"b": [True, None, 1]}, "n": None, "e": {}, "l": []},
            {"a": {"b": [None]}, "o": [{"x": 1}]},
            {"b": False, "c": 1.5},
            None,
        ]
        naive = await written(index, [*_of(*metadata), row(DAY, "x", tags=[]), row(DAY, "y", tags=["t"], level=None)])
        for text in ("", "_exists_:tags", "b:false", "absent"):
            asked = Fields(query=parse(text))
            check_fields(naive, asked, found := await index.fields(asked))
        assert found.total == 0

    async def test_many_are_sampled(self, index: SearchedIndex) -> None:
        """By what is asked again, it is the same; a field that half of them have is found to be one of about half."""
        for part in range(4):
            some = range(part * 10_000, (part + 1) * 10_000)
            await index.write(
                batch([row(DAY + n * SECOND, f"{n:08}", metadata='{"a":1}' if n % 2 else None) for n in some], part + 1)
            )
            await index.flush()
        found = await index.fields(Fields())
        assert found.total == 40_000
        assert SAMPLE_ROWS // 2 <= found.sampled <= SAMPLE_ROWS
        assert found.counts["service"].count == found.sampled
        assert found.counts["metadata.a"].count / found.sampled == pytest.approx(0.5, abs=0.05)
        assert await index.fields(Fields()) == found
        # Hits that stand close together.
        found = await index.fields(Fields(query=parse("timestamp:<2024-10-04T03:30:00Z")))
        assert found.total == 12_600
        assert found.sampled >= SAMPLE_ROWS // 2

    async def test_a_record_with_thousands_of_fields(self, index: SearchedIndex) -> None:
        await index.write(batch(_of(_WIDE), 1))
        assert len((await index.fields(Fields())).counts) == len(_WIDE) + 7

    @pytest.mark.only("segments", reason="the same code looks at what Elasticsearch gives")
    async def test_many_records_with_thousands_of_fields(self, index: SearchedIndex) -> None:
        """They are looked at one by one, up to half a million values."""
        await index.write(batch(_of(*[_WIDE] * 40), 1))
        found = await index.fields(Fields())
        assert (found.total, found.sampled, len(found.counts)) == (40, 34, len(_WIDE) + 7)
