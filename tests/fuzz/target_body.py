"""Any body is taken in, with a record for each of its lines, or is refused; whatever its type and encoding."""

from __future__ import annotations

import gzip

import zstandard

from logd.chunk import Chunk, Positions
from logd.errors import BadRequest
from logd.http.bodies import read_body
from logd.parse.plan import Parser
from logd.parse.window import Limits

SEEDS = (
    b'\x00{"logs": [{"time": "2026-11-22T12:00:00Z", "level": "ERROR", "message": "x", "metadata": {"a": [1]}}]}',
    b'\x01{"@timestamp":1763805600,"msg":"a \\u00e9 \\ud83d\\ude00"}\nat 2026-11-22 10:00:00,123 WARN y\n\n{"a":NaN}\n',
    b"\x02" + gzip.compress(b'{"a":1}\n{"b":2}\n', mtime=0),
    b"\x03" + zstandard.ZstdCompressor().compress(b'{"a":1}\n'),
    b'\x00[{"message":"a,]}\\""},{"message":"b"}]',
)
_ENCODINGS = ("", "", "gzip", "zstd")
_TYPES = ("application/x-ndjson", "text/plain")
_MOST_BYTES = 64 * 1024
_parser = Parser("UTC", Limits(), 256 * 1024 * 1024)


def test_one_input(data: bytes) -> None:
    """The first byte chooses type and encoding. Fails on every exception but a refusal."""
    if not data:
        return
    try:
        body = read_body(data[1:], _ENCODINGS[data[0] & 3], bool(data[0] & 1), _MOST_BYTES, 1_024)
    except BadRequest:
        return
    chunks = [
        Chunk(
            service="s",
            host="h",
            source="http",
            source_id="0" * 16,
            offset=number * 1_000,
            lines=piece.lines,
            observed_us=1_763_805_600_000_000,
            value=piece.value,
            content_type=_TYPES[data[0] >> 2 & 1],
            positions=Positions.LINE,
        )
        for number, piece in enumerate(body.pieces)
    ]
    parsed = _parser.parse(chunks, [0] * len(chunks))
    assert len(parsed.table) == body.lines == sum(piece.lines for piece in body.pieces)
    parsed.table.validate(full=True)
