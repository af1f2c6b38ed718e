"""Whose turn it is: at most `search.concurrent` searches at the same time, each with a deadline from when it came."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator

from multidict import MultiMapping

from logd.config.schema import SearchLimits
from logd.errors import BadRequest, Unavailable
from logd.http.parameters import TIMEOUT, duration_us
from logd.telemetry import metrics


class Turns:
    """For all handlers that ask the index."""

    def __init__(self, limits: SearchLimits) -> None:
        self._limits = limits
        self._places = asyncio.Semaphore(limits.concurrent)

    @contextlib.contextmanager
    def counted(self) -> Iterator[Callable[[], int]]:
        """Around reading the parameters and asking: what took how long, and what failed. Gives the ms until now."""
        started = time.perf_counter()
        try:
            yield lambda: round((time.perf_counter() - started) * 1_000)
        except (BadRequest, Unavailable, TimeoutError) as error:
            metrics.SEARCH_FAILED.labels(type(error).__name__).inc()
            raise
        metrics.SEARCH_SECONDS.observe(time.perf_counter() - started)

    @contextlib.asynccontextmanager
    async def turn(self, query: MultiMapping[str]) -> AsyncIterator[float]:
        """Within it, the caller may search, for the seconds that are left. Raises Unavailable when no turn comes within
        the request's deadline, TimeoutError at the deadline, and BadRequest when it is wrong."""
        seconds = self.seconds(query)
        waits, end = True, time.monotonic() + seconds
        try:
            async with asyncio.timeout(seconds), self._places:
                waits = False
                yield max(0.0, end - time.monotonic())
        except TimeoutError as error:
            if not waits:
                raise
            running = f"{self._limits.concurrent} searches run (search.concurrent)"
            raise Unavailable(f"{running}, and none of them ended within {seconds:g} s") from error

    def seconds(self, query: MultiMapping[str]) -> float:
        """How long the request may take. Raises BadRequest."""
        text = query.get(TIMEOUT.name, "")
        most = self._limits.deadline_seconds
        return min(most, duration_us(text, TIMEOUT.name) / 1_000_000) if text else most
