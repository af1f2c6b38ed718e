"""An export's pages: each is looked for while the one before it is taken, and none for who has left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import pyarrow as pa
import pytest

from logd.config.schema import SearchLimits
from logd.http.export import Exports
from logd.http.slowest import Watch
from logd.http.turns import Turns
from logd.query.tree import Everything
from logd.seams import Found, Search
from tests.support.indexes import many

_ROWS = many(1_000).table


class _Searches:
    """Gives the rows in their order; from the second page on only once it may."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.cancelled = 0
        self.may, self.asked_twice = asyncio.Event(), asyncio.Event()

    async def search(self, search: Search) -> Found:
        """See Searches."""
        begin = sum(self.asked)
        self.asked.append(search.limit)
        try:
            if begin:
                self.asked_twice.set()
                await self.may.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        table = _ROWS.slice(begin, search.limit)
        return Found(table, None, True, begin + len(table) < len(_ROWS))


def _pages(searches: _Searches, limit: int | None = None) -> aclosing[AsyncGenerator[pa.Table, None]]:
    exports = Exports(Turns(SearchLimits()), cast("Any", searches), "or", 30.0)
    return aclosing(exports._pages(Search(query=Everything()), limit, Watch()))


async def test_the_next_page_is_looked_for_while_one_is_taken() -> None:
    searches = _Searches()
    async with _pages(searches) as pages:
        tables = [await anext(pages)]
        await searches.asked_twice.wait()
        searches.may.set()
        tables += [table async for table in pages]
    assert pa.concat_tables(tables).equals(_ROWS)


@pytest.mark.parametrize("limit", [1, 100, 101, 999])
async def test_no_more_than_was_asked_for(limit: int) -> None:
    searches = _Searches()
    searches.may.set()
    async with _pages(searches, limit) as pages:
        assert sum([len(table) async for table in pages]) == limit
    assert sum(searches.asked) == limit


async def test_a_page_that_nobody_takes_is_called_off() -> None:
    searches = _Searches()
    async with _pages(searches) as pages:
        await anext(pages)
        await searches.asked_twice.wait()
    assert searches.cancelled == 1
