"""The bandwidth limit: a token bucket of compressed bytes, which holds a second's worth."""

from __future__ import annotations

import asyncio

from logd.flow.timer import Clock


class Pace:
    """Lets so many bytes a second pass; 0 lets all. What is more than a second's worth is paid for by the next."""

    def __init__(self, bytes_per_second: float, clock: Clock) -> None:
        self.bytes_per_second = bytes_per_second
        self._clock = clock
        self._balance = bytes_per_second
        self._since = clock.monotonic()

    async def wait(self, size: int, stop: asyncio.Event) -> None:
        """Returns when `size` bytes may be sent, or `stop` is set."""
        rate = self.bytes_per_second
        if not rate:
            return
        while (self._earn(rate)) < 0 and not stop.is_set():
            await self._clock.wait(-self._balance / rate, stop)
        self._balance -= size

    def _earn(self, rate: float) -> float:
        now = self._clock.monotonic()
        self._balance = min(rate, self._balance + (now - self._since) * rate)
        self._since = now
        return self._balance
