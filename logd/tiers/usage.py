"""What is stored, by policy, day, tier and service, and what it costs: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from logd.seams.tiering import Holding

#: Of prices: 10^9 bytes, as clouds count.
_GB = 1_000_000_000


class ServiceUsage(msgspec.Struct, frozen=True, kw_only=True):
    """A service's share of what is stored: bytes go by rows. `service` is "" for records without one, and None for
    those of which it isn't known. `cost` is of a month."""

    service: str | None
    rows: int
    size_bytes: float
    raw_bytes: float | None
    cost: float


def cost_of(tier: str, size_bytes: float, prices: Mapping[str, float]) -> float:
    """A month's, by prices of a GB; what is neither warm nor cold lies where hot does."""
    return size_bytes / _GB * prices.get(tier, prices.get("hot", 0.0))


def shares(holding: Holding, prices: Mapping[str, float]) -> list[ServiceUsage]:
    """Of the services in it, the largest first."""
    named: dict[str | None, int] = {**holding.services}
    left = holding.rows - sum(named.values())
    if left > 0:
        named[None] = left
    whole = max(1, sum(named.values()))
    found = []
    for service, rows in named.items():
        size = holding.size_bytes * rows / whole
        raw = None if holding.raw_bytes is None else holding.raw_bytes * rows / whole
        cost = cost_of(holding.tier, size, prices)
        found.append(ServiceUsage(service=service, rows=rows, size_bytes=size, raw_bytes=raw, cost=cost))
    return sorted(found, key=lambda one: (-one.size_bytes, one.service is None, one.service or ""))


def by_service(stored: Sequence[Holding], prices: Mapping[str, float]) -> list[ServiceUsage]:
    """Of everything, the dearest first, then the largest. `raw_bytes` are None where those of a part are unknown."""
    of: dict[str | None, list[ServiceUsage]] = {}
    for holding in stored:
        for one in shares(holding, prices):
            of.setdefault(one.service, []).append(one)
    found = [
        ServiceUsage(
            service=service,
            rows=sum(one.rows for one in parts),
            size_bytes=sum(one.size_bytes for one in parts),
            raw_bytes=_sum([one.raw_bytes for one in parts]),
            cost=sum(one.cost for one in parts),
        )
        for service, parts in of.items()
    ]
    return sorted(found, key=lambda one: (-one.cost, -one.size_bytes, one.service is None, one.service or ""))


def _sum(found: Sequence[float | None]) -> float | None:
    known = [one for one in found if one is not None]
    return sum(known) if len(known) == len(found) else None
