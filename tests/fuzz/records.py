"""Chunks of any bytes, and what must be true of the records of any chunks."""

from __future__ import annotations

import json

import numpy as np

from logd.chunk import CRI, DOCKER, SYSLOG, TEXT, Chunk, Positions, compress, events_body
from logd.parse.columns import NDJSON, Parsed
from logd.record import SCHEMA

CONTENT_TYPES = (TEXT, NDJSON, DOCKER, CRI, SYSLOG, "application/octet-stream")
OBSERVED_US = 1_763_805_600_000_000
#: Between the events of a chunk; none has it in it.
_BETWEEN = b"\x1e"
#: What one byte above 0x7f stands for: whole words are rarely found by changing bytes.
_WORDS = (
    b"2026-11-24T10:00:00", b".123456789", b"Z", b"+02:00", b"Nov 24 10:00:00", b"24/Nov/2026:10:00:00 +0000",
    b"1763805600", b"081109 203615", b" - ", b"] [", b'":"', b'":{"', b"\\u0000", b"\\ud800", b'\\"', b"\r\n",
    b"NaN", b"1e999", b"null", b"time", b"level", b"message", b"metadata", b"trace_id", b"tags", b"log_id", b"log",
    b"ERROR", b"warn", b" INFO ", b"<34>1 ", b"<13>", b" stdout F ", b" stderr P ", b'{"log":"', b'","stream":"stdout"',
    b'","time":"',
    b'"GET / HTTP/1.1" 200 5', b"org.example.Main: ", b"a=1 ", b'b="c" ', b"|", b";", b"\xff", b"\xc3\xa9",
    b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\x00", b"Feb 29 23:59:60", b"0000-00-00T24:00:60", b"[o@1 a=\"b\"]",
)  # fmt: skip
_READ = [bytes([byte]) if byte < 0x80 else _WORDS[(byte - 0x80) % len(_WORDS)] for byte in range(256)]


def written(data: bytes) -> bytes:
    """The lines that the bytes stand for: those of ASCII for themselves, others for words."""
    return b"".join([_READ[byte] for byte in data])


def chunk_of(body: bytes, content_type: str, service: str = "s", events: bool = False) -> tuple[Chunk, int]:
    """The body's lines, or events with anything in them but a record separator; and how many there are."""
    if events:
        texts = body.split(_BETWEEN)
        count, value = len(texts), events_body(range(len(texts)), texts)
    else:
        value = body
        count = body.count(b"\n") + (not body.endswith(b"\n"))
    chunk = Chunk(
        service=service,
        host="h",
        source="/x",
        source_id="0" * 16,
        offset=0,
        lines=count,
        observed_us=OBSERVED_US,
        value=compress(value),
        content_type=content_type,
        positions=Positions.LINE,
        events=events,
        tags=("a",),
        fields={"b": 1},
    )
    return chunk, count


def check(parsed: Parsed, count: int) -> None:
    """There are so many rows, of the schema, each in one share; what is JSON is an object as every reader takes it."""
    table = parsed.table
    assert len(table) == count, (len(table), count)
    assert table.schema == SCHEMA, table.schema
    table.validate(full=True)
    if parsed.shares:
        rows = np.sort(np.concatenate([share.rows for share in parsed.shares]))
        assert (rows == np.arange(count)).all(), parsed.shares
    for name in ("log_id", "timestamp", "ingested_at", "message"):
        assert table[name].null_count == 0, name
    for text in table["metadata"].to_pylist():
        if text is not None:
            assert isinstance(json.loads(text, parse_constant=_none), dict), text


def _none(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
