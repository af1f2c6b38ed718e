"""Chunks and records of one line, for tests of the parser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from logd.chunk import Chunk, Positions, compress, log_id
from logd.parse.columns import NDJSON
from logd.parse.plan import Parser
from logd.parse.window import Limits
from tests.support.naive_parse import Record, as_records
from tests.support.naive_time import EPOCH

OBSERVED_US = 1_732_269_600_000_000  # 2024-11-22 10:00
TAKEN_US = OBSERVED_US + 5_000_000
SOURCE = "0123456789abcdef"
LIMITS = Limits(max_age_seconds=86_400 * 365, max_ahead_seconds=3_600)
#: A time within the limits, as text and as it is.
ACCEPTED = "2024-11-22T09:00:00Z"
AT = datetime(2024, 11, 22, 9, tzinfo=UTC)
_USUAL = {
    "log_id": log_id(SOURCE, 0),
    "service": "chunk-service",
    "host": "chunk-host",
    "source": "http",
    "ingested_at": EPOCH + timedelta(microseconds=TAKEN_US),
    "timestamp": EPOCH + timedelta(microseconds=OBSERVED_US),
}


def chunk_of(*lines: str | bytes, **headers: Any) -> Chunk:
    """The lines as an HTTP body's chunk, unless `headers` say otherwise."""
    body = b"\n".join(line.encode() if isinstance(line, str) else line for line in lines)
    usual: dict[str, Any] = {
        "service": "chunk-service",
        "host": "chunk-host",
        "source": "http",
        "source_id": SOURCE,
        "offset": 0,
        "lines": len(lines),
        "observed_us": OBSERVED_US,
        "value": compress(body),
        "content_type": NDJSON,
        "positions": Positions.LINE,
    }
    return Chunk(**{**usual, **headers})


def read(parser: Parser, line: str | bytes, **headers: Any) -> Record:
    """One line's record, without the columns that say the usual thing."""
    (record,) = as_records(parser.parse([chunk_of(line, **headers)], [TAKEN_US]).table)
    return {name: value for name, value in record.items() if value is not None and value != _USUAL.get(name)}
