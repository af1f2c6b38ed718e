"""The target in use, which a reload replaces: what is under way at the old one ends there, or comes to the new one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from logd.agent.failover import Failover
from logd.chunk import Chunk


class Target:
    """A Shipper over another, which it owns. A send goes to the one that was in use when it began; where its outcome
    is not known, the same chunks may come to the next as well, with the same ids."""

    def __init__(self, used: Failover) -> None:
        self._used = used
        #: Sends under way, by where they go; those replaced are here until they are closed.
        self._sends = {used: 0}
        self._ended = asyncio.Event()

    async def send(self, chunks: Sequence[Chunk]) -> None:
        """See Shipper."""
        used = self._used
        self._sends[used] += 1
        try:
            await used.send(chunks)
        finally:
            self._sends[used] -= 1
            self._ended.set()

    async def replace(self, other: Failover) -> None:
        """What is sent from now on goes there; returns when what was under way has ended, and the old one is closed."""
        old, self._used = self._used, other
        self._sends[other] = 0
        while self._sends[old]:
            self._ended.clear()
            await self._ended.wait()
        await old.close()
        del self._sends[old]

    async def close(self) -> None:
        """Closes the one in use, and those replaced that still had something under way."""
        for one in list(self._sends):
            await one.close()
