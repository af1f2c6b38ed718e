"""What exports are made of, by the API and by `logd export`: a page of records as bytes. Compressed, each is a gzip
member or a zstd frame of its own, so that a file can be cut behind any of them and gone on with."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import zstandard

Encoder = Callable[[Sequence[msgspec.Raw]], bytes]
_GZIP_LEVEL, _ZSTD_LEVEL = 6, 3
#: Of a cell: a spreadsheet takes it for a formula, which may run what a log line says.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Record(msgspec.Struct, frozen=True):
    """A record of an answer, for formats with columns; `metadata` stays the JSON that it is."""

    log_id: str
    timestamp: str
    level: str | None = None
    service: str | None = None
    host: str | None = None
    source: str | None = None
    message: str | None = None
    metadata: msgspec.Raw = msgspec.Raw(b"{}")
    tags: list[str] = []
    trace_id: str | None = None
    ingested_at: str | None = None


_COLUMNS = Record.__struct_fields__
_decode = msgspec.json.Decoder(Record).decode


def encoder(chosen: str, name: str, begun: bool = False) -> Encoder:
    """For "ndjson", "csv" and "csv-safe", compressed as the file's name says. `begun`: a CSV file has its head."""
    encode = _ndjson if chosen == "ndjson" else _Csv(begun, safe=chosen == "csv-safe")
    if name.endswith(".gz"):
        return lambda logs: gzip.compress(encode(logs), _GZIP_LEVEL)
    if name.endswith(".zst"):
        compressor = zstandard.ZstdCompressor(_ZSTD_LEVEL)
        return lambda logs: compressor.compress(encode(logs))
    return encode


class Parquet:
    """Records as a Parquet file, a row group a call."""

    def __init__(self) -> None:
        import pyarrow.parquet as pq

        from logd.record import SCHEMA

        self._written = _Written()
        self._writer = pq.ParquetWriter(self._written, SCHEMA, compression="zstd")

    def __call__(self, logs: Sequence[msgspec.Raw]) -> bytes:
        """What comes next of the file, with these records; none of it is kept."""
        import pyarrow as pa

        from logd.record import SCHEMA

        records = [_decode(log) for log in logs]
        columns = {
            name: [getattr(record, name) for record in records]
            for name in _COLUMNS
            if name not in ("timestamp", "ingested_at", "metadata")
        }
        columns["metadata"] = [bytes(record.metadata).decode() for record in records]
        for name in ("timestamp", "ingested_at"):
            texts = [getattr(record, name) for record in records]
            columns[name] = [None if text is None else datetime.fromisoformat(text) for text in texts]
        if records:
            arrays = {name: pa.array(columns[name], SCHEMA.field(name).type) for name in SCHEMA.names}
            self._writer.write_table(pa.table(arrays, SCHEMA))
        return self._written.take()

    def end(self) -> bytes:
        """The rest of the file."""
        self._writer.close()
        return self._written.take()


class _Written(io.RawIOBase):
    """A file of which only what was written since the last look is there."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._size

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._size += len(part)
        return len(part)

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _ndjson(logs: Sequence[msgspec.Raw]) -> bytes:
    return b"\n".join([*map(bytes, logs), b""]) if logs else b""


class _Csv:
    """RFC 4180; `metadata` is JSON, `tags` are joined by commas, what is missing is empty. Where it is to be `safe`,
    what a spreadsheet would take for a formula has an apostrophe before it; else values are what they are."""

    def __init__(self, begun: bool, safe: bool) -> None:
        self._begun = begun
        self._safe = safe

    def __call__(self, logs: Sequence[msgspec.Raw]) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        if not self._begun:
            writer.writerow(_COLUMNS)
            self._begun = True
        for log in logs:
            record = _decode(log)
            row = [getattr(record, name) for name in _COLUMNS]
            row[_COLUMNS.index("metadata")] = bytes(record.metadata).decode()
            row[_COLUMNS.index("tags")] = ",".join(record.tags)
            writer.writerow(map(_no_formula, row) if self._safe else row)
        return text.getvalue().encode("utf-8", "surrogatepass")


def _no_formula(cell: str | None) -> str | None:
    return f"'{cell}" if cell is not None and cell.startswith(_FORMULA) else cell
