"""What of an index is due to move, without doing it: pure decisions over what there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from logd.backends.index.elasticsearch_tiers import StoredIndex
from logd.seams import Boundary, StreamPositions
from logd.tiers.policy import Retention, cold_before, expired_before, warm_before


class Day(NamedTuple):
    """The indices of a policy and a day: its own if there is one, and late ones."""

    policy: str
    day: int
    indices: Sequence[StoredIndex]

    @property
    def own(self) -> StoredIndex | None:
        """Not the late ones."""
        return next((one for one in self.indices if not one.of.late), None)


def days_of(indices: Iterable[StoredIndex]) -> list[Day]:
    """The oldest first, by policy within a day."""
    ordered = sorted(indices, key=lambda one: (one.of.day, one.of.policy, one.of.late))
    grouped = groupby(ordered, key=lambda one: (one.of.day, one.of.policy))
    return [Day(policy, day, list(some)) for (day, policy), some in grouped]


def to_warm(days: Sequence[Day], retention: Retention, today: int) -> list[Day]:
    """Those that are to be warm at least."""
    return [one for one in days if one.day < warm_before(retention.ages(one.policy), today)]


def past_warm(one: Day, retention: Retention, today: int) -> bool:
    """Whether it is to be in the archive alone."""
    return one.day < cold_before(retention.ages(one.policy), today)


def is_expired(one: Day, retention: Retention, today: int) -> bool:
    """Whether it is to be nowhere."""
    expired = expired_before(retention.ages(one.policy), today)
    return expired is not None and one.day < expired


def to_leave(days: Sequence[Day], retention: Retention, boundaries: Mapping[str, Boundary], today: int) -> list[Day]:
    """Those that are to leave the index, or that the archive answers for already; of each policy the oldest that is
    before the boundary no more, as a boundary speaks for all days before it."""
    due, first = [], set()
    for one in days:
        is_behind = one.day < _cold_before(boundaries, one.policy)
        if is_behind or (past_warm(one, retention, today) and one.policy not in first):
            due.append(one)
        if not is_behind:
            first.add(one.policy)
    return due


def to_leave_early(days: Sequence[Day], boundaries: Mapping[str, Boundary]) -> list[Day]:
    """For room on the disks: of each policy the oldest day, if that is warm; the oldest of all first."""
    first: dict[str, Day] = {}
    for one in days:
        first.setdefault(one.policy, one)
    return [one for one in first.values() if (known := boundaries.get(one.policy)) and one.day < known.warm_before]


def targets(one: Day) -> list[StoredIndex]:
    """What of it may leave together: one of its three names always takes late lines."""
    late = [index for index in one.indices if index.of.late]
    return [index for index in one.indices if not index.of.late or index is late[0]]


def behind(wanted: StreamPositions, reached: StreamPositions) -> int:
    """How many messages are missing to these positions."""
    return sum(max(0, position - reached.get(partition, 0)) for partition, position in wanted.items())


def unproven(indexed: int, archived: int, gap: int, gone: int) -> str:
    """Why the archive can't be said to have what the index has; empty when it has. `gap` are lines that the index may
    lack, `gone` those that have left it before."""
    if archived < max(indexed, gone):
        return f"the index has {indexed:,} records of it, the archive {archived:,}"
    if archived > indexed + gap + gone:
        left = f" and {gone:,} that left it" if gone else ""
        return (
            f"the archive has {archived:,} records of it, the index {indexed:,}{left}; {gap:,} are known to be missing"
        )
    return ""


def _cold_before(boundaries: Mapping[str, Boundary], policy: str) -> int:
    return boundaries[policy].cold_before if policy in boundaries else 0
