"""What an Elasticsearch has, by policy, day and tier; seams.Holdings."""

from __future__ import annotations

from collections.abc import Sequence

from logd.backends.index.elasticsearch_tiers import WARM, IndexTiers
from logd.seams import Holding


class ElasticsearchHoldings:
    """Each index is one part; rows by service are counted by Elasticsearch."""

    def __init__(self, indices: IndexTiers) -> None:
        self._indices = indices

    async def holdings(self, services: bool = False) -> Sequence[Holding]:
        """See Holdings."""
        grouped: dict[tuple[int, str, str], list[tuple[str, int, int]]] = {}
        for one in await self._indices.all():
            key = (one.of.day, one.of.policy, "warm" if one.preference == WARM else "hot")
            grouped.setdefault(key, []).append((one.name, one.rows, one.size_bytes))
        found = []
        for (day, policy, tier), parts in sorted(grouped.items()):
            names = [name for name, *_ in parts]
            found.append(
                Holding(
                    tier=tier,
                    policy=policy,
                    day=day,
                    parts=len(parts),
                    rows=sum(rows for _, rows, _ in parts),
                    size_bytes=sum(size for *_, size in parts),
                    services=await self._indices.services(names) if services else {},
                )
            )
        return found
