"""Sending batches until they are durable at their target."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from logd import chunk
from logd.agent import lines
from logd.agent.batches import halves_of_events
from logd.agent.clock import Clock
from logd.agent.follow import HELD_BYTES, ROUND_BYTES
from logd.chunk import Chunk, Positions
from logd.errors import BadRequest, Conflict, Unavailable
from logd.flow.stage import Stage
from logd.seams import RAW_LOGS, Transport

logger = logging.getLogger("logd.agent")

#: What one send takes, so that no target has to take in thousands of quiet files' chunks at once.
SEND_CHUNKS = 256
#: Of compressed bytes: two rounds' worth, and an eighth of the default `ingest.max_body_bytes` of a server.
SEND_BYTES = 8 * 1024 * 1024
#: The status of a BadRequest that less of the same wouldn't get.
TOO_LARGE = 413
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30.0


class Shipper(Protocol):
    """Where the agent's chunks go."""

    async def send(self, chunks: Sequence[Chunk]) -> None:
        """Returns once all chunks are durable; leaves out what their sources have sent before.

        Raises Unavailable when they can't be taken now, and Conflict when one begins before, and ends after, what its
        source has sent; either way none may have been taken, or all. Raises BadRequest, and has taken none, when it
        will never take them so: with status 413 they are too much at once, else one of them is wrong. Chunks of a
        source come in its order."""
        ...


