"""Searching a snapshot of the embedded index: recent rows in memory and Parquet segments, newest first.

The time range is walked from its new end in slices of rising size, each read from the pieces that overlap it: the
newest hits are mostly found in the first few ten thousand rows, and no more is read than that. In a slice the key
columns are searched first; whole rows are fetched only from the time on that the answer reaches back to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from logd.query.sql import Condition, compile_sql
from logd.query.tree import Everything
from logd.record import SCHEMA
from logd.seams import Found, Search
from logd.store.segments import Piece, Segment

#: The first slice: some row groups. Each further one is larger by GROWTH, so that a rare word costs few queries.
FIRST_SLICE_ROWS = 16_384
GROWTH = 8
#: Up to here, reading all columns costs less than a second query.
WHOLE_ROWS = 49_152
#: A list of times prunes row groups better than their range, but is compared with every row.
MAX_TIMES = 128
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = ", ".join(f'"{name}"' for name in SCHEMA.names)
_NEWEST_FIRST = "ORDER BY timestamp DESC, log_id DESC"


class Recent(msgspec.Struct, frozen=True):
    """Rows in memory."""

    table: pa.Table
    piece: Piece


class Snapshot(msgspec.Struct, frozen=True):
    """What the index held at one moment."""

    root: Path
    segments: Sequence[Segment]
    recent: Sequence[Recent]


class _Slice(msgspec.Struct, frozen=True):
    """Times from `from_us` (inclusive) to `to_us` (exclusive), and about how many rows it takes to read them."""

    from_us: int
    to_us: int
    rows: int = 0


def find(sql: duckdb.DuckDBPyConnection, snapshot: Snapshot, search: Search) -> Found:
    """Answers the search over the snapshot, on a connection of the caller's; `interrupt()` on it ends this early."""
    condition = compile_sql(search.query)
    whole = _range(snapshot, search)
    need = search.offset + search.limit
    tables: list[pa.Table] = []
    have = 0
    everything_seen = True
    if whole is not None and need:
        # Every row is a hit when nothing is asked, so the newest rows are in the newest pieces.
        first_rows = need if isinstance(search.query, Everything) else FIRST_SLICE_ROWS
        for part in _slices(snapshot, whole, first_rows):
            rows = _newest(sql, snapshot, part, condition, need - have)
            tables.append(rows)
            have += len(rows)
            if have >= need:
                everything_seen = False
                break
    hits = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
    total, exact = None, True
    if search.count_limit != 0:
        if whole is None or (need and everything_seen):
            total = have
        elif isinstance(search.query, Everything):
            total, exact = _bounded(_count_all(sql, snapshot, whole, condition), search.count_limit)
        else:
            total, exact = _count(sql, snapshot, whole, condition, search.count_limit)
    return Found(hits.slice(search.offset, search.limit), total, exact)


def _range(snapshot: Snapshot, search: Search) -> _Slice | None:
    """The search's range cut to the times that there are."""
    pieces = list(_pieces(snapshot))
    if not pieces:
        return None
    low = min(piece.min_us for piece in pieces)
    high = max(piece.max_us for piece in pieces) + 1
    start = low if search.from_us is None else max(low, search.from_us)
    end = high if search.to_us is None else min(high, search.to_us)
    return _Slice(start, end) if start < end else None


def _pieces(snapshot: Snapshot) -> Iterator[Piece]:
    for segment in snapshot.segments:
        yield from segment.pieces
    for recent in snapshot.recent:
        yield recent.piece


def _slices(snapshot: Snapshot, whole: _Slice, first_rows: int) -> Iterator[_Slice]:
    """Disjoint slices that cover the range, newest first. Above the newest time of the pieces not yet taken, all rows
    are in the pieces taken: there a slice can end."""
    pieces = [piece for piece in _pieces(snapshot) if piece.max_us >= whole.from_us and piece.min_us < whole.to_us]
    pieces.sort(key=lambda piece: piece.max_us, reverse=True)
    end = whole.to_us
    rows, target = 0, first_rows
    for number, piece in enumerate(pieces):
        rows += piece.rows
        last = number + 1 == len(pieces)
        start = whole.from_us if last else max(whole.from_us, pieces[number + 1].max_us + 1)
        if (rows >= target or last) and start < end:
            yield _Slice(start, end, rows)
            end = start
            rows, target = 0, target * GROWTH


