"""What an alerter may commit.

The queue of one machine forgets what everybody has committed, and no rule can count it any more. So nothing is
committed there before a look at the rules that began after it was read: whatever comes after a rule was made counts for
it. Kafka has it still.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from logd.alerts.replay import Replay
from logd.errors import Corrupt, Unavailable
from logd.roles.alert_rules import RulesInForce
from logd.seams import StreamPositions

#: At the end, for a last look.
_LOOK_SECONDS = 2.0


class Commits:
    """Used by one task. `forgets` says which kind of queue it is."""

    def __init__(self, rules: RulesInForce, forgets: bool) -> None:
        self._rules = rules
        self._forgets = forgets
        self._waiting: StreamPositions | None = None
        self._since = 0.0

    def due(self, read: StreamPositions, generation: int, replay: Replay | None) -> StreamPositions | None:
        """Up to where to commit now, of what was read; None while that waits for a look. `generation` is that of the
        rules which are counted for, and `replay` fills the windows of those that are new."""
        if not self._forgets:
            return read
        if self._waiting is None:
            self._waiting, self._since = dict(read), time.monotonic()
            self._rules.ask()
        # What a replay hasn't begun to read would be gone.
        if (
            self._rules.looked_at <= self._since
            or not self._is(generation)
            or (replay is not None and not replay.reads)
        ):
            return None
        due, self._waiting = self._waiting, None
        return due

    async def at_end(self, read: StreamPositions, generation: int) -> StreamPositions:
        """The same, after a last look. If a rule has come, the next process counts for it what isn't committed here."""
        if self._forgets:
            with contextlib.suppress(Unavailable, Corrupt, TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._rules.look()
        return read if not self._forgets or self._is(generation) else {}

    def _is(self, generation: int) -> bool:
        return self._rules.generation == generation
