"""Searching a snapshot of the embedded index: recent rows in memory and Parquet segments, newest or oldest first.

The time range is walked from the end that is asked for in slices of rising size (walk.py): the first hits are mostly
found in the first few ten thousand rows, and no more is read than that. In a large slice the key columns are searched
first; whole rows are fetched only of the times that are in the answer. A page that has enough bytes ends: what is
read for it is held some 64 MB at a time, so that pages of long lines take no more memory than others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial

import duckdb
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from logd.errors import BadRequest
from logd.query.sql import Condition, compile_sql
from logd.query.times import narrowed
from logd.query.tree import And, Everything, Node
from logd.record import SCHEMA, part_of_schema
from logd.seams import Found, Place, Search, Stopped
from logd.store.connection import Connection, OverBudget
from logd.store.count import count
from logd.store.files import bytes_of as bytes_of_group
from logd.store.neighbours import beside
from logd.store.pages import bytes_in_sql, bytes_of, page_of, rows_in, rows_upto
from logd.store.read import EPOCH, columns_of, literal, read, run
from logd.store.segments import micros_of
from logd.store.sieve import Places, Sieve, sieve
from logd.store.walk import FIRST_SLICE_ROWS, WHOLE_ROWS, Slice, Slices, Snapshot, Stretch, Times, in_order, times_of

#: A list of times prunes row groups better than their range, but is compared with every row.
MAX_TIMES = 128
#: Arrow holds what it reads: so much at once, which is more than WHOLE_ROWS of usual lines, but a line may have 1 MB.
PORTION_BYTES = 64 * 1024 * 1024


class _Asked(msgspec.Struct, frozen=True):
    """What is asked of some stretches: the condition, of which the sieve is a part, and behind a place, when it is in
    their time."""

    sieve: Sieve | None
    condition: Condition
    after: Place | None
    newest_first: bool

    @property
    def columns(self) -> set[str]:
        """What has to be read of every row."""
        return {"timestamp", *self.condition.columns, *(["log_id"] if self.after else [])}


class _Reader(msgspec.Struct, frozen=True):
    """What all steps of a search need."""

    connection: Connection
    snapshot: Snapshot
    search: Search
    condition: Condition
    schema: pa.Schema


def find(connection: Connection, snapshot: Snapshot, search: Search) -> Found:
    """Answers the search over the snapshot. Raises duckdb.Error, OSError or ArrowException when a segment can't be
    read, and duckdb.InterruptException when the connection is stopped."""
    if search.by_position:
        return beside(connection, snapshot, search)
    reader = _Reader(connection, snapshot, search, compile_sql(search.query), part_of_schema(search.columns))
    times = times_of(snapshot, *narrowed(search.query, search.from_us, search.to_us))
    ahead = None if times is None else _ahead(times, search.after, search.newest_first)
    hits, more, stopped = reader.schema.empty_table(), search.limit == 0, None
    if ahead is not None and search.limit:
        hits, more, stopped = _first(reader, ahead, search.offset + search.limit)
        if more and 0 < search.offset >= len(hits):
            if stopped is not None:
                raise BadRequest("too_many_lines", stopped.why)
            return find(connection, snapshot, _behind_offset(reader, ahead))
    total, exact = None, True
    if search.count_limit != 0:
        if times is None or (not more and search.after is None):
            total = len(hits)
        else:
            try:
                total, exact = count(connection, snapshot, times, search.query, reader.condition, search.count_limit)
            except OverBudget:
                total, exact = len(hits), False
    answer = page_of(hits.slice(search.offset, search.limit), search.max_bytes)
    answer.validate(full=True)  # a flipped bit may leave what isn't UTF-8, and Arrow reads it all the same
    if exact and total is not None and search.after is None:
        more = search.offset + len(answer) < total
    if search.offset + len(answer) < len(hits):
        stopped = None  # it ends before that
    return Found(answer, total, exact, more, stopped=stopped)


def _ahead(times: Times, after: Place | None, newest_first: bool) -> Times | None:
    """The part of the range that has what comes after a place; of the place's own microsecond only some may."""
    start, end = times
    if after is not None and newest_first:
        end = min(end, after.timestamp_us + 1)
    elif after is not None:
        start = max(start, after.timestamp_us)
    return Times(start, end) if start < end else None


