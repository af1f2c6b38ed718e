"""Sending batches until they are durable at their target."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from typing import Protocol

import msgspec

from logd import chunk
from logd.agent import lines
from logd.agent.clock import Clock
from logd.agent.follow import HELD_BYTES, ROUND_BYTES
from logd.chunk import Chunk, Positions
from logd.errors import Conflict, Unavailable
from logd.flow.stage import Stage
from logd.seams import RAW_LOGS, Transport

logger = logging.getLogger("logd.agent")

#: What one send takes, so that no target has to take in thousands of quiet files' chunks at once.
SEND_CHUNKS = 256
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30.0


class Shipper(Protocol):
    """Where the agent's chunks go."""

    async def send(self, chunks: Sequence[Chunk]) -> None:
        """Returns once all chunks are durable; leaves out what their sources have sent before.

        Raises Unavailable when they can't be taken now, and Conflict when one begins before, and ends after, what its
        source has sent; either way none may have been taken, or all. Chunks of a source come in its order."""
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


class Delivery:
    """Sends chunks for as long as it takes. While it does, the agent reads nothing: that is its backpressure."""

    def __init__(self, shipper: Shipper, clock: Clock) -> None:
        self.sent = Sent()
        #: Why the last attempt failed, until one succeeds.
        self.error: str | None = None
        #: The round that is being sent, in bytes of its files: what was read, and what all files had held before.
        self.stage = Stage("agent.round", ROUND_BYTES + HELD_BYTES, "bytes")
        self._shipper = shipper
        self._clock = clock

    async def deliver(self, chunks: Sequence[Chunk], stop: asyncio.Event) -> int:
        """How many of `chunks`, from the first, are done: all of them, unless the target is away while `stop` is set.

        A chunk that contradicts what its source has sent is sent by halves. That happens when the agent's state was
        restored from a copy and cuts batches where it didn't before; what has been sent is then left out, and the rest
        arrives. A single line that contradicts is another line than the one that was sent from that place: it is
        logged, counted and given up, because sending it again won't help."""
        self.stage.add(_text_bytes(chunks))
        for start in range(0, len(chunks), SEND_CHUNKS):
            part = chunks[start : start + SEND_CHUNKS]
            if not await self._send(part, stop):
                return start
            self.stage.add(-_text_bytes(part))
        return len(chunks)

    async def _send(self, chunks: Sequence[Chunk], stop: asyncio.Event) -> bool:
        delay = _FIRST_DELAY_SECONDS
        while True:
            last = stop.is_set()
            try:
                await self._shipper.send(chunks)
            except Unavailable as error:
                self._fail(str(error))
                if last:
                    return False
                # Not all agents of a target that comes back at the same moment.
                wait = max(error.retry_after_seconds, delay * random.uniform(0.5, 1.0))
                await self._clock.wait(wait, stop)
                delay = min(delay * 2, _LONGEST_DELAY_SECONDS)
            except Conflict as error:
                return await self._send_parts(chunks, str(error), stop)
            else:
                self._succeed(chunks)
                return True

    async def _send_parts(self, chunks: Sequence[Chunk], error: str, stop: asyncio.Event) -> bool:
        """What to do about a conflict in `chunks`: find the chunk, and in it the lines."""
        parts: Sequence[Chunk] = chunks if len(chunks) > 1 else halves(chunks[0])
        if not parts:
            given_up = chunks[0]
            self.sent.conflict_lines += given_up.lines
            logger.error(
                "%s: %d line(s) at byte %d contradict what was sent before and are given up: %s",
                given_up.source, given_up.lines, given_up.offset, error,
            )  # fmt: skip
            return True
        for part in parts:
            if not await self._send([part], stop):
                return False
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


def halves(whole: Chunk) -> list[Chunk]:
    """The chunk as two, each with half of its lines; none if it has a single line, or events."""
    if whole.lines < 2 or whole.events or whole.positions is not Positions.BYTE:
        return []
    body = chunk.decompress(whole.value)
    first_lines = whole.lines // 2
    middle = lines.after(body, 0, len(body), first_lines)
    first, second = chunk.compress(body[:middle]), chunk.compress(body[middle:])
    position = whole.offset + middle
    return [
        msgspec.structs.replace(whole, end=position, lines=first_lines, value=first),
        msgspec.structs.replace(whole, offset=position, lines=whole.lines - first_lines, value=second),
    ]
