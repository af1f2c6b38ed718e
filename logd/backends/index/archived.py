"""What of an index the archive answers for: segments and rows in memory of such days are left out of a search.

Segments are left out whole, so what is known of parts of them (store/partials.py) stays as true as it was.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from logd.backends.index.policies import Assignment
from logd.seams import Archived
from logd.store.segments import DAY_US, Segment, micros_of
from logd.store.walk import Recent


def segments_left(segments: Sequence[Segment], archived: Archived) -> Sequence[Segment]:
    """Those that are still meant; the same object when all are."""
    if not archived or all(segment.day >= archived.get(segment.policy, segment.day) for segment in segments):
        return segments
    return tuple(segment for segment in segments if segment.day >= archived.get(segment.policy, segment.day))


def recent_left(recent: Sequence[Recent], archived: Archived, policies: Assignment) -> Sequence[Recent]:
    """The same of rows in memory, which mostly are of today and cost nothing then."""
    before_us = max(archived.values(), default=0) * DAY_US
    if all(part.min_us >= before_us for part in recent):
        return recent
    left: list[Recent] = []
    for part in recent:
        left += [part] if part.min_us >= before_us else _left_of(part, archived, policies)
    return tuple(left)


def _left_of(recent: Recent, archived: Archived, policies: Assignment) -> list[Recent]:
    tables = []
    for policy, table in policies.parted(recent.table):
        meant = micros_of(table) >= archived.get(policy, 0) * DAY_US
        tables.append(table if meant.all() else table.filter(pa.array(meant)))
    left = []
    for table in tables:
        if len(table):
            micros = micros_of(table)
            left.append(Recent(table, int(micros.min()), int(micros.max())))
    return left
