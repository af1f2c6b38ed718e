"""Counting hits: all of them, up to a limit, or by what is known without reading."""

from __future__ import annotations

from collections.abc import Iterable

from logd.query.sql import Condition, compile_sql
from logd.query.tree import Everything, Node
from logd.store.connection import Connection
from logd.store.read import in_memory, of_segment, run, stretches
from logd.store.walk import Slices, Snapshot, Stretch, Times, groups_to_read, in_order

#: Counting begins with so many rows, and stops when it has counted enough.
_COUNT_ROWS = 262_144


def count(
    connection: Connection, snapshot: Snapshot, times: Times, query: Node, condition: Condition, limit: int | None
) -> tuple[int, bool]:
    """Hits of `times` up to `limit`, if there is one, and whether that is all of them."""
    if isinstance(query, Everything):
        return _bounded(_all(connection, snapshot, times), limit)
    if limit is None:
        return _hits(connection, snapshot, times, stretches(snapshot, query, times), condition), True
    counted = 0
    walk = Slices(in_order(snapshot, query, times, newest_first=True), times, newest_first=True)
    while part := walk.for_hits(_COUNT_ROWS, counted, limit + 1):
        counted += _hits(connection, snapshot, part.times, part.stretches, condition)
        if counted > limit:
            break
    return _bounded(counted, limit)


def _hits(
    connection: Connection, snapshot: Snapshot, times: Times, among: Iterable[Stretch], condition: Condition
) -> int:
    query = f"SELECT count(*) AS n FROM rows WHERE {condition.sql}"
    return int(run(connection, snapshot, times, among, query, condition)["n"][0].as_py())


def _all(connection: Connection, snapshot: Snapshot, times: Times) -> int:
    """All rows of the range: those of the pieces within it are known, only pieces that reach out of it are read."""
    inside = 0
    edges: list[Stretch] = []
    for segment in snapshot.segments:
        if times.holds(segment.min_us, segment.max_us):
            inside += segment.rows
        elif times.overlaps(segment.min_us, segment.max_us):
            edges += of_segment(segment, groups_to_read(snapshot.files, segment, Everything(), times)[0].tolist())
    edges += [stretch for stretch in map(in_memory, snapshot.recent) if times.overlaps(*stretch[:2])]
    inside += sum(stretch.rows for stretch in edges if times.holds(*stretch[:2]))
    cut = [stretch for stretch in edges if not times.holds(*stretch[:2])]
    return inside + (_hits(connection, snapshot, times, cut, compile_sql(Everything())) if cut else 0)


def _bounded(counted: int, limit: int | None) -> tuple[int, bool]:
    return (counted, True) if limit is None or counted <= limit else (limit, False)
