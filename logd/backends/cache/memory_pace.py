"""Turns at targets in this process's memory, for where there is no other process: with the catalog in SQLite there is
one per data folder. A restart forgets them, which lets a third of a minute's messages through once more."""

from __future__ import annotations

from logd.seams import spread

#: Targets that are remembered; beyond, those that have had time enough are forgotten.
_MOST_TARGETS = 1_000


class MemoryPace:
    """See seams.Pace."""

    def __init__(self) -> None:
        self._next_us: dict[str, int] = {}

    async def take(self, target: str, per_minute: int, now_us: int) -> int:
        """See Pace. Never Unavailable."""
        turns = spread(per_minute)
        next_us = self._next_us.get(target, now_us)
        ahead_us = next_us - now_us
        if turns.ahead_us < ahead_us <= turns.wrong_us:
            return ahead_us - turns.ahead_us
        fresh = ahead_us < 0 or ahead_us > turns.wrong_us
        self._next_us[target] = (now_us if fresh else next_us) + turns.step_us
        if len(self._next_us) > _MOST_TARGETS:
            self._next_us = {name: at_us for name, at_us in self._next_us.items() if at_us > now_us}
        return 0

    async def close(self) -> None:
        """See Pace."""
