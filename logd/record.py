"""The record: the columns that every stored log line has, as an Arrow schema, and the levels."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import pyarrow as pa


class Level(StrEnum):
    """The six levels, least severe first. What none of them means is stored as null."""

    TRACE = "TRACE"
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"
    FATAL = "FATAL"


_TIME = pa.timestamp("us", tz="UTC")
_WORD = pa.dictionary(pa.int32(), pa.string())

#: `metadata` is the text of a JSON object without `trace_id`, which has a column of its own; null when empty.
SCHEMA = pa.schema(
    [
        pa.field("log_id", pa.string(), nullable=False),
        pa.field("timestamp", _TIME, nullable=False),
        pa.field("ingested_at", _TIME, nullable=False),
        pa.field("level", _WORD),
        pa.field("service", _WORD),
        pa.field("host", _WORD),
        pa.field("source", _WORD),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("trace_id", pa.string()),
        pa.field("message", pa.string()),
        pa.field("metadata", pa.string()),
    ]
)


def part_of_schema(columns: Sequence[str] | None) -> pa.Schema:
    """SCHEMA with these columns alone, and what tells a record's place: `log_id` and `timestamp`. None means all."""
    if columns is None:
        return SCHEMA
    return pa.schema([field for field in SCHEMA if field.name in ("log_id", "timestamp", *columns)])
