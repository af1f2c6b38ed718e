"""What policies and legal holds say now, for who deletes and moves: pure decisions over it are in policy.py."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from logd.seams import LegalHold

#: A policy that is changed is in force a minute later, and a hold must hold soon.
_FRESH_SECONDS = 10.0


class Terms(NamedTuple):
    """By a policy's name, days (since 1970) before which its records are deleted, leave for the archive, and are warm;
    None for never. `holds` are those that aren't released."""

    expired_before: Callable[[str], int | None]
    cold_before: Callable[[str], int | None]
    warm_before: Callable[[str], int]
    holds: Sequence[LegalHold]


ReadTerms = Callable[[], Awaitable[Terms]]


class KnownTerms:
    """Terms that are read again when they are too old. What can't be read is no reason to go by what was."""

    def __init__(self, read: ReadTerms, fresh_seconds: float = _FRESH_SECONDS) -> None:
        self._read = read
        self._fresh_seconds = fresh_seconds
        self._known: Terms | None = None
        self._read_at = 0.0

    async def __call__(self) -> Terms:
        """Raises LogdError when they can't be read."""
        if self._known is None or time.monotonic() - self._read_at >= self._fresh_seconds:
            self._known = None
            self._known = await self._read()
            self._read_at = time.monotonic()
        return self._known
