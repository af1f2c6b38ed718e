"""Which days are cold, as a process that searches knows it: read anew now and then, when somebody asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from logd.errors import Corrupt, Unavailable
from logd.query.times import Bounds
from logd.seams import BOUNDARY_SECONDS, Boundary, Tiering

DAY_US = 86_400_000_000
#: A third: so a search that takes up to two thirds of it ends before anything goes that it has to know of.
READ_AGAIN_SECONDS = BOUNDARY_SECONDS / 3
#: What a search waits for a catalog that is slow; those of the next second don't wait again.
_WAIT_SECONDS, _PAUSE_SECONDS = 1.0, 1.0


class Known(msgspec.Struct, frozen=True):
    """Boundaries as they were at `read_at`, by the clock of who read them; `unsure` says why they may be other ones
    since, and is empty otherwise."""

    boundaries: Sequence[Boundary] = ()
    read_at: float = 0.0
    unsure: str = ""

    def cold(self, range_: Bounds) -> Mapping[str, int]:
        """By policy, the day before which the archive answers; of those of which some day is in the range."""
        from_us, to_us = range_
        if from_us is not None and to_us is not None and from_us >= to_us:
            return {}
        return {
            one.policy: one.cold_before
            for one in self.boundaries
            if one.cold_before > 0 and (from_us is None or from_us < one.cold_before * DAY_US)
        }

    def of_index(self, range_: Bounds) -> tuple[str, ...]:
        """The tiers of an index that a range reaches into, as far as boundaries tell: hot, warm; none when there are no
        boundaries."""
        if not self.boundaries:
            return ()
        from_us, to_us = range_
        first_us = -(2**62) if from_us is None else from_us
        hot = to_us is None or any(to_us > one.warm_before * DAY_US for one in self.boundaries)
        warm = any(
            max(first_us, one.cold_before * DAY_US) < min(2**62 if to_us is None else to_us, one.warm_before * DAY_US)
            for one in self.boundaries
        )
        return tuple(name for name, there in (("hot", hot), ("warm", warm)) if there)


class Boundaries:
    """A view of Tiering's boundaries."""

    def __init__(self, tiering: Tiering, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._tiering = tiering
        self._clock = clock
        self._known: Known | None = None
        self._why = ""
        self._next_read = 0.0
        self._reading = asyncio.Lock()

    async def now(self, no_older_than: float = READ_AGAIN_SECONDS) -> Known:
        """Those of `no_older_than` seconds ago, or later; when the catalog doesn't say, the last ones, which are unsure
        once they are older than BOUNDARY_SECONDS."""
        if not self._fresh(no_older_than):
            async with self._reading:
                if not self._fresh(no_older_than):
                    await self._read()
        if self._known is None:
            return Known(unsure=f"which days are in the archive alone can't be told: {self._why}")
        old = self._clock() - self._known.read_at
        if old <= BOUNDARY_SECONDS:
            return self._known
        why = f"which days have gone to the archive in the last {old:.0f} s can't be told: {self._why}"
        return msgspec.structs.replace(self._known, unsure=why)

    def _fresh(self, seconds: float) -> bool:
        now = self._clock()
        young = self._known is not None and now - self._known.read_at <= seconds
        return young or (bool(self._why) and now < self._next_read)

    async def _read(self) -> None:
        begun = self._clock()
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                found = tuple(await self._tiering.boundaries())
        except (Unavailable, Corrupt) as error:
            self._failed(str(error))
        except TimeoutError:
            self._failed("the catalog doesn't answer")
        else:
            self._known, self._why = Known(found, begun), ""

    def _failed(self, why: str) -> None:
        self._why, self._next_read = why, self._clock() + _PAUSE_SECONDS
