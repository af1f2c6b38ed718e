"""What every index guarantees of pages of long records (seams.Search, `max_bytes`)."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import msgspec
import pyarrow as pa
import pytest

from logd.chunk import log_id
from logd.query.parse import parse
from logd.seams import Found, Place, Search
from logd.store import find
from tests.support.indexes import SearchedIndex, Store
from tests.support.rows import DAY, Row, batch, row

ARCHIVE_TOO = True
SOURCE = "6f1c2a9be03d4457"
LONG = 10_000
#: Five of them, and some more.
MAX_BYTES = 5 * LONG
ROWS = 60


@pytest.fixture
async def index(index_store: Store) -> AsyncIterator[SearchedIndex]:
    opened = await index_store.open()
    yield opened
    await opened.close()


def _rows(sizes: list[int]) -> list[Row]:
    """Two of each time."""
    return [
        row(DAY + number // 2, log_id(SOURCE, 100 * number), "word " + "x" * size) for number, size in enumerate(sizes)
    ]


async def _fill(index: SearchedIndex, rows: list[Row], flushed: bool) -> None:
    for part in range(4):
        await index.write(batch(rows[part::4], part + 1))
        if flushed or part == 2:
            await index.flush()


def _last(found: Found) -> Place:
    last = found.table.slice(len(found.table) - 1)
    return Place(last["timestamp"].cast(pa.int64())[0].as_py(), last["log_id"][0].as_py())


async def _pages(index: SearchedIndex, search: Search) -> list[list[str]]:
    """All of them, by their ids."""
    pages: list[list[str]] = []
    while True:
        found = await index.search(search)
        pages.append(found.table["log_id"].to_pylist())
        if not found.more:
            return pages
        assert len(found.table)
        search = msgspec.structs.replace(search, after=_last(found), offset=0)


@pytest.mark.parametrize("flushed", [False, True])
@pytest.mark.parametrize("by_position", [False, True])
@pytest.mark.parametrize("newest_first", [False, True])
async def test_a_page_ends_with_the_hit_that_fills_it(
    index: SearchedIndex, newest_first: bool, by_position: bool, flushed: bool
) -> None:
    rows = _rows([LONG] * ROWS)
    await _fill(index, rows, flushed)
    among = rows if newest_first else rows[::-1]
    search = Search(newest_first=newest_first, max_bytes=MAX_BYTES, limit=50, count_limit=0)
    if by_position:
        place = Place(DAY, among[-1]["log_id"])
        search = msgspec.structs.replace(search, by_position=True, after=place)
        among = among[:-1]
    pages = await _pages(index, search)
    assert [len(page) for page in pages[:-1]] == [5] * (len(pages) - 1)
    assert [one for page in pages for one in page] == [one["log_id"] for one in reversed(among)]


@pytest.mark.parametrize("flushed", [False, True])
@pytest.mark.parametrize("large_slices", [False, True])
@pytest.mark.parametrize("query", ["", "word"])
@pytest.mark.parametrize("offset", [0, 3, 7, 31, 59, 60, 70])
async def test_long_and_short_ones(
    index: SearchedIndex,
    offset: int,
    query: str,
    large_slices: bool,
    flushed: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is before the page counts nothing, the total is of all, and no hit is left out."""
    if large_slices:  # those that the embedded index leaves to DuckDB
        monkeypatch.setattr(find, "WHOLE_ROWS", 1)
    rng = random.Random(offset)
    rows = _rows([rng.choice([1, 1, 100, LONG, 3 * LONG]) for _ in range(ROWS)])
    await _fill(index, rows, flushed)
    search = Search(query=parse(query), max_bytes=MAX_BYTES, limit=40, offset=offset, count_limit=None)
    first = await index.search(search)
    assert (first.total, first.exact) == (ROWS, True)
    newest = [one["log_id"] for one in reversed(rows)]
    assert [one for page in await _pages(index, search) for one in page] == newest[offset:]
    for page in await _pages(index, search):
        sizes = [len(one["message"]) for log_id in page for one in rows if one["log_id"] == log_id]
        assert sum(sizes[:-1]) < MAX_BYTES


async def test_columns_that_are_short_fill_no_page(index: SearchedIndex) -> None:
    await _fill(index, _rows([LONG] * ROWS), True)
    found = await index.search(Search(columns=("level",), max_bytes=MAX_BYTES, limit=ROWS))
    assert (len(found.table), found.more) == (ROWS, False)


async def test_one_that_is_longer_than_a_page(index: SearchedIndex) -> None:
    await _fill(index, _rows([1, LONG, 1]), True)
    assert [len(page) for page in await _pages(index, Search(max_bytes=300, limit=10))] == [2, 1]
