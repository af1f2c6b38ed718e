"""How often a target may be told something, by all alerters together: what every place that they share it in must
guarantee."""

from __future__ import annotations

from typing import Protocol


class Pace(Protocol):
    """Turns, spread evenly: so many a minute for each target, of which half may come at once. Several processes may use
    it at the same time; what they took together is what counts."""

    async def take(self, target: str, per_minute: int, now_us: int) -> int:
        """Takes a turn, durably as far as what is behind it is durable: 0. Or, taking nothing, in how many µs there
        may be one. `target` is a short name without secrets. Raises Unavailable when it can't be done now."""
        ...

    async def close(self) -> None:
        """Releases everything."""
        ...
