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
from logd.agent.encodings import BY_NAME, UTF_8, Encoding
from logd.chunk import CUT_TAG, Chunk


class Labels(msgspec.Struct, frozen=True):
    """What a chunk says about its lines beside their place in the file. `encoding` is that of the file, the chunk's is
    always UTF-8."""

    service: str
    host: str
    source: str
    tags: tuple[str, ...] = ()
    fields: dict[str, Any] = {}
    content_type: str = chunk.TEXT
    encoding: str = "utf-8"


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event that isn't simply a line of the file: `length` bytes from `position` on, and after them those of `more`,
    which are (position, length) each and were written between others' lines."""

    position: int
    length: int
    more: tuple[tuple[int, int], ...] = ()

    @property
    def end(self) -> int:
        """Behind its last byte."""
        position, length = self.more[-1] if self.more else (self.position, self.length)
        return position + length


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes `start` to `end` of a source. With `events` only those are sent; without, all bytes as `lines` lines."""

    source_id: str
    start: int
    end: int
    lines: int
    observed_us: int
    labels: Labels
    events: tuple[Event, ...] = ()


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
            content_type=labels.content_type,
            events=bool(batch.events) or labels.encoding != UTF_8.name,
            tags=labels.tags,
            fields=labels.fields,
        )


def load(batch: Batch, fd: int) -> Cargo:
    """The batch with its bytes read from the file once more. Raises EOFError when the file has them no longer."""
    # What was cut off, or left out before the first event, can be much.
    start = batch.events[0].position if batch.events else batch.start
    end = max(event.end for event in batch.events) if batch.events else batch.end
    return fill(batch, read_exactly(fd, end - start, start), start)


def fill(batch: Batch, data: bytes, position: int) -> Cargo:
    """The batch with its bytes out of `data`, which are those of the file from `position` on."""
    encoding = BY_NAME[batch.labels.encoding]
    if not batch.events and encoding is UTF_8:
        return Cargo(batch, chunk.compress(data[batch.start - position : batch.end - position]))
    if not batch.events:
        lines = data[batch.start - position : batch.end - position]
        positions = [batch.start + start for start in encoding.starts(lines)[:-1]]
        return Cargo(batch, chunk.compress(chunk.events_body(positions, encoding.texts(lines, batch.start))))
    return Cargo(batch, pack(batch.events, [_bytes(event, data, position) for event in batch.events], encoding))


def _bytes(event: Event, data: bytes, position: int) -> bytes:
    at = event.position - position
    first = data[at : at + event.length]
    if not event.more:
        return first
    return b"".join((first, *(data[at - position : at - position + length] for at, length in event.more)))


def cut_line(batch: Batch, text: bytes, position: int | None = None) -> Cargo:
    """A batch of one line of which only `text`, its beginning, is kept, or less when that doesn't fit in a chunk. The
    line is at `position`, or where the batch starts."""
    encoding = BY_NAME[batch.labels.encoding]
    position = batch.start if position is None else position
    while True:
        events = (Event(position, len(text)),)
        value = pack(events, [text], encoding)
        if len(value) <= chunk.MAX_VALUE_BYTES:
            labels = msgspec.structs.replace(batch.labels, tags=(*batch.labels.tags, CUT_TAG))
            return Cargo(msgspec.structs.replace(batch, events=events, labels=labels), value)
        # The next try fits if this part of the line compresses like the whole; a 20th less in case it doesn't.
        kept = len(text) * chunk.MAX_VALUE_BYTES // len(value) * 19 // 20
        text = text[: kept - kept % encoding.unit]


def pack(events: tuple[Event, ...], texts: list[bytes], encoding: Encoding = UTF_8) -> bytes:
    """The value of a chunk with the layout "events", whose texts are of `encoding`."""
    positions = [event.position for event in events]
    if encoding is not UTF_8:
        texts = [b"\n".join(encoding.texts(text, at)) for text, at in zip(texts, positions, strict=True)]
    return chunk.compress(chunk.events_body(positions, texts))


def halves_of_events(whole: Chunk) -> list[Chunk]:
    """A chunk of at least two events as two, each with half of them."""
    body = chunk.decompress(whole.value)
    positions, texts = chunk.events_of(body, whole.lines)
    middle = whole.lines // 2
    first, second = [
        chunk.compress(chunk.events_body(positions[part], texts[part]))
        for part in (slice(None, middle), slice(middle, None))
    ]
    return [
        msgspec.structs.replace(whole, end=positions[middle], lines=middle, value=first),
        msgspec.structs.replace(whole, offset=positions[middle], lines=whole.lines - middle, value=second),
    ]


def read_exactly(fd: int, length: int, position: int) -> bytes:
    """`length` bytes from `position`. Raises EOFError when the file ends before them."""
    data = os.pread(fd, length, position)
    while len(data) < length:
        more = os.pread(fd, length - len(data), position + len(data))
        if not more:
            raise EOFError(f"{length} bytes expected at {position}, the file ends after {len(data)}")
        data += more
    return data
