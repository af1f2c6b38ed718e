"""How many lines one request may read: a search gives what it has found and says what it didn't look at, a count is
refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from logd.backends.index.segments import SegmentsIndex
from logd.config.schema import SearchLimits
from logd.errors import BadRequest
from logd.query.parse import parse
from logd.seams import Histogram, Patterns, Search, Stats
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
    assert (len(found.table), found.more, found.missing) == (3, True, [])


@pytest.mark.parametrize(("newest_first", "words"), [(True, "part9 OR part1"), (False, "part0 OR part8")])
async def test_a_search_gives_what_it_found_and_says_what_it_left(
    index: SegmentsIndex, newest_first: bool, words: str
) -> None:
    found = await index.search(Search(query=parse(words), newest_first=newest_first, limit=2 * ROWS))
    assert len(found.table) == ROWS
    assert (found.more, found.exact) == (True, False)
    (why,) = found.missing
    assert "looked at: that reads over 500 lines (search.scan_lines)" in why
    edge = "before 2024-10-04T00:00:00.000" if newest_first else "from 2024-10-04T00:00:00.000"
    assert edge in why


@pytest.mark.parametrize("offset", [0, ROWS + 1])
async def test_what_has_to_be_whole_is_refused(index: SegmentsIndex, offset: int) -> None:
    search = Search(query=parse("part9 OR part1"), limit=2 * ROWS, offset=offset, count_limit=0, whole=True)
    with pytest.raises(BadRequest, match="over 500 lines") as error:
        await index.search(search)
    assert error.value.code == "too_many_lines"


async def test_the_rest_is_found_by_less_time(index: SegmentsIndex) -> None:
    found = await index.search(Search(query=parse("part9 OR part1"), to_us=DAY + 3 * ROWS, limit=2 * ROWS))
    assert (len(found.table), found.total, found.missing) == (ROWS, ROWS, [])


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
