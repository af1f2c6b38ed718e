"""How many lines one request may read: a page of hits ends there, a count is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from logd.backends.index.segments import SegmentsIndex
from logd.config.schema import SearchLimits
from logd.errors import BadRequest
from logd.query.parse import parse
from logd.seams import Found, Histogram, Patterns, Place, Search, Stats
from logd.store import find, walk
from tests.support.indexes import SegmentsStore
from tests.support.rows import DAY, batch, row

#: Of each of ten segments, of which each has the word of its number.
ROWS = 100


@pytest.fixture
async def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SegmentsIndex]:
    monkeypatch.setattr(find, "FIRST_SLICE_ROWS", ROWS)
    monkeypatch.setattr(walk, "GROWTH", 1)
    monkeypatch.setattr(walk, "_SPARSE_ROWS", (ROWS, ROWS))
    opened = await SegmentsStore(tmp_path).open(search=SearchLimits(threads=1, scan_lines=5 * ROWS))
    for part in range(10):
        rows = [row(DAY + part * ROWS + n, f"{part}{n:03}", f"part{part}") for n in range(ROWS)]
        await opened.write(batch(rows, part + 1))
        await opened.flush()
    yield opened
    await opened.close()


async def test_what_is_found_within_it_is_whole(index: SegmentsIndex) -> None:
    found = await index.search(Search(query=parse("part9"), count_limit=0, limit=3))
    assert (len(found.table), found.more, found.missing) == (3, True, ())


@pytest.mark.parametrize(("newest_first", "words"), [(True, "part9 OR part1"), (False, "part0 OR part8")])
async def test_a_page_ends_where_more_would_be_read(index: SegmentsIndex, newest_first: bool, words: str) -> None:
    search = Search(query=parse(words), newest_first=newest_first, limit=3 * ROWS)
    found = await index.search(search)
    assert len(found.table) == ROWS
    assert (found.more, found.exact, found.missing) == (True, False, ())
    assert found.stopped is not None
    edge = "before 2024-10-04T00:00:00.000" if newest_first else "from 2024-10-04T00:00:00.000"
    assert edge in found.stopped.why
    assert "looked at yet: that reads over 500 lines (search.scan_lines)" in found.stopped.why
    seen = found.table["log_id"].to_pylist()
    pages = 1
    while found.more:
        place = found.stopped.place if found.stopped else _last(found)
        found = await index.search(msgspec.structs.replace(search, after=place, count_limit=0))
        seen += found.table["log_id"].to_pylist()
        assert (pages := pages + 1) < 10
    assert (len(seen), len(set(seen))) == (2 * ROWS, 2 * ROWS)


async def test_a_page_that_ends_before_that(index: SegmentsIndex) -> None:
    """It has its bytes, or the hits that were asked for."""
    query = parse("part9 OR part1")
    for search in (Search(query=query, max_bytes=1, limit=2 * ROWS), Search(query=query, limit=5)):
        found = await index.search(search)
        assert (found.more, found.stopped) == (True, None)


async def test_an_offset_behind_what_may_be_read(index: SegmentsIndex) -> None:
    with pytest.raises(BadRequest, match="over 500 lines") as error:
        await index.search(Search(query=parse("part9 OR part1"), limit=ROWS, offset=ROWS + 1, count_limit=0))
    assert error.value.code == "too_many_lines"


def _last(found: Found) -> Place:
    last = found.table.slice(len(found.table) - 1)
    return Place(last["timestamp"].cast(pa.int64())[0].as_py(), last["log_id"][0].as_py())


async def test_the_rest_is_found_by_less_time(index: SegmentsIndex) -> None:
    found = await index.search(Search(query=parse("part9 OR part1"), to_us=DAY + 3 * ROWS, limit=2 * ROWS))
    assert (len(found.table), found.total, found.missing) == (ROWS, ROWS, ())


async def test_counts_are_refused(index: SegmentsIndex) -> None:
    query = parse("part9 OR part1")
    for answer in (
        index.histogram(Histogram(query=query)),
        index.stats(Stats(query=query, by=("service",))),
        index.patterns(Patterns(query=query)),
    ):
        with pytest.raises(BadRequest, match="over 500 lines") as error:
            await answer
        assert error.value.code == "too_many_lines"
    assert sum((await index.histogram(Histogram(query=query, from_us=DAY + 700))).counts) == ROWS
