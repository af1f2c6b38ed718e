"""What a search of the embedded index would look at, and what it needn't, without doing it."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from logd.query.describe import describe, time_text
from logd.query.sql import compile_sql
from logd.query.times import narrowed
from logd.record import part_of_schema
from logd.seams import Search
from logd.store.connection import Connection
from logd.store.files import chunks_of
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


def explain(
    connection: Connection, snapshot: Snapshot, search: Search, engine: str = "segments", count_bytes: bool = False
) -> dict[str, Any]:
    """For people. `count_bytes`: also those that would be read, by the footers of files. Raises as find.find."""
    from_us, to_us = narrowed(search.query, search.from_us, search.to_us)
    times = times_of(snapshot, from_us, to_us)
    segments, groups = _Counts(), _Counts()
    shown: list[dict[str, Any]] = []
    rows = skip_indexes = size_bytes = 0
    condition = compile_sql(search.query)
    deciding = sorted({"timestamp", *condition.columns})
    for segment in sorted(snapshot.segments, key=lambda one: one.max_us, reverse=search.newest_first):
        connection.go_on()
        one, chosen, told = _of_segment(snapshot, segment, search, times)
        rows += int(segment.pieces[chosen, 2].sum())
        if count_bytes and len(chosen):
            told["bytes"] = _bytes_of(snapshot, segment, chosen, deciding)
            size_bytes += told["bytes"]["to_decide"]
        skip_indexes += segment.skip_bytes > 0
        for name in _Counts.__struct_fields__:
            setattr(groups, name, getattr(groups, name) + getattr(one, name))
        segments.all += 1
        segments.read += one.read > 0
        segments.ruled_out += not one.read and one.ruled_out > 0
        segments.out_of_time += not one.read and not one.ruled_out
        shown.append(told)
    memory = [one for one in snapshot.recent if times is not None and times.overlaps(one.min_us, one.max_us)]
    counted = {"all": sum(one.size_bytes for one in snapshot.segments), "to_decide": size_bytes}
    return {
        "engine": engine,
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
        **({"bytes": counted} if count_bytes else {}),
        "decides_by": deciding,
        "shows": part_of_schema(search.columns).names,
        "condition": condition.sql,
        "each": shown[:MOST_SHOWN],
    }


def _of_segment(
    snapshot: Snapshot, segment: Segment, search: Search, times: Times | None
) -> tuple[_Counts, npt.NDArray[np.intp], dict[str, Any]]:
    """What becomes of its row groups, those that are read, and what is told of it."""
    pieces = segment.pieces
    counts = _Counts(all=len(pieces))
    told: dict[str, Any] = {
        "segment": segment.file,
        "from": time_text(segment.min_us),
        "to": time_text(segment.max_us),
        "rows": segment.rows,
    }
    chosen = np.zeros(0, np.intp)
    if times is None or not times.overlaps(segment.min_us, segment.max_us):
        counts.out_of_time = counts.all
    else:
        within = int(((pieces[:, 1] >= times.from_us) & (pieces[:, 0] < times.to_us)).sum())
        chosen, left = groups_to_read(snapshot.files, segment, search.query, times)
        counts.out_of_time, counts.ruled_out, counts.read = counts.all - within, within - len(chosen), len(chosen)
        if left is not None and len(chosen):
            told["query"] = describe(left)
    return counts, chosen, {**told, "row_groups": msgspec.to_builtins(counts)}


def _bytes_of(snapshot: Snapshot, segment: Segment, groups: npt.NDArray[np.intp], columns: list[str]) -> dict[str, int]:
    """What the file has, and what the columns of the row groups take that decide which rows are hits."""
    footer = snapshot.files.footer(segment.file)
    decide = sum(end - start for start, end in chunks_of(footer, groups.tolist(), columns))
    return {"all": segment.size_bytes, "to_decide": decide}
