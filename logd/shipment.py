"""A shipment: many chunks in one HTTP body, as a remote agent sends them.

    "LGDS"  version  chunks  checksum                                       4s u8 u32 u32
    for each chunk:  bytes of its headers, bytes of its value               u32 u32
                     headers: a JSON object of texts; value: one zstd frame

Numbers are little endian. Invariants:
* Headers and value are those that the chunk has on the transport (see chunk.py), so a resend is the same bytes.
* Every chunk says its `end`: without it nobody could tell a resend. One that is `replayed` leaves it behind: its source
  has long sent what comes after.
* `checksum` is the CRC-32 of everything behind it, and nothing is behind the last chunk: a body that was cut or changed
  on its way is refused as a whole, and is never taken for other lines.

Encoding and decoding do no I/O. A body is decoded whole or refused: `bad_shipment` for the frame, `bad_chunk` for what
one chunk says, with its place.
"""

from __future__ import annotations

import functools
import struct
import zlib
from collections.abc import Sequence

import msgspec
import zstandard

from logd.chunk import (
    CHUNK_VERSION,
    MAX_BODY_BYTES,
    MAX_CHUNK_LINES,
    MAX_VALUE_BYTES,
    Chunk,
    Envelope,
    Message,
    Positions,
    from_message,
)
from logd.errors import BadRequest, Corrupt

PATH = "/api/v1/chunks"
CONTENT_TYPE = "application/vnd.logd.shipment"
#: Error codes: agents tell by them what to do, so they never change.
BAD_SHIPMENT, BAD_CHUNK, SOURCE_CONFLICT = "bad_shipment", "bad_chunk", "source_conflict"

VERSION = 1
#: Four times what an agent sends: their positions are looked up in one transaction, which others wait for.
MAX_CHUNKS = 1_024
#: Beside a value they fit into Kafka's 1 MiB.
MAX_HEADERS_BYTES = 128 * 1024
_MAGIC = b"LGDS"
_HEAD = struct.Struct("<4sBII")
_SIZES = struct.Struct("<II")
_HEADERS = msgspec.json.Decoder(dict[str, str])
#: A zstd block of this type is one byte, repeated.
_RUN_LENGTH = 1


class Shipment(msgspec.Struct, frozen=True):
    """What a body holds: the chunks as transport records, and how many lines and compressed bytes they have."""

    envelopes: list[Envelope]
    lines: int
    value_bytes: int


def encode(chunks: Sequence[Chunk]) -> bytes:
    """The body for these chunks, each with its `end`; at most MAX_CHUNKS."""
    parts: list[bytes] = []
    for chunk in chunks:
        envelope = chunk.to_envelope()
        headers = msgspec.json.encode(envelope.headers)
        parts += (_SIZES.pack(len(headers), len(envelope.value)), headers, envelope.value)
    checksum = functools.reduce(lambda crc, part: zlib.crc32(part, crc), parts, 0)
    return b"".join((_HEAD.pack(_MAGIC, VERSION, len(chunks), checksum), *parts))


def decode(body: bytes) -> Shipment:
    """The chunks in a body, every one of them checked. Raises BadRequest."""
    count = _checked_head(body)
    envelopes: list[Envelope] = []
    lines = total_bytes = 0
    at = _HEAD.size
    for place in range(count):
        try:
            headers_bytes, value_bytes = _SIZES.unpack_from(body, at)
        except struct.error:
            raise _bad_frame(f"ends within chunk {place} of {count}") from None
        at += _SIZES.size
        middle, end = at + headers_bytes, at + headers_bytes + value_bytes
        if end > len(body):
            raise _bad_frame(f"ends within chunk {place} of {count}")
        try:
            chunk, headers = _chunk(place, body[at:middle], body[middle:end])
        except (Corrupt, ValueError, zstandard.ZstdError) as error:
            raise BadRequest(BAD_CHUNK, f"chunk {place} of {count}: {error}", f"chunks[{place}]") from error
        envelopes.append(Envelope(chunk.service, headers, chunk.value))
        lines += chunk.lines
        total_bytes += value_bytes
        at = end
    if at != len(body):
        raise _bad_frame(f"has {len(body) - at} bytes behind its {count} chunks")
    return Shipment(envelopes, lines, total_bytes)


