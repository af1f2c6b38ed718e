"""The names of the indices: one for each policy and day (UTC) of records.

logs-2026-11-22                of the default policy
logs-payments-2026-11-22       of a named one
logs-late-payments-2026-11-22  what came after that one was write-blocked; the default's is logs-late-default-…
logs-later-payments-2026-11-22 what came while that one was, too, as it is before it is deleted
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import NamedTuple

from logd.backends.index.policies import DEFAULT

PREFIX = "logs-"
#: Of indices with what was put back from the archive; no search of logd's looks at them.
RESTORED = "restored-"
DAY_US = 86_400_000_000
#: More names would make a long URL; the cluster finds out by itself which shards have nothing in a range.
_MOST_DAYS = 60
_EPOCH = date(1970, 1, 1)
_NAME = re.compile(r"logs-(?:(later?)-)?(?:([a-z][a-z0-9_-]*)-)?(\d{4}-\d\d-\d\d)")
_LATE = ("", "late-", "later-")


class IndexName(NamedTuple):
    """What an index is for: records of a policy and a day since 1970. `late` is 0 for the day's own, 1 and 2 for those
    of what came after others were write-blocked."""

    policy: str
    day: int
    late: int = 0


def name_of(of: IndexName) -> str:
    """The index's name."""
    return f"{starts_of(of.policy)[of.late]}{_EPOCH + timedelta(days=of.day)}"


def parsed(name: str) -> IndexName | None:
    """What an index of this name is for; None when it is none of logd's."""
    if (found := _NAME.fullmatch(name)) is None:
        return None
    late, policy, text = found.groups()
    try:
        day = (date.fromisoformat(text) - _EPOCH).days
    except ValueError:
        return None
    if late and policy is None:
        return None
    policy = DEFAULT if policy is None or (late and policy == "default") else policy
    return IndexName(policy, day, 0 if late is None else _LATE.index(f"{late}-"))


def restored_name(policy: str, day: int, restore_id: str) -> str:
    """Of what a restore has put back of a policy and a day."""
    name = "default" if policy == DEFAULT else policy
    return f"{RESTORED}{name}-{_EPOCH + timedelta(days=day)}-{restore_id}"


def starts_of(policy: str) -> list[str]:
    """How the names of its indices begin; behind that is the day."""
    name = "default" if policy == DEFAULT else policy
    return [PREFIX if policy == DEFAULT else f"{PREFIX}{policy}-", *(f"{PREFIX}{late}{name}-" for late in _LATE[1:])]


def indices(from_us: int | None, to_us: int | None) -> list[str]:
    """Patterns for the indices of every policy, late ones too, that may have a record of the range; to_us excluded."""
    if from_us is None or to_us is None or not 0 <= (to_us - max(from_us, 0)) <= _MOST_DAYS * DAY_US:
        return [f"{PREFIX}*"]
    days = range(max(from_us, 0) // DAY_US, (max(to_us, 1) - 1) // DAY_US + 1)
    return [f"{PREFIX}*{_EPOCH + timedelta(days=day)}" for day in days] or [f"{PREFIX}*"]
