"""Whose turn it is: at most `search.concurrent` requests ask the index at the same time, each with a deadline from when
it came.

    light   pages of hits, single records     a place
    heavy   counts, exports, patterns, …      a place, and one of `search.heavy`, so that the others stay for light ones

A request that has run for LONG_SECONDS gives its place up to another and goes on; as many may do so as there are
places. So whoever asks for little waits for others' long work at most that long, and never more than twice as many run.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

import orjson
from aiohttp import web
from multidict import MultiMapping

from logd.config.schema import SearchLimits
from logd.errors import BadRequest, LogdError, Unavailable
from logd.http import identity
from logd.http.parameters import TIMEOUT, duration_us
from logd.http.slowest import Slowest, Watch
from logd.telemetry import metrics

log = logging.getLogger("logd.api")
#: Most searches have ended by then, and people have begun to wonder.
LONG_SECONDS = 1.0
#: Of what a slow one asked for, in the log.
_SHOWN_CHARACTERS = 500
#: For people; its parts that grow with the number of segments aren't shown.
Explain = Callable[[], Awaitable[Mapping[str, Any]]]
_LONG_PARTS = frozenset(["each", "condition", "shows"])
_PLAN_CHARACTERS = 1_000
#: A plan takes some ms.
_PLAN_SECONDS = 1.0


class Turns:
    """For all handlers that ask the index."""

    def __init__(self, limits: SearchLimits) -> None:
        self.slowest = Slowest()
        self._limits = limits
        self._places = asyncio.Semaphore(limits.concurrent)
        self._heavy = asyncio.Semaphore(min(limits.heavy, limits.concurrent))
        #: How many run without a place.
        self._long = 0

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
    async def turn(
        self,
        query: MultiMapping[str],
        *,
        heavy: bool = False,
        explain: Explain | None = None,
        watch: Watch | None = None,
    ) -> AsyncIterator[float]:
        """Within it, the caller may ask the index, for the seconds that are left; `explain` is asked for the plan of a
        slow one that has ended, `watch` is told how long it took, and the plan. Raises Unavailable when no turn comes
        within the request's deadline, TimeoutError at the deadline, and BadRequest when it is wrong."""
        seconds = self.seconds(query)
        came = time.monotonic()
        waits, end, started, ran = True, came + seconds, 0.0, 0.0
        ended = False
        try:
            async with asyncio.timeout(seconds), self._heavy if heavy else contextlib.nullcontext(), self._place():
                waits = False
                started = time.monotonic()
                try:
                    yield max(0.0, end - started)
                finally:
                    ran = time.monotonic() - started
            ended = True
        except TimeoutError as error:
            if not waits:
                raise
            most = f"{self._limits.concurrent} searches run (search.concurrent)"
            if heavy:
                most = f"{self._limits.heavy} heavy searches run (search.heavy), or {most}"
            raise Unavailable(f"{most}, and none of them ended within {seconds:g} s") from error
        finally:
            if watch is not None:
                watch.add((started or time.monotonic()) - came, ran)
            if ran >= self._limits.slow_seconds:
                plan = await _plan(explain) if ended and explain is not None else ""
                if watch is not None and not isinstance(plan, str):
                    watch.explained(plan)
                _tell(query, heavy, ran, plan)

    @contextlib.asynccontextmanager
    async def turn_of(self, request: web.Request, kind: str, query: MultiMapping[str]) -> AsyncIterator[float]:
        """A light one that is the whole of its request."""
        with self.slowest.watch(identity.of(request), kind, query, request.match_info) as watch:
            async with self.turn(query, watch=watch) as seconds:
                yield seconds

    @contextlib.asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        await self._places.acquire()
        gave_up = False

        def give_up() -> None:
            nonlocal gave_up
            if self._long < self._limits.concurrent:
                gave_up = True
                self._long += 1
                self._places.release()

        timer = asyncio.get_running_loop().call_later(LONG_SECONDS, give_up)
        try:
            yield
        finally:
            timer.cancel()
            if gave_up:
                self._long -= 1
            else:
                self._places.release()

    def seconds(self, query: MultiMapping[str]) -> float:
        """How long the request may take. Raises BadRequest."""
        text = query.get(TIMEOUT.name, "")
        most = self._limits.deadline_seconds
        return min(most, duration_us(text, TIMEOUT.name) / 1_000_000) if text else most


def _tell(query: MultiMapping[str], heavy: bool, seconds: float, plan: Mapping[str, Any] | str) -> None:
    """Of a slow one what it was."""
    kind = "heavy" if heavy else "light"
    metrics.SEARCH_SLOW.labels(kind).inc()
    asked = " ".join(f"{name}={value!r}" for name, value in query.items())[:_SHOWN_CHARACTERS]
    said = plan if isinstance(plan, str) else f": {orjson.dumps(plan).decode()[:_PLAN_CHARACTERS]}"
    log.warning("a %s search ran for %.1f s: %s%s", kind, seconds, asked or "everything", said)


async def _plan(explain: Explain) -> Mapping[str, Any] | str:
    """Why not when it can't be had now: the answer is there, and doesn't depend on it."""
    try:
        async with asyncio.timeout(_PLAN_SECONDS):
            plan = await explain()
    except (LogdError, TimeoutError) as error:
        return f" (without a plan: {str(error) or 'it took too long'})"
    return {name: part for name, part in plan.items() if name not in _LONG_PARTS}
