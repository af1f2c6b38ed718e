"""How full a bounded queue is, and for how long it held up those who feed it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable


class Stage:
    """One bounded queue of the data path, for those who watch. The queue tells it what happens; one thread does.

    `blocked_seconds` runs from the moment somebody has to wait, or is refused, because the queue is full, until there
    is room. A queue that isn't full pays nothing for it, and however many wait, a second is a second."""

    def __init__(
        self, name: str, capacity: int, unit: str, monotonic_seconds: Callable[[], float] = time.monotonic
    ) -> None:
        """`name` is `role.queue`; `held` and `capacity` are counted in `unit`."""
        if capacity < 1:
            raise ValueError(f"the capacity of {name} is {capacity}, must be at least 1")
        self.name = name
        self.capacity = capacity
        self.unit = unit
        self.held = 0
        self._monotonic_seconds = monotonic_seconds
        self._blocked_seconds = 0.0
        self._blocked_since: float | None = None

    @property
    def full(self) -> bool:
        """It holds its capacity, or more."""
        return self.held >= self.capacity

    @property
    def blocking(self) -> bool:
        """Somebody has been held up, and there has been no room since."""
        return self._blocked_since is not None

    @property
    def blocked_seconds(self) -> float:
        """In total, up to now."""
        since = self._blocked_since
        return self._blocked_seconds + (0.0 if since is None else self._monotonic_seconds() - since)

    def add(self, amount: int) -> None:
        """The queue holds so much more, or less."""
        self.held += amount
        if amount < 0 and not self.full:
            self.room()

    def block(self) -> None:
        """Somebody waits, or was refused, for want of room."""
        if self._blocked_since is None:
            self._blocked_since = self._monotonic_seconds()

    def room(self) -> None:
        """Nobody is held up any more. Leaving makes room by itself."""
        self._blocked_seconds = self.blocked_seconds
        self._blocked_since = None

    def status(self) -> dict[str, object]:
        """For people."""
        return {
            "held": self.held,
            "capacity": self.capacity,
            "unit": self.unit,
            "blocked_seconds": round(self.blocked_seconds, 3),
        }


def held(stages: Iterable[Stage]) -> str:
    """What the stages hold, as the end of a sentence: "nothing", or by name."""
    return ", ".join(f"{stage.held} {stage.unit} in {stage.name}" for stage in stages if stage.held) or "nothing"
