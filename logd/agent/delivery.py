"""Where a chunk goes: to the target, or while that takes none, into the spool and from there, in order, to the target.

                    ┌─ nothing waits ─> target ─ Unavailable ─┐
    deliver (round) ┤                                         ├─> spool ─> replay ─> target
                    └─ something waits ───────────────────────┘

Nothing overtakes: as long as something waits, everything goes into the spool; one task takes out of it. Without one, or
when it is full or can't be written, nothing is read until chunks can be sent: that is the agent's backpressure.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from logd.agent.follow import HELD_BYTES, ROUND_BYTES
from logd.agent.pace import Pace
from logd.agent.sending import LONGEST_DELAY_SECONDS, Sending
from logd.agent.ship import SEND_BYTES, SEND_CHUNKS, Sent, Shipper, groups, text_bytes
from logd.agent.spool import Spool, Waiting
from logd.chunk import Chunk
from logd.config.schema import Agent as AgentSettings
from logd.errors import Unavailable
from logd.flow.stage import Stage
from logd.flow.timer import Clock

logger = logging.getLogger("logd.agent")

#: What is taken out of the spool at once: enough to share a commit at the target, and little beside what a round holds.
REPLAY_BYTES = 2 * 1024 * 1024
#: While the spool is being sent, a round waits for so long before it is written behind it: a backlog that is read
#: faster than it can be sent would else go over the disk to its end.
_CATCH_UP_SECONDS = 1.0
#: How often a spool that is full is asked for room: it has some after a file's worth was sent.
_ROOM_SECONDS = 1.0
#: With a bandwidth limit, the least that one send has.
_LEAST_SEND_BYTES = 64 * 1024


class Delivery:
    """See the module."""

    def __init__(
        self,
        shipper: Shipper,
        clock: Clock,
        keep_refused: Callable[[Chunk], None],
        bytes_per_second: float = 0.0,
    ) -> None:
        """`keep_refused` stores a chunk that will never be taken, or raises Unavailable; it is called in a thread."""
        self.sent = Sent()
        #: To be set before anything is delivered, where there is one.
        self.spool: Spool | None = None
        #: Why the last attempt failed, until one succeeds.
        self.error: str | None = None
        #: Why nothing can be spooled, while something has to be.
        self.spool_error: str | None = None
        #: The round that is being sent, in bytes of its files: what was read, and what all files had held before.
        self.stage = Stage("agent.round", ROUND_BYTES + HELD_BYTES, "bytes")
        self.pace = Pace(bytes_per_second, clock)
        self._shipper = shipper
        self._clock = clock
        self._spooled = asyncio.Event()
        self._replayed: Waiting | None = None
        #: Nothing waits, or the target takes nothing.
        self._idle = asyncio.Event()
        self._direct = Sending(self._take, keep_refused, clock, self.sent, self._failed, self._longest_delay)
        self._replay = Sending(self._from_spool, keep_refused, clock, self.sent, self._failed)

    async def deliver(self, chunks: Sequence[Chunk], stop: asyncio.Event) -> int:
        """How many of `chunks`, from the first, are safe: at the target, in the spool, or kept on this host since they
        are refused for good. All of them, unless `stop` is set and there is no place for the rest."""
        self.stage.add(text_bytes(chunks))
        done = 0
        for group in groups(chunks, SEND_CHUNKS, self._send_bytes(SEND_BYTES)):
            if not await self._direct.send(group, stop):
                break
            self.stage.add(-text_bytes(group))
            done += len(group)
        return done

    async def replay(self, stop: asyncio.Event) -> None:
        """Sends what is in the spool, whenever there is something, until `stop` is set and `wake` was called."""
        while self.spool is not None and not stop.is_set():
            try:
                waiting = await asyncio.to_thread(self.spool.peek, SEND_CHUNKS, self._send_bytes(REPLAY_BYTES))
            except Unavailable as error:
                logger.error("%s", error)
                self._idle.set()
                await self._clock.wait(error.retry_after_seconds, stop)
                continue
            if waiting is None:
                self._idle.set()
                await self._spooled.wait()
                self._spooled.clear()
                continue
            self._replayed = waiting
            if await self._replay.send(waiting.chunks, stop):
                await self._sent(self.spool, waiting)

    def wake(self) -> None:
        """Lets `replay` see that it is to end."""
        self._spooled.set()

    def hurry(self) -> None:
        """Whatever waits to be sent again is sent soon."""
        self._direct.hurry()
        self._replay.hurry()

    def limit(self, settings: AgentSettings) -> None:
        """The limits of another configuration."""
        self.pace.bytes_per_second = settings.bandwidth_bytes_per_second
        if self.spool is not None:
            self.spool.max_bytes = settings.spool_max_bytes
            self.spool.drop_oldest = settings.spool_when_full == "drop_oldest"

    def status(self) -> dict[str, Any]:
        """For people."""
        spool, sent = self.spool, self.sent
        waiting = spool is not None and spool.waiting
        return {
            "sent_chunks": sent.chunks,
            "sent_lines": sent.lines,
            "conflict_lines": sent.conflict_lines,
            "refused_lines": sent.refused_lines,
            "target_error": self.error,
            "spool_bytes": spool.bytes if spool else 0,
            "spool_lines": spool.lines if spool else 0,
            "spool_oldest_seconds": self.oldest_seconds(),
            "spool_error": self.spool_error,
            "spool_dropped_lines": spool.counts.overflowed_lines if spool else 0,
            "spool_lost_lines": spool.counts.damaged_lines if spool else 0,
            "replaying": waiting and self.error is None,
        }

    async def _take(self, chunks: Sequence[Chunk], stop: asyncio.Event) -> None:
        """To the target, else into the spool. Raises Unavailable when neither can be."""
        spool, asked_seconds = self.spool, 0.0
        if spool is None:
            return await self._to_target(chunks, stop)
        if spool.waiting and self.error is None:
            await self._clock.wait(_CATCH_UP_SECONDS, self._idle)
        if not spool.waiting:
            try:
                return await self._to_target(chunks, stop)
            except Unavailable as error:
                self._failed(error)
                asked_seconds = error.retry_after_seconds
        try:
            await asyncio.to_thread(spool.append, chunks)
        except Unavailable as error:
            if self.spool_error is None:
                logger.error("nothing more is read until there is a place for it: %s", error)
            self.spool_error = str(error)
            self.stage.block()
            raise Unavailable(str(error), max(asked_seconds, error.retry_after_seconds)) from error
        self._idle.clear()
        self._spooled.set()
        self._has_room()
        return None

    async def _from_spool(self, chunks: Sequence[Chunk], stop: asyncio.Event) -> None:
        """To the target, unless the spool has dropped them while it was away."""
        if self.spool is not None and self._replayed is not None and self.spool.has(self._replayed):
            await self._to_target(chunks, stop)

    async def _to_target(self, chunks: Sequence[Chunk], stop: asyncio.Event) -> None:
        size = sum(len(item.value) for item in chunks)
        await self.pace.wait(size, stop)
        await self._shipper.send(chunks)
        if self.error is not None:
            logger.info("the target takes chunks again")
            self.error = None
        if self.spool is None or not self.spool.waiting:
            self._has_room()
        self.sent.chunks += len(chunks)
        self.sent.lines += sum(item.lines for item in chunks)
        self.sent.bytes += size

    def _has_room(self) -> None:
        if self.spool_error is not None:
            logger.info("the agent's chunks have a place again")
            self.spool_error = None
        self.stage.room()

    def _failed(self, error: Unavailable) -> None:
        if str(error) == self.spool_error:
            return
        self.sent.retries += 1
        self._idle.set()
        if self.spool is None:
            self.stage.block()
        if self.error is None:
            then = "chunks go into the spool" if self.spool is not None else "will try again"
            logger.warning("the target takes no chunks, %s: %s", then, error)
        self.error = str(error)

    async def _sent(self, spool: Spool, waiting: Waiting) -> None:
        await asyncio.to_thread(spool.sent, waiting)
        if not spool.waiting:
            self._idle.set()
            logger.info("what was in the agent's spool is sent")

    def _send_bytes(self, most: int) -> int:
        """A second's worth, where the bandwidth is limited."""
        rate = int(self.pace.bytes_per_second)
        return min(most, max(_LEAST_SEND_BYTES, rate)) if rate else most

    def _longest_delay(self) -> float:
        """For room in the spool, which may come at any time, nobody waits as for a target."""
        return _ROOM_SECONDS if self.spool is not None and self.spool.waiting else LONGEST_DELAY_SECONDS

    def oldest_seconds(self) -> float | None:
        """How long ago the chunk was read that is sent next of those in the spool."""
        oldest_us = self.spool.oldest_us if self.spool is not None else None
        return None if oldest_us is None else max(0.0, round(time.time() - oldest_us / 1e6, 3))
