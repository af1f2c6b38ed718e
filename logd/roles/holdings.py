"""What is stored, wherever: which keepers of it this process can ask."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence

from logd.config.schema import Config
from logd.flow.clock import now_us
from logd.roles.catalog_wiring import OpenCatalog
from logd.roles.policies import PolicyWatch
from logd.roles.wiring import OpenIndex
from logd.seams import Holdings
from logd.tiers.archive.expiry import ArchiveHoldings
from logd.tiers.policy import today_of, warm_before


@contextlib.asynccontextmanager
async def holdings_of(
    config: Config, index: OpenIndex, catalog: OpenCatalog, policies: PolicyWatch
) -> AsyncIterator[Sequence[Holdings]]:
    """Of the index, by the policies as they are when it is asked, and of the archive."""
    archive = ArchiveHoldings(catalog.archive)
    if index.inventory is not None:
        from logd.backends.index.segments_holdings import SegmentsHoldings

        def tier_of(policy: str, day: int) -> str:
            return "warm" if day < warm_before(policies.retention.ages(policy), today_of(now_us())) else "hot"

        yield (SegmentsHoldings(index.inventory, tier_of), archive)
        return
    from logd.backends.index.elasticsearch_client import Client
    from logd.backends.index.elasticsearch_holdings import ElasticsearchHoldings
    from logd.backends.index.elasticsearch_tiers import IndexTiers

    client = Client(config.index.elasticsearch)
    try:
        yield (ElasticsearchHoldings(IndexTiers(client)), archive)
    finally:
        await client.close()
