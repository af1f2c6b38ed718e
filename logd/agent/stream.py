"""Lines that come to the agent once, as from a pipe or a socket, on their way into chunks.

Nothing can be read again here: what isn't delivered when the process is killed is lost with it. So little is held, and
whoever feeds a stream waits while what it held is being delivered: that is the sender's backpressure. A resend to the
target is the same chunk.

    add ── unfinished line ┆ whole lines ── take: chunks of at most 1,000 lines ── deliver ── target

A stream's source-id is drawn when it begins, and a line's position is the number of bytes that came before it.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from logd import chunk
from logd.agent import lines
from logd.agent.batches import Batch, Cargo, Event, Labels, cut_line, pack
from logd.chunk import Chunk
from logd.flow.clock import now_us

#: One read of a pipe or a socket.
READ_BYTES = 64 * 1024
#: RFC 6587: a message's length in bytes, and a space.
_LENGTH = re.compile(rb"([1-9]\d{0,8}) ")
_LONGEST_LENGTH = 10
#: A setting that a reload may change while it is in use.
Seconds = Callable[[], float]
#: Gives how many of the chunks, from the first, are durable; fewer than all only when it should stop.
Deliver = Callable[[Sequence[Chunk]], Awaitable[int]]
#: Gives the next bytes, nothing at the end; when it is cancelled they aren't lost.
Read = Callable[[], Awaitable[bytes]]


class Stream(Protocol):
    """What one sender sends. No I/O."""

    @property
    def held_bytes(self) -> int:
        """Of what no chunk has yet."""
        ...

    def add(self, data: bytes) -> None:
        """What comes next, cut anywhere."""
        ...

    def take(self, close: bool) -> list[Chunk]:
        """What is whole; with `close` also what isn't finished."""
        ...


class _Source:
    """Makes chunks, and knows how far it got. `labels` are asked for every batch: a reload changes them."""

    def __init__(self, labels: Callable[[], Labels]) -> None:
        self.position = 0
        self._labels = labels
        self._source_id = secrets.token_hex(8)

    def batch(self, start: int, end: int, count: int, events: tuple[Event, ...] = ()) -> Batch:
        return Batch(
            source_id=self._source_id,
            start=start,
            end=end,
            lines=count,
            observed_us=now_us(),
            labels=self._labels(),
            events=events,
        )


class LineStream:
    """A Stream of lines, each ended by a newline."""

    def __init__(self, labels: Callable[[], Labels], max_line_bytes: int) -> None:
        self._source = _Source(labels)
        self._max_line_bytes = max_line_bytes
        self._held = b""
        self._skipping = False  # the rest of a line that was cut

    @property
    def held_bytes(self) -> int:
        return len(self._held)

    def add(self, data: bytes) -> None:
        if self._skipping:
            end = data.find(b"\n") + 1
            self._source.position += end or len(data)
            self._skipping = not end
            data = data[end:] if end else b""
        self._held += data

    def take(self, close: bool) -> list[Chunk]:
        """A line over the limit is cut without waiting for its end."""
        end = len(self._held) if close else self._held.rfind(b"\n") + 1
        if not close and len(self._held) - end > self._max_line_bytes:
            end, self._skipping = len(self._held), True
        if not end:
            return []
        body, self._held = self._held[:end], self._held[end:]
        made = [self._cargo(body, piece) for piece in lines.cut(body, self._max_line_bytes, close=True)]
        self._source.position += end
        return [item.chunk() for item in made]

    def _cargo(self, body: bytes, piece: lines.Piece) -> Cargo:
        start = self._source.position
        batch = self._source.batch(start + piece.start, start + piece.end, piece.lines)
        if piece.kept is None:
            value = chunk.compress(body[piece.start : piece.end])
            if len(value) <= chunk.MAX_VALUE_BYTES:
                return Cargo(batch, value)
        return cut_line(batch, body[piece.start : piece.end if piece.kept is None else piece.start + piece.kept])


