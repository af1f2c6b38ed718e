"""Searching a snapshot of the embedded index: recent rows in memory and Parquet segments, newest first.

The time range is walked from its new end in slices of rising size (walk.py): the newest hits are mostly found in the
first few ten thousand rows, and no more is read than that. In a large slice the key columns are searched first; whole
rows are fetched only of the times that are in the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.query.sql import Condition, compile_sql
from logd.query.tree import And, Everything, Node
from logd.record import SCHEMA
from logd.seams import Found, Search
from logd.store.segments import Segment, micros_of
from logd.store.sieve import Places, Sieve, sieve
from logd.store.walk import (
    FIRST_SLICE_ROWS,
    Recent,
    Slice,
    Slices,
    Snapshot,
    Stretch,
    Times,
    groups_to_read,
    newest_first,
    times_of,
)

#: Up to here, and where row groups are far apart, Arrow reads faster: DuckDB looks at every row group of a file.
WHOLE_ROWS = 98_304
#: A list of times prunes row groups better than their range, but is compared with every row.
MAX_TIMES = 128
#: Counting begins with so many rows, and stops when it has counted enough.
_COUNT_ROWS = 262_144
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = ", ".join(f'"{name}"' for name in SCHEMA.names)
_NEWEST_FIRST = "ORDER BY timestamp DESC, log_id DESC"


def find(sql: duckdb.DuckDBPyConnection, snapshot: Snapshot, search: Search) -> Found:
    """Answers the search over the snapshot, on a connection of the caller's; `interrupt()` on it ends this early.
    Raises duckdb.Error, OSError or ArrowException when a segment can't be read."""
    condition = compile_sql(search.query)
    times = times_of(snapshot, search.from_us, search.to_us)
    need = search.offset + search.limit
    tables: list[pa.Table] = []
    have = 0
    everything_seen = True
    if times is not None and need:
        # Every row is a hit when nothing is asked, so the newest rows are in the newest stretches; what has to meet
        # several conditions is rarer, and one slice costs less than two.
        several = 4 if isinstance(search.query, And) else 1
        first_rows = need if isinstance(search.query, Everything) else FIRST_SLICE_ROWS * several
        walk = Slices(newest_first(snapshot, search.query, times), times)
        while part := walk.for_hits(first_rows, have, need):
            rows = _newest(sql, snapshot, part, search.query, condition, need - have)
            tables.append(rows)
            have += len(rows)
            if have >= need:
                everything_seen = False
                break
    hits = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
    total, exact = None, True
    if search.count_limit != 0:
        if times is None or (need and everything_seen):
            total = have
        elif isinstance(search.query, Everything):
            total, exact = _bounded(_count_all(sql, snapshot, times), search.count_limit)
        elif search.count_limit is None:
            total = _count(sql, snapshot.root, times, _stretches(snapshot, search.query, times), condition)
        else:
            total, exact = _count_to(sql, snapshot, times, search.query, condition, search.count_limit)
    answer = hits.slice(search.offset, search.limit)
    answer.validate(full=True)  # a flipped bit may leave what isn't UTF-8, and Arrow reads it all the same
    return Found(answer, total, exact)


def _newest(
    sql: duckdb.DuckDBPyConnection, snapshot: Snapshot, part: Slice, wanted: Node, condition: Condition, limit: int
) -> pa.Table:
    """The newest hits of a slice. In a large one their times first, which takes only the columns of the condition."""
    if part.rows <= WHOLE_ROWS or part.sparse:
        return _newest_of_few(sql, snapshot, part, sieve(wanted), condition, limit)
    query = f"SELECT timestamp FROM rows WHERE {condition.sql} ORDER BY timestamp DESC LIMIT {limit}"
    found = _run(sql, snapshot.root, part.times, part.stretches, query, condition)["timestamp"].cast(pa.int64())
    if len(found) == 0:
        return SCHEMA.empty_table()
    times = Times(found[-1].as_py(), found[0].as_py() + 1)
    exactly = ""
    if len(found) <= MAX_TIMES:
        exactly = f" AND timestamp IN ({', '.join(_literal(time) for time in set(found.to_pylist()))})"
    query = f"SELECT {_COLUMNS} FROM rows WHERE {condition.sql}{exactly} {_NEWEST_FIRST} LIMIT {limit}"
    return _run(sql, snapshot.root, times, part.stretches, query, condition).cast(SCHEMA)


