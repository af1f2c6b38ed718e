"""Reading rows of a snapshot: SQL over stretches, wherever they lie, and single row groups by Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from logd.query.sql import Condition
from logd.query.tree import Node
from logd.record import SCHEMA
from logd.store.connection import Connection
from logd.store.segments import Segment
from logd.store.walk import Recent, Snapshot, Stretch, Times, groups_to_read

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def columns_of(schema: pa.Schema) -> str:
    """Its columns in SQL."""
    return ", ".join(f'"{name}"' for name in schema.names)


COLUMNS = columns_of(SCHEMA)


def run(
    connection: Connection,
    snapshot: Snapshot,
    times: Times,
    stretches: Iterable[Stretch],
    query: str,
    condition: Condition,
) -> pa.Table:
    """Runs a query over `rows`: the rows of `times` that are in the stretches, with the stretch's `part`. It may begin
    with further CTEs. Of segments only the columns are read that it names. Raises duckdb.Error, and as
    Connection.spend."""
    query, tables = _over(connection, snapshot, times, stretches, query)
    return connection.ask(query, condition.parameters, tables)


def run_up_to(
    most_bytes: int,
    connection: Connection,
    snapshot: Snapshot,
    times: Times,
    stretches: Iterable[Stretch],
    query: str,
    parameters: Sequence[str | float],
) -> pa.Table | None:
    """The same; None when the answer takes more than so many bytes."""
    query, tables = _over(connection, snapshot, times, stretches, query)
    return connection.ask_up_to(most_bytes, query, parameters, tables)


def _over(
    connection: Connection, snapshot: Snapshot, times: Times, stretches: Iterable[Stretch], query: str
) -> tuple[str, dict[str, pa.Table]]:
    """The query with its `rows`, and the tables that it names."""
    segments: dict[int, Segment] = {}
    wanted: dict[int, list[Stretch]] = {}
    recent: list[pa.Table] = []
    lines = 0
    for stretch in stretches:
        if not times.overlaps(stretch.min_us, stretch.max_us):
            continue
        lines += stretch.rows
        if stretch.recent is not None:
            recent.append(stretch.recent.table)
        elif stretch.segment is not None:
            segments[stretch.segment.id] = stretch.segment
            wanted.setdefault(stretch.segment.id, []).append(stretch)
    connection.spend(lines)
    groups = {segments[number].file: [one.group for one in having] for number, having in wanted.items()}
    snapshot.files.expect(groups)
    selects: list[str] = []
    whole: dict[str, list[str]] = {}
    inside = within(times)
    for number, having in wanted.items():
        segment, part = segments[number], _part(segments[number], having)
        file = _quoted(snapshot.files.in_sql(segment.file))
        overlapping = (segment.pieces[:, 1] >= times.from_us) & (segment.pieces[:, 0] < times.to_us)
        complete = len(having) == overlapping.sum()
        if complete and part.isdecimal():
            whole.setdefault(part, []).append(file)
        else:
            rows = "true" if complete else segment.row_numbers([one.group for one in having])
            source = f"read_parquet({file}, hive_partitioning = false, file_row_number = true)"
            selects.append(f"SELECT {part} AS part, {COLUMNS} FROM {source} WHERE ({rows}) AND {inside}")
    for part, files in whole.items():
        source = f"read_parquet([{', '.join(files)}], hive_partitioning = false)"
        selects.append(f"SELECT {part} AS part, {COLUMNS} FROM {source} WHERE {inside}")
    tables = {}
    if recent or not selects:
        tables["recent"] = pa.concat_tables(recent) if recent else SCHEMA.empty_table()
        selects.append(f"SELECT 0 AS part, {COLUMNS} FROM recent WHERE {inside}")
    rows = " UNION ALL ".join(f"({select})" for select in selects)
    further = f", {query.removeprefix('WITH ')}" if query.startswith("WITH ") else f" {query}"
    return f"WITH rows AS ({rows}){further}", tables


def read(connection: Connection, snapshot: Snapshot, stretch: Stretch, columns: Sequence[str]) -> pa.Table:
    """The whole stretch, by Arrow; in any thread. Raises OSError and ArrowException, and as Connection.spend."""
    connection.spend(stretch.rows)
    if stretch.segment is None:
        assert stretch.recent is not None
        return stretch.recent.table.select(columns)
    return snapshot.files.read(stretch.segment.file, [stretch.group], columns)


def stretches(snapshot: Snapshot, query: Node, times: Times) -> Iterable[Stretch]:
    """All that may have hits, in no order."""
    among = [segment for segment in snapshot.segments if times.overlaps(segment.min_us, segment.max_us)]
    asked = snapshot.files.each(lambda segment: groups_to_read(snapshot.files, segment, query, times)[0], among)
    for segment, groups in zip(among, asked, strict=True):
        yield from of_segment(segment, groups.tolist())
    yield from map(in_memory, snapshot.recent)


def of_segment(segment: Segment, groups: Sequence[int]) -> list[Stretch]:
    """Row groups as stretches."""
    found = []
    for group in groups:
        first, last, rows = segment.pieces[group].tolist()
        found.append(Stretch(first, last, rows, segment, group, None))
    return found


def in_memory(recent: Recent) -> Stretch:
    """A table in memory as a stretch."""
    return Stretch(recent.min_us, recent.max_us, len(recent.table), None, 0, recent)


def within(times: Times) -> str:
    """The condition for the rows of `times`."""
    return f"timestamp >= {literal(times.from_us)} AND timestamp < {literal(times.to_us)}"


def literal(micros: int) -> str:
    """A moment in SQL."""
    return f"TIMESTAMPTZ '{(EPOCH + timedelta(microseconds=micros)).strftime('%Y-%m-%d %H:%M:%S.%f')}+00'"


def _part(segment: Segment, stretches: Sequence[Stretch]) -> str:
    """The part that a row of these is of, by its number in the file."""
    last = {stretch.part: stretch.group for stretch in stretches}  # they are in order
    ends = np.cumsum(segment.pieces[:, 2])
    *before, rest = last
    cases = " ".join(f"WHEN file_row_number < {ends[last[part]]} THEN {part}" for part in before)
    return f"CASE {cases} ELSE {rest} END" if before else str(rest)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
