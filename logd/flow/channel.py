"""A bounded channel between two stages of a pipeline, which the sender closes."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):
    """The channel was closed: nothing can be put."""


class Channel(Generic[T]):
    """FIFO for one loop. `put` waits while `capacity` items are held; iteration ends once it is closed and empty.

    `blocked_seconds` is how long senders have waited, measured only when they had to."""

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"a channel's capacity is {capacity}, must be at least 1")
        self.capacity = capacity
        self.blocked_seconds = 0.0
        self._items: deque[T] = deque()
        self._closed = False
        self._changed = asyncio.Condition()

    def __len__(self) -> int:
        return len(self._items)

    async def put(self, item: T) -> None:
        """Raises Closed."""
        async with self._changed:
            if len(self._items) >= self.capacity and not self._closed:
                started = time.monotonic()
                await self._changed.wait_for(lambda: len(self._items) < self.capacity or self._closed)
                self.blocked_seconds += time.monotonic() - started
            if self._closed:
                raise Closed
            self._items.append(item)
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
            self._changed.notify_all()
            return item
