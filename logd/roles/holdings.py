"""What is stored, wherever: which keepers of it this process can ask."""

from __future__ import annotations

from collections.abc import Sequence

from logd.flow.clock import now_us
from logd.roles.policies import PolicyWatch
from logd.roles.wiring import OpenIndex
from logd.seams import Holdings
from logd.tiers.policy import today_of, warm_before


def holdings_of(index: OpenIndex, policies: PolicyWatch | None) -> Sequence[Holdings]:
    """Of the embedded index, by the policies as they are when it is asked."""
    if index.inventory is None or policies is None:
        return ()
    from logd.backends.index.segments_holdings import SegmentsHoldings

    def tier_of(policy: str, day: int) -> str:
        return "warm" if day < warm_before(policies.retention.ages(policy), today_of(now_us())) else "hot"

    return (SegmentsHoldings(index.inventory, tier_of),)
