"""Turns at targets: so many at a time for each, and none while its breaker is open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from logd.alerts.notify.breaker import Breaker
from logd.config.alerting import Notify
from logd.flow.timer import Clock

logger = logging.getLogger("logd.alerts")
#: Targets that nobody waits for are forgotten beyond this, whatever was known of them.
_MOST_TARGETS = 1_000


class Resting(Exception):
    """There was no turn in time."""


class Turn:
    """At a target. Who has it says how the target fared."""

    def __init__(self, name: str, settings: Notify, clock: Clock) -> None:
        self.name = name
        self._clock = clock
        self._breaker = Breaker(settings.breaker_failures, settings.breaker_seconds, settings.timeout_seconds)
        self._places = asyncio.Semaphore(settings.concurrency)
        #: Set, and replaced, when the breaker closes.
        self._closed = asyncio.Event()
        self.waiting = 0

    @property
    def known(self) -> bool:
        """Whether there is something to remember."""
        return self.waiting > 0 or not self._breaker.new

    @property
    def open(self) -> bool:
        """Whether it is left alone."""
        return self._breaker.open

    async def wait(self, until: float) -> None:
        """Returns with a place, which `leave` gives back. Raises Resting."""
        while True:
            await self._take_place(until)
            now = self._clock.monotonic()
            if not (seconds := self._breaker.wait_seconds(now)):
                return
            self._places.release()
            if now + seconds >= until:
                raise Resting(f"{self.name} has failed too often, and is left alone for {seconds:.3g} s more")
            await self._clock.wait(seconds, self._closed)

    async def _take_place(self, until: float) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(max(0.0, until - self._clock.monotonic())):
                await self._places.acquire()
        except TimeoutError:
            raise Resting(f"{self.name} was busy with other notifications") from None

    def leave(self) -> None:
        """Gives the place to the next."""
        self._places.release()

    def fared(self, healthy: bool) -> None:
        """Whether the target answered."""
        was_open = self._breaker.open
        if healthy:
            self._breaker.succeeded()
            if was_open:
                self._closed.set()
                self._closed = asyncio.Event()
                logger.info("%s takes notifications again", self.name)
        else:
            self._breaker.failed(self._clock.monotonic())
            if not was_open and self._breaker.open:
                logger.warning("%s has failed too often to take notifications, it is tried now and then", self.name)


class Targets:
    """All that notifications went to lately, by name."""

    def __init__(self, settings: Notify, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._turns: dict[str, Turn] = {}

    @property
    def open(self) -> int:
        """How many are left alone."""
        return sum(turn.open for turn in self._turns.values())

    @asynccontextmanager
    async def turn(self, name: str, until: float) -> AsyncIterator[Turn]:
        """A turn at the target, for which it waits until then at most. Raises Resting."""
        turn = self._turns.get(name)
        if turn is None:
            turn = self._turns[name] = Turn(name, self._settings, self._clock)
        turn.waiting += 1
        try:
            await turn.wait(until)
            try:
                yield turn
            finally:
                turn.leave()
        finally:
            turn.waiting -= 1
            self._forget(turn)

    def _forget(self, turn: Turn) -> None:
        if not turn.known:
            self._turns.pop(turn.name, None)
        elif len(self._turns) > _MOST_TARGETS:
            idle = next((name for name, one in self._turns.items() if not one.waiting), None)
            if idle is not None:
                del self._turns[idle]
