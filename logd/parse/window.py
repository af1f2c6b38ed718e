"""The accepted window: how far from the observed time a line's own time may be."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """The accepted window around the observed time; `max_age_seconds` 0 reaches back to 1970."""

    max_age_seconds: int = 0
    max_ahead_seconds: int = 3600

    def outside(self, time: str, observed: str) -> str:
        """SQL: the time is not accepted. Null where there is no time."""
        oldest = "TIMESTAMPTZ '1970-01-01 00:00:00+00'"
        if self.max_age_seconds:
            oldest = f"{observed} - to_seconds({self.max_age_seconds})"
        return f"({time} > {observed} + to_seconds({self.max_ahead_seconds}) OR {time} < {oldest})"