def _checked_head(body: bytes) -> int:
    """How many chunks follow."""
    try:
        magic, version, count, checksum = _HEAD.unpack_from(body)
    except struct.error:
        raise _bad_frame(f"has {len(body)} bytes, its head alone {_HEAD.size}") from None
    if magic != _MAGIC:
        raise _bad_frame(f"begins with {magic!r}, not {_MAGIC!r}")
    if version != VERSION:
        raise _bad_frame(f"has version {version}, this logd knows {VERSION}")
    if zlib.crc32(memoryview(body)[_HEAD.size :]) != checksum:
        raise _bad_frame("was changed or cut on its way: its checksum differs")
    if count > MAX_CHUNKS:
        raise _bad_frame(f"has {count} chunks, at most {MAX_CHUNKS}")
    return int(count)


def _chunk(place: int, encoded: bytes, value: bytes) -> tuple[Chunk, dict[str, str]]:
    """Raises Corrupt, ValueError or ZstdError with what is wrong, BadRequest for a version that isn't known."""
    if len(encoded) > MAX_HEADERS_BYTES:
        raise ValueError(f"headers of {len(encoded)} bytes, at most {MAX_HEADERS_BYTES}")
    headers = _HEADERS.decode(encoded)
    if "logd-chunk" not in headers:
        raise ValueError("no header logd-chunk")
    if headers["logd-chunk"] != CHUNK_VERSION:
        # Nothing is wrong with the chunk: an agent has to wait for a newer logd here.
        raise _bad_frame(f"has chunks of version {headers['logd-chunk']!r}, this logd knows {CHUNK_VERSION!r}")
    chunk = from_message(Message(0, place, 0, "", headers, value))
    if chunk.end is None or chunk.end <= chunk.offset:
        raise ValueError(f"end is {headers.get('end')}, expected more than the offset, {chunk.offset}")
    if not 0 < chunk.lines <= MAX_CHUNK_LINES:
        raise ValueError(f"{chunk.lines} lines, expected 1 to {MAX_CHUNK_LINES}")
    size = _text_bytes(value)
    span = size if chunk.positions is Positions.BYTE else chunk.lines
    if not chunk.events and chunk.end - chunk.offset != span:
        raise ValueError(f"positions {chunk.offset} to {chunk.end} for {span} of them")
    if chunk.replayed:
        headers = {name: text for name, text in headers.items() if name not in ("end", "remember", "digest")}
    return chunk, headers


def _text_bytes(value: bytes) -> int:
    """How much is in the value's zstd frame. Raises ValueError or ZstdError unless it is exactly one, of a size that it
    says and that is allowed. It isn't decompressed for that: its blocks say their lengths."""
    if len(value) > MAX_VALUE_BYTES:
        raise ValueError(f"a value of {len(value)} bytes, at most {MAX_VALUE_BYTES}")
    frame = zstandard.get_frame_parameters(value)
    if not 0 <= frame.content_size <= MAX_BODY_BYTES:
        raise ValueError(f"a value that says to hold {frame.content_size} bytes, expected 0 to {MAX_BODY_BYTES}")
    at = zstandard.frame_header_size(value)
    last = 0
    while not last:
        if at + 3 > len(value):
            raise ValueError(f"a zstd frame that is cut after {len(value)} bytes")
        block = int.from_bytes(value[at : at + 3], "little")
        last, kind, size = block & 1, block >> 1 & 3, block >> 3
        at += 3 + (1 if kind == _RUN_LENGTH else size)
    at += 4 if frame.has_checksum else 0
    if at != len(value):
        raise ValueError(f"a zstd frame of {at} bytes in a value of {len(value)}")
    return int(frame.content_size)


def _bad_frame(what: str) -> BadRequest:
    return BadRequest(BAD_SHIPMENT, f"the body {what}", "body")