def _behind_offset(reader: _Reader, times: Times) -> Search:
    """The same search, from the last hit before the page: those before it are too long to be read in full."""
    of_all = msgspec.structs.replace(reader.search, max_bytes=sys.maxsize)
    keys = msgspec.structs.replace(reader, search=of_all, schema=part_of_schema(()))
    before, _, stopped = _first(keys, times, reader.search.offset)
    if stopped is not None:
        raise BadRequest("too_many_lines", stopped.why)
    place = Place(int(micros_of(before)[-1]), before["log_id"][-1].as_py())
    return msgspec.structs.replace(reader.search, after=place, offset=0)


def _first(reader: _Reader, times: Times, need: int) -> tuple[pa.Table, bool, Stopped | None]:
    """The first `need` hits, or fewer that have the bytes of a page, whether there may be more, and where it had to
    stop. Raises OverBudget when it can't even begin."""
    search = reader.search
    # Every row is a hit when nothing is asked, so the first rows are in the first stretches; what has to meet several
    # conditions is rarer, and one slice costs less than two.
    several = 4 if isinstance(search.query, And) else 1
    first_rows = need if isinstance(search.query, Everything) else FIRST_SLICE_ROWS * several
    stretches = in_order(reader.snapshot, search.query, times, search.newest_first)
    walk = Slices(stretches, times, search.newest_first)
    tables = [reader.schema.empty_table()]
    have, left = 0, search.max_bytes
    while have < need and (part := walk.for_hits(first_rows, have, need, reader.connection.may_read)):
        most = need - have
        _expect(reader.snapshot, part.stretches)  # their footers, at least
        if _is_large(part):  # DuckDB doesn't measure rows, and has a limit of memory
            most = min(most, rows_in(reader.snapshot, part, reader.schema, left))
        try:
            rows = _first_of(reader, part, most)
        except OverBudget as error:
            if len(tables) == 1:
                raise
            return pa.concat_tables(tables), True, _stopped(error, part.times, search.newest_first)
        tables.append(rows)
        have += len(rows)
        left -= bytes_of(rows)
        if left <= 0 or len(rows) == most:
            return pa.concat_tables(tables), True, None
    return pa.concat_tables(tables), False, None


def _stopped(error: OverBudget, times: Times, newest_first: bool) -> Stopped:
    """Before the rows of these times."""
    edge_us, side = (times.to_us, "before") if newest_first else (times.from_us, "from")
    edge = (EPOCH + timedelta(microseconds=edge_us)).isoformat(timespec="microseconds")
    # No row has such an id.
    place = Place(edge_us, "") if newest_first else Place(edge_us - 1, "\U0010ffff")
    return Stopped(place, f"nothing {side} {edge} was looked at yet: {error}")


def _has_place(times: Times, search: Search) -> bool:
    """Whether the search goes on behind a place within them: ids matter only there."""
    return search.after is not None and times.overlaps(search.after.timestamp_us, search.after.timestamp_us)


def _after(condition: Condition, times: Times, search: Search) -> Condition:
    """The condition, within a slice."""
    after = search.after
    if after is None or not _has_place(times, search):
        return condition
    beyond = "<" if search.newest_first else ">"
    sql = f"({condition.sql} AND (timestamp {beyond} {literal(after.timestamp_us)} OR log_id {beyond} ?))"
    columns = condition.columns | {"timestamp", "log_id"}
    return Condition(sql, [*condition.parameters, after.log_id], columns)


def _is_large(part: Slice) -> bool:
    return part.rows > WHOLE_ROWS and not part.sparse


