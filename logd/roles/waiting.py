"""What a role waits for while a server is away: it calls again and again, and says why nothing goes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import ParamSpec, TypeVar

from logd.chunk import Message
from logd.errors import Unavailable
from logd.seams import Consumer

#: Between tries while something can't take more: doubling from the first to the second.
_RETRY_SECONDS = (0.5, 15.0)
#: What the one who fetches waits for: that it goes on says nothing of commits and dead letters.
_READING = "messages"
T = TypeVar("T")
P = ParamSpec("P")


class Waiting:
    """Of one role, which says so in its log. With a `stop` it waits no longer than until then."""

    def __init__(self, log: logging.Logger, stop: asyncio.Event | None = None) -> None:
        self._log = log
        self._stop = stop
        #: What is waited for now, and why.
        self._waits: dict[str, str] = {}

    def trouble(self) -> str:
        """Why nothing goes on; empty when it does."""
        return "; ".join(self._waits.values())

    async def until_available(
        self, what: str, call: Callable[P, Awaitable[T]], *arguments: P.args, **named: P.kwargs
    ) -> T:
        """Calls until it isn't Unavailable: the stream waits meanwhile, which is the backpressure. Raises Unavailable
        once it should stop."""
        wait, longest = _RETRY_SECONDS
        while True:
            try:
                done = await call(*arguments, **named)
                self._waits.pop(what, None)
                return done
            except Unavailable as error:
                self._waits[what] = str(error)
                if self._stop is not None and self._stop.is_set():
                    raise
                self._log.warning("%s is unavailable, trying again in %.1f s: %s", what, wait, error)
                await _pause(wait, self._stop)
                wait = min(2 * wait, longest)

    async def fetched(
        self, consumer: Consumer, lines: int, wait_seconds: float, stop: asyncio.Event
    ) -> Sequence[Message]:
        """As Consumer.fetch, once it can be read; nothing when it should stop while it can't."""
        wait, longest = _RETRY_SECONDS
        while True:
            try:
                messages = await consumer.fetch(lines, wait_seconds)
                self._waits.pop(_READING, None)
                return messages
            except Unavailable as error:
                self._waits[_READING] = str(error)
                self._log.warning("the transport is unavailable, trying again in %.1f s: %s", wait, error)
                await _pause(wait, stop)
                if stop.is_set():
                    return []
                wait = min(2 * wait, longest)


async def _pause(seconds: float, stop: asyncio.Event | None) -> None:
    """Not for all at the same moment; a stop ends it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds * random.uniform(0.5, 1.0)):
            await (asyncio.Event() if stop is None else stop).wait()
