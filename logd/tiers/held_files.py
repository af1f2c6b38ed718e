"""Which files of the archive a legal hold keeps: those of an hour in which it has a hit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from logd.errors import BadRequest, QueryError
from logd.query.parse import Operator
from logd.seams import ArchivedFile, Found, LegalHold, LegalHolds, Search
from logd.tiers.holding import asked_by, may_hold

log = logging.getLogger("logd.archiver")
_HOUR_US = 3_600_000_000


class Finds(Protocol):
    """What is asked of the archive."""

    async def search(self, search: Search) -> Found:
        """See Searches."""
        ...


#: The archive's days of each policy before the one that is given.
ArchiveOf = Callable[[Mapping[str, int]], Finds]


class HeldFiles:
    """For expiry.expire, as `is_held`. Neither files nor holds change, so each pair is asked once."""

    def __init__(self, holds: LegalHolds, archive_of: ArchiveOf, operator: Operator) -> None:
        self._holds = holds
        self._archive_of = archive_of
        self._operator: Operator = operator
        self._known: dict[tuple[str, str], bool] = {}

    async def __call__(self, file: ArchivedFile) -> bool:
        """Raises Unavailable, and Corrupt when a hold can't be read."""
        for hold in may_hold(await self._holds.all(), file.day, file.services or None):
            key = hold.id, file.name
            if key not in self._known:
                self._known[key] = await self._has_hit(hold, file)
            if self._known[key]:
                return True
        return False

    async def _has_hit(self, hold: LegalHold, file: ArchivedFile) -> bool:
        if file.reason:
            return True  # it can't be read, so nobody knows
        start = (24 * file.day + file.hour) * _HOUR_US
        end = start + _HOUR_US
        from_us = start if hold.from_us is None else max(start, hold.from_us)
        to_us = end if hold.to_us is None else min(end, hold.to_us)
        if from_us >= to_us:
            return False
        try:
            query = asked_by(hold, self._operator)
            asked = Search(query=query, from_us=from_us, to_us=to_us, limit=1, count_limit=0)
            found = await self._archive_of({file.policy: file.day + 1}).search(asked)
        except (QueryError, BadRequest) as error:  # it can't be told that nothing is held
            log.error("what the legal hold %s holds can't be told, so it holds %s: %s", hold.name, file.name, error)
            return True
        return len(found.table) > 0 or bool(found.missing)
