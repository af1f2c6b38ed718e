"""Which fields hits have: by a sample of them, whose metadata is looked into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pyarrow as pa

from logd.query.fields import METADATA
from logd.query.sql import compile_sql
from logd.query.times import narrowed
from logd.seams import SAMPLE_ROWS, FieldCount, Fields, FoundFields
from logd.store.connection import Connection
from logd.store.count import count
from logd.store.read import run, stretches
from logd.store.walk import Snapshot, times_of

#: Looking at so many values takes a second. Records with thousands of fields make a smaller sample.
_MOST_VALUES = 500_000
#: Those that a record may lack; the others are of two kinds.
_KEYWORDS = ("level", "service", "host", "source", "tags", "trace_id")
_ALWAYS = {"log_id": "string", "timestamp": "time", "ingested_at": "time"}
#: What the sample is read of; of a message only whether it is there.
COLUMNS = (*_KEYWORDS, "message", "metadata")


def fields_of(connection: Connection, snapshot: Snapshot, asked: Fields) -> FoundFields:
    """Answers it over the snapshot. The sample of many hits is of row groups at even distances in time, and of these
    the hits whose ids come first by their hash: it is the same as long as no segments are merged. Raises duckdb.Error
    when a segment can't be read, and duckdb.InterruptException when the connection is stopped."""
    times = times_of(snapshot, *narrowed(asked.query, asked.from_us, asked.to_us))
    if times is None:
        return FoundFields(total=0, sampled=0, counts={})
    condition = compile_sql(asked.query)
    total, _ = count(connection, snapshot, times, asked.query, condition, None)
    among = [one for one in stretches(snapshot, asked.query, times) if times.overlaps(one.min_us, one.max_us)]
    among.sort(key=lambda one: (one.min_us, one.max_us, 0 if one.segment is None else one.segment.id, one.group))
    columns = ", ".join("message IS NOT NULL AS message" if name == "message" else name for name in COLUMNS)
    query = f"SELECT {columns} FROM rows WHERE {condition.sql} ORDER BY hash(log_id), log_id LIMIT {SAMPLE_ROWS}"
    step = max(1, min(total // SAMPLE_ROWS, len(among)))
    while True:
        rows = run(connection, snapshot, times, among[step // 2 :: step], query, condition)
        if step == 1 or len(rows) >= SAMPLE_ROWS // 2:
            return counted(rows, total)
        step = step // 2  # the hits are elsewhere


def counted(rows: pa.Table, total: int) -> FoundFields:
    """What is in a sample with COLUMNS."""
    counts: dict[str, FieldCount] = {}
    sampled = looked_at = 0
    for text in rows["metadata"].to_pylist():
        sampled += 1
        leaves = list(_leaves(_decoded(text), METADATA))
        for name in {name for name, _ in leaves}:
            counts.setdefault(name, FieldCount()).count += 1
        for name, kind in leaves:
            if kind:
                counts[name].types.add(kind)
        looked_at += len(leaves)
        if looked_at > _MOST_VALUES:
            break
    rows = rows.slice(0, sampled)
    for name in _KEYWORDS:
        there = sum(map(bool, rows[name].to_pylist())) if name == "tags" else sampled - rows[name].null_count
        counts[name] = FieldCount(there, {"string"})
    counts["message"] = FieldCount(sum(rows["message"].to_pylist()), {"text"})
    counts |= {name: FieldCount(sampled, {kind}) for name, kind in _ALWAYS.items()}
    found = {name: one for name, one in counts.items() if one.count}
    return FoundFields(total=total, sampled=sampled, counts=found)


def _decoded(text: str | None) -> Any:
    try:
        return msgspec.json.decode(text or "null")
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None


def _leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """The names and types of what has a value; the type of an array of other things is empty."""
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        path = f"{name}{key}"
        match inner:
            case dict():
                yield from _leaves(inner, f"{path}.")
            case list():
                yield from ((path, _type(one)) for one in inner if one is not None)
            case None:
                pass
            case _:
                yield path, _type(inner)


def _type(value: Any) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case _:
            return ""
