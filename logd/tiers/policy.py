"""What retention policies say of a day: pure decisions, by whoever moves and deletes. Days are numbers since 1970, UTC.

A day may be past several ages at once: what is expired goes, whatever tier it has come to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from logd.config.schema import Policy
from logd.seams.retention import DEFAULT_POLICY, RetentionPolicy

_DAY_US = 86_400_000_000
_UNSET = RetentionPolicy(name=DEFAULT_POLICY)


class Ages(msgspec.Struct, frozen=True):
    """Of what is stored under a policy's name; see RetentionPolicy. `given` when somebody has said them: without, the
    embedded index leaves everything where it is. `cold_days` 0 is for ever."""

    hot_days: int
    warm_days: int
    cold_days: int
    given: bool = True


class Retention:
    """Everybody's policies as they are now: those of the configuration, then the catalog's."""

    def __init__(
        self, configured: Mapping[str, Policy], latest: Sequence[RetentionPolicy] = (), retention_days: int = 0
    ) -> None:
        """`latest` are RetentionPolicies.all(); `retention_days` is the archiver's setting, DEFAULT's cold days where
        nobody has said others."""
        kept = {policy.name: policy for policy in latest}
        self.default = _default(configured.get(DEFAULT_POLICY), kept.get(DEFAULT_POLICY), retention_days)
        ages = {name: Ages(one.hot_days, one.warm_days, one.cold_days) for name, one in kept.items()}
        ages |= {name: _filled(policy, self.default) for name, policy in configured.items()}
        self._ages = {**ages, DEFAULT_POLICY: self.default}
        #: DEFAULT, then the configuration's in their order, then the catalog's.
        self.names = tuple(dict.fromkeys((DEFAULT_POLICY, *configured, *kept)))

    def ages(self, name: str) -> Ages:
        """DEFAULT's for a name that is no policy's, or no more."""
        return self._ages.get(name, self.default)


def today_of(at_us: int) -> int:
    """The day of a time in Unix µs."""
    return at_us // _DAY_US


def warm_before(ages: Ages, today: int) -> int:
    """Days before this one are to leave hot."""
    return today - ages.hot_days


def cold_before(ages: Ages, today: int) -> int:
    """Days before this one are to leave warm: the archive alone has them then."""
    return today - ages.warm_days


def expired_before(ages: Ages, today: int) -> int | None:
    """Days before this one are to be deleted; None for never."""
    return today - ages.cold_days if ages.cold_days else None


def tier_of(ages: Ages, day: int, today: int) -> str:
    """Where a day is to be: `hot`, `warm`, `cold`, or `gone`."""
    expired = expired_before(ages, today)
    if expired is not None and day < expired:
        return "gone"
    if day < cold_before(ages, today):
        return "cold"
    return "warm" if day < warm_before(ages, today) else "hot"


def wrong_ages(hot_days: int, warm_days: int, cold_days: int) -> str:
    """Why a policy can't have these; empty for nothing."""
    if hot_days > warm_days:
        return f"hot_days is {hot_days}, expected at most warm_days, which is {warm_days}"
    if cold_days and warm_days > cold_days:
        return f"warm_days is {warm_days}, expected at most cold_days, which is {cold_days} (0 is for ever)"
    return ""


def _default(configured: Policy | None, kept: RetentionPolicy | None, retention_days: int) -> Ages:
    if configured is None and kept is not None:
        return Ages(kept.hot_days, kept.warm_days, kept.cold_days)
    return _filled(configured, Ages(_UNSET.hot_days, _UNSET.warm_days, retention_days, given=configured is not None))


def _filled(policy: Policy | None, default: Ages) -> Ages:
    """With the default's ages where the policy has none, as far as they go with those that it has."""
    if policy is None:
        policy = Policy()
    said = (policy.hot_days, policy.warm_days, policy.cold_days)
    least = max((days for days in said if days is not None), default=0)
    cold_days = policy.cold_days
    if cold_days is None:
        cold_days = max(default.cold_days, least) if default.cold_days else 0
    warm_days = policy.warm_days
    if warm_days is None:
        warm_days = max(default.warm_days, policy.hot_days or 0)
        warm_days = min(warm_days, cold_days) if cold_days else warm_days
    hot_days = min(default.hot_days, warm_days) if policy.hot_days is None else policy.hot_days
    return Ages(hot_days, warm_days, cold_days, default.given or said != (None, None, None))
