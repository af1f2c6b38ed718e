"""The lines before and after one in its file: by log_id, which rises with the position, whatever their times are.

Row groups are read by how far their times are from the line's. The first few mostly have the lines that are asked for,
and these say what a nearer one would be like: its id is between theirs, and it was taken in between them, as a file is
read from its beginning to its end. Of the other row groups only those are read that may have such a line, by what the
Parquet file knows of its ids and times of ingestion, and the skip index of its sources.

So no line is left out whose time is within NEAR_US of the line's, or that was taken in within TAKEN_US of its
neighbours. One that is neither may be, and then its own neighbours aren't found either: its time is far from theirs,
and it was taken in at another time too, as after a replay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.chunk import LOG_ID, ends_of_source
from logd.query.sql import Condition, compile_sql
from logd.query.times import narrowed
from logd.query.tree import And, Equals, Everything
from logd.record import SCHEMA, part_of_schema
from logd.seams import Found, Place, Search
from logd.store.connection import Connection
from logd.store.files import Bounds, bounds_of
from logd.store.pages import bytes_of, page_of
from logd.store.read import read, stretches
from logd.store.segments import micros_of
from logd.store.walk import Snapshot, Stretch, Times, times_of

#: What is so near in time is read in any case.
NEAR_US = 600_000_000
#: A clock that times of ingestion come from may have been set back by so much.
TAKEN_US = 3_600_000_000
#: Row groups at a time: the first have a busy source's neighbours; more would hold some 10 MB of ids, or of texts that
#: a condition asks for.
_FIRST, _LATER, _LATER_IF = 4, 32, 8
#: Of the lines in full, which may be long.
_WHOLE_ROWS = 128
_KEYS = ["log_id", "timestamp", "ingested_at"]
#: A line that may be a neighbour, and where it is: the number of its stretch, and its row in that.
_LINE = pa.schema([("log_id", pa.string()), ("taken_us", pa.int64()), ("stretch", pa.int64()), ("row", pa.int64())])


class _Asked(msgspec.Struct, frozen=True):
    """What all steps need. `condition` is None when every line is wanted."""

    connection: Connection
    snapshot: Snapshot
    times: Times
    condition: Condition | None
    line: Place
    forward: bool
    limit: int
    max_bytes: int
    schema: pa.Schema

    @property
    def order(self) -> list[tuple[str, str]]:
        """The nearest first."""
        return [("log_id", "ascending" if self.forward else "descending")]


def beside(connection: Connection, snapshot: Snapshot, search: Search) -> Found:
    """Answers a search `by_position`. Raises as find.find."""
    line = search.after
    ends = None if line is None else ends_of_source(line.log_id)
    if line is None or ends is None:
        raise ValueError(f"a search by position goes on after a line of a source, not after {line}")
    schema = part_of_schema(search.columns)
    times = times_of(snapshot, *narrowed(search.query, search.from_us, search.to_us))
    if times is None or not search.limit:
        return Found(schema.empty_table(), None, True, not search.limit)
    condition = None if isinstance(search.query, Everything) else compile_sql(search.query)
    asked = _Asked(
        connection, snapshot, times, condition, line, not search.newest_first, search.limit, search.max_bytes, schema
    )
    having = And((Equals("log_id", line.log_id), search.query))
    may = [one for one in stretches(snapshot, having, times) if times.overlaps(one.min_us, one.max_us)]
    may.sort(key=lambda one: _distance(one, line))
    # The ends are ids that a line can have; they are left out below.
    first, last = ends[0][:-1], ends[1] + "0"
    limits = Bounds(line.log_id, last) if asked.forward else Bounds(first, line.log_id)
    nearest = _nearest(asked, may, limits)
    table = _whole(asked, may, nearest)
    table.validate(full=True)  # a flipped bit may leave what isn't UTF-8, and Arrow reads it all the same
    return Found(table, None, True, len(table) < len(nearest) or len(table) == search.limit)


def _distance(stretch: Stretch, line: Place) -> int:
    return max(stretch.min_us - line.timestamp_us, line.timestamp_us - stretch.max_us, 0)


def _nearest(asked: _Asked, may: Sequence[Stretch], limits: Bounds) -> pa.Table:
    """The nearest lines within the limits, as _LINE, the nearest first."""
    kept = _LINE.empty_table()
    for numbers in _portions(len(may), _LATER if asked.condition is None else _LATER_IF):
        chosen = [number for number in numbers if not numbers.start or _may_have(asked, may[number], limits)]
        tables = asked.snapshot.files.all_of(
            [partial(read, asked.connection, asked.snapshot, may[number], _KEYS) for number in chosen]
        )
        limits = _since(asked, tables, limits)
        found = [_between(asked, at, table, limits) for at, table in zip(chosen, tables, strict=True)]
        lines = pa.concat_tables([_LINE.empty_table(), *found])
        if asked.condition is not None and len(lines):
            lines = _holding(asked, asked.condition, may, lines)
        kept = pa.concat_tables([kept, lines]).sort_by(asked.order).slice(0, asked.limit)
        if len(kept) == asked.limit:
            limits = _upto(asked, kept, limits)
    return kept


def _portions(count: int, later: int) -> Iterator[range]:
    start, size = 0, _FIRST
    while start < count:
        yield range(start, min(start + size, count))
        start, size = start + size, later


def _may_have(asked: _Asked, stretch: Stretch, limits: Bounds) -> bool:
    """Whether it may have a line within the limits."""
    if stretch.segment is None:
        return True
    known = bounds_of(asked.snapshot.files, stretch.segment.file, stretch.group)
    if known.last_id <= limits.first_id or known.first_id >= limits.last_id:
        return False
    near = _distance(stretch, asked.line) <= NEAR_US
    return near or (known.last_taken_us >= limits.first_taken_us and known.first_taken_us <= limits.last_taken_us)


def _since(asked: _Asked, tables: Sequence[pa.Table], limits: Bounds) -> Bounds:
    """The limits, with when the line itself was taken in, if it is in one of the tables."""
    for table in tables:
        own = pc.index(table["log_id"], asked.line.log_id).as_py()
        if own >= 0:
            taken_us = table["ingested_at"].cast(pa.int64())[own].as_py()
            if asked.forward:
                return limits._replace(first_taken_us=taken_us - TAKEN_US)
            return limits._replace(last_taken_us=taken_us + TAKEN_US)
    return limits


def _upto(asked: _Asked, kept: pa.Table, limits: Bounds) -> Bounds:
    """The limits within which a line would be nearer than the last of those that are kept."""
    last, taken = kept["log_id"][-1].as_py(), pc.min_max(kept["taken_us"]).as_py()
    if asked.forward:
        return limits._replace(last_id=last, last_taken_us=taken["max"] + TAKEN_US)
    return limits._replace(first_id=last, first_taken_us=taken["min"] - TAKEN_US)


def _between(asked: _Asked, number: int, table: pa.Table, limits: Bounds) -> pa.Table:
    """Of a stretch the lines between the ids of the limits, as _LINE."""
    ids = table["log_id"]
    rows = np.flatnonzero(pc.and_(pc.greater(ids, limits.first_id), pc.less(ids, limits.last_id)).to_numpy())
    rows = rows[pc.match_substring_regex(ids.take(pa.array(rows)), f"^{LOG_ID}$").to_numpy()]
    micros = micros_of(table)[rows]
    places = pa.array(rows[(micros >= asked.times.from_us) & (micros < asked.times.to_us)])
    taken = table["ingested_at"].cast(pa.int64()).take(places)
    return pa.table([ids.take(places), taken, pa.array(np.full(len(places), number)), places], _LINE)


def _holding(asked: _Asked, condition: Condition, may: Sequence[Stretch], lines: pa.Table) -> pa.Table:
    """The lines that meet the condition."""
    columns = [name for name in SCHEMA.names if name in condition.columns] or _KEYS[:1]
    rows = pa.concat_tables(_read(asked, may, lines, columns))
    numbered = rows.append_column("place", pa.array(np.arange(len(rows))))
    query = f"SELECT place FROM rows WHERE {condition.sql}"
    return lines.take(asked.connection.ask(query, condition.parameters, {"rows": numbered})["place"])


def _read(asked: _Asked, may: Sequence[Stretch], lines: pa.Table, columns: Sequence[str]) -> list[pa.Table]:
    """Columns of the lines, which lie stretch by stretch; a table for each of these."""
    stretch_of, rows = lines["stretch"].to_numpy(), lines["row"].to_numpy()
    starts = np.flatnonzero(np.diff(stretch_of, prepend=-1))

    def read_some(start: int, end: int) -> pa.Table:
        table = read(asked.connection, asked.snapshot, may[stretch_of[start]], columns)
        return table.take(pa.array(rows[start:end]))

    ends = [*starts[1:].tolist(), *([len(rows)] if len(rows) else [])]
    return asked.snapshot.files.all_of(
        [partial(read_some, start, end) for start, end in zip(starts.tolist(), ends, strict=True)]
    )


def _whole(asked: _Asked, may: Sequence[Stretch], found: pa.Table) -> pa.Table:
    """The lines in full, the nearest first, as many as a page may have."""
    parts, left = [asked.schema.empty_table()], asked.max_bytes
    for start in range(0, len(found), _WHOLE_ROWS):
        lines = found.slice(start, _WHOLE_ROWS).sort_by("stretch")
        tables = [table.cast(asked.schema) for table in _read(asked, may, lines, asked.schema.names)]
        part = pa.concat_tables(tables)
        parts.append(part.take(pc.sort_indices(part.select(["log_id"]), asked.order)))
        left -= bytes_of(part)
        if left <= 0:
            break
    return page_of(pa.concat_tables(parts), asked.max_bytes)
