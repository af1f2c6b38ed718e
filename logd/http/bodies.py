"""An ingest body into chunk bodies: decompressed within bounds, cut at line ends, compressed for the transport.

Everything here runs in a worker thread, on one body; nothing of it is per line.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import zstandard

from logd.chunk import MAX_CHUNK_LINES, compress
from logd.errors import BadRequest
from logd.http.elements import split_elements

#: 1,000 ordinary lines: a body cut here mostly needs no second look at its line count.
_TARGET_BYTES = 256 * 1024
_PIECE_BYTES = 1024 * 1024
#: A zstd block of 4 bytes can stand for 128 KiB: this much input makes at most 16 MiB.
_ZSTD_STEP_BYTES = 512
_BLANK_LINES = re.compile(rb"^[ \t\r\n]*\n", re.MULTILINE)
_NEWLINE, _SPACE = ord("\n"), ord(" ")
Ints = np.ndarray[Any, np.dtype[np.int64]]


class Piece(msgspec.Struct, frozen=True):
    """What becomes one chunk: a compressed body of whole lines. `cut`: its only line was longer than the limit."""

    value: bytes
    lines: int
    cut: bool = False


class Body(msgspec.Struct, frozen=True):
    """All pieces of one request, in order, and its size when decompressed."""

    pieces: list[Piece]
    lines: int
    size_bytes: int
    digest: str


def read_body(
    raw: bytes, encoding: str, is_ndjson: bool, max_body_bytes: int, max_line_bytes: int, keyed: bool = False
) -> Body:
    """A body that is `keyed` gets a digest of its lines, so that the key can't stand for another one.

    Raises BadRequest: 400 for what can't be read, 413 for what is over `max_body_bytes` decompressed, 415 for an
    unknown encoding."""
    text = _decompressed(raw, encoding, max_body_bytes)
    lines_text = text if is_ndjson else split_elements(bytearray(text))
    pieces = list(pieces_of(lines_text, max_line_bytes))
    # Of the lines, in whatever form and encoding they came.
    digest = hashlib.blake2b(b"".join(piece.value for piece in pieces), digest_size=8).hexdigest() if keyed else ""
    return Body(pieces, sum(piece.lines for piece in pieces), len(text), digest)


def _decompressed(raw: bytes, encoding: str, limit: int) -> bytes:
    match encoding:
        case "" | "identity":
            return raw
        case "gzip" | "x-gzip":
            parts = _gunzip(raw)
        case "zstd":
            parts = _unzstd(raw)
        case _:
            raise BadRequest(
                "bad_encoding",
                f"content-encoding {encoding!r}: expected gzip, zstd or identity",
                "content-encoding",
                415,
            )
    out = bytearray()
    for part in parts:
        out += part
        if len(out) > limit:
            raise too_large(limit)
    return bytes(out)


def too_large(limit: int) -> BadRequest:
    """The refusal of a body over `ingest.max_body_bytes`."""
    return BadRequest("body_too_large", f"the body is over {limit} bytes (ingest.max_body_bytes)", "body", 413)


def _gunzip(raw: bytes) -> Iterator[bytes]:
    """All members of a gzip stream, in pieces."""
    rest = raw
    while rest:
        stream = zlib.decompressobj(wbits=31)
        while not stream.eof:
            try:
                part = stream.decompress(rest, _PIECE_BYTES)
            except zlib.error as error:
                raise BadRequest("bad_body", f"the gzip stream can't be read: {error}", "body") from error
            rest = stream.unconsumed_tail
            if not part and not rest and not stream.eof:
                raise BadRequest("bad_body", "the gzip stream is truncated", "body")
            yield part
        rest = stream.unused_data
    if not raw:
        raise BadRequest("bad_body", "the gzip stream is empty", "body")


def _unzstd(raw: bytes) -> Iterator[bytes]:
    """All frames of a zstd stream, in pieces: as small in as keeps what comes out of a bomb small."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=2**27)
    stream = decompressor.decompressobj()
    begun = False
    try:
        for start in range(0, len(raw), _ZSTD_STEP_BYTES):
            rest = raw[start : start + _ZSTD_STEP_BYTES]
            while rest:
                if stream.eof:
                    stream = decompressor.decompressobj()
                begun = True
                yield stream.decompress(rest)
                rest = stream.unused_data if stream.eof else b""
    except zstandard.ZstdError as error:
        raise BadRequest("bad_body", f"the zstd stream can't be read: {error}", "body") from error
    if not (begun and stream.eof):
        raise BadRequest("bad_body", "the zstd stream is truncated", "body")


def pieces_of(text: bytes, max_line_bytes: int) -> Iterator[Piece]:
    """A piece below the line limit can't hold a line above it, so only a piece of one long line is looked at."""
    target = min(_TARGET_BYTES, max_line_bytes)
    start = 0
    while start < len(text):
        end = len(text) if len(text) - start <= target else text.rfind(b"\n", start, start + target) + 1
        if end > start:
            yield from _whole_lines(text, start, end)
        else:
            newline = text.find(b"\n", start + target)
            end = len(text) if newline < 0 else newline + 1
            yield from _long_line(text, start, end, max_line_bytes)
        start = end


def _whole_lines(text: bytes, start: int, end: int) -> Iterator[Piece]:
    """Not copied unless there are blank lines to leave out, or no line ending at the end of the body."""
    content = np.frombuffer(text, np.uint8, end - start, start)
    ends = np.flatnonzero(content == _NEWLINE) + 1
    # What follows a line ending decides whether a line may be blank: one byte a line to look at.
    blank = content[0] <= _SPACE or bool((content[ends[:-1]] <= _SPACE).any())
    if blank or content[-1] != _NEWLINE:
        text = text[start:end]
        text = _BLANK_LINES.sub(b"", text if text.endswith(b"\n") else text + b"\n")
        if text:
            yield from _cut(text)
        return
    yield from _cut(memoryview(text)[start:end], ends)


def _cut(text: bytes | memoryview, ends: Ints | None = None) -> Iterator[Piece]:
    """Whole lines into pieces of at most MAX_CHUNK_LINES; `ends` are where they end, if that is known."""
    if ends is None:
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == _NEWLINE) + 1
    if len(ends) <= MAX_CHUNK_LINES:
        yield Piece(compress(text), len(ends))
        return
    edges = [0, *ends[MAX_CHUNK_LINES - 1 :: MAX_CHUNK_LINES].tolist()]
    if edges[-1] != len(text):
        edges.append(len(text))
    for n, (first, last) in enumerate(itertools.pairwise(edges)):
        yield Piece(compress(text[first:last]), min(MAX_CHUNK_LINES, len(ends) - n * MAX_CHUNK_LINES))


def _long_line(text: bytes, start: int, end: int, max_line_bytes: int) -> Iterator[Piece]:
    if end - start - (text[end - 1] == _NEWLINE) <= max_line_bytes:
        yield from _whole_lines(text, start, end)
        return
    line = text[start : start + max_line_bytes].decode("utf-8", "ignore").encode() + b"\n"
    yield Piece(compress(line), 1, cut=True)
