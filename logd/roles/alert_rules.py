"""The alert rules that hold now: those of the catalog and of files, looked at again and again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence

from logd.alerts.folder import RuleFolder
from logd.alerts.gauges import Gauge, gauges
from logd.alerts.reading import Terms, WrongRule, read_rule
from logd.alerts.rules import Rule
from logd.errors import Corrupt, Unavailable
from logd.seams import AlertRule, AlertRules

log = logging.getLogger("logd.alerter")
#: People see soon that what they have changed holds; reading a thousand rules takes 20 ms.
_LOOK_SECONDS = 2.0


class RulesInForce:
    """Without those that are disabled. `generation` rises with each change. A rule that was stored before `looked_at`,
    in seconds of time.monotonic, holds, unless that look failed."""

    def __init__(self, kept: AlertRules, folder: RuleFolder, terms: Terms, late_seconds: int, shards: int) -> None:
        self._kept = kept
        self._folder = folder
        self._terms = terms
        self._late_seconds = late_seconds
        self._shards = shards
        self._seen: dict[str, tuple[AlertRule, Rule | None]] = {}
        self._folder_generation = -1
        self.generation = 0
        self.looked_at = 0.0
        self._asked = asyncio.Event()
        self._looking = asyncio.Lock()
        self.rules: Mapping[str, Rule] = {}
        self.gauges: Mapping[str, Sequence[Gauge]] = {}

    async def look(self) -> None:
        """Raises Unavailable and Corrupt; what held before goes on then."""
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        kept = await self._kept.all()
        files = self._folder.now
        seen = {one.id: self._read(one) for one in kept}
        if seen == self._seen and files.generation == self._folder_generation:
            return
        self._seen, self._folder_generation = seen, files.generation
        found = {rule_id: rule for rule_id, (_, rule) in seen.items() if rule is not None}
        found |= {one.id: one.rule for one in files.rules}
        rules = {rule_id: rule for rule_id, rule in found.items() if rule.enabled}
        if rules != self.rules or not self.generation:
            made = await asyncio.to_thread(gauges, rules, self._shards, self._late_seconds, self._terms.operator)
            self.rules, self.gauges = rules, made
            self.generation += 1
            log.info("%d alert rules watch", len(rules))

    def ask(self) -> None:
        """Has `run` look at once."""
        self._asked.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Looks until `stop`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._run(stop), name="alerter.look")
            await stop.wait()
            self.ask()

    async def _run(self, stop: asyncio.Event) -> None:
        said = ""
        while not stop.is_set():
            self._asked.clear()
            began = time.monotonic()
            try:
                await self.look()
                said = ""
            except (Unavailable, Corrupt) as error:
                if str(error) != said:
                    log.warning("alert rules can't be looked at, those of before go on: %s", error)
                said = str(error)
            self.looked_at = began
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._asked.wait()

    def _read(self, kept: AlertRule) -> tuple[AlertRule, Rule | None]:
        before = self._seen.get(kept.id)
        if before is not None and before[0] == kept:
            return before
        try:
            return kept, read_rule(kept.rule, self._terms)
        except WrongRule as error:
            log.error("the alert rule %r doesn't watch: %s", kept.name, error)
            return kept, None
