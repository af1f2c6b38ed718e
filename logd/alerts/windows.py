"""What a rule has counted: numbers by group and by buckets of time, in a ring that covers the window and the lateness.

    row       a group, from one part of the stream (a partition): what several alerters count of a group adds up
    cell      of a row and a bucket the numbers of the rule's measure, and the version that says how far they go
    window    as many buckets in a row as the rule's window has; there is one that ends with each bucket

Buckets are aligned to the epoch and go by the records' own times. The ring moves on with the newest bucket that was
seen, and forgets what is `kept` buckets before it: what comes later than that isn't counted, but told. A cell is
replaced only by a higher version, so that what is counted again after a restart, or comes twice, counts once. A row
without any cell makes room for others from time to time, and when there is none left.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Group = tuple[str | None, ...]
_SECOND_US = 1_000_000
#: A window goes on by a thirtieth of its length, or a second: people don't see the difference, and a row stays small.
_STEPS = 30
_MOST_STEPS = 120
#: The version of no cell.
NOTHING = -1
_FIRST_ROWS = 4
#: Fewer rows are left alone, with or without cells.
_FEW_ROWS = 1_000


class Span(msgspec.Struct, frozen=True):
    """How long a bucket is, how many a window has, and how many are kept."""

    width_us: int
    window: int
    kept: int

    @classmethod
    def of(cls, window_seconds: int, late_seconds: int, windows: int = 2) -> Span:
        """For windows of exactly so long where they can be cut into buckets of whole seconds, else of up to a thirtieth
        more; so many of them are kept, one behind the other."""
        least, most = -(-window_seconds // _MOST_STEPS), max(1, window_seconds // _STEPS)
        width = next((one for one in range(most, least - 1, -1) if window_seconds % one == 0), most)
        window = -(-window_seconds // width)
        return cls(width * _SECOND_US, window, windows * window + -(-late_seconds // width))


class Row(NamedTuple):
    """Whose numbers they are."""

    group: Group
    part: int


class Fold(msgspec.Struct, frozen=True):
    """How numbers of the same kind become one, and what is there where there is none. Of `whole` ones a sum is exact,
    and so is the difference of two sums."""

    ufunc: np.ufunc
    empty: float
    whole: bool = False


ADD, SUM = Fold(np.add, 0.0, whole=True), Fold(np.add, 0.0)
LEAST, MOST = Fold(np.minimum, np.inf), Fold(np.maximum, -np.inf)


class Windows:
    """Of one measure that has `size` numbers. At most `most_rows` rows; what comes for others is told, and not
    counted."""

    def __init__(self, span: Span, size: int, most_rows: int, fold: Fold = ADD) -> None:
        self._fold = fold
        self._span = span
        self._most_rows = most_rows
        self._places: dict[Row, int] = {}
        self._of_group: dict[Group, list[int]] = {}
        self._free: list[int] = []
        self._cleared: int | None = None
        #: With so many rows it is time to look for those without a cell: when half of them may have none.
        self._clear_at = _FEW_ROWS
        self._numbers: Floats = np.full((_FIRST_ROWS, span.kept, size), fold.empty)
        self._versions: Ints = np.full((_FIRST_ROWS, span.kept), NOTHING, np.int64)
        #: The newest bucket that was seen.
        self.newest: int | None = None

    @property
    def groups(self) -> Collection[Group]:
        """Of which there are cells, or were lately."""
        return self._of_group.keys()

    def put(self, rows: Sequence[Row], buckets: Ints, numbers: Floats, versions: Ints) -> Put:
        """Cells as they are in these versions: each counts once, whatever was known of it before."""
        if not len(rows):
            return _NO_PUT
        places, put = self._find(rows, buckets)
        good = places >= 0
        places, buckets, versions, numbers = places[good], buckets[good], versions[good], numbers[good]
        at = (places, buckets % self._span.kept)
        newer = versions > self._versions[at]
        # Of a cell that is there twice the last one has to be the newest.
        order = np.argsort(versions[newer], kind="stable")
        at = (at[0][newer][order], at[1][newer][order])
        self._numbers[at] = numbers[newer][order]
        self._versions[at] = versions[newer][order]
        return put

    def add(self, rows: Sequence[Row], buckets: Ints, numbers: Floats, versions: Ints) -> Put:
        """What was counted more of cells, each of which is there once; with it they have these versions, or the higher
        ones that they had."""
        places, put = self._find(rows, buckets)
        good = places >= 0
        at = (places[good], buckets[good] % self._span.kept)
        self._numbers[at] = self._fold.ufunc(self._numbers[at], numbers[good])
        self._versions[at] = np.maximum(self._versions[at], versions[good])
        return put

    def versions(self, rows: Sequence[Row], buckets: Ints) -> Ints:
        """Of cells, NOTHING where there is none."""
        found = np.full(len(rows), NOTHING, np.int64)
        if self.newest is None:
            return found
        places = np.array([self._places.get(row, NOTHING) for row in rows], np.int64)
        there = (places >= 0) & (buckets > self.newest - self._span.kept) & (buckets <= self.newest)
        found[there] = self._versions[places[there], buckets[there] % self._span.kept]
        return found

    def cells(self, rows: Sequence[Row], bucket: int) -> tuple[Floats, Ints]:
        """The numbers and versions of rows that are there, in a bucket that is kept."""
        at = ([self._places[row] for row in rows], bucket % self._span.kept)
        return self._numbers[at], self._versions[at]

    def has(self, row: Row) -> bool:
        """Whether it has a place already."""
        return row in self._places

    def is_kept(self, bucket: int) -> bool:
        """Whether it is in the ring."""
        return self.newest is not None and self.newest - self._span.kept < bucket <= self.newest

    def forget(self, part: int) -> None:
        """All that is of a part of the stream."""
        for row in [row for row in self._places if row.part == part]:
            self._remove(row)

    def clear(self) -> None:
        """Forgets rows without a cell; once for each bucket, as it looks at all of them."""
        if self._cleared != self.newest:
            self._cleared = self.newest
            empty = (self._versions == NOTHING).all(axis=1)
            for row in [row for row, place in self._places.items() if empty[place]]:
                self._remove(row)
            self._clear_at = max(_FEW_ROWS, 2 * len(self._places))

    def _find(self, rows: Sequence[Row], buckets: Ints) -> tuple[Ints, Put]:
        """The places of the rows, NOTHING for cells that are late or have no room."""
        self.move_on(int(buckets.max()))
        assert self.newest is not None
        late = buckets <= self.newest - self._span.kept
        # Before any of these has its place: until it has its cell it looks like one of long ago.
        if len(self._places) + len(rows) > min(self._clear_at, self._most_rows):
            new = len(set(rows).difference(self._places))
            if len(self._places) + new > min(self._clear_at, self._most_rows):
                self.clear()
        places = np.array([NOTHING if old else self._place(row) for row, old in zip(rows, late.tolist(), strict=True)])
        return places, Put(int(late.sum()), int((places < 0).sum() - late.sum()))

    def _place(self, row: Row) -> int:
        place = self._places.get(row)
        if place is not None:
            return place
        if len(self._places) >= self._most_rows:
            return NOTHING
        place = self._places[row] = self._free.pop() if self._free else len(self._places)
        self._of_group.setdefault(row.group, []).append(place)
        if place == len(self._numbers):
            self._numbers = np.concatenate([self._numbers, np.full_like(self._numbers, self._fold.empty)])
            self._versions = np.concatenate([self._versions, np.full_like(self._versions, NOTHING)])
        return place

    def _remove(self, row: Row) -> None:
        place = self._places.pop(row)
        self._of_group[row.group].remove(place)
        if not self._of_group[row.group]:
            del self._of_group[row.group]
        self._numbers[place] = self._fold.empty
        self._versions[place] = NOTHING
        self._free.append(place)

    def move_on(self, bucket: int) -> None:
        """Up to this bucket, also when nothing comes any more; it may be an old one."""
        if self.newest is None:
            self.newest = bucket
            return
        if (steps := bucket - self.newest) <= 0:
            return
        gone = (self.newest + 1 + np.arange(min(steps, self._span.kept))) % self._span.kept
        self._numbers[:, gone] = self._fold.empty
        self._versions[:, gone] = NOTHING
        self.newest = bucket

    def ends(self) -> range:
        """The buckets with which a window ends, all of which is kept."""
        assert self.newest is not None
        return range(self.newest - self._span.kept + self._span.window, self.newest + 1)

    def series(self, groups: Sequence[Group]) -> Floats:
        """Of each group the numbers of each bucket that is kept, all parts together, the oldest bucket first: groups ×
        buckets × numbers."""
        assert self.newest is not None
        order = (self.newest + 1 + np.arange(self._span.kept)) % self._span.kept
        found = np.full((len(groups), self._span.kept, self._numbers.shape[2]), self._fold.empty)
        places = [self._of_group.get(group, ()) for group in groups]
        there = [number for number, some in enumerate(places) if some]
        if there:
            flat = np.concatenate([np.array(places[number]) for number in there])
            starts = np.cumsum([0, *(len(places[number]) for number in there[:-1])])
            found[there] = self._fold.ufunc.reduceat(self._numbers[flat], starts, axis=0)[:, order]
        return found

    def total(self) -> Floats:
        """The numbers of all groups together, as of `series`: buckets × numbers."""
        assert self.newest is not None
        order = (self.newest + 1 + np.arange(self._span.kept)) % self._span.kept
        return np.asarray(self._fold.ufunc.reduce(self._numbers, axis=0)[order])

    def of(self, groups: Sequence[Group]) -> Floats:
        """Of each group the numbers of each window of `ends`: groups × windows × numbers."""
        return slid(self.series(groups), self._span.window, self._fold)


def slid(series: Floats, window: int, fold: Fold = ADD) -> Floats:
    """The numbers of so many buckets in a row, for each bucket that such a window ends with."""
    if fold.whole:
        upto = np.cumsum(np.pad(series, ((0, 0), (1, 0), (0, 0))), axis=1)
        return np.asarray(upto[:, window:] - upto[:, :-window])
    return np.asarray(fold.ufunc.reduce(np.lib.stride_tricks.sliding_window_view(series, window, axis=1), axis=-1))


class Put(NamedTuple):
    """What became of cells: how many were too late, and how many had no room."""

    late: int
    refused: int


_NO_PUT = Put(0, 0)