def _newest(
    sql: duckdb.DuckDBPyConnection, snapshot: Snapshot, part: _Slice, condition: Condition, limit: int
) -> pa.Table:
    """The newest hits of a slice. In a large one their times first, which takes only the columns of the condition."""
    if part.rows <= WHOLE_ROWS:
        query = f"SELECT {_COLUMNS} FROM rows WHERE {condition.sql} {_NEWEST_FIRST} LIMIT {limit}"
        return _run(sql, snapshot, part, query, condition).cast(SCHEMA)
    query = f"SELECT timestamp FROM rows WHERE {condition.sql} ORDER BY timestamp DESC LIMIT {limit}"
    times = _run(sql, snapshot, part, query, condition)["timestamp"].cast(pa.int64())
    if len(times) == 0:
        return SCHEMA.empty_table()
    oldest, newest = times[-1].as_py(), times[0].as_py()
    exactly = ""
    if len(times) <= MAX_TIMES:
        exactly = f" AND timestamp IN ({', '.join(_literal(time) for time in set(times.to_pylist()))})"
    query = f"SELECT {_COLUMNS} FROM rows WHERE {condition.sql}{exactly} {_NEWEST_FIRST} LIMIT {limit}"
    return _run(sql, snapshot, _Slice(oldest, newest + 1), query, condition).cast(SCHEMA)


def _count(
    sql: duckdb.DuckDBPyConnection, snapshot: Snapshot, part: _Slice, condition: Condition, limit: int | None
) -> tuple[int, bool]:
    """Hits up to `limit`, and whether that is all of them."""
    bounded = "" if limit is None else f" LIMIT {limit + 1}"
    query = f"SELECT count(*) AS n FROM (SELECT 1 FROM rows WHERE {condition.sql}{bounded})"
    counted = _run(sql, snapshot, part, query, condition)["n"][0].as_py()
    return _bounded(counted, limit)


def _count_all(sql: duckdb.DuckDBPyConnection, snapshot: Snapshot, part: _Slice, condition: Condition) -> int:
    """All rows of the range: those of the pieces within it are known, only pieces that reach out of it are read."""
    inside, edges = 0, []
    for segment in snapshot.segments:
        pieces = [piece for piece in segment.pieces if _overlap(piece, part)]
        if all(_within(piece, part) for piece in pieces):
            inside += sum(piece.rows for piece in pieces)
        else:
            edges.append(segment)
    recent = [rows for rows in snapshot.recent if not _within(rows.piece, part)]
    inside += sum(rows.piece.rows for rows in snapshot.recent if _within(rows.piece, part))
    if not edges and not any(_overlap(rows.piece, part) for rows in recent):
        return inside
    return inside + _count(sql, Snapshot(snapshot.root, edges, recent), part, condition, None)[0]


def _bounded(counted: int, limit: int | None) -> tuple[int, bool]:
    return (counted, True) if limit is None or counted <= limit else (limit, False)


def _run(
    sql: duckdb.DuckDBPyConnection, snapshot: Snapshot, part: _Slice, query: str, condition: Condition
) -> pa.Table:
    """Runs a query over `rows`, the slice of the snapshot."""
    within = f"timestamp >= {_literal(part.from_us)} AND timestamp < {_literal(part.to_us)}"
    files = [
        _quoted(str(snapshot.root / segment.file))
        for segment in snapshot.segments
        if any(_overlap(piece, part) for piece in segment.pieces)
    ]
    tables = [recent.table for recent in snapshot.recent if _overlap(recent.piece, part)]
    parts = []
    if files:
        parts.append(f"SELECT {_COLUMNS} FROM read_parquet([{', '.join(files)}], hive_partitioning = false)")
    if tables:
        sql.register("recent", pa.concat_tables(tables))
        parts.append(f"SELECT {_COLUMNS} FROM recent")
    if not parts:
        parts.append(f"SELECT {_COLUMNS} FROM recent")
        sql.register("recent", SCHEMA.empty_table())
    rows = " UNION ALL ".join(f"({part} WHERE {within})" for part in parts)
    return sql.sql(f"WITH rows AS ({rows}) {query}", params=condition.parameters).to_arrow_table()


def _overlap(piece: Piece, part: _Slice) -> bool:
    return piece.max_us >= part.from_us and piece.min_us < part.to_us


def _within(piece: Piece, part: _Slice) -> bool:
    return piece.min_us >= part.from_us and piece.max_us < part.to_us


def _literal(micros: int) -> str:
    return f"TIMESTAMPTZ '{(_EPOCH + timedelta(microseconds=micros)).strftime('%Y-%m-%d %H:%M:%S.%f')}+00'"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