class MessageStream:
    """A Stream of messages that say their length, or that come by `put`; they may have newlines."""

    def __init__(self, labels: Callable[[], Labels], max_message_bytes: int) -> None:
        self._source = _Source(labels)
        self._max_bytes = max_message_bytes
        self._rest = b""
        self._skip_bytes = 0  # the rest of a message that was cut
        self._texts: list[bytes] = []
        self._texts_bytes = 0

    @property
    def held_bytes(self) -> int:
        return len(self._rest) + self._texts_bytes

    def put(self, text: bytes) -> None:
        """A message."""
        self._texts.append(text)
        self._texts_bytes += len(text)

    def add(self, data: bytes) -> None:
        """Where no length is, the sender has lost count: then up to the next newline is a message."""
        skipped = min(self._skip_bytes, len(data))
        self._skip_bytes -= skipped
        data = self._rest + data[skipped:]
        at = 0
        while at < len(data):
            length = _LENGTH.match(data, at)
            if length is None:
                rest = data[at : at + _LONGEST_LENGTH]
                if rest.isdigit() and len(rest) < _LONGEST_LENGTH:
                    break
                end = data.find(b"\n", at)
                if end < 0 and len(data) - at <= self._max_bytes:
                    break
                end = len(data) if end < 0 else end
                if data[at:end].strip(b"\r"):  # nothing is what some senders put behind a message that said its length
                    self.put(data[at:end])
                at = end + 1
                continue
            start, size = length.end(), int(length[1])
            kept = min(size, self._max_bytes + 1)  # one more, which tells that it was cut
            if len(data) < start + kept:
                break
            self.put(data[start : start + kept])
            at = start + size
        self._rest = data[at:]
        self._skip_bytes += max(0, at - len(data))

    def take(self, close: bool) -> list[Chunk]:
        """With `close`, an unfinished message as far as it came."""
        if close and self._rest:
            length = _LENGTH.match(self._rest)
            self.put(self._rest[length.end() if length else 0 :])
            self._rest = b""
        texts, self._texts, self._texts_bytes = self._texts, [], 0
        made: list[Cargo] = []
        first = 0
        while first < len(texts):
            end = self._end_of_batch(texts, first)
            made += self._cargo(texts[first:end])
            first = end
        return [item.chunk() for item in made]

    def _end_of_batch(self, texts: list[bytes], first: int) -> int:
        size = 0
        for end in range(first, min(first + chunk.MAX_CHUNK_LINES, len(texts))):
            long = len(texts[end]) > self._max_bytes
            size += len(texts[end])
            if end > first and (long or size > chunk.TARGET_BODY_BYTES):
                return end
            if long:
                return end + 1
        return min(first + chunk.MAX_CHUNK_LINES, len(texts))

    def _cargo(self, texts: list[bytes]) -> list[Cargo]:
        start = at = self._source.position
        events = []
        for text in texts:
            events.append(Event(at, len(text)))
            at += len(text) + 1
        batch = self._source.batch(start, at, len(texts), tuple(events))
        if len(texts) == 1 and len(texts[0]) > self._max_bytes:
            self._source.position = at
            return [cut_line(batch, texts[0][: self._max_bytes])]
        value = pack(batch.events, texts)
        if len(value) > chunk.MAX_VALUE_BYTES:
            if len(texts) > 1:
                middle = len(texts) // 2
                return self._cargo(texts[:middle]) + self._cargo(texts[middle:])
            self._source.position = at
            return [cut_line(batch, texts[0])]
        self._source.position = at
        return [Cargo(batch, value)]


async def pump(read: Read, stream: Stream, deliver: Deliver, batch_seconds: Seconds, held_bytes: int) -> int:
    """What comes until the end, delivered when `held_bytes` are held or the oldest has waited; gives the lines that
    could not be delivered, since the process should stop while the target is away. `batch_seconds` is asked each time
    that something comes."""
    clock = asyncio.get_running_loop().time
    lost = 0
    since: float | None = None  # the oldest
    while True:
        data: bytes | None = None
        try:
            async with asyncio.timeout(None if since is None else max(0.0, since + batch_seconds() - clock())):
                data = await read()
        except TimeoutError:
            pass
        if data:
            stream.add(data)
            since = clock() if since is None else since
        due = since is not None and clock() >= since + batch_seconds()
        if data == b"" or stream.held_bytes >= held_bytes or due:
            chunks, since = stream.take(close=data == b""), None
            if chunks:
                done = await deliver(chunks)
                lost += sum(item.lines for item in chunks[done:])
            if data == b"":
                return lost
