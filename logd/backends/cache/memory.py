"""The cache in this process's memory: bounded, what wasn't used for longest goes first."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

#: Of an entry beside its key and value: the dict's slot and the objects' heads.
_ENTRY_BYTES = 300
#: One answer mustn't push out all others.
_LARGEST_PART = 8


class _Entry(NamedTuple):
    """Until when it is good, in seconds of the clock."""

    value: bytes
    until: float


class MemoryCache:
    """See seams.Cache."""

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._held_bytes = 0

    async def get(self, key: str, within: float | None = None) -> bytes | None:
        """See Cache."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if self._clock() >= entry.until:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    async def put(self, key: str, value: bytes, seconds: float, within: float | None = None) -> None:
        """See Cache."""
        if key in self._entries:
            self._drop(key)
        size = _size(key, value)
        if size > self._max_bytes // _LARGEST_PART:
            return
        self._entries[key] = _Entry(value, self._clock() + seconds)
        self._held_bytes += size
        while self._held_bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def status(self) -> dict[str, Any]:
        """See Cache."""
        return {"type": "memory", "entries": len(self._entries), "bytes": self._held_bytes}

    async def close(self) -> None:
        """See Cache."""
        self._entries.clear()
        self._held_bytes = 0

    def _drop(self, key: str) -> None:
        self._held_bytes -= _size(key, self._entries.pop(key).value)


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + _ENTRY_BYTES