def _first_of(reader: _Reader, part: Slice, limit: int) -> pa.Table:
    """The first hits of a slice. In a large one their times first, which takes only the columns of the condition."""
    if not _is_large(part):
        return _first_of_few(reader, part, limit)
    condition = _after(reader.condition, part.times, reader.search)
    order = "DESC" if reader.search.newest_first else "ASC"
    query = f"SELECT timestamp FROM rows WHERE {condition.sql} ORDER BY timestamp {order} LIMIT {limit}"
    asked = run(reader.connection, reader.snapshot, part.times, part.stretches, query, condition)
    found = asked["timestamp"].cast(pa.int64()).to_pylist()
    if not found:
        return reader.schema.empty_table()
    times = Times(min(found), max(found) + 1)
    exactly = ""
    if len(found) <= MAX_TIMES:
        exactly = f" AND timestamp IN ({', '.join(literal(time) for time in set(found))})"
    among = f"FROM rows WHERE {condition.sql}{exactly} ORDER BY timestamp {order}, log_id {order} LIMIT"

    def first(what: str, most: int) -> pa.Table:
        query = f"SELECT {what} {among} {most}"
        return run(reader.connection, reader.snapshot, times, part.stretches, query, condition)

    columns = columns_of(reader.schema)
    try:
        return first(columns, limit).cast(reader.schema)
    except duckdb.OutOfMemoryException:  # the hits may be far longer than the slice's other rows
        sizes = first(f"{bytes_in_sql(reader.schema)} AS size", limit)["size"].to_numpy()
        fitting = rows_upto(sizes, reader.search.max_bytes)
        if fitting >= len(sizes):
            raise
        return first(columns, fitting).cast(reader.schema)


def _first_of_few(reader: _Reader, part: Slice, limit: int) -> pa.Table:
    """By Arrow, which holds what it reads: a few stretches at a time where lines are long."""
    hits = reader.schema.empty_table()
    for query, stretches in _by_query(part.stretches).items():
        condition = compile_sql(query) if query else reader.condition
        after = reader.search.after if _has_place(part.times, reader.search) else None
        asked = _Asked(sieve(query or reader.search.query), condition, after, reader.search.newest_first)
        for numbers in _portions(reader.snapshot, stretches, range(len(stretches))):
            portion = [stretches[number] for number in numbers]
            found = _first_of_these(reader, portion, part.times, asked, limit)
            hits = _first_rows(reader, pa.concat_tables([hits, found]), limit) if len(hits) else found
    return hits


def _by_query(stretches: Sequence[Stretch]) -> dict[Node | None, list[Stretch]]:
    """The stretches by what of the query can have hits in them; None is all of it."""
    found: dict[Node | None, list[Stretch]] = {}
    for stretch in stretches:
        found.setdefault(stretch.query, []).append(stretch)
    return found


