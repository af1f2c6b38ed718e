"""A delivery's turn at its target, which may have so many messages a minute of all alerters together."""

from __future__ import annotations

import asyncio
import logging

from logd.alerts.lanes import Held
from logd.errors import Corrupt, Unavailable
from logd.flow.timer import Clock
from logd.seams import AlertHistory, Event, Pace
from logd.telemetry import metrics

logger = logging.getLogger("logd.alerts")
#: Who doesn't answer costs a message seconds.
_ALONE_SECONDS = 5.0


class Turns:
    """Of a process."""

    def __init__(self, pace: Pace, spare: Pace, history: AlertHistory, per_minute: int, clock: Clock) -> None:
        """`spare` is the pace while `pace` is Unavailable: better told too often than not at all."""
        self._pace = pace
        self._spare = spare
        self._history = history
        self._per_minute = per_minute
        self._clock = clock
        self._limited: set[str] = set()
        self._alone = False
        self._alone_until = float("-inf")

    async def taken(self, held: Held, stop: asyncio.Event) -> bool:
        """Waits until the target may have one more; False when it was stopped first."""
        while not stop.is_set():
            wait_us = await self._take(held.target)
            if not wait_us:
                return True
            await self._say_limited(held)
            await self._clock.wait(wait_us / 1_000_000, stop)
        return False

    def over(self, target: str) -> None:
        """Nothing waits for it: when something does again, that is said again."""
        self._limited.discard(target)

    async def _take(self, target: str) -> int:
        """See Pace.take. Whoever shares it is left alone for a while after it couldn't be asked."""
        rate, now_us = self._per_minute, self._clock.now_us()
        if self._clock.monotonic() >= self._alone_until:
            try:
                wait_us = await self._pace.take(target, rate, now_us)
            except (Unavailable, Corrupt) as error:
                if not self._alone:
                    logger.warning("what a target may have is this process's own to say for now: %s", error)
                self._alone = True
                self._alone_until = self._clock.monotonic() + _ALONE_SECONDS
            else:
                if self._alone:
                    logger.info("what a target may have is shared by all alerters again")
                self._alone = False
                return wait_us
        return await self._spare.take(target, rate, now_us)

    async def _say_limited(self, held: Held) -> None:
        """Once for a target, until nothing of it waits."""
        if held.target in self._limited:
            return
        self._limited.add(held.target)
        metrics.ALERT_LIMITED.labels(held.action.type).inc()
        delivery = held.delivery
        why = f"{delivery.target} has had {self._per_minute} messages within a minute: others wait"
        logger.warning("%s", why)
        event = Event(
            at_us=self._clock.now_us(),
            rule_id=delivery.rule_id,
            rule=delivery.rule,
            group=delivery.group,
            what="limited",
            why=why,
        )
        try:
            await self._history.add(event)
        except (Unavailable, Corrupt) as error:
            logger.warning("the history of alerts doesn't say that %s: %s", why, error)
