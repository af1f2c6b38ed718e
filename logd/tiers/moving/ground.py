"""What a mover of an index's days works on, and may do only while it holds the lease."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from logd.backends.index.elasticsearch_tiers import IndexTiers
from logd.flow.clock import now_us
from logd.seams import Leases, Move, StreamPositions, Tiering
from logd.telemetry import metrics
from logd.tiers.policy import Retention

#: Of the newest moves: what a crash may have recorded already is among them.
_RECENT_MOVES = 100


class Reached(NamedTuple):
    """For each partition of the stream the next position that will be written, and those of the processors and of the
    archive."""

    ends: StreamPositions
    processed: StreamPositions
    archived: StreamPositions


class Ground(NamedTuple):
    """Where a mover stands. `archived_rows` gives the distinct records that the archive has of a policy and a day, None
    as long as not all hours of it are compacted. `held` says whether a legal hold may have something of it. `today` is
    a day since 1970, `clock_us` Unix µs."""

    indices: IndexTiers
    tiering: Tiering
    leases: Leases
    retention: Callable[[], Awaitable[Retention]]
    reached: Callable[[], Awaitable[Reached]]
    archived_rows: Callable[[str, int], Awaitable[int | None]]
    held: Callable[[str, int], Awaitable[bool]]
    warm_disk_percent: Callable[[], Awaitable[float]]
    today: Callable[[], int]
    clock_us: Callable[[], int] = now_us


class LeaseLost(Exception):
    """Another one is the mover now."""


class Holder:
    """The lease of who moves: nothing is done without."""

    def __init__(self, ground: Ground, name: str, owner: str, seconds: float) -> None:
        """`seconds` are longer than any one step takes."""
        self._ground = ground
        self.name = name
        self.owner = owner
        self._seconds = seconds

    async def take(self) -> bool:
        """Whether we have it, for that long from now."""
        return await self._ground.leases.take(self.name, self.owner, self._seconds)

    async def still(self) -> None:
        """Before each step. Raises LeaseLost."""
        if not await self.take():
            raise LeaseLost(f"another one has the lease {self.name}")

    async def give_up(self) -> None:
        """Another one may begin at once."""
        await self._ground.leases.give_up(self.name, self.owner)

    async def record(self, policy: str, day: int, what: str, detail: Mapping[str, Any]) -> None:
        """Into the history, once: it may be called again after a crash. A day becomes warm only once, whatever it was
        by then."""
        tiering = self._ground.tiering
        move = Move(at_us=self._ground.clock_us(), policy=policy, day=day, what=what, by=self.owner, detail=detail)
        if not any(_are_one(move, other) for other in await tiering.moves(_RECENT_MOVES)):
            await tiering.record(move)
            metrics.TIERS_MOVES.labels(what).inc()


def _are_one(one: Move, other: Move) -> bool:
    is_alike = one.what == "warm" or one.detail == other.detail
    return is_alike and (one.policy, one.day, one.what) == (other.policy, other.day, other.what)
