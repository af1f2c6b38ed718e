"""What the embedded index has of each policy and day: seams.Holdings. Rows in memory are in no segment yet, and not
among it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from logd.seams import Holding
from logd.store.inventory import Inventory
from logd.store.segments import Segment
from logd.tiers.terms import ReadTerms

#: Rows by service of some segments.
ByService = Callable[[Sequence[Segment]], Awaitable[Mapping[str, int]]]


class SegmentsHoldings:
    """A day is warm once it is before its policy's, else hot: it lies in the same place."""

    def __init__(self, inventory: Inventory, terms: ReadTerms, by_service: ByService) -> None:
        self._inventory = inventory
        self._terms = terms
        self._by_service = by_service

    async def holdings(self, services: bool = False) -> Sequence[Holding]:
        """See Holdings. Asked for services, it reads that column of all segments."""
        terms = await self._terms()
        found: dict[tuple[int, str], list[Segment]] = {}
        for segment in self._inventory.segments:
            found.setdefault((segment.day, segment.policy), []).append(segment)
        holdings = []
        for (day, policy), segments in sorted(found.items()):
            holdings.append(
                Holding(
                    tier="warm" if day < terms.warm_before(policy) else "hot",
                    policy=policy,
                    day=day,
                    parts=len(segments),
                    rows=sum(one.rows for one in segments),
                    size_bytes=sum(one.size_bytes + one.skip_bytes for one in segments),
                    services=await self._by_service(segments) if services else {},
                )
            )
        return holdings
