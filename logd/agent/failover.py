"""Several targets: chunks go to the first that takes them, and to an earlier one again once that answers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future

from logd.agent.http_shipper import HttpShipper
from logd.chunk import Chunk
from logd.errors import Unavailable
from logd.flow.timer import Clock

logger = logging.getLogger("logd.agent")
#: How often the targets before the one in use are asked: chunks go back soon, and a dead one costs next to nothing.
PROBE_SECONDS = 15.0


class Failover:
    """A Shipper over at least one other, which it owns. Each chunk goes to one; where the outcome of a send is not
    known, it may come to another as well, with the same ids."""

    def __init__(self, shippers: Sequence[HttpShipper], clock: Clock) -> None:
        self._shippers = shippers
        self._clock = clock
        self._used = 0
        self._probes: list[tuple[int, Future[None]]] = []
        self._probe_at = 0.0

    async def send(self, chunks: Sequence[Chunk]) -> None:
        """See Shipper; Unavailable is raised when none takes them."""
        self._go_back()
        # Not the errors: each holds, by its traceback, the body that wasn't sent, and this frame, which holds it.
        failures: list[tuple[str, float]] = []
        # From the one in use on: those before it have failed, and are asked in the background.
        for place in [*range(self._used, len(self._shippers)), *range(self._used)]:
            try:
                await self._shippers[place].send(chunks)
            except Unavailable as error:
                failures.append((str(error), error.retry_after_seconds))
                continue
            self._use(place, failures)
            return
        raise Unavailable("; ".join(text for text, _ in failures), min(seconds for _, seconds in failures))

    async def close(self) -> None:
        """Closes all."""
        for shipper in self._shippers:
            await shipper.close()

    def _use(self, place: int, failures: Sequence[tuple[str, float]]) -> None:
        if place != self._used:
            logger.warning("chunks go to %s from now on: %s", self._shippers[place].url, failures[0][0])
            self._used = place
            self._probe_at = self._clock.monotonic() + PROBE_SECONDS

    def _go_back(self) -> None:
        """Uses the first target whose probe was answered, and probes those before the one in use when it is time."""
        if not self._used:
            return
        for place, probe in self._probes:
            if place < self._used and probe.done() and probe.exception() is None:
                logger.info("chunks go to %s again", self._shippers[place].url)
                self._used = place
        self._probes = [(place, probe) for place, probe in self._probes if not probe.done()]
        if self._clock.monotonic() >= self._probe_at:
            self._probe_at = self._clock.monotonic() + PROBE_SECONDS
            busy = {place for place, _ in self._probes}
            self._probes += [(place, self._shippers[place].probe()) for place in range(self._used) if place not in busy]
