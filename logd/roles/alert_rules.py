"""The alert rules that hold now: those of the catalog and of files, looked at again and again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
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
    """Without those that are disabled. `generation` rises with each change."""

    def __init__(self, kept: AlertRules, folder: RuleFolder, terms: Terms, late_seconds: int, shards: int) -> None:
        self._kept = kept
        self._folder = folder
        self._terms = terms
        self._late_seconds = late_seconds
        self._shards = shards
        self._seen: dict[str, tuple[AlertRule, Rule | None]] = {}
        self._folder_generation = -1
        self.generation = 0
        self.rules: Mapping[str, Rule] = {}
        self.gauges: Mapping[str, Sequence[Gauge]] = {}

    async def look(self) -> None:
        """Raises Unavailable and Corrupt; what held before goes on then."""
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

    async def run(self, stop: asyncio.Event) -> None:
        """Looks until `stop`."""
        said = ""
        while not stop.is_set():
            try:
                await self.look()
                said = ""
            except (Unavailable, Corrupt) as error:
                if str(error) != said:
                    log.warning("alert rules can't be looked at, those of before go on: %s", error)
                said = str(error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await stop.wait()

    def _read(self, kept: AlertRule) -> tuple[AlertRule, Rule | None]:
        before = self._seen.get(kept.id)
        if before is not None and before[0] == kept:
            return before
        try:
            return kept, read_rule(kept.rule, self._terms)
        except WrongRule as error:
            log.error("the alert rule %r doesn't watch: %s", kept.name, error)
            return kept, None
