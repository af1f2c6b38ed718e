"""Records as they appear in answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from logd.http.selection import Selection
from logd.parse.mend import mend
from logd.record import SCHEMA
from logd.seams import Place

#: Where an interval may begin before, and no client could read it.
_YEAR_1_US = -62_135_596_800_000_000
_MINUTE_US = 60_000_000
#: By the milliseconds of a minute, and the microseconds of a millisecond, which are left out where there are none.
_SECONDS = pa.array([f"{millis // 1_000:02}.{millis % 1_000:03}" for millis in range(60_000)])
_MICROS = pa.array(["", *(f"{micros:03}" for micros in range(1, 1_000))])


def records(table: pa.Table, selection: Selection | None = None) -> list[dict[str, Any]]:
    """Rows as they appear in answers: `metadata` a JSON object with the trace id back in it. With a selection only what
    it names; then the table needs only the columns that it reads."""
    if selection is not None:
        return _selected(table, selection)
    columns = (_values(table[name]) for name in SCHEMA.names)
    return [_record(*row) for row in zip(*columns, strict=True)]


def _selected(table: pa.Table, selection: Selection) -> list[dict[str, Any]]:
    columns = {name: _values(table[name]) for name in selection.reads}
    found: list[dict[str, Any]] = [{} for _ in range(len(table))]
    for name in selection.shown:
        if name == "metadata":
            traces = columns.get("trace_id") or [None] * len(table)
            texts = map(_metadata, columns["metadata"], traces)
            values: Iterable[Any] = [orjson.Fragment(selection.of_metadata(text)) for text in texts]
        else:
            values = columns[name]
        for record, value in zip(found, values, strict=True):
            record[name] = value or [] if name == "tags" else value
    return found


def _values(column: pa.ChunkedArray) -> list[Any]:
    """A column's values, times as text: an answer of thousands of rows would take three times as long row by row."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    if pa.types.is_timestamp(column.type):
        return time_texts(column)
    values: list[Any] = column.to_pylist()
    return values


def last_place(table: pa.Table) -> Place:
    """Of the last row, of which there must be one."""
    last = table.slice(len(table) - 1)
    return Place(last["timestamp"].cast(pa.int64())[0].as_py(), last["log_id"][0].as_py())


def time_texts(column: pa.Array | pa.ChunkedArray) -> list[str]:
    """Times in microseconds as RFC 3339 in UTC: with milliseconds, or microseconds where there are any; None stays."""
    found: list[str] = time_column(column).to_pylist()
    return found


def time_column(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The same as a column."""
    return pc.binary_join_element_wise(*time_parts(column), "")


def time_parts(column: pa.Array | pa.ChunkedArray) -> list[pa.Array | str]:
    """What the texts of `time_column` are made of, part by part."""
    # A cast for each minute, and the rest out of tables: a cast for each time takes five times as long (⏱).
    micros = column.cast(pa.int64())
    micros = micros.combine_chunks() if isinstance(micros, pa.ChunkedArray) else micros
    minutes, rest = np.divmod(pc.fill_null(micros, 0).to_numpy(), _MINUTE_US)
    millis, more = np.divmod(rest, 1_000)
    minute = pa.array(minutes, mask=pc.is_null(micros).to_numpy(zero_copy_only=False)).dictionary_encode()
    begins = pc.multiply(minute.dictionary, 60).cast(pa.timestamp("s"))
    texts = pc.replace_substring(pc.utf8_slice_codeunits(begins.cast(pa.string()), 0, -2), " ", "T")
    return [texts.take(minute.indices), _SECONDS.take(pa.array(millis)), _MICROS.take(pa.array(more)), "Z"]


def start_texts(starts: Sequence[int]) -> list[str]:
    """The same of intervals that begin at Unix µs."""
    return time_texts(pa.array([max(start, _YEAR_1_US) for start in starts], pa.timestamp("us", "UTC")))


def _record(
    log_id: str,
    timestamp: str,
    ingested_at: str,
    level: str | None,
    service: str | None,
    host: str | None,
    source: str | None,
    tags: list[str] | None,
    trace_id: str | None,
    message: str | None,
    metadata: str | None,
) -> dict[str, Any]:
    """Its arguments are in the order of record.SCHEMA."""
    return {
        "log_id": log_id,
        "timestamp": timestamp,
        "level": level,
        "service": service,
        "host": host,
        "source": source,
        "message": message,
        "metadata": orjson.Fragment(_metadata(metadata, trace_id)),
        "tags": tags or [],
        "trace_id": trace_id,
        "ingested_at": ingested_at,
    }


def _metadata(text: str | None, trace_id: str | None) -> str:
    """JSON that every client can read: a number that no double holds would spoil the whole answer for some."""
    try:
        fields = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        text = mend(text or "") or "{}"
        fields = orjson.loads(text)
    if trace_id is None or "trace_id" in fields:
        return text or "{}"
    member = f'"trace_id":{orjson.dumps(trace_id).decode()}'
    return f"{{{member},{text[1:]}" if text and fields else f"{{{member}}}"
