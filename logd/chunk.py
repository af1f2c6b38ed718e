"""The wire format of the transport: a chunk is a batch of lines of one source.

    headers (all text)                                     value: zstd of the body
    logd-chunk: 1                                          layout "lines":   line \\n line \\n … [line]
    source-id, offset, end, lines, positions, layout       layout "events":  positions  n × int64, little endian
    content-type, content-encoding                                           lengths    n × int32, little endian
    service, host, source, tags, fields                                      text       the n events, end to end
    service-locked, host-locked, observed, remember, digest, replayed

Invariants:
* `source-id` is 16 hex digits and never changes for a source; `log_id` is it, "-", 12 hex digits of the position.
* Positions in a chunk rise. With `positions: byte` a line's position is `offset` + the bytes before it in the body
  (what a file's reader wants); with `positions: line` it is `offset` + its index (what an HTTP body wants). Events
  carry theirs.
* `end` is the position at which the source's next chunk begins. A chunk without it is never sent twice, so nobody
  remembers its source. `remember` says for how many seconds a source must be remembered after its last chunk, and
  `digest`, where there is one, what it must not have been sent with another of.
* `replayed` marks a chunk that may have come before in a way that a transport can't see: of its lines, those are left
  out whose log_id the index has in their day. It has no `end`. See deadletters.py.
* At most MAX_CHUNK_LINES lines and MAX_VALUE_BYTES compressed bytes. Unknown headers are ignored.

A transport record without `logd-chunk` is one line from another producer.
"""

from __future__ import annotations

import re
import struct
import threading
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import Any

import msgspec
import zstandard

from logd.errors import Corrupt

CHUNK_VERSION = "1"
MAX_CHUNK_LINES = 1_000
#: Kafka refuses records over 1 MiB by default; headers and framing need the rest.
MAX_VALUE_BYTES = 900_000
#: A body is closed here: well under MAX_VALUE_BYTES even if it doesn't compress, and 1,000 ordinary lines.
TARGET_BODY_BYTES = 512 * 1024
#: A body never decompresses past this: one line of the largest `ingest.max_line_bytes` and its frame.
MAX_BODY_BYTES = 72 * 1024 * 1024
#: Level 1 costs 25 % more CPU than -1 and makes a third fewer bytes to write, checksum and read again.
ZSTD_LEVEL = 1
POSITION_DIGITS = 12
#: Content types: a line is a text or JSON; or it is a container runtime's record, or several that belong together; or a
#: syslog message.
TEXT = "text/plain"
DOCKER = "application/x-docker-json"
CRI = "application/x-cri"
SYSLOG = "application/x-syslog"
#: The tag of a line that was over `ingest.max_line_bytes`, or too large for a chunk, and lost its end.
CUT_TAG = "cut"
MAX_POSITION = 16**POSITION_DIGITS - 1
#: What an id of a line of ours looks like.
LOG_ID = f"[0-9a-f]{{16}}-[0-9a-f]{{{POSITION_DIGITS}}}"
_LOG_ID = re.compile(LOG_ID)
#: How the ids of other producers' records begin: a partition's number is 32 bits. Of a source of ours one in four
#: billion does, whose lines are taken for theirs.
_PARTITION = "0" * 8
#: The end of the year 9999 and a hundred years: what is more isn't meant, and doesn't fit everywhere.
_MAX_TIME_US = 253_402_300_799_999_999
_MAX_SECONDS = 3_155_760_000
REMEMBER_SECONDS = 7 * 86_400


class _Zstd(threading.local):
    """Contexts that are used again: making one takes as long as 10 kB of lines. They belong to one thread each."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
        self.decompressor = zstandard.ZstdDecompressor()


_zstd = _Zstd()


class Positions(StrEnum):
    """How the positions of a chunk's lines follow from its offset."""

    BYTE = "byte"
    LINE = "line"


class Envelope(msgspec.Struct, frozen=True):
    """What a producer hands to a transport: routing key, text headers, opaque value."""

    key: str
    headers: dict[str, str]
    value: bytes


class Message(msgspec.Struct, frozen=True):
    """What a consumer gets: an envelope with its place in the stream. `timestamp_us` is when the transport took it.
    `damage`, unless empty, says why this is not what was appended; the rest is then what is left of it."""

    partition: int
    position: int
    timestamp_us: int
    key: str
    headers: dict[str, str]
    value: bytes
    damage: str = ""


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk's headers and compressed value; see the module for the meaning of each."""

    service: str
    host: str
    source: str
    source_id: str
    offset: int
    lines: int
    observed_us: int
    value: bytes
    end: int | None = None
    content_type: str = TEXT
    positions: Positions = Positions.BYTE
    events: bool = False
    tags: tuple[str, ...] = ()
    fields: dict[str, Any] = {}
    service_locked: bool = False
    host_locked: bool = False
    remember_seconds: int = REMEMBER_SECONDS
    digest: str = ""
    replayed: bool = False

    def to_envelope(self) -> Envelope:
        """The same chunk as a transport record, keyed by service."""
        headers = {
            "logd-chunk": CHUNK_VERSION,
            "content-type": self.content_type,
            "content-encoding": "zstd",
            "service": self.service,
            "host": self.host,
            "source": self.source,
            "source-id": self.source_id,
            "offset": str(self.offset),
            "lines": str(self.lines),
            "positions": self.positions.value,
            "layout": "events" if self.events else "lines",
            "observed": str(self.observed_us),
        }
        if self.end is not None:
            headers["end"] = str(self.end)
            headers["remember"] = str(self.remember_seconds)
        if self.digest:
            headers["digest"] = self.digest
        if self.tags:
            headers["tags"] = msgspec.json.encode(self.tags).decode()
        if self.fields:
            headers["fields"] = msgspec.json.encode(self.fields).decode()
        if self.service_locked:
            headers["service-locked"] = "1"
        if self.replayed:
            headers["replayed"] = "1"
        if self.host_locked:
            headers["host-locked"] = "1"
        return Envelope(self.service, headers, self.value)


