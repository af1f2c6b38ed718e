"""What the index hasn't and the archive has, counted by policy and day, so that the archive's count can prove that it
has what the index has (tiers/moving/leaving.py). A line that is read again after a crash is counted again: it is a
bound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.backends.index.policies import Assignment
from logd.seams import Tiering

_DAY_US = 86_400_000_000


class GapCounter:
    """Called with rows of record.SCHEMA; durable when it returns. Raises Unavailable."""

    def __init__(self, tiering: Tiering, policies: Assignment) -> None:
        self._tiering = tiering
        self._policies = policies

    async def __call__(self, rows: pa.Table) -> None:
        await self._tiering.count_gap(by_day(rows, self._policies))


def by_day(rows: pa.Table, policies: Assignment) -> Mapping[tuple[str, int], int]:
    """How many rows each policy and day has."""
    counts: Counter[tuple[str, int]] = Counter()
    for policy, part in policies.parted(rows):
        days, found = np.unique(pc.divide(part["timestamp"].cast(pa.int64()), _DAY_US).to_numpy(), return_counts=True)
        for day, count in zip(days, found, strict=True):
            counts[policy, int(day)] += int(count)
    return counts
