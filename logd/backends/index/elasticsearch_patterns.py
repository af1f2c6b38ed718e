"""Patterns on Elasticsearch, which can't mask: the newest hits are read, page by page, and masked here.

At most MOST_ROWS are, in no more than a part of the time that there is; it is said how many hits weren't looked at.
When new patterns are asked for, half of them are those before that time: without these, everything would be new.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import duckdb
import msgspec
import pyarrow as pa

from logd.backends.index.elasticsearch_pages import after
from logd.backends.index.elasticsearch_search import Asking, Hit, ask
from logd.patterns import masks
from logd.patterns.masks import LINE_CHARACTERS
from logd.patterns.mine import MOST_MASKS, Rows, mine
from logd.query.sql import Condition, compile_sql
from logd.query.tree import Everything
from logd.record import SCHEMA
from logd.seams import Mined, Patterns, Place
from logd.store.connection import Connection

#: Elasticsearch takes 0.1 to 0.35 ms for each, most of it to unpack what is stored.
MOST_ROWS = 50_000
PAGE_ROWS = 5_000
#: Of the time that there is, for reading, and no more than people wait; the rest is for the templates.
_READING_SHARE, _READING_SECONDS = 0.6, 10.0
#: Of a message, so much is kept: twice what can count, for white space before it.
_CHARACTERS = 2 * LINE_CHARACTERS
#: Several times what masks of MOST_ROWS can take.
_MEMORY = "512MB"
_COLUMNS = ("log_id", "timestamp", "level", "service", "message")


class _Read(NamedTuple):
    """The newest hits, how many there are in all, and why some may be missing."""

    rows: pa.Table
    total: int
    missing: tuple[str, ...]


async def patterns(asking: Asking, asked: Patterns) -> Mined:
    """Answers it. Raises Unavailable and BadRequest."""
    seconds = min(asking.deadline_seconds, asked.within_seconds or asking.deadline_seconds)
    seconds = min(seconds * _READING_SHARE, _READING_SECONDS)
    end, since = time.monotonic() + seconds, asked.new_since_us
    if since is None or _outside(asked, since):
        parts = [await _newest(asking, asked, MOST_ROWS, end)]
    else:
        new = msgspec.structs.replace(asked, from_us=since)
        old = msgspec.structs.replace(asked, to_us=since)
        parts = [await _newest(asking, new, MOST_ROWS // 2, time.monotonic() + seconds / 2)]
        parts.append(await _newest(asking, old, MOST_ROWS // 2, end))
    rows = pa.concat_tables([part.rows for part in parts])
    found = await _mined(asked, rows)
    total = sum(part.total for part in parts)
    missing = dict.fromkeys(reason for part in parts for reason in part.missing)
    return msgspec.structs.replace(found, total=total, not_looked_at=total - len(rows), missing=tuple(missing))


def _outside(asked: Patterns, time_us: int) -> bool:
    """The range isn't parted by this time."""
    begins = asked.from_us is not None and time_us <= asked.from_us
    return begins or (asked.to_us is not None and time_us >= asked.to_us)


async def _newest(asking: Asking, asked: Patterns, most: int, end: float) -> _Read:
    """Up to `most` hits, as far as they come before `end`; there is always a page."""
    body: dict[str, Any] = {
        "size": min(most, PAGE_ROWS),
        "sort": [{"timestamp": {"order": "desc", "numeric_type": "date_nanos"}}, {"log_id": "desc"}],
        "track_total_hits": True,
        "_source": _COLUMNS,
    }
    pages: list[pa.Table] = []
    read, total, missing, longest = 0, 0, dict[str, None](), 0.0
    while True:
        begun = time.monotonic()
        answer = await ask(asking, asked, body)
        longest = max(longest, time.monotonic() - begun)
        hits = answer.hits.hits
        pages.append(_table(hits))
        read += len(hits)
        missing |= dict.fromkeys(answer.missing)
        if answer.hits.total is not None:
            total = answer.hits.total.value
        left = min(most - read, PAGE_ROWS)
        if len(hits) < body["size"] or left <= 0 or time.monotonic() + longest > end:
            # What is written meanwhile may come between two pages.
            return _Read(pa.concat_tables(pages), max(total, read), tuple(missing))
        body |= {"size": left, "track_total_hits": False, "search_after": after(_place(hits[-1]))}


def _place(hit: Hit) -> Place:
    moment = pa.array([hit.source.timestamp]).cast(SCHEMA.field("timestamp").type)
    return Place(moment.cast(pa.int64())[0].as_py(), hit.source.log_id)


async def _mined(asked: Patterns, rows: pa.Table) -> Mined:
    """In a thread; cancelling stops it."""
    connection = Connection(duckdb.connect(config={"threads": 1, "memory_limit": _MEMORY}))

    def run() -> Mined:
        with contextlib.closing(connection):
            connection.sql.execute("SET temp_directory = ''")

            def cells(coarse: bool) -> pa.Table:
                return connection.ask(masks.cells("true", MOST_MASKS, coarse), (), {"rows": rows})

            def answer(query: str, condition: Condition, moments: Collection[int]) -> pa.Table:
                return connection.ask(query, condition.parameters, {"rows": rows})

            return mine(asked, compile_sql(Everything()), Rows(cells, answer, connection.go_on))

    try:
        return await asyncio.to_thread(run)
    except asyncio.CancelledError:
        connection.stop()
        raise


def _table(hits: Sequence[Hit]) -> pa.Table:
    columns = {name: [getattr(hit.source, name) for hit in hits] for name in _COLUMNS}
    columns["message"] = [text and text[:_CHARACTERS] for text in columns["message"]]
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    times = table["timestamp"].cast(SCHEMA.field("timestamp").type)
    return table.set_column(table.schema.get_field_index("timestamp"), "timestamp", times)
