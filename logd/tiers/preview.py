"""What a change of policies would delete of what is stored: pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from logd.seams.retention import LegalHold
from logd.seams.tiering import Holding
from logd.tiers.holding import may_hold
from logd.tiers.policy import Retention, expired_before


class Doomed(msgspec.Struct, frozen=True, kw_only=True):
    """What goes of a tier and a policy, from the first to the last day (since 1970). `holds` are the names of legal
    holds that may keep some of it for now."""

    tier: str
    policy: str
    parts: int
    rows: int
    size_bytes: int
    first_day: int
    last_day: int
    holds: tuple[str, ...] = ()


class Preview(msgspec.Struct, frozen=True):
    """What would be deleted `now`, though it wouldn't without the change, and what later, but sooner than without."""

    now: Sequence[Doomed] = ()
    later: Sequence[Doomed] = ()


def shortens(before: Retention, after: Retention) -> bool:
    """Whether a change may delete anything sooner, whatever is stored."""
    names = {*before.names, *after.names}
    return any(_kept_days(after, name) < _kept_days(before, name) for name in names)


def preview(
    stored: Sequence[Holding], before: Retention, after: Retention, today: int, holds: Sequence[LegalHold] = ()
) -> Preview:
    """Of everything that is stored, with rows by service if a hold is for some services alone."""
    now: list[Holding] = []
    later: list[Holding] = []
    for holding in stored:
        if _kept_days(after, holding.policy) >= _kept_days(before, holding.policy):
            continue
        expired = expired_before(after.ages(holding.policy), today)
        was_expired = expired_before(before.ages(holding.policy), today)
        if was_expired is not None and holding.day < was_expired:
            continue
        (now if expired is not None and holding.day < expired else later).append(holding)
    return Preview(_summed(now, holds), _summed(later, holds))


def _kept_days(retention: Retention, name: str) -> float:
    return retention.ages(name).cold_days or float("inf")


def _summed(stored: Sequence[Holding], holds: Sequence[LegalHold]) -> list[Doomed]:
    """By policy and tier."""
    of: dict[tuple[str, str], list[Holding]] = {}
    for holding in stored:
        of.setdefault((holding.policy, holding.tier), []).append(holding)
    return [
        Doomed(
            tier=tier,
            policy=policy,
            parts=sum(one.parts for one in found),
            rows=sum(one.rows for one in found),
            size_bytes=sum(one.size_bytes for one in found),
            first_day=min(one.day for one in found),
            last_day=max(one.day for one in found),
            holds=_names(found, holds),
        )
        for (policy, tier), found in sorted(of.items())
    ]


def _names(stored: Sequence[Holding], holds: Sequence[LegalHold]) -> tuple[str, ...]:
    names = {hold.name for one in stored for hold in may_hold(holds, one.day, one.services or None)}
    return tuple(sorted(names))