class TransportShipper:
    """Ships straight to a transport in the same process."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def send(self, chunks: Sequence[Chunk]) -> None:
        """See Shipper."""
        await self._transport.append(RAW_LOGS, [item.to_envelope() for item in chunks])


class Sent(msgspec.Struct):
    """What became of chunks since the start; only ever counts up."""

    chunks: int = 0
    lines: int = 0
    bytes: int = 0
    retries: int = 0
    conflict_lines: int = 0
    refused_lines: int = 0


class Delivery:
    """Sends chunks for as long as it takes. While it does, the agent reads nothing: that is its backpressure."""

    def __init__(self, shipper: Shipper, clock: Clock, keep_refused: Callable[[Chunk], None]) -> None:
        """`keep_refused` stores a chunk that will never be taken, or raises Unavailable; it is called in a thread."""
        self.sent = Sent()
        #: Why the last attempt failed, until one succeeds.
        self.error: str | None = None
        #: The round that is being sent, in bytes of its files: what was read, and what all files had held before.
        self.stage = Stage("agent.round", ROUND_BYTES + HELD_BYTES, "bytes")
        self._shipper = shipper
        self._clock = clock
        self._keep_refused = keep_refused

    async def deliver(self, chunks: Sequence[Chunk], stop: asyncio.Event) -> int:
        """How many of `chunks`, from the first, are done: all of them, unless the target is away while `stop` is set.

        What can't be sent as it is, is sent by halves, so that one chunk that is wrong harms no other.

        * A chunk that contradicts what its source has sent: that happens when the agent's state was restored from a
          copy and cuts batches where it didn't before; what has been sent is then left out, and the rest arrives. A
          single line that contradicts is another line than the one that was sent from that place: it is logged,
          counted and given up, because sending it again won't help.
        * A chunk that the target refuses for good, or a single line that is too much for it: it is logged, counted and
          kept on this host."""
        self.stage.add(_text_bytes(chunks))
        done = 0
        for group in _groups(chunks):
            if not await self._send(group, stop):
                break
            self.stage.add(-_text_bytes(group))
            done += len(group)
        return done

    async def _send(self, chunks: Sequence[Chunk], stop: asyncio.Event) -> bool:
        try:
            if not await self._until_taken(lambda: self._shipper.send(chunks), stop):
                return False
        except (Conflict, BadRequest) as error:
            return await self._send_parts(chunks, error, stop)
        self._succeed(chunks)
        return True

    async def _until_taken(self, attempt: Callable[[], Awaitable[None]], stop: asyncio.Event) -> bool:
        """Attempts until it isn't Unavailable; False when it still is while `stop` is set."""
        delay = _FIRST_DELAY_SECONDS
        while True:
            last = stop.is_set()
            try:
                await attempt()
                return True
            except Unavailable as error:
                self._fail(str(error))
                if last:
                    return False
                # Not all agents of a target that comes back at the same moment, and none before it asked for it.
                wait = max(error.retry_after_seconds * random.uniform(1.0, 1.5), delay * random.uniform(0.5, 1.0))
                await self._clock.wait(wait, stop)
                delay = min(delay * 2, _LONGEST_DELAY_SECONDS)

    async def _send_parts(self, chunks: Sequence[Chunk], error: Conflict | BadRequest, stop: asyncio.Event) -> bool:
        """What to do about chunks that can't be taken together: find the chunk, and in it the lines."""
        if len(chunks) > 1:
            middle = len(chunks) // 2
            parts = [chunks[:middle], chunks[middle:]]
        else:
            # Of a chunk that is wrong, no part would be right.
            wrong = isinstance(error, BadRequest) and error.status != TOO_LARGE
            parts = [] if wrong else [[half] for half in halves(chunks[0])]
        for part in parts:
            if not await self._send(part, stop):
                return False
        return bool(parts) or await self._give_up(chunks[0], error, stop)

    async def _give_up(self, item: Chunk, error: Conflict | BadRequest, stop: asyncio.Event) -> bool:
        what = f"{item.source}: {item.lines} line(s) at byte {item.offset}"
        if isinstance(error, Conflict):
            self.sent.conflict_lines += item.lines
            logger.error("%s contradict what was sent before and are given up: %s", what, error)
            return True
        if not await self._until_taken(lambda: asyncio.to_thread(self._keep_refused, item), stop):
            return False
        self.sent.refused_lines += item.lines
        logger.error("%s are refused, and kept on this host: %s", what, error)
        return True

    def _succeed(self, chunks: Sequence[Chunk]) -> None:
        if self.error is not None:
            logger.info("the target takes chunks again")
            self.error = None
            self.stage.room()
        self.sent.chunks += len(chunks)
        self.sent.lines += sum(item.lines for item in chunks)
        self.sent.bytes += sum(len(item.value) for item in chunks)

    def _fail(self, error: str) -> None:
        self.stage.block()
        self.sent.retries += 1
        if self.error is None:
            logger.warning("the target takes no chunks, will try again: %s", error)
        self.error = error


def _text_bytes(chunks: Sequence[Chunk]) -> int:
    return sum(item.end - item.offset for item in chunks if item.end is not None)


def _groups(chunks: Sequence[Chunk]) -> Iterator[Sequence[Chunk]]:
    """The chunks in order, as many at a time as one send takes; a chunk alone may have more bytes."""
    start = size = 0
    for place, item in enumerate(chunks):
        if place > start and (place - start == SEND_CHUNKS or size + len(item.value) > SEND_BYTES):
            yield chunks[start:place]
            start, size = place, 0
        size += len(item.value)
    if start < len(chunks):
        yield chunks[start:]


def halves(whole: Chunk) -> list[Chunk]:
    """The chunk as two, each with half of its lines; none if it has a single line, or numbers its lines."""
    if whole.lines < 2 or whole.positions is not Positions.BYTE:
        return []
    if whole.events:
        return halves_of_events(whole)
    body = chunk.decompress(whole.value)
    first_lines = whole.lines // 2
    middle = lines.after(body, 0, len(body), first_lines)
    first, second = chunk.compress(body[:middle]), chunk.compress(body[middle:])
    position = whole.offset + middle
    return [
        msgspec.structs.replace(whole, end=position, lines=first_lines, value=first),
        msgspec.structs.replace(whole, offset=position, lines=whole.lines - first_lines, value=second),
    ]
