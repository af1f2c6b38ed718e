"""A bounded channel between two stages of a pipeline, which the sender closes."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from logd.flow.stage import Stage

T = TypeVar("T")


class Closed(Exception):
    """The channel was closed: nothing can be put."""


class Channel(Generic[T]):
    """FIFO for one loop. `put` waits while the `stage` is full; iteration ends once it is closed and empty."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._items: deque[T] = deque()
        self._closed = False
        self._changed = asyncio.Condition()

    async def put(self, item: T) -> None:
        """Raises Closed."""
        async with self._changed:
            while self.stage.full and not self._closed:
                self.stage.block()
                await self._changed.wait()
            if self._closed:
                raise Closed
            self._items.append(item)
            self.stage.add(1)
            self._changed.notify_all()

    async def close(self) -> None:
        """No more items come; those held are still received. May be called twice."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __aiter__(self) -> Channel[T]:
        return self

    async def __anext__(self) -> T:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._items) or self._closed)
            if not self._items:
                raise StopAsyncIteration
            item = self._items.popleft()
            self.stage.add(-1)
            self._changed.notify_all()
            return item
