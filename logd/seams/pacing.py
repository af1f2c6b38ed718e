"""How often a target may be told something, by all alerters together: what every place that they share it in must
guarantee."""

from __future__ import annotations

from typing import NamedTuple, Protocol

_MINUTE_US = 60 * 1_000_000
#: Of a minute's turns: those that nobody took before may come at once.
_AT_ONCE = 3


class Spread(NamedTuple):
    """Turns that are spread: one is taken by moving `next_us` of a target on by `step_us`, from now on if it is past,
    as long as it is no more than `ahead_us` from now. Further ahead than `wrong_us` it is of a clock that was wrong."""

    step_us: int
    ahead_us: int
    wrong_us: int


def spread(per_minute: int) -> Spread:
    """So that no minute has more turns than these. A third may come at once, then two in three come evenly."""
    at_once = max(1, per_minute // _AT_ONCE)
    step_us = -(-_MINUTE_US // (per_minute - at_once + 1))
    return Spread(step_us, (at_once - 1) * step_us, at_once * step_us + _MINUTE_US)


class Pace(Protocol):
    """Turns at targets, no more of each in a minute than it may have, see `spread`. Several processes may use it at the
    same time; what they take together is what counts."""

    async def take(self, target: str, per_minute: int, now_us: int) -> int:
        """Takes a turn: 0. Or, taking nothing, in how many µs there may be one. `target` is a short name without
        secrets. Raises Unavailable when it can't be done now."""
        ...

    async def close(self) -> None:
        """Releases everything."""
        ...
