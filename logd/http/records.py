"""Records as they appear in answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from logd.parse.mend import mend


def records(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as they appear in answers: `metadata` a JSON object with the trace id back in it."""
    return [_record(row) for row in table.to_pylist()]


def _record(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "log_id": row["log_id"],
        "timestamp": time_text(row["timestamp"]),
        "level": row["level"],
        "service": row["service"],
        "host": row["host"],
        "source": row["source"],
        "message": row["message"],
        "metadata": orjson.Fragment(_metadata(row["metadata"], row["trace_id"])),
        "tags": row["tags"] or [],
        "trace_id": row["trace_id"],
        "ingested_at": time_text(row["ingested_at"]),
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
    return f"{{{member},{text[1:]}" if text else f"{{{member}}}"


def time_text(time: datetime) -> str:
    """RFC 3339 in UTC, with milliseconds, or microseconds where there are any."""
    text = time.strftime("%Y-%m-%dT%H:%M:%S")
    if time.year < 1000:  # strftime doesn't pad years
        text = text.rjust(19, "0")
    fraction = f"{time.microsecond:06d}"
    return f"{text}.{fraction[:3] if fraction.endswith('000') else fraction}Z"
