"""Rows for an index, and the naive index that every index must agree with: a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pyarrow as pa

from logd.query.tree import Node
from logd.record import SCHEMA
from logd.seams import Batch, Found, Search
from tests.support.naive_query import matches
from tests.support.naive_time import EPOCH

Row = dict[str, Any]
DAY_US = 86_400_000_000
#: The first moment of a day.
DAY = 20_000 * DAY_US


def row(time_us: int, log_id: str, message: str = "hello", **columns: Any) -> Row:
    """A record at a time, in the columns of an answer."""
    return {
        "log_id": log_id,
        "timestamp": EPOCH + timedelta(microseconds=time_us),
        "ingested_at": EPOCH + timedelta(microseconds=time_us + 1),
        "level": "INFO",
        "service": "web",
        "host": None,
        "source": "/var/log/x",
        "tags": None,
        "trace_id": None,
        "message": message,
        "metadata": None,
        **columns,
    }


def batch(rows: Sequence[Row], upto: int, own: Iterable[int] = ()) -> Batch:
    """The rows as a batch that ends before the position `upto` of partition 0; `own` are the indices of rows whose
    log_id a client chose."""
    marks = [number in set(own) for number in range(len(rows))]
    table = pa.Table.from_pylist(list(rows), schema=SCHEMA)
    return Batch(table, {0: upto}, pa.array(marks) if any(marks) else None)


class NaiveIndex:
    """Every row, in the order of coming."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def write(self, rows: Sequence[Row], own: Iterable[int] = ()) -> int:
        """Gives the number left out."""
        own, before = set(own), len(self.rows)
        for number, one in enumerate(rows):
            if number not in own or not any(_same_day(one, other) for other in self.rows):
                self.rows.append(one)
        return len(rows) - (len(self.rows) - before)

    def hits(self, query: Node, from_us: int | None, to_us: int | None) -> list[Row]:
        """Newest first."""
        found = [
            one
            for one in self.rows
            if (from_us is None or one["timestamp"] >= EPOCH + timedelta(microseconds=from_us))
            and (to_us is None or one["timestamp"] < EPOCH + timedelta(microseconds=to_us))
            and matches(query, one)
        ]
        return sorted(found, key=lambda one: (one["timestamp"], one["log_id"]), reverse=True)

    def check(self, search: Search, found: Found) -> None:
        """The answer is this one's: the same rows in the same order, and the same total as far as it was asked for."""
        hits = self.hits(search.query, search.from_us, search.to_us)
        assert found.table.schema == SCHEMA
        assert found.table.to_pylist() == hits[search.offset : search.offset + search.limit], search
        if search.count_limit == 0:
            assert found.total is None, search
        elif found.exact:
            assert found.total == len(hits), search
        else:
            assert search.count_limit is not None, search
            assert found.total == search.count_limit < len(hits), search


def everything(**changes: Any) -> Search:
    """A search for all rows, counted."""
    return msgspec.structs.replace(Search(limit=100_000, count_limit=None), **changes)


def _same_day(one: Row, other: Row) -> bool:
    return bool(one["log_id"] == other["log_id"] and one["timestamp"].date() == other["timestamp"].date())
