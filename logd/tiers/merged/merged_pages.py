"""Pages of two tiers into one: each gives the first of its hits, and says how far these go."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.record import part_of_schema
from logd.seams import Found, Place, Search, Stopped
from logd.store.pages import page_of


class _End(NamedTuple):
    """Where a tier's page ends, if it isn't its last: between there and the next hit of it, the other's can't be in
    order."""

    place: Place
    stopped: Stopped | None


def merged(asked: Search, parts: Sequence[Found]) -> Found:
    """The page of all, which are answers to `asked` without an offset, each about other records. Totals are added up,
    as far as they are known; `missing` and `tiers` are those of all."""
    schema = part_of_schema(asked.columns)
    rows = in_order(asked, pa.concat_tables([schema.empty_table(), *(part.table.cast(schema) for part in parts)]))
    ends = [end for part in parts if (end := _end(part)) is not None]
    first = min(ends, key=lambda end: _key(asked, end.place), default=None)
    upto = len(rows) if first is None else _upto(asked, rows, first.place)
    page = page_of(rows.slice(0, min(upto, asked.limit)), asked.max_bytes)
    total, exact = added(asked.count_limit, parts)
    more = len(page) < len(rows) or any(part.more for part in parts) or bool(ends)
    if total is not None and exact and asked.after is None:
        more = len(page) < total
    stopped = first.stopped if first is not None and len(page) == upto else None
    return Found(page, total, exact, more, missing_of(parts), stopped, tiers_of(parts))


def added(limit: int | None, parts: Sequence[Found]) -> tuple[int | None, bool]:
    """Their totals as one, up to the limit, and whether that is all; None when nobody counted."""
    counts = [part.total for part in parts if part.total is not None]
    exact = len(counts) == len(parts) and all(part.exact for part in parts)
    if not counts:
        return None, all(part.exact for part in parts)
    total = sum(counts)
    return (total, exact) if limit is None or total <= limit else (limit, False)


def in_order(asked: Search, rows: pa.Table) -> pa.Table:
    """The rows as the search has them."""
    order = "descending" if asked.newest_first else "ascending"
    keys = [("log_id", order)] if asked.by_position else [("timestamp", order), ("log_id", order)]
    return rows.take(pc.sort_indices(rows.select(["timestamp", "log_id"]), keys))


def last_place(rows: pa.Table) -> Place:
    """Of rows that there are."""
    last = rows.slice(len(rows) - 1)
    return Place(last["timestamp"].cast(pa.int64())[0].as_py(), last["log_id"][0].as_py())


def missing_of(parts: Sequence[Found]) -> tuple[str, ...]:
    """Why something may be missing, once each."""
    return tuple(dict.fromkeys(itertools.chain.from_iterable(part.missing for part in parts)))


def tiers_of(parts: Sequence[Found]) -> tuple[str, ...]:
    """The tiers of all."""
    return tuple(dict.fromkeys(itertools.chain.from_iterable(part.tiers for part in parts)))


def _end(part: Found) -> _End | None:
    if part.stopped is not None:
        return _End(part.stopped.place, part.stopped)
    return _End(last_place(part.table), None) if part.more and len(part.table) else None


def _key(asked: Search, place: Place) -> tuple[int, tuple[int, ...]]:
    """Ascending in the order asked for; ids go by their characters."""
    characters = [ord(one) for one in place.log_id]
    time_us = 0 if asked.by_position else place.timestamp_us
    if asked.newest_first:
        return -time_us, (*(-one for one in characters), 1)
    return time_us, (*characters, -1)


def _upto(asked: Search, rows: pa.Table, place: Place) -> int:
    """How many rows don't come after a place."""
    ids = rows["log_id"]
    if asked.by_position:
        within = (pc.greater_equal if asked.newest_first else pc.less_equal)(ids, place.log_id)
        return int(np.count_nonzero(within.to_numpy()))
    times = rows["timestamp"].cast(pa.int64()).to_numpy()
    same = np.flatnonzero(times == place.timestamp_us)
    before = times > place.timestamp_us if asked.newest_first else times < place.timestamp_us
    compare = pc.greater_equal if asked.newest_first else pc.less_equal
    within_it = compare(ids.take(pa.array(same)), place.log_id).to_numpy()
    return int(np.count_nonzero(before)) + int(np.count_nonzero(within_it))
