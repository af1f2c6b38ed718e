"""A batch: which bytes of a file become one chunk, and everything else that makes a resend the same chunk.

A batch is what the agent's state remembers from before the first send until the acknowledgement. From it and the
file's bytes the chunk is built again after a crash: the same bytes, ids, times and labels, whatever the configuration
says by then.
"""

from __future__ import annotations

import os
from typing import Any

import msgspec

from logd import chunk
from logd.chunk import Chunk

#: The tag of a line that was over `ingest.max_line_bytes`, or too large for a chunk, and lost its end.
CUT_TAG = "cut"


class Labels(msgspec.Struct, frozen=True):
    """What a chunk says about its lines beside their place in the file."""

    service: str
    host: str
    source: str
    tags: tuple[str, ...] = ()
    fields: dict[str, Any] = {}


class Event(msgspec.Struct, frozen=True, array_like=True):
    """An event that isn't simply a line of the file: `length` bytes from `position` on."""

    position: int
    length: int


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes `start` to `end` of a source. With `events` only those are sent; without, all bytes as `lines` lines."""

    source_id: str
    start: int
    end: int
    lines: int
    observed_us: int
    labels: Labels
    events: tuple[Event, ...] = ()

    @property
    def dropped_bytes(self) -> int:
        """Bytes that no event has: what was cut off, its newline included."""
        return self.end - self.start - sum(event.length for event in self.events) if self.events else 0


class Cargo(msgspec.Struct, frozen=True):
    """A batch and the compressed body made from it."""

    batch: Batch
    value: bytes

    def chunk(self) -> Chunk:
        """As it goes on the wire."""
        batch, labels = self.batch, self.batch.labels
        return Chunk(
            service=labels.service,
            host=labels.host,
            source=labels.source,
            source_id=batch.source_id,
            offset=batch.start,
            end=batch.end,
            lines=batch.lines,
            observed_us=batch.observed_us,
            value=self.value,
            events=bool(batch.events),
            tags=labels.tags,
            fields=labels.fields,
        )


def load(batch: Batch, fd: int) -> Cargo:
    """The batch with its bytes read from the file once more. Raises EOFError when the file has them no longer."""
    if batch.events:
        texts = [read_exactly(fd, event.length, event.position) for event in batch.events]
        return Cargo(batch, pack(batch.events, texts))
    return Cargo(batch, chunk.compress(read_exactly(fd, batch.end - batch.start, batch.start)))


def cut_line(batch: Batch, text: bytes) -> Cargo:
    """A batch of one line of which only `text`, its beginning, is kept, or less when that doesn't fit in a chunk."""
    while True:
        events = (Event(batch.start, len(text)),)
        value = pack(events, [text])
        if len(value) <= chunk.MAX_VALUE_BYTES:
            labels = msgspec.structs.replace(batch.labels, tags=(*batch.labels.tags, CUT_TAG))
            return Cargo(msgspec.structs.replace(batch, events=events, labels=labels), value)
        # The next try fits if this part of the line compresses like the whole; a 20th less in case it doesn't.
        text = text[: len(text) * chunk.MAX_VALUE_BYTES // len(value) * 19 // 20]


def pack(events: tuple[Event, ...], texts: list[bytes]) -> bytes:
    """The value of a chunk with the layout "events"."""
    return chunk.compress(chunk.events_body([event.position for event in events], texts))


def read_exactly(fd: int, length: int, position: int) -> bytes:
    """`length` bytes from `position`. Raises EOFError when the file ends before them."""
    data = os.pread(fd, length, position)
    while len(data) < length:
        more = os.pread(fd, length - len(data), position + len(data))
        if not more:
            raise EOFError(f"{length} bytes expected at {position}, the file ends after {len(data)}")
        data += more
    return data
