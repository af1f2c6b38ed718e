"""What became of a delivery, kept in the catalog: each attempt as it fails, and the end, however long that takes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from logd.alerts.notify.attempts import Attempt, Outcome
from logd.errors import Corrupt, Unavailable
from logd.flow.timer import Clock
from logd.seams import Alerts, Delivery

logger = logging.getLogger("logd.alerts")
#: Between two tries to keep the end.
_FIRST_SECONDS, _LONGEST_SECONDS = 0.5, 30.0
#: Of one delivery: those of two hours.
_MOST_ATTEMPTS = 120


class Settling:
    """Of one delivery. Attempts of before, of another process, stay."""

    def __init__(self, alerts: Alerts, delivery: Delivery, clock: Clock) -> None:
        self._alerts = alerts
        self._delivery = delivery
        self._clock = clock
        self._attempts: list[Mapping[str, Any]] = list(delivery.attempts)
        #: So that the end is kept last.
        self._lock = asyncio.Lock()
        #: No attempt is kept any more.
        self.over = False

    def add(self, attempt: Attempt) -> None:
        """One that has ended."""
        plain: dict[str, Any] = msgspec.to_builtins(attempt)
        self._attempts = [*self._attempts, plain][-_MOST_ATTEMPTS:]

    async def keep(self) -> None:
        """The attempts until now, while it waits; not when that can't be done, as the end is what counts."""
        async with self._lock:
            if self.over:
                return
            try:
                await self._alerts.settle(replace(self._delivery, attempts=self._attempts))
            except (Unavailable, Corrupt) as error:
                logger.debug("the attempts of %s can't be kept: %s", self._delivery.id, error)

    async def end(self, outcome: Outcome) -> None:
        """Keeps it, again and again while that can't be done."""
        now_us = self._clock.now_us()
        if not outcome.attempts:  # nobody was asked: why is to be seen
            self.add(Attempt(at_us=now_us, seconds=0.0, result=outcome.result, error=outcome.error))
        settled = replace(self._delivery, status=str(outcome.result), attempts=self._attempts, settled_us=now_us)
        seconds = _FIRST_SECONDS
        while not await self._kept(settled):
            await self._clock.wait(seconds, asyncio.Event())
            seconds = min(seconds * 2, _LONGEST_SECONDS)

    async def _kept(self, settled: Delivery) -> bool:
        try:
            async with self._lock:
                await self._alerts.settle(settled)
        except (Unavailable, Corrupt) as error:
            logger.warning("what became of the delivery %s can't be kept yet: %s", settled.id, error)
            return False
        return True
