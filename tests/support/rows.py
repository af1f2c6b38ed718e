"""Rows for an index, and the naive index that every index must agree with: a list."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa

from logd.errors import BadRequest
from logd.query.tree import Node
from logd.record import SCHEMA, part_of_schema
from logd.seams import MAX_BUCKETS, Batch, Buckets, Found, Histogram, Search
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

    def hits(self, query: Node, from_us: int | None, to_us: int | None, newest_first: bool = True) -> list[Row]:
        """All of them, in order."""
        found = [
            one
            for one in self.rows
            if (from_us is None or one["timestamp"] >= EPOCH + timedelta(microseconds=from_us))
            and (to_us is None or one["timestamp"] < EPOCH + timedelta(microseconds=to_us))
            and matches(query, {**one, "metadata": json.loads(one["metadata"] or "null")})
        ]
        return sorted(found, key=_place, reverse=newest_first)

    def check(self, search: Search, found: Found) -> None:
        """The answer is this one's: the same rows in the same order, and the same total as far as it was asked for."""
        hits = self.hits(search.query, search.from_us, search.to_us, search.newest_first)
        left = hits
        if search.after is not None:
            after = (EPOCH + timedelta(microseconds=search.after.timestamp_us), search.after.log_id)
            left = [one for one in hits if (_place(one) < after if search.newest_first else _place(one) > after)]
        schema = part_of_schema(search.columns)
        assert found.table.schema == schema
        page = left[search.offset : search.offset + search.limit]
        assert found.table.to_pylist() == [{name: one[name] for name in schema.names} for one in page], search
        if len(left) > search.offset + search.limit:
            assert found.more, search
        elif search.after is None and search.count_limit is None:
            assert not found.more, search
        if search.count_limit == 0:
            assert found.total is None, search
        elif found.exact:
            assert found.total == len(hits), search
        else:
            assert search.count_limit is not None, search
            assert found.total == search.count_limit < len(hits), search

    async def check_histogram(self, asked: Histogram, answer: Awaitable[Buckets]) -> None:
        """The counts are this one's, or refused because they are too many."""
        hits = self.hits(asked.query, asked.from_us, asked.to_us, newest_first=False)
        times = [_micros(one) for one in hits]
        try:
            found = await answer
        except BadRequest as error:
            refused: BadRequest | None = error
        else:
            refused = None
            self._check_buckets(asked, found, hits)
        if refused is not None:
            low = min(times, default=0) if asked.from_us is None else asked.from_us
            high = max(times, default=0) + 1 if asked.to_us is None else asked.to_us
            assert (refused.code, asked.fill) == ("too_many_buckets", True)
            assert asked.interval_us is not None
            assert (high - low) // asked.interval_us + 2 > MAX_BUCKETS

    def _check_buckets(self, asked: Histogram, found: Buckets, hits: list[Row]) -> None:
        times = [_micros(one) for one in hits]
        width = found.interval_us
        if asked.interval_us is not None:
            assert width == asked.interval_us
        elif asked.from_us is None and asked.to_us is None and times:
            assert (times[-1] - times[0]) // width <= 100
        starts = {time - time % width for time in times}
        if asked.fill and times:
            last = times[-1] if asked.to_us is None else asked.to_us - 1
            starts = set(
                range((low := times[0] if asked.from_us is None else asked.from_us) - low % width, last + 1, width)
            )
        if times or not asked.fill:
            assert list(found.starts) == sorted(starts), asked
        placed = [(_micros(one) // width * width, one) for one in hits]
        assert list(found.counts) == [sum(start == at for at, _ in placed) for start in found.starts], asked
        if asked.by is None:
            assert not any((found.values, found.by_value, found.other))
            return
        cells = Counter((at, value) for at, one in placed for value in _values(asked.by, one))
        totals: Counter[str | None] = Counter()
        for (_, value), n in cells.items():
            totals[value] += n
        ranked = sorted(totals, key=lambda value: (-totals[value], value is None, value))
        top, rest = ranked[: asked.top], ranked[asked.top :]
        assert list(found.values) == top, asked
        assert [list(row) for row in found.by_value] == [[cells[at, value] for at in found.starts] for value in top]
        if top:
            assert list(found.other) == [sum(cells[at, value] for value in rest) for at in found.starts], asked


def _values(by: str, one: Row) -> list[str | None]:
    """What the record counts for."""
    if by == "tags":
        return sorted(set(one["tags"] or [])) or [None]
    if not by.startswith("metadata."):
        return [one[by]]
    fields = json.loads(one["metadata"] or "{}")
    path = by.removeprefix("metadata.").split(".")
    nested = fields
    for part in path:
        nested = nested.get(part) if isinstance(nested, dict) else None
    value = fields.get(".".join(path)) if nested is None else nested
    return [value if isinstance(value, str | None) else json.dumps(value)]


def _place(one: Row) -> tuple[datetime, str]:
    return one["timestamp"], one["log_id"]


def _micros(one: Row) -> int:
    return int((one["timestamp"] - EPOCH) // timedelta(microseconds=1))


def everything(**changes: Any) -> Search:
    """A search for as many rows as can be asked for, counted."""
    return msgspec.structs.replace(Search(limit=9_999, count_limit=None), **changes)


def _same_day(one: Row, other: Row) -> bool:
    return bool(one["log_id"] == other["log_id"] and one["timestamp"].date() == other["timestamp"].date())
