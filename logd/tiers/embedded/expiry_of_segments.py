"""Which segments may be deleted: those past their policy's days that no legal hold has a hit in."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from logd.errors import BadRequest, QueryError
from logd.query.parse import Operator
from logd.seams import LegalHold, Search
from logd.store.segments import Segment
from logd.tiers.holding import asked_by
from logd.tiers.terms import ReadTerms

log = logging.getLogger("logd.archiver")
#: Whether a search has a hit in a segment.
HasHit = Callable[[Segment, Search], Awaitable[bool]]


class SegmentsExpiry:
    """For SegmentsUpkeep, as `expired`. Segments and holds never change, so each pair is asked once."""

    def __init__(self, terms: ReadTerms, has_hit: HasHit, operator: Operator) -> None:
        self._terms = terms
        self._has_hit = has_hit
        self._operator: Operator = operator
        self._known: dict[tuple[str, int], bool] = {}
        self._held: dict[str, tuple[int, int]] = {}

    async def expired(self, segments: Sequence[Segment]) -> Sequence[Segment]:
        """Raises LogdError when it can't be told."""
        terms = await self._terms()
        gone: list[Segment] = []
        held: dict[str, tuple[int, int]] = {}
        past = [one for one in segments if one.day < (terms.expired_before(one.policy) or 0)]
        known = {(hold.id, segment.id) for hold in terms.holds for segment in past}
        self._known = {pair: has for pair, has in self._known.items() if pair in known}
        for segment in past:
            holding = [hold for hold in terms.holds if await self._holds(hold, segment)]
            for hold in holding:
                parts, rows = held.get(hold.name, (0, 0))
                held[hold.name] = parts + 1, rows + segment.rows
            if not holding:
                gone.append(segment)
        self._held = held
        return gone

    def status(self) -> dict[str, Any]:
        """What would have expired, by the name of the hold that keeps it."""
        return {name: {"segments": parts, "rows": rows} for name, (parts, rows) in self._held.items()}

    async def _holds(self, hold: LegalHold, segment: Segment) -> bool:
        if hold.released_us is not None:
            return False
        from_us, to_us = hold.from_us, hold.to_us
        if (from_us is not None and segment.max_us < from_us) or (to_us is not None and segment.min_us >= to_us):
            return False
        pair = (hold.id, segment.id)
        if pair not in self._known:
            try:
                asked = Search(
                    query=asked_by(hold, self._operator), from_us=from_us, to_us=to_us, limit=1, count_limit=0
                )
                self._known[pair] = await self._has_hit(segment, asked)
            except QueryError as error:
                log.error("the query of the legal hold %s can't be read, so it holds everything: %s", hold.name, error)
                self._known[pair] = True
            except BadRequest as error:  # it takes too much: it can't be told that nothing is held
                log.error("whether the legal hold %s holds %s can't be told: %s", hold.name, segment.file, error)
                self._known[pair] = True
        return self._known[pair]
