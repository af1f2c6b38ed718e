"""What a search of the embedded index would look at, and what it needn't, without doing it."""

from __future__ import annotations

from typing import Any

import msgspec

from logd.query.describe import describe, time_text
from logd.query.sql import compile_sql
from logd.query.times import narrowed
from logd.record import part_of_schema
from logd.seams import Search
from logd.store.connection import Connection
from logd.store.segments import Segment
from logd.store.walk import Snapshot, Times, groups_to_read, times_of

#: Of the segments that are shown one by one: a screen or two.
MOST_SHOWN = 100


class _Counts(msgspec.Struct):
    """Segments, or row groups, by what becomes of them."""

    all: int = 0
    out_of_time: int = 0
    ruled_out: int = 0
    read: int = 0


def explain(connection: Connection, snapshot: Snapshot, search: Search) -> dict[str, Any]:
    """For people. Raises as find.find."""
    from_us, to_us = narrowed(search.query, search.from_us, search.to_us)
    times = times_of(snapshot, from_us, to_us)
    segments, groups = _Counts(), _Counts()
    shown: list[dict[str, Any]] = []
    rows = skip_indexes = 0
    for segment in sorted(snapshot.segments, key=lambda one: one.max_us, reverse=search.newest_first):
        connection.go_on()
        one, wanted, told = _of_segment(snapshot, segment, search, times)
        rows += wanted
        skip_indexes += segment.skip_bytes > 0
        for name in _Counts.__struct_fields__:
            setattr(groups, name, getattr(groups, name) + getattr(one, name))
        segments.all += 1
        segments.read += one.read > 0
        segments.ruled_out += not one.read and one.ruled_out > 0
        segments.out_of_time += not one.read and not one.ruled_out
        shown.append(told)
    memory = [one for one in snapshot.recent if times is not None and times.overlaps(one.min_us, one.max_us)]
    condition = compile_sql(search.query)
    return {
        "engine": "segments",
        "from": None if from_us is None else time_text(from_us),
        "to": None if to_us is None else time_text(to_us),
        "segments": msgspec.to_builtins(segments),
        "row_groups": msgspec.to_builtins(groups),
        "without_skip_index": segments.all - skip_indexes,
        "rows": {
            "all": sum(one.rows for one in snapshot.segments) + sum(len(one.table) for one in snapshot.recent),
            "to_read": rows + sum(len(one.table) for one in memory),
            "in_memory": sum(len(one.table) for one in memory),
        },
        "decides_by": sorted({"timestamp", *condition.columns}),
        "shows": part_of_schema(search.columns).names,
        "condition": condition.sql,
        "each": shown[:MOST_SHOWN],
    }


def _of_segment(
    snapshot: Snapshot, segment: Segment, search: Search, times: Times | None
) -> tuple[_Counts, int, dict[str, Any]]:
    """What becomes of its row groups, the rows of those that are read, and what is told of it."""
    pieces = segment.pieces
    counts = _Counts(all=len(pieces))
    told: dict[str, Any] = {
        "segment": segment.file,
        "from": time_text(segment.min_us),
        "to": time_text(segment.max_us),
        "rows": segment.rows,
    }
    rows = 0
    if times is None or not times.overlaps(segment.min_us, segment.max_us):
        counts.out_of_time = counts.all
    else:
        within = int(((pieces[:, 1] >= times.from_us) & (pieces[:, 0] < times.to_us)).sum())
        chosen, left = groups_to_read(snapshot.files, segment, search.query, times)
        counts.out_of_time, counts.ruled_out, counts.read = counts.all - within, within - len(chosen), len(chosen)
        rows = int(pieces[chosen, 2].sum())
        if left is not None and len(chosen):
            told["query"] = describe(left)
    return counts, rows, {**told, "row_groups": msgspec.to_builtins(counts)}
