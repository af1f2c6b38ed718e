"""Records as lines of JSON, by columns: the same bytes as of records.records, of thousands in a third of the time.

    columns ── escaped as JSON: words once each, times by a cast, texts where they need it ── joined row by row

A row whose metadata may be what not every client can read, or has a trace id of its own, is left to records.records.
"""

from __future__ import annotations

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from logd.http.records import records, time_column

#: As records._record has them.
_ORDER = ("log_id", "timestamp", "level", "service", "host", "source", "message", "metadata", "tags", "trace_id")
#: Of JSON's strings (RFC 8259, section 7), as far as orjson writes it so.
_ESCAPED = r'[\x00-\x1f"\\]'
#: Metadata that records._metadata may change: numbers that no double holds, half a surrogate pair, what is nested very
#: deeply, and a member that may be the trace id.
_UNUSUAL = r"[0-9]{300}|[eE]\+?[0-9]{3}|\\u|(?:[\[{][^\[{]*){100}|trace_id"


def ndjson(table: pa.Table) -> bytes:
    """A line each, of rows of record.SCHEMA."""
    if not len(table):
        return b""
    table = table.combine_chunks()
    unusual = pc.fill_null(pc.match_substring_regex(_one(table["metadata"]), _UNUSUAL), False)
    rows = np.flatnonzero(unusual.to_numpy(zero_copy_only=False))
    lines = _lines(table)
    if len(rows):
        spelled = [orjson.dumps(one).decode() for one in records(table.take(pa.array(rows)))]
        lines = pc.replace_with_mask(lines, unusual, pa.array(spelled, lines.type))
    return _bytes(pc.binary_join_element_wise(lines, "", "\n"))


def _lines(table: pa.Table) -> pa.Array:
    parts: list[pa.Array | str] = []
    begin = "{"
    for name in (*_ORDER, "ingested_at"):
        parts += [f'{begin}"{name}":', _json(name, table)]
        begin = ","
    return pc.binary_join_element_wise(*parts, "}", "")


def _json(name: str, table: pa.Table) -> pa.Array:
    """The column as JSON."""
    column = _one(table[name])
    match name:
        case "timestamp" | "ingested_at":
            return _quoted(_one(time_column(column)))
        case "metadata":
            return _with_trace(pc.fill_null(column, "{}"), _one(table["trace_id"]))
        case "tags":
            return pc.fill_null(pa.array(_tags(column), pa.string()), "[]")
        case _ if pa.types.is_dictionary(column.type):
            return pc.fill_null(_escaped(column.dictionary).take(column.indices), "null")
        case _:
            return _escaped(column)


def _tags(column: pa.Array) -> list[str | None]:
    """Most have none."""
    if column.null_count == len(column):
        return [None] * len(column)
    return [None if tags is None else orjson.dumps(tags).decode() for tags in column.to_pylist()]


def _with_trace(metadata: pa.Array, traces: pa.Array) -> pa.Array:
    """With the trace id as its first member."""
    if traces.null_count == len(traces):
        return metadata
    rest = pc.utf8_slice_codeunits(metadata, 1)
    member = pc.binary_join_element_wise('{"trace_id":', _escaped(traces), "")
    empty = pc.match_substring_regex(metadata, r"^\{\s*\}$")
    joined = pc.binary_join_element_wise(member, pc.if_else(empty, "}", pc.binary_join_element_wise(",", rest, "")), "")
    return pc.if_else(traces.is_null(), metadata, joined)


def _escaped(texts: pa.Array) -> pa.Array:
    """Strings of JSON; what is null is that."""
    odd = pc.fill_null(pc.match_substring_regex(texts, _ESCAPED), False)
    quoted = _quoted(texts)
    rows = np.flatnonzero(odd.to_numpy(zero_copy_only=False))
    if not len(rows):
        return quoted
    spelled = [orjson.dumps(text).decode() for text in texts.take(pa.array(rows)).to_pylist()]
    return pc.replace_with_mask(quoted, odd, pa.array(spelled, quoted.type))


def _quoted(texts: pa.Array) -> pa.Array:
    return pc.fill_null(pc.binary_join_element_wise('"', texts, '"', ""), "null")


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _bytes(lines: pa.Array) -> bytes:
    _, offsets, data = lines.buffers()
    ends = np.frombuffer(offsets, np.int32, len(lines) + 1, lines.offset * 4)
    found: bytes = data.slice(int(ends[0]), int(ends[-1] - ends[0])).to_pybytes()
    return found
