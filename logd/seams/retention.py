"""How long records are kept where, and what must not be deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

#: The policy of what no other one names. There always is one, whether anybody has made it or not.
DEFAULT_POLICY = "DEFAULT"
MAX_POLICIES = 200
MAX_POLICY_SERVICES = 1_000
MAX_HOLDS = 1_000
#: A new version of a policy is in force so much later, by when every process has read it: all say the same of a record.
POLICY_LEAD_SECONDS = 60


class RetentionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a policy. `services` are patterns (`*` any characters, `?` one); none of DEFAULT's.

    `hot_days`, `warm_days` and `cold_days` are ages: a day (UTC) is hot until its last record is `hot_days` old, then
    warm until that is `warm_days` old, then cold, in the archive alone, until it is `cold_days` old, when it is
    deleted; 0 cold days are for ever. So a day leaves a tier once it is before today's number minus that many. Of
    everything that is stored under a name, the days of the name's latest version count.

    The services are those of records that logd took in (`ingested_at`) from `from_us` to before `until_us`, None while
    it is the latest: so where a record belongs never changes, whoever asks and when. Times are Unix µs."""

    name: str
    services: tuple[str, ...] = ()
    hot_days: int = 1
    warm_days: int = 30
    cold_days: int = 0
    description: str = ""
    version: int = 1
    from_us: int = 0
    until_us: int | None = None
    updated_by: str = ""
    updated_us: int = 0


class RetentionPolicies(Protocol):
    """The policies of all processes. Every call raises Unavailable when it can't be done now, and Corrupt when what is
    kept can't be made sense of."""

    async def all(self) -> Sequence[RetentionPolicy]:
        """The latest version of each, by name; not those that were deleted."""
        ...

    async def history(self) -> Sequence[RetentionPolicy]:
        """Every version that there ever was, by `from_us`, also of those that were deleted."""
        ...

    async def create(self, policy: RetentionPolicy) -> RetentionPolicy:
        """Keeps it, durably, with the version behind the last one of that name. Raises Conflict when the name is
        taken, or when there are MAX_POLICIES."""
        ...

    async def replace(self, policy: RetentionPolicy) -> RetentionPolicy:
        """Puts it, durably, in the place of the version that it has, which ends where this one begins, and gives it
        with the next version. Raises Conflict when the latest has another version, and NotFound."""
        ...

    async def delete(self, name: str, version: int, until_us: int) -> None:
        """Ends the latest version, durably. What is stored under the name goes by DEFAULT's days then. Raises Conflict
        when the latest has another version, and NotFound."""
        ...


class LegalHold(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing is deleted that has a hit of `query` from `from_us` to before `to_us`, None being without a bound, until
    `released_us`. `id` is 12 hex digits. `services` are names without patterns, none meaning all."""

    id: str
    name: str
    query: str = ""
    services: tuple[str, ...] = ()
    from_us: int | None = None
    to_us: int | None = None
    reason: str = ""
    created_by: str = ""
    created_us: int = 0
    released_by: str = ""
    released_us: int | None = None


class LegalHolds(Protocol):
    """The holds of all processes. Every call raises Unavailable and Corrupt as those of RetentionPolicies."""

    async def all(self) -> Sequence[LegalHold]:
        """The oldest first, those that were released too. Raises Corrupt when one is damaged: a hold that can't be
        read holds everything."""
        ...

    async def create(self, hold: LegalHold) -> None:
        """Keeps it, durably. Raises Conflict when its id or its name is taken, or when there are MAX_HOLDS."""
        ...

    async def release(self, hold_id: str, by: str, at_us: int) -> LegalHold:
        """Ends it, durably, and gives it; one that was released stays as it is. Raises NotFound."""
        ...
