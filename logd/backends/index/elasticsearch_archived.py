"""What of an index the archive answers for, as a part of a query: documents of such a day in indices of the policy.

Of what there is for `_index` only wildcards will do, and they know `*` alone: `logs-pay-*` is of a policy `pay-2`, too.
So the hyphens are counted: what is behind a policy's name has two in its own indices, three or more, or one, in others.
"""

from __future__ import annotations

from collections.abc import Mapping

from logd.backends.index.elasticsearch_names import DAY_US, starts_of
from logd.query.elasticsearch import times
from logd.query.elasticsearch_text import Query
from logd.seams import Archived

_DAY, _MORE = "*-*-*", "*-*-*-*"


def left_out(archived: Archived, from_us: int | None) -> list[Query]:
    """Each of these matches documents that aren't meant; none where nothing of them is at `from_us` or later."""
    policies: dict[int, list[str]] = {}
    for policy, day in archived.items():
        if day * DAY_US > max(from_us or 0, 0):
            policies.setdefault(day, []).append(policy)
    return [
        {"bool": {"filter": [times("timestamp", None, day * DAY_US), _of_any(names)]}}
        for day, names in sorted(policies.items())
    ]


def _of_any(policies: list[str]) -> Query:
    return {"bool": {"should": [_named(start) for policy in policies for start in starts_of(policy)]}}


def _named(start: str) -> Mapping[str, object]:
    wanted, more = ({"wildcard": {"_index": start + rest}} for rest in (_DAY, _MORE))
    return {"bool": {"filter": [wanted], "must_not": [more]}}
