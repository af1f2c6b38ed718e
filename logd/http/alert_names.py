"""What alerts are called: rules by ids and names, those of the catalog and of files, and groups by their fields."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from logd.alerts.file import ID_PREFIX, FileRule
from logd.alerts.folder import RuleFolder
from logd.alerts.rules import group_names
from logd.errors import Conflict, NotFound
from logd.http.parameters import shortened
from logd.http.records import start_texts
from logd.http.saved import catalog_call
from logd.seams import AlertGroup, AlertRule, AlertRules
from logd.tokens import ID

#: All rules are read for their names and fields, which hardly ever change: 10,000 of them take 100 ms.
_KNOWN_SECONDS = 10.0
_ANY_ID = re.compile(rf"(?:{ID_PREFIX})?{ID.pattern}")


class Named(NamedTuple):
    """Of a rule."""

    name: str
    group_by: Sequence[str]


class RuleNames:
    """Of all rules that there are. Raises Unavailable (503) when the catalog can't be asked."""

    def __init__(self, kept: AlertRules, folder: RuleFolder) -> None:
        self._kept = kept
        self._folder = folder
        self._named: dict[str, Named] = {}
        #: Asked for, and not there.
        self._missing: set[str] = set()
        self._read_at = -_KNOWN_SECONDS
        self._reading = asyncio.Lock()

    async def find(self, key: str) -> AlertRule | FileRule:
        """By its id, or its name: of a rule in the catalog, or of one in a file if there is one alone. Raises NotFound
        and Conflict."""
        files = self._folder.now.rules
        if by_id := [one for one in files if one.id == key]:
            return by_id[0]
        with catalog_call():
            found = await self._kept.find(key)
        if found is not None:
            return found
        named = [one for one in files if one.rule.name == key]
        if not named:
            raise NotFound(f"there is no alert rule {shortened(key)}")
        if len(named) > 1:
            ids = ", ".join(f"{one.id} ({one.file})" for one in named)
            raise Conflict(f"several files have a rule {shortened(key)}: name one by its id, {ids}", "id")
        return named[0]

    async def id_of(self, key: str) -> str:
        """Of a rule that may be gone, which only its id tells. Raises NotFound and Conflict."""
        return key if _ANY_ID.fullmatch(key) else (await self.find(key)).id

    async def of(self, rule_ids: Iterable[str]) -> Mapping[str, Named]:
        """Those of them that there are, as they were some seconds ago."""
        named = {one.id: Named(one.rule.name, one.rule.group_names) for one in self._folder.now.rules}
        asked = set(rule_ids) - named.keys()
        if not asked:
            return named
        async with self._reading:
            old = time.monotonic() - self._read_at >= _KNOWN_SECONDS
            if old or asked - self._named.keys() - self._missing:
                at = time.monotonic()
                with catalog_call():
                    rules = await self._kept.all()
                self._named = {one.id: Named(one.name, _names(one.rule)) for one in rules}
                self._missing, self._read_at = asked - self._named.keys(), at
        return self._named | named


def _names(rule: Mapping[str, Any]) -> Sequence[str]:
    """As Rule.group_names, of a rule as it is kept, which may be wrong by now."""
    condition = rule.get("condition", {})
    return group_names(rule.get("group_by", ()), condition.get("aggregation", ""), condition.get("field", ""))


def by_field(group: AlertGroup, named: Named | None) -> dict[str, str | None]:
    """A group's values by the rule's fields; by 1, 2 … where it has had others since, or is gone."""
    known = named is not None and len(named.group_by) == len(group)
    names = named.group_by if named is not None and known else map(str, range(1, len(group) + 1))
    return dict(zip(names, group, strict=True))


def texts_of(times: Iterable[int | None]) -> Mapping[int | None, str | None]:
    """Of Unix µs, as answers have them; None stays."""
    known = list({one for one in times if one is not None})
    return {None: None, **dict(zip(known, start_texts(known), strict=True))}