def from_message(message: Message) -> Chunk:
    """The chunk in a transport record. A record of another producer becomes a chunk of one line whose source is its
    partition. Raises Corrupt when the message is damaged, and when `logd-chunk` is there but the headers can't be
    read."""
    if message.damage:
        raise Corrupt(message.damage)
    headers = message.headers
    if headers.get("logd-chunk") is None:
        return _foreign(message)
    if headers["logd-chunk"] != CHUNK_VERSION:
        raise Corrupt(f"chunk version {headers['logd-chunk']!r} at position {message.position} is newer than this logd")
    try:
        return Chunk(
            service=headers.get("service") or "unknown",
            host=headers.get("host", ""),
            source=headers.get("source", ""),
            source_id=_source_id(headers["source-id"]),
            offset=_number(headers["offset"], MAX_POSITION - MAX_BODY_BYTES),
            end=_number(headers["end"], MAX_POSITION) if "end" in headers else None,
            lines=_number(headers["lines"], MAX_POSITION),
            observed_us=_number(headers["observed"], _MAX_TIME_US),
            value=message.value,
            content_type=headers.get("content-type", TEXT),
            positions=Positions(headers.get("positions", "byte")),
            events=headers.get("layout") == "events",
            tags=msgspec.json.decode(headers.get("tags", "[]"), type=tuple[str, ...]),
            fields=msgspec.json.decode(headers.get("fields", "{}"), type=dict[str, Any]),
            service_locked=headers.get("service-locked") == "1",
            host_locked=headers.get("host-locked") == "1",
            digest=headers.get("digest", ""),
            replayed=headers.get("replayed") == "1",
            remember_seconds=_number(headers.get("remember", str(REMEMBER_SECONDS)), _MAX_SECONDS),
        )
    except (KeyError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise Corrupt(f"chunk headers at position {message.position} can't be read: {error!r}") from error


def line_count(headers: Mapping[str, str]) -> int:
    """Lines of a record as its headers say; 1 where they say nothing that can be read, and of another producer, whose
    `lines` may be anything."""
    if "logd-chunk" not in headers:
        return 1
    try:
        return _number(headers.get("lines", "1"), MAX_POSITION)
    except ValueError:
        return 1


def log_id(source_id: str, position: int) -> str:
    """A line's identity: 16 hex digits of its source, "-", 12 hex digits of its position. Sorts in source order."""
    return f"{source_id}-{position:0{POSITION_DIGITS}x}"


def ends_of_source(log_id: str) -> tuple[str, str] | None:
    """Between which log_ids, both included, all lines of its source have theirs: those of the form LOG_ID, as a client
    may have chosen others that sort there. None where positions say nothing: of
    an id that a client chose, and of records of other producers, which have their partition's."""
    if not _LOG_ID.fullmatch(log_id) or log_id.startswith(_PARTITION):
        return None
    source_id = log_id[:16]
    return f"{source_id}-{'0' * POSITION_DIGITS}", f"{source_id}-{'f' * POSITION_DIGITS}"


def compress(body: bytes | memoryview) -> bytes:
    """A body as a chunk's value. Deterministic: the same body gives the same bytes."""
    return _zstd.compressor.compress(body)


def decompress(value: bytes, limit: int = MAX_BODY_BYTES) -> bytes:
    """A chunk's body. Raises Corrupt when it isn't one zstd frame or would be over `limit` bytes."""
    try:
        size = zstandard.frame_content_size(value)
        if size > limit:
            raise Corrupt(f"chunk body of {size} bytes is over {limit}")
        return _zstd.decompressor.decompress(value, max_output_size=limit, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Corrupt(f"chunk value of {len(value)} bytes is no zstd frame: {error}") from error


def events_body(positions: Sequence[int], events: Iterable[bytes]) -> bytes:
    """The body of the layout "events". `positions` rise and there is one for every event."""
    texts = list(events)
    count = len(texts)
    lengths = [len(text) for text in texts]
    return b"".join((struct.pack(f"<{count}q", *positions), struct.pack(f"<{count}i", *lengths), *texts))


def events_of(body: bytes, count: int) -> tuple[list[int], list[bytes]]:
    """The positions and the texts of the `count` events that `events_body` made `body` of."""
    positions = list(struct.unpack_from(f"<{count}q", body))
    ends = accumulate(struct.unpack_from(f"<{count}i", body, 8 * count), initial=12 * count)
    return positions, [body[start:end] for start, end in pairwise(ends)]


def _source_id(text: str) -> str:
    if len(text) != 16 or text.strip("0123456789abcdef"):
        raise ValueError(f"source-id {text!r} is not 16 hex digits")
    return text


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or int(text) > most:
        raise ValueError(f"{text[:40]!r} is not a number up to {most}")
    return int(text)


def _foreign(message: Message) -> Chunk:
    return Chunk(
        service=message.headers.get("service") or message.key or "unknown",
        host=message.headers.get("host", ""),
        source=message.headers.get("source", ""),
        source_id=f"{message.partition:016x}",
        offset=message.position,
        lines=1,
        observed_us=message.timestamp_us,
        value=compress(events_body([message.position], [message.value])),
        events=True,
        content_type=message.headers.get("content-type", TEXT).partition(";")[0].strip().lower(),
    )