def _newest_of_few(
    sql: duckdb.DuckDBPyConnection,
    snapshot: Snapshot,
    part: Slice,
    first: Sieve | None,
    condition: Condition,
    limit: int,
) -> pa.Table:
    """First the columns that decide, then, of the row groups with hits, the others. Of those that only the skip index
    took for hits, ids aren't read: of equal times all are taken, and put in order at the end."""
    wanted = {"timestamp", *condition.columns}
    deciding = [name for name in SCHEMA.names if name in wanted]
    others = [name for name in SCHEMA.names if name not in wanted]
    read_all = snapshot.footers.read_all
    stretches = part.stretches
    tables = read_all([partial(_read, snapshot, stretch, deciding) for stretch in stretches])
    ends = np.cumsum([len(table) for table in tables])
    rows = pa.concat_tables(tables)
    places = _hits(sql, rows, part.times, first, condition)
    if not len(places):
        return SCHEMA.empty_table()
    if len(places) > limit:
        micros = micros_of(rows)[places]
        places = places[micros >= np.partition(micros, -limit)[-limit]]
    stretch_of = np.searchsorted(ends, places, "right")
    with_hits = np.unique(stretch_of).tolist()
    rest = read_all([partial(_read, snapshot, stretches[number], others) for number in with_hits])
    found = [SCHEMA.empty_table()]
    for number, other in zip(with_hits, rest, strict=True):
        inner = pa.array(places[stretch_of == number] - (ends[number] - len(tables[number])))
        left, right = tables[number].take(inner), other.take(inner)
        found.append(pa.table([(left if name in wanted else right)[name] for name in SCHEMA.names], SCHEMA))
    hits = pa.concat_tables(found)
    order = [("timestamp", "descending"), ("log_id", "descending")]
    return hits.take(pc.sort_indices(hits.select(["timestamp", "log_id"]), order)[:limit])


def _hits(
    sql: duckdb.DuckDBPyConnection, rows: pa.Table, times: Times, first: Sieve | None, condition: Condition
) -> Places:
    """Where the hits are in the rows, rising. What doesn't pass the sieve, DuckDB doesn't see."""
    micros = micros_of(rows)
    places = np.flatnonzero((micros >= times.from_us) & (micros < times.to_us))
    if first is not None:
        places = places[first.places(rows if len(places) == len(rows) else rows.take(places))]
        if first.whole or not len(places):
            return places
    left = rows if len(places) == len(rows) else rows.take(places)
    sql.register("rows", left.append_column("place", pa.array(places)))
    query = f"SELECT place FROM rows WHERE {condition.sql}"
    found = sql.sql(query, params=condition.parameters).to_arrow_table()["place"].to_numpy()
    hits: Places = np.sort(found)
    return hits


def _read(snapshot: Snapshot, stretch: Stretch, columns: Sequence[str]) -> pa.Table:
    if stretch.segment is None:
        assert stretch.recent is not None
        return stretch.recent.table.select(columns)
    return snapshot.footers.read(snapshot.root / stretch.segment.file, [stretch.group], columns)


def _count_to(
    sql: duckdb.DuckDBPyConnection, snapshot: Snapshot, times: Times, query: Node, condition: Condition, limit: int
) -> tuple[int, bool]:
    """Hits up to `limit`, and whether that is all of them."""
    counted = 0
    walk = Slices(newest_first(snapshot, query, times), times)
    while part := walk.for_hits(_COUNT_ROWS, counted, limit + 1):
        counted += _count(sql, snapshot.root, part.times, part.stretches, condition)
        if counted > limit:
            break
    return _bounded(counted, limit)


def _count(
    sql: duckdb.DuckDBPyConnection, root: Path, times: Times, stretches: Iterable[Stretch], condition: Condition
) -> int:
    query = f"SELECT count(*) AS n FROM rows WHERE {condition.sql}"
    return int(_run(sql, root, times, stretches, query, condition)["n"][0].as_py())


