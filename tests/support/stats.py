"""Rows for figures of groups, in an index and in a naive one."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.indexes import SearchedIndex
from tests.support.rows import NaiveIndex, Row, batch


async def written(index: SearchedIndex, rows: Sequence[Row]) -> NaiveIndex:
    """Half of them in segments, half in memory; the same as a naive index."""
    naive = NaiveIndex()
    for upto, part in enumerate((rows[::2], rows[1::2])):
        if part:
            await index.write(batch(part, upto + 1))
        naive.write(part)
        if not upto:
            await index.flush()
    return naive
