"""The wall clock, in the unit that every timestamp of logd has."""

from __future__ import annotations

import time


def now_us() -> int:
    """Unix time in µs."""
    return time.time_ns() // 1000