def _count_all(sql: duckdb.DuckDBPyConnection, snapshot: Snapshot, times: Times) -> int:
    """All rows of the range: those of the pieces within it are known, only pieces that reach out of it are read."""
    inside = 0
    edges: list[Stretch] = []
    for segment in snapshot.segments:
        if times.holds(segment.min_us, segment.max_us):
            inside += segment.rows
        elif times.overlaps(segment.min_us, segment.max_us):
            edges += _stretches_of(segment, groups_to_read(snapshot.root, segment, Everything(), times).tolist())
    edges += [stretch for stretch in map(_in_memory, snapshot.recent) if times.overlaps(*stretch[:2])]
    inside += sum(stretch.rows for stretch in edges if times.holds(*stretch[:2]))
    cut = [stretch for stretch in edges if not times.holds(*stretch[:2])]
    return inside + (_count(sql, snapshot.root, times, cut, compile_sql(Everything())) if cut else 0)


def _stretches(snapshot: Snapshot, query: Node, times: Times) -> Iterable[Stretch]:
    """All that may have hits, in no order."""
    for segment in snapshot.segments:
        if times.overlaps(segment.min_us, segment.max_us):
            yield from _stretches_of(segment, groups_to_read(snapshot.root, segment, query, times).tolist())
    yield from map(_in_memory, snapshot.recent)


def _stretches_of(segment: Segment, groups: Sequence[int]) -> list[Stretch]:
    found = []
    for group in groups:
        first, last, rows = segment.pieces[group].tolist()
        found.append(Stretch(first, last, rows, segment, group, None))
    return found


def _in_memory(recent: Recent) -> Stretch:
    return Stretch(recent.min_us, recent.max_us, len(recent.table), None, 0, recent)


def _bounded(counted: int, limit: int | None) -> tuple[int, bool]:
    return (counted, True) if limit is None or counted <= limit else (limit, False)


def _run(
    sql: duckdb.DuckDBPyConnection,
    root: Path,
    times: Times,
    stretches: Iterable[Stretch],
    query: str,
    condition: Condition,
) -> pa.Table:
    """Runs a query over `rows`: the rows of `times` that are in the stretches."""
    whole: list[str] = []
    parts: list[str] = []
    groups: dict[int, list[int]] = {}
    segments: dict[int, Segment] = {}
    tables: list[pa.Table] = []
    for stretch in stretches:
        if not times.overlaps(stretch.min_us, stretch.max_us):
            continue
        if stretch.recent is not None:
            tables.append(stretch.recent.table)
        elif stretch.segment is not None:
            segments[stretch.segment.id] = stretch.segment
            groups.setdefault(stretch.segment.id, []).append(stretch.group)
    within = _within(times)
    for number, segment in segments.items():
        file = _quoted(str(root / segment.file))
        overlapping = (segment.pieces[:, 1] >= times.from_us) & (segment.pieces[:, 0] < times.to_us)
        if len(groups[number]) == overlapping.sum():
            whole.append(file)
        else:
            parts.append(
                f"SELECT {_COLUMNS} FROM read_parquet({file}, hive_partitioning = false, file_row_number = true)"
                f" WHERE ({segment.row_numbers(groups[number])}) AND {within}"
            )
    if whole:
        files = ", ".join(whole)
        parts.append(f"SELECT {_COLUMNS} FROM read_parquet([{files}], hive_partitioning = false) WHERE {within}")
    if tables or not parts:
        sql.register("recent", pa.concat_tables(tables) if tables else SCHEMA.empty_table())
        parts.append(f"SELECT {_COLUMNS} FROM recent WHERE {within}")
    rows = " UNION ALL ".join(f"({part})" for part in parts)
    return sql.sql(f"WITH rows AS ({rows}) {query}", params=condition.parameters).to_arrow_table()


def _within(times: Times) -> str:
    return f"timestamp >= {_literal(times.from_us)} AND timestamp < {_literal(times.to_us)}"


def _literal(micros: int) -> str:
    return f"TIMESTAMPTZ '{(_EPOCH + timedelta(microseconds=micros)).strftime('%Y-%m-%d %H:%M:%S.%f')}+00'"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
