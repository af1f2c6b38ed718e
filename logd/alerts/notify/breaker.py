"""A target that fails again and again is left alone for a while, then tried once.

closed ── `failures` in a row ──> open ── `seconds` ──> one try ── success ──> closed
                                   └──────── failure ──────┘
"""

from __future__ import annotations


class Breaker:
    """Of one target. Times are those of a monotonic clock, in seconds."""

    def __init__(self, failures: int, open_seconds: float, try_seconds: float) -> None:
        """A try that hasn't ended after `try_seconds` makes room for another."""
        self._most = failures
        self._open_seconds = open_seconds
        self._try_seconds = try_seconds
        self._failures = 0
        self._open_until: float | None = None

    @property
    def open(self) -> bool:
        """Nobody is let through, but for a try."""
        return self._open_until is not None

    @property
    def new(self) -> bool:
        """It knows of nothing."""
        return not self._failures and not self.open

    def wait_seconds(self, now: float) -> float:
        """How long to wait before asking again; 0 lets the caller through, who then says how it went."""
        if self._open_until is None:
            return 0.0
        if now < self._open_until:
            return self._open_until - now
        self._open_until = now + self._try_seconds
        return 0.0

    def succeeded(self) -> None:
        """The target answered, be it with a refusal."""
        self._failures = 0
        self._open_until = None

    def failed(self, now: float) -> None:
        """It didn't, or had no time for us."""
        self._failures += 1
        if self._failures >= self._most:
            self._open_until = now + self._open_seconds
