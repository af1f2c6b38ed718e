"""The policies as a running process knows them: what index and archive ask for where a record belongs, and archivers
for how long it stays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from logd.config.schema import Config
from logd.errors import ConfigError, Corrupt, Unavailable
from logd.seams import RetentionPolicies, RetentionPolicy
from logd.tiers.policy import Retention

if TYPE_CHECKING:
    from logd.backends.index.policies import Assignment

log = logging.getLogger("logd.policies")
#: Well below seams.POLICY_LEAD_SECONDS, after which all processes have to know of a change.
_LOOK_SECONDS = 10.0


class PolicyWatch:
    """Reads the catalog's policies now and then. While that can't be done, what is known goes on."""

    def __init__(self, config: Config, kept: RetentionPolicies, assignment: Assignment) -> None:
        """`assignment` is told of each change, and is the same for everybody in the process."""
        self.assignment = assignment
        #: As of the last look; another one after a change.
        self.retention = Retention(config.policies, (), config.archiver.retention_days)
        self._config = config
        self._kept = kept
        self._history: Sequence[RetentionPolicy] = ()
        self._trouble = ""

    def trouble(self) -> str:
        """Why the policies can't be read now; empty when they can."""
        return self._trouble

    def surely(self) -> Retention:
        """As of the last look, for who deletes by it. Raises Unavailable when they can't be read now."""
        if self._trouble:
            raise Unavailable(f"retention policies can't be read: {self._trouble}")
        return self.retention

    async def begin(self) -> None:
        """Before a line is stored, which would lie where it doesn't belong. Raises ConfigError."""
        try:
            await self._learn()
        except (Unavailable, Corrupt) as error:
            raise ConfigError(f"retention policies can't be read from the catalog: {error}") from error

    async def look(self) -> None:
        """Reads them now. Says once what is wrong, and once that it is over."""
        try:
            await self._learn()
        except (Unavailable, Corrupt) as error:
            if not self._trouble:
                log.warning("retention policies can't be read, those that are known go on: %s", error)
            self._trouble = str(error)
            return
        if self._trouble:
            log.info("retention policies can be read again")
        self._trouble = ""

    async def run(self, stop: asyncio.Event) -> None:
        """Looks until `stop`."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await stop.wait()
            except TimeoutError:
                await self.look()

    async def _learn(self) -> None:
        history = tuple(await self._kept.history())
        if history == self._history:
            return
        await asyncio.to_thread(self.assignment.learn, history)
        latest = [policy for policy in history if policy.until_us is None]
        self.retention = Retention(self._config.policies, latest, self._config.archiver.retention_days)
        self._history = history
