"""The names of the indices: one for each policy and day (UTC) of records.

logs-2026-11-22                of the default policy
logs-payments-2026-11-22       of a named one
logs-late-payments-2026-11-22  what came after that one was write-blocked; the default's is logs-late-default-…
"""

from __future__ import annotations

from datetime import date, timedelta

from logd.backends.index.policies import DEFAULT

PREFIX = "logs-"
DAY_US = 86_400_000_000
#: More names would make a long URL; the cluster finds out by itself which shards have nothing in a range.
_MOST_DAYS = 60
_EPOCH = date(1970, 1, 1)


def index_of(policy: str, day: int) -> str:
    """For records of a day since 1970."""
    name = "" if policy == DEFAULT else f"{policy}-"
    return f"{PREFIX}{name}{_EPOCH + timedelta(days=day)}"


def late_index_of(policy: str, day: int) -> str:
    """For what comes after that one was write-blocked."""
    name = "default" if policy == DEFAULT else policy
    return f"{PREFIX}late-{name}-{_EPOCH + timedelta(days=day)}"


def indices(from_us: int | None, to_us: int | None) -> list[str]:
    """Patterns for the indices of every policy, late ones too, that may have a record of the range; to_us excluded."""
    if from_us is None or to_us is None or not 0 <= (to_us - max(from_us, 0)) <= _MOST_DAYS * DAY_US:
        return [f"{PREFIX}*"]
    days = range(max(from_us, 0) // DAY_US, (max(to_us, 1) - 1) // DAY_US + 1)
    return [f"{PREFIX}*{_EPOCH + timedelta(days=day)}" for day in days] or [f"{PREFIX}*"]
