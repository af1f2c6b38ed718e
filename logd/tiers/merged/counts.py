"""Counts by time of two tiers, and of the most frequent values of a field.

Each tier counts the values that are most frequent in it. Where these aren't all, and others may be the most frequent of
both, more are asked for without times; then those that a tier hasn't shown by time are asked for by name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import pyarrow as pa

from logd.query.tree import And, Equals, Everything, Exists, Node, Not, Or
from logd.seams import MAX_BUCKETS, Buckets, Histogram, Search, Stats
from logd.store.histogram import check_filled, filled, round_interval, too_many
from logd.tiers.merged.ranks import STEPS, Known, Most, most
from logd.tiers.merged.tier import Tier, Tiers

#: The longest that is round: all times are in two of these or so.
_ALL_US = 500_000 * 86_400_000_000
Value = str | None
Cells = Mapping[Value, Counter[int]]


async def histogram(tiers: Tiers, asked: Histogram) -> Buckets:
    """Answers it. Raises Away and BadRequest."""
    if len(tiers.each) == 1:
        return await tiers.each[0].histogram(asked)
    interval_us = asked.interval_us or await interval_of(tiers, asked)
    if asked.fill and asked.from_us is not None and asked.to_us is not None:
        check_filled(asked.from_us, asked.to_us, interval_us)
    plain = msgspec.structs.replace(asked, interval_us=interval_us, fill=False)
    parts = await tiers.all(lambda tier: tier.histogram(plain))
    counts = _added(dict(zip(part.starts, part.counts, strict=True)) for part in parts)
    starts = sorted(counts)
    if len(starts) > MAX_BUCKETS:
        raise too_many("more", interval_us)
    missing = tuple(dict.fromkeys(why for part in parts for why in part.missing))
    tiers_ = tuple(dict.fromkeys(name for part in parts for name in part.tiers))
    found = Buckets(interval_us, starts, [counts[start] for start in starts], missing=missing, tiers=tiers_)
    if asked.by is not None:
        found = await _by_value(tiers, plain, asked.by, parts, found)
    return filled(found, asked)


async def interval_of(tiers: Tiers, asked: Histogram | Stats) -> int:
    """One that gives some 100 intervals at most, of the range, and where that is open, of the records that there are
    in it."""
    low, high = asked.from_us, asked.to_us
    ends: list[list[int]] = [[], []]
    for place, known in enumerate((low, high)):
        if known is None:
            first = Search(from_us=low, to_us=high, newest_first=place == 1, limit=1, count_limit=0, columns=())
            found = await tiers.all(lambda tier, first=first: tier.search(first))  # type: ignore[misc]
            ends[place] = [time for part in found for time in part.table["timestamp"].cast(pa.int64()).to_pylist()]
    low = min(ends[0], default=None) if low is None else low
    high = max((time + 1 for time in ends[1]), default=None) if high is None else high
    return round_interval(0 if low is None or high is None else high - low)


def only(query: Node, fields: Sequence[str], groups: Iterable[tuple[Value, ...]]) -> Node:
    """The query, of records alone that have these values of the fields."""
    each = tuple(And(tuple(map(_is, fields, values))) for values in groups)
    return Or(each) if isinstance(query, Everything) else And((query, Or(each)))


def _is(field: str, value: Value) -> Node:
    return Not(Exists(field)) if value is None else Equals(field, value)


def order(value: Value) -> tuple[bool, str]:
    """Of values that are as frequent."""
    return value is None, value or ""


async def _by_value(tiers: Tiers, plain: Histogram, by: str, parts: Sequence[Buckets], found: Buckets) -> Buckets:
    cells = [_cells(part) for part in parts]
    whole = [not sum(part.other) for part in parts]
    totals = [{value: sum(counts.values()) for value, counts in of_tier.items()} for of_tier in cells]
    known = [Known(one, complete) for one, complete in zip(totals, whole, strict=True)]
    top = most(known, plain.top, order)
    if not top.sure:
        top, known = await _ranked(tiers, plain)
    valued = [
        Counter(dict(zip(part.starts, part.other, strict=True))) + _added(of_tier.values())
        for part, of_tier in zip(parts, cells, strict=True)
    ]
    lacking = [
        [value for value in top.counts if value not in of_tier and in_all.counts.get(value, 0)]
        for of_tier, in_all in zip(cells, known, strict=True)
    ]
    more = dict(zip(tiers.each, lacking, strict=True))
    rest = await tiers.all(lambda tier: _of_values(tier, plain, by, more[tier]))
    by_value = [_added(one[value] for one in (*cells, *rest) if value in one) for value in top.counts]
    all_ = _added(valued)
    rows = [[counts[start] for start in found.starts] for counts in by_value]
    other = [all_[start] - sum(row[at] for row in rows) for at, start in enumerate(found.starts)] if rows else ()
    return msgspec.structs.replace(found, values=list(top.counts), by_value=rows, other=other)


async def _ranked(tiers: Tiers, plain: Histogram) -> tuple[Most[Value], list[Known[Value]]]:
    """The most frequent values, and what each tier has of many: exactly, unless they are too many."""
    for size in STEPS:
        wanted = msgspec.structs.replace(plain, interval_us=_ALL_US, top=max(size, plain.top))
        parts = await tiers.all(lambda tier, wanted=wanted: tier.histogram(wanted))  # type: ignore[misc]
        known = [
            Known({value: sum(row) for value, row in zip(part.values, part.by_value, strict=True)}, not sum(part.other))
            for part in parts
        ]
        top = most(known, plain.top, order)
        if top.sure:
            break
    return top, known


async def _of_values(tier: Tier, plain: Histogram, by: str, values: Sequence[Value]) -> Cells:
    if not values:
        return {}
    query = only(plain.query, [by], [(value,) for value in values])
    # A record may have others too.
    asked = msgspec.structs.replace(plain, query=query, top=STEPS[0] + 2 * len(values))
    return {value: counts for value, counts in _cells(await tier.histogram(asked)).items() if value in values}


def _cells(part: Buckets) -> Cells:
    return {
        value: Counter(dict(zip(part.starts, row, strict=True)))
        for value, row in zip(part.values, part.by_value, strict=True)
    }


def _added(parts: Iterable[Mapping[int, int]]) -> Counter[int]:
    counts: Counter[int] = Counter()
    for part in parts:
        counts.update(part)
    return counts
