"""What of a snapshot has to be read for a query: stretches of rows, newest or oldest first, cut into slices of time.

A slice reads every stretch that overlaps its time and that the skip indexes don't rule out. Only segments that the walk
reaches are looked at: a search that finds its hits in the last minute doesn't ask the indexes of a year.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from logd.errors import Corrupt
from logd.query.tree import Everything, Node
from logd.store import prune
from logd.store.files import Files
from logd.store.segments import Segment

#: The first slice: a row group. Each further one is larger by GROWTH, so that a rare word costs few queries.
FIRST_SLICE_ROWS = 8_192
GROWTH = 8
#: Up to here, and where row groups are far apart, Arrow reads faster: DuckDB looks at every row group of a file.
WHOLE_ROWS = 98_304
#: Where at most one row group in so many may have a hit, many of those have none: a slice takes several at once,
#: but not so many that their columns would take more than some 50 MB.
_SPARSE = 4
_SPARSE_ROWS = (8 * FIRST_SLICE_ROWS, 32 * FIRST_SLICE_ROWS)
#: Hits don't come evenly: one slice that is a little too large costs less than two.
_MARGIN = 2


class Recent(msgspec.Struct, frozen=True, eq=False):
    """Rows in memory, and the times of the first and the last of them."""

    table: pa.Table
    min_us: int
    max_us: int


class Snapshot(msgspec.Struct, frozen=True, eq=False):
    """What the index held at one moment."""

    files: Files
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
    #: It is one of few of its segment: most of the others were ruled out.
    sparse: bool = False
    #: What of the query can have hits in it; None if that is all.
    query: Node | None = None
    #: Of what it is a part, where several are read at once.
    part: int = 0


class Slice(NamedTuple):
    """All rows of `times` that can be hits are in the stretches."""

    times: Times
    stretches: Sequence[Stretch]
    rows: int

    @property
    def sparse(self) -> bool:
        """Its row groups are few among many."""
        return any(stretch.sparse for stretch in self.stretches)


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


def groups_to_read(
    files: Files, segment: Segment, query: Node, times: Times
) -> tuple[npt.NDArray[np.intp], Node | None]:
    """The row groups of a segment that may have hits, and what of the query has them, None if that is all."""
    pieces = segment.pieces
    wanted = (pieces[:, 1] >= times.from_us) & (pieces[:, 0] < times.to_us)
    if segment.skip_bytes and not isinstance(query, Everything) and wanted.any():
        try:
            with files.ranges(segment.skip_file, segment.skip_bytes) as file:
                having = prune.asking(file)
                may, left = prune.may_match(query, having), prune.left_of(query, having)
        except (OSError, Corrupt):
            may = None  # it only saves reading; the archiver finds it and makes it anew
        if may is not None and len(may) == len(wanted):
            return np.flatnonzero(wanted & may), None if left is query else left
    return np.flatnonzero(wanted), None


def in_order(snapshot: Snapshot, query: Node, times: Times, newest_first: bool) -> Iterator[Stretch]:
    """The stretches that may have hits: by their last time, the latest first, or by their first, the earliest first."""

    def key(part: Segment | Recent | Stretch) -> int:
        return -part.max_us if newest_first else part.min_us

    # The next one stands at the end.
    waiting = sorted((s for s in snapshot.segments if times.overlaps(s.min_us, s.max_us)), key=lambda s: -key(s))
    asked = snapshot.files.each(
        lambda segment: groups_to_read(snapshot.files, segment, query, times), list(reversed(waiting))
    )
    heap: list[tuple[int, int, Stretch]] = []
    for recent in snapshot.recent:
        if times.overlaps(recent.min_us, recent.max_us):
            stretch = Stretch(recent.min_us, recent.max_us, len(recent.table), None, 0, recent)
            heapq.heappush(heap, (key(stretch), len(heap), stretch))
    pushed = len(heap)
    while heap or waiting:
        while waiting and (not heap or key(waiting[-1]) <= heap[0][0]):
            segment = waiting.pop()
            groups, left = next(asked)
            sparse = len(groups) * _SPARSE < len(segment.pieces)
            for group in groups.tolist():
                low, high, rows = segment.pieces[group].tolist()
                pushed += 1
                stretch = Stretch(low, high, rows, segment, group, None, sparse, left)
                heapq.heappush(heap, (key(stretch), pushed, stretch))
        if heap:
            yield heapq.heappop(heap)[2]


class Slices:
    """Disjoint slices of `times`, in the order of the stretches, that cover them. Up to the time at which the stretches
    not yet taken begin, all rows are in those taken: there a slice can end."""

    def __init__(self, stretches: Iterator[Stretch], times: Times, newest_first: bool) -> None:
        self._stretches = stretches
        self._following = next(stretches, None)
        self._newest_first = newest_first
        self._left = times
        self._open: list[Stretch] = []
        self._rows = 0

    def next(self, rows: int) -> Slice | None:
        """A slice that takes about so many rows to read, at least; None when all is covered."""
        taken = sum(stretch.rows for stretch in self._open)
        while self._following is not None:
            self._open.append(self._following)
            taken += self._following.rows
            self._following = next(self._stretches, None)
            times, left = self._parted()
            enough = min(max(rows, _SPARSE_ROWS[0]), _SPARSE_ROWS[1]) if self._open[-1].sparse else rows
            if times.from_us < times.to_us and (taken >= enough or self._following is None):
                part = Slice(times, self._open, taken)
                self._open = [stretch for stretch in self._open if left.overlaps(stretch.min_us, stretch.max_us)]
                self._left = left
                self._rows += taken
                return part
        return None

    def _parted(self) -> tuple[Times, Times]:
        """What the stretches taken cover of the time that is left, and the rest of it."""
        start, end = self._left
        if self._newest_first:
            cut = start if self._following is None else min(end, max(start, self._following.max_us + 1))
            return Times(cut, end), Times(start, cut)
        cut = end if self._following is None else max(start, min(end, self._following.min_us))
        return Times(start, cut), Times(cut, end)

    def for_hits(self, first_rows: int, hits: int, wanted: int, may_read: int = sys.maxsize) -> Slice | None:
        """The next slice for someone who has found `hits` in those before and wants `wanted`: as large as it will
        probably take; but for want of hits, GROWTH times what was read. Not much more than they `may_read`."""
        rows = GROWTH * self._rows or first_rows
        if hits:
            expected = int(self._rows * (wanted - hits) / hits)
            # One that is just too large for Arrow costs more than a small one after it.
            most = sys.maxsize if expected > WHOLE_ROWS else WHOLE_ROWS - FIRST_SLICE_ROWS
            rows = min(rows, _MARGIN * expected, most)
        return self.next(max(min(rows, may_read), first_rows))
