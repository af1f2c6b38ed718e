"""Records that Elasticsearch refused, as dead letters: the line is the record as JSON, with its log_id, so that a
replay stores it under that once the reason is gone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import msgspec
import pyarrow as pa

from logd.chunk import Chunk, Envelope, Message, compress
from logd.deadletters import dead_letter
from logd.query.time import EPOCH, MICROSECOND

_TIMES = ("timestamp", "ingested_at")


def letters(table: pa.Table, reasons: Sequence[str]) -> Iterator[Envelope]:
    """A letter for each row. The same row gives the same letter, which a transport takes once."""
    for name in _TIMES:
        at = table.schema.get_field_index(name)
        table = table.append_column(f"{name}_us", table[name].cast(pa.int64())).remove_column(at)
    for row, reason in zip(table.to_pylist(), reasons, strict=True):
        observed_us = row.pop("ingested_at_us")
        metadata = msgspec.Raw((row.pop("metadata") or "null").encode())
        fields = {"timestamp": EPOCH + row.pop("timestamp_us") * MICROSECOND, **row, "metadata": metadata}
        line = msgspec.json.encode({name: value for name, value in fields.items() if value is not None})
        source_id = hashlib.blake2b(row["log_id"].encode(), digest_size=8).hexdigest()
        chunk = Chunk(
            service=row["service"] or "unknown",
            host=row["host"] or "",
            source=row["source"] or "",
            source_id=source_id,
            offset=0,
            lines=1,
            observed_us=observed_us,
            value=compress(line + b"\n"),
        ).to_envelope()
        letter = dead_letter(Message(0, 0, observed_us, chunk.key, chunk.headers, chunk.value), reason)
        yield Envelope(letter.key, {**letter.headers, "source-id": source_id, "offset": "0", "end": "1"}, letter.value)
