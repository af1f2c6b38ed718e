"""Time as those see it who wait, so that tests can hold it."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from logd.flow.clock import now_us


class Clock(Protocol):
    """Durations are measured with `monotonic`, because the wall clock jumps; `now_us` only dates what was observed."""

    def now_us(self) -> int:
        """The wall clock: Unix time in µs."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    async def wait(self, seconds: float, stop: asyncio.Event) -> None:
        """Returns after `seconds`, or earlier when `stop` is set."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        return now_us()

    def monotonic(self) -> float:
        return time.monotonic()

    async def wait(self, seconds: float, stop: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(seconds):
                await stop.wait()
        except TimeoutError:
            pass
