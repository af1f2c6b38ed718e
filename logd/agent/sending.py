"""Sending until it is taken: backing off, by halves what can't be taken together, aside what never can be."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence

from logd.agent.ship import Sent, halves
from logd.chunk import Chunk
from logd.errors import BadRequest, Conflict, Unavailable
from logd.flow.timer import Clock

logger = logging.getLogger("logd.agent")

#: The status of a BadRequest that less of the same wouldn't get.
TOO_LARGE = 413
_FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0


class Sending:
    """Sends chunks by `take`, for as long as it takes."""

    def __init__(
        self,
        take: Callable[[Sequence[Chunk], asyncio.Event], Awaitable[None]],
        keep_refused: Callable[[Chunk], None],
        clock: Clock,
        sent: Sent,
        failed: Callable[[Unavailable], None],
        longest_delay: Callable[[], float] = lambda: LONGEST_DELAY_SECONDS,
    ) -> None:
        """`take` raises what a Shipper does; `failed` hears of each Unavailable. `longest_delay` gives seconds."""
        self._take = take
        self._keep_refused = keep_refused
        self._clock = clock
        self._sent = sent
        self._failed = failed
        self._longest_delay = longest_delay
        self._hurry = asyncio.Event()

    def hurry(self) -> None:
        """The next attempt is made soon, whatever was waited for: the target may be another one."""
        self._hurry.set()
        self._hurry.clear()

    async def send(self, chunks: Sequence[Chunk], stop: asyncio.Event) -> bool:
        """False when they can't be taken while `stop` is set.

        What can't be sent as it is, is sent by halves, so that one chunk that is wrong harms no other.

        * A chunk that contradicts what its source has sent: that happens when the agent's state was restored from a
          copy and cuts batches where it didn't before; what has been sent is then left out, and the rest arrives. A
          single line that contradicts is another line than the one that was sent from that place: it is logged,
          counted and given up, because sending it again won't help.
        * A chunk that the target refuses for good, or a single line that is too much for it: it is logged, counted and
          kept on this host."""
        try:
            return await self._until_taken(lambda: self._take(chunks, stop), stop)
        except (Conflict, BadRequest) as error:
            return await self._send_parts(chunks, error, stop)

    async def _until_taken(self, attempt: Callable[[], Awaitable[None]], stop: asyncio.Event) -> bool:
        """Attempts until it isn't Unavailable; False when it still is while `stop` is set."""
        delay = _FIRST_DELAY_SECONDS
        while True:
            last = stop.is_set()
            try:
                await attempt()
                return True
            except Unavailable as error:
                self._failed(error)
                if last:
                    return False
                # Not all agents of a target that comes back at the same moment, and none before it asked for it.
                wait = max(error.retry_after_seconds * random.uniform(1.0, 1.5), delay * random.uniform(0.5, 1.0))
                delay = min(delay * 2, self._longest_delay())
                if await self._wait(wait, stop):
                    delay = _FIRST_DELAY_SECONDS

    async def _wait(self, seconds: float, stop: asyncio.Event) -> bool:
        """Whether it was hurried. Returns earlier when `stop` is set, too."""
        woken = asyncio.Event()

        async def wake(event: asyncio.Event) -> None:
            await event.wait()
            woken.set()

        async with asyncio.TaskGroup() as tasks:
            stopped, hurried = (tasks.create_task(wake(one), name="agent.retry") for one in (stop, self._hurry))
            await self._clock.wait(seconds, woken)
            stopped.cancel()
            return not hurried.cancel()

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
            if not await self.send(part, stop):
                return False
        return bool(parts) or await self._give_up(chunks[0], error, stop)

    async def _give_up(self, item: Chunk, error: Conflict | BadRequest, stop: asyncio.Event) -> bool:
        what = f"{item.source}: {item.lines} line(s) at byte {item.offset}"
        if isinstance(error, Conflict):
            self._sent.conflict_lines += item.lines
            logger.error("%s contradict what was sent before and are given up: %s", what, error)
            return True
        if not await self._until_taken(lambda: asyncio.to_thread(self._keep_refused, item), stop):
            return False
        self._sent.refused_lines += item.lines
        logger.error("%s are refused, and kept on this host: %s", what, error)
        return True