def _portions(snapshot: Snapshot, stretches: Sequence[Stretch], numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """The numbers of stretches, up to PORTION_BYTES at a time; one alone may have more."""
    start = size = 0
    for place, number in enumerate(numbers):
        one = _bytes_of(snapshot, stretches[number])
        if place > start and size + one > PORTION_BYTES:
            yield numbers[start:place]
            start, size = place, 0
        size += one
    yield numbers[start:]


def _bytes_of(snapshot: Snapshot, stretch: Stretch) -> int:
    """What all of its columns take in memory, about."""
    if stretch.segment is None:
        assert stretch.recent is not None
        return int(stretch.recent.table.nbytes)
    return bytes_of_group(snapshot.files, stretch.segment.file, stretch.group)


def _first_of_these(reader: _Reader, stretches: Sequence[Stretch], times: Times, asked: _Asked, limit: int) -> pa.Table:
    """First the columns that decide, then, of the row groups with hits, the others. Of those that only the skip index
    took for hits, ids aren't read: of equal times all are taken, and put in order at the end."""
    connection, snapshot, newest_first = reader.connection, reader.snapshot, reader.search.newest_first
    wanted = asked.columns
    deciding = [name for name in SCHEMA.names if name in wanted]
    others = [name for name in reader.schema.names if name not in wanted]
    read_all = snapshot.files.all_of
    _expect(snapshot, stretches, deciding)
    tables = read_all([partial(read, connection, snapshot, stretch, deciding) for stretch in stretches])
    ends = np.cumsum([len(table) for table in tables])
    rows = pa.concat_tables(tables)
    places = _hits(reader.connection, rows, times, asked)
    if not len(places):
        return reader.schema.empty_table()
    if len(places) > limit:
        micros = micros_of(rows)[places]
        if newest_first:
            places = places[micros >= np.partition(micros, -limit)[-limit]]
        else:
            places = places[micros <= np.partition(micros, limit - 1)[limit - 1]]
    stretch_of = np.searchsorted(ends, places, "right")
    with_hits = np.unique(stretch_of).tolist()
    found = reader.schema.empty_table()
    for portion in _portions(snapshot, stretches, with_hits):
        _expect(snapshot, [stretches[number] for number in portion], others)
        rest = read_all([partial(read, connection, snapshot, stretches[number], others) for number in portion])
        parts = [found]
        for number, other in zip(portion, rest, strict=True):
            inner = pa.array(places[stretch_of == number] - (ends[number] - len(tables[number])))
            left, right = tables[number].take(inner), other.take(inner)
            columns = [(left if name in wanted else right)[name] for name in reader.schema.names]
            parts.append(pa.table(columns, reader.schema))
        found = _first_rows(reader, pa.concat_tables(parts), limit)
    return found


def _expect(snapshot: Snapshot, stretches: Sequence[Stretch], columns: Sequence[str] = ()) -> None:
    wanted: dict[str, list[int]] = {}
    for stretch in stretches:
        if stretch.segment is not None:
            wanted.setdefault(stretch.segment.file, []).append(stretch.group)
    snapshot.files.expect(wanted, columns)


def _first_rows(reader: _Reader, rows: pa.Table, limit: int) -> pa.Table:
    """In their order: so many, or those that have the bytes of a page."""
    direction = "descending" if reader.search.newest_first else "ascending"
    order = [("timestamp", direction), ("log_id", direction)]
    first = rows.take(pc.sort_indices(rows.select(["timestamp", "log_id"]), order)[:limit])
    return page_of(first, reader.search.max_bytes)


def _hits(connection: Connection, rows: pa.Table, times: Times, asked: _Asked) -> Places:
    """Where the hits are in the rows, rising. What doesn't pass the sieve, DuckDB doesn't see."""
    micros = micros_of(rows)
    places = np.flatnonzero((micros >= times.from_us) & (micros < times.to_us))
    if asked.after is not None:
        places = _behind(asked.after, rows, micros, places, asked.newest_first)
    if asked.sieve is not None:
        passing, whole = asked.sieve.places(rows if len(places) == len(rows) else rows.take(places))
        places = places[passing]
        if not len(places) or whole:
            return places
    left = rows if len(places) == len(rows) else rows.take(places)
    numbered = left.append_column("place", pa.array(places))
    query = f"SELECT place FROM rows WHERE {asked.condition.sql}"
    found = connection.ask(query, asked.condition.parameters, {"rows": numbered})["place"].to_numpy()
    hits: Places = np.sort(found)
    return hits


def _behind(place: Place, rows: pa.Table, micros: npt.NDArray[np.int64], places: Places, newest_first: bool) -> Places:
    """Those places whose rows come after it. Times before it are out of the range already."""
    same = places[micros[places] == place.timestamp_us]
    ids = rows["log_id"].take(pa.array(same))
    passed = pc.greater_equal(ids, place.log_id) if newest_first else pc.less_equal(ids, place.log_id)
    return np.setdiff1d(places, same[passed.to_numpy()], assume_unique=True)
