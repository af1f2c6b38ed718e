"""What of a snapshot has to be read for a query: stretches of rows, newest first, cut into slices of time.

A slice reads every stretch that overlaps its time and that the skip indexes don't rule out. Only segments that the walk
reaches are looked at: a search that finds its hits in the last minute doesn't ask the indexes of a year.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from logd.errors import Corrupt
from logd.query.tree import Everything, Node
from logd.store import prune
from logd.store.segments import Segment

#: The first slice: some row groups. Each further one is larger by GROWTH, so that a rare word costs few queries.
FIRST_SLICE_ROWS = 16_384
GROWTH = 8


class Recent(msgspec.Struct, frozen=True, eq=False):
    """Rows in memory, and the times of the first and the last of them."""

    table: pa.Table
    min_us: int
    max_us: int


class Snapshot(msgspec.Struct, frozen=True, eq=False):
    """What the index held at one moment."""

    root: Path
    segments: Sequence[Segment]
    recent: Sequence[Recent]


class Times(NamedTuple):
    """Unix µs, from the first (inclusive) to the second (exclusive)."""

    from_us: int
    to_us: int

    def overlaps(self, min_us: int, max_us: int) -> bool:
        """Of rows from `min_us` to `max_us`, both inclusive."""
        return max_us >= self.from_us and min_us < self.to_us

    def holds(self, min_us: int, max_us: int) -> bool:
        """All of them."""
        return min_us >= self.from_us and max_us < self.to_us


class Stretch(NamedTuple):
    """Rows that can be read alone: a row group of a segment, or a table in memory."""

    min_us: int
    max_us: int
    rows: int
    segment: Segment | None
    group: int
    recent: Recent | None


class Slice(NamedTuple):
    """All rows of `times` that can be hits are in the stretches."""

    times: Times
    stretches: Sequence[Stretch]
    rows: int


def times_of(snapshot: Snapshot, from_us: int | None, to_us: int | None) -> Times | None:
    """The range cut to the times that there are; None when nothing is in it."""
    parts: list[Segment | Recent] = [*snapshot.segments, *snapshot.recent]
    if not parts:
        return None
    low = min(part.min_us for part in parts)
    high = max(part.max_us for part in parts) + 1
    start = low if from_us is None else max(low, from_us)
    end = high if to_us is None else min(high, to_us)
    return Times(start, end) if start < end else None


def groups_to_read(root: Path, segment: Segment, query: Node, times: Times) -> npt.NDArray[np.intp]:
    """The row groups of a segment that may have hits."""
    pieces = segment.pieces
    wanted = (pieces[:, 1] >= times.from_us) & (pieces[:, 0] < times.to_us)
    if segment.skip_bytes and not isinstance(query, Everything) and wanted.any():
        try:
            with prune.opened(root / segment.skip_file) as having:
                may = prune.may_match(query, having)
        except (OSError, Corrupt):
            may = None  # it only saves reading; the archiver finds it and makes it anew
        if may is not None and len(may) == len(wanted):
            wanted &= may
    return np.flatnonzero(wanted)


def newest_first(snapshot: Snapshot, query: Node, times: Times) -> Iterator[Stretch]:
    """The stretches that may have hits, by their last time."""
    waiting = sorted((s for s in snapshot.segments if times.overlaps(s.min_us, s.max_us)), key=lambda s: s.max_us)
    heap: list[tuple[int, int, Stretch]] = []
    for recent in snapshot.recent:
        if times.overlaps(recent.min_us, recent.max_us):
            stretch = Stretch(recent.min_us, recent.max_us, len(recent.table), None, 0, recent)
            heapq.heappush(heap, (-recent.max_us, len(heap), stretch))
    pushed = len(heap)
    while heap or waiting:
        while waiting and (not heap or waiting[-1].max_us >= -heap[0][0]):
            segment = waiting.pop()
            for group in groups_to_read(snapshot.root, segment, query, times).tolist():
                low, high, rows = segment.pieces[group].tolist()
                pushed += 1
                heapq.heappush(heap, (-high, pushed, Stretch(low, high, rows, segment, group, None)))
        if heap:
            yield heapq.heappop(heap)[2]


def slices(stretches: Iterator[Stretch], times: Times, first_rows: int) -> Iterator[Slice]:
    """Disjoint slices, newest first, that cover the stretches. Above the last time of those not yet taken all rows are
    in those taken: there a slice can end."""
    end = times.to_us
    open_: list[Stretch] = []
    target = first_rows
    following = next(stretches, None)
    while following is not None:
        open_.append(following)
        following = next(stretches, None)
        start = times.from_us if following is None else max(times.from_us, following.max_us + 1)
        rows = sum(stretch.rows for stretch in open_) if start < end else 0
        if start < end and (rows >= target or following is None):
            yield Slice(Times(start, end), open_, rows)
            open_ = [stretch for stretch in open_ if stretch.min_us < start]
            end, target = start, target * GROWTH
