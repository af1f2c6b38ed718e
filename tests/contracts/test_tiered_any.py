"""Any query over any records that lie in two tiers, by policies with boundaries of their own: pages, counts, neighbours
and figures are those of a naive list (seams.Searches, tiers/merged/searching.py)."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logd.chunk import log_id
from logd.query.parse import parse
from logd.seams import Boundary, Fields, Function, Histogram, Place, Search, Stats
from logd.tiers.merged import counts, groups
from tests.support.naive_groups import NaiveGroups, check_fields
from tests.support.naive_query import matches
from tests.support.naive_time import EPOCH
from tests.support.rows import DAY, DAY_US, NaiveIndex, Row, batch, row
from tests.support.stats import BY, OF, QUERIES, RECORDS, stats_of
from tests.support.tiered import Cold, TieredIndex, TieredStore

EXAMPLES = 600 if os.environ.get("TEST_LONG") else 60
_FIRST = DAY // DAY_US
_HOUR_US = DAY_US // 24
_SOURCES = ("6f1c2a9be03d4457", "6f1c2a9be03d4458")
#: Of services' policies, by day; that of records without a service is in no boundary.
_COLD = st.fixed_dictionaries({"a": st.integers(0, 6), "b": st.integers(0, 6)})
_TIMES = st.none() | st.integers(-20, 140).map(lambda hours: DAY + hours * _HOUR_US)
_SEARCHES = st.builds(
    Search,
    query=st.sampled_from([*QUERIES, parse("timestamp:>2024-10-05T12:00:00")]),
    from_us=_TIMES,
    to_us=_TIMES,
    newest_first=st.booleans(),
    limit=st.integers(0, 6),
    offset=st.integers(0, 6),
    count_limit=st.sampled_from([None, None, 0]),
    columns=st.sampled_from([None, ("message",), ()]),
)
_HISTOGRAMS = st.builds(
    Histogram,
    query=st.sampled_from(QUERIES),
    from_us=_TIMES,
    to_us=_TIMES,
    interval_us=st.sampled_from([None, _HOUR_US, DAY_US]),
    by=st.sampled_from([None, "service", "host", "level", "tags", "trace_id"]),
    top=st.integers(1, 3),
    fill=st.booleans(),
)
#: What groups can be put in order by: nothing that is estimated.
_EXACT = [Function.MIN, Function.MAX, Function.SUM, Function.BYTES]


def _ordered(asked: Stats, order: int | None) -> Stats:
    if order is None or order >= len(asked.aggregates) or asked.aggregates[order].function not in _EXACT:
        order = None
    longer = None if asked.interval_us is None else asked.interval_us * 3_600
    return msgspec.structs.replace(asked, order=order, interval_us=longer)


_STATS = st.builds(_ordered, stats_of(BY, OF), st.none() | st.integers(0, 2))
_FIELDS = st.builds(Fields, query=st.sampled_from(QUERIES), from_us=_TIMES, to_us=_TIMES)


def _rows(records: Sequence[dict[str, Any]]) -> list[Row]:
    """Lines of two files, two at each of many moments of five days, all taken in at once, as files that were copied."""
    return [
        row(
            DAY + number // 2 * 17 * _HOUR_US,
            log_id(_SOURCES[number % 2], number),
            ingested_at=EPOCH + timedelta(microseconds=DAY + 6 * DAY_US),
            **{**record, "metadata": None if record["metadata"] is None else json.dumps(record["metadata"])},
        )
        for number, record in enumerate(records)
    ]


def _is_cold(cold: dict[str, int]) -> Cold:
    def of(rows: pa.Table) -> list[bool]:
        days = [time // DAY_US - _FIRST for time in rows["timestamp"].cast(pa.int64()).to_pylist()]
        services = rows["service"].to_pylist()
        return [day < cold.get(service, 0) for day, service in zip(days, services, strict=True)]

    return of


async def _opened(folder: Path, cold: dict[str, int], rows: Sequence[Row]) -> tuple[TieredIndex, NaiveIndex]:
    boundaries = [Boundary(policy=name, cold_before=_FIRST + days) for name, days in cold.items() if days]
    index, naive = await TieredStore(folder, _is_cold(cold), boundaries).open(), NaiveIndex()
    for upto, part in enumerate((rows[::2], rows[1::2])):
        if part:
            await index.write(batch(part, upto + 1))
            naive.write(part)
        if not upto:
            await index.flush()
    return index, naive


async def _same_pages(folder: Path, cold: dict[str, int], rows: Sequence[Row], asked: Sequence[Search]) -> None:
    index, naive = await _opened(folder, cold, rows)
    try:
        for one in asked:
            naive.check(one, await index.search(one))
            await _to_the_end(index, naive, msgspec.structs.replace(one, offset=0, limit=max(1, one.limit)))
            await _neighbours(index, rows, one)
    finally:
        await index.close()


async def _to_the_end(index: TieredIndex, naive: NaiveIndex, search: Search) -> None:
    """Page after page, one of which may have a few bytes alone."""
    search = msgspec.structs.replace(search, max_bytes=250 if search.limit % 2 else 2**20)
    expected = [one["log_id"] for one in naive.hits(search.query, search.from_us, search.to_us, search.newest_first)]
    seen: list[str] = []
    while True:
        found = await index.search(search)
        seen += found.table["log_id"].to_pylist()
        assert seen == expected[: len(seen)], search
        if not found.more:
            break
        assert len(found.table) or seen == expected, search
        if not len(found.table):
            break
        last = found.table.slice(len(found.table) - 1)
        place = Place(last["timestamp"].cast(pa.int64())[0].as_py(), last["log_id"][0].as_py())
        search = msgspec.structs.replace(search, after=place)
    assert seen == expected, search


async def _neighbours(index: TieredIndex, rows: Sequence[Row], asked: Search) -> None:
    """Lines of a file are in the order of their times here."""
    for line in (rows[0], rows[len(rows) // 2], rows[-1]):
        for newest_first in (True, False):
            of_source = [
                one["log_id"]
                for one in sorted(rows, key=lambda one: str(one["log_id"]), reverse=newest_first)
                if one["log_id"][:17] == line["log_id"][:17]
                and (one["log_id"] < line["log_id"] if newest_first else one["log_id"] > line["log_id"])
                and matches(asked.query, {**one, "metadata": json.loads(one["metadata"] or "null")})
            ]
            place = Place(int(line["timestamp"].timestamp()) * 1_000_000, line["log_id"])
            search = Search(
                query=asked.query, after=place, by_position=True, limit=asked.limit, newest_first=newest_first
            )
            found = await index.search(search)
            assert found.table["log_id"].to_pylist() == of_source[: asked.limit], (asked.query, line)


@settings(max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(RECORDS, min_size=1, max_size=14), _COLD, st.lists(_SEARCHES, min_size=1, max_size=4))
def test_pages_as_a_naive_list_has_them(
    records: list[dict[str, Any]], cold: dict[str, int], asked: list[Search]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_same_pages(Path(folder), cold, _rows(records), asked))


async def test_lines_of_one_file_whose_services_went_at_different_times(tmp_path: Path) -> None:
    """The index has older lines of the file than the archive, and enough of them for a page."""
    plain = {"host": "h", "level": "INFO", "tags": None, "trace_id": None, "metadata": None}
    texts = {3: "blue", 5: "blue", 9: "blue"}
    records = [{**plain, "service": "b" if n == 5 else "a", "message": texts.get(n, "red")} for n in range(14)]
    search = Search(query=parse("NOT red"), limit=2)
    await _same_pages(tmp_path, {"a": 0, "b": 2}, _rows(records), [search])


async def _same_counts(folder: Path, cold: dict[str, int], rows: Sequence[Row], asked: Sequence[Any]) -> None:
    index, naive = await _opened(folder, cold, rows)
    try:
        for one in asked:
            if isinstance(one, Histogram):
                await naive.check_histogram(one, index.histogram(one))
            elif isinstance(one, Fields):
                check_fields(naive, one, await index.fields(one))
            else:
                NaiveGroups(naive, one).check(await index.stats(one))
    finally:
        await index.close()


@settings(max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(RECORDS, min_size=1, max_size=14),
    _COLD,
    st.lists(_HISTOGRAMS | _STATS | _FIELDS, min_size=1, max_size=6),
    st.booleans(),
)
def test_counts_as_a_naive_list_has_them(
    records: list[dict[str, Any]], cold: dict[str, int], asked: list[Any], few: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        if few:  # what is among the top ones takes several questions
            for module in (counts, groups):
                patch.setattr(module, "STEPS", (1, 2, 100))
        asyncio.run(_same_counts(Path(folder), cold, _rows(records), asked))
