"""What a rule has counted: numbers by group and by buckets of time, in a ring that covers the window and the lateness.

    row       a group, from one part of the stream (a partition): what several alerters count of a group adds up
    cell      of a row and a bucket the numbers of the rule's measure, and the version that says how far they go
    window    as many buckets in a row as the rule's window has; there is one that ends with each bucket

Buckets are aligned to the epoch and go by the records' own times. The ring moves on with the newest bucket that was
seen, and forgets what is `kept` buckets before it: what comes later than that isn't counted, but told. A cell is
replaced only by a higher version, so that what is counted again after a restart, or comes twice, counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
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
_NOTHING = -1
_FIRST_ROWS = 4


class Span(msgspec.Struct, frozen=True):
    """How long a bucket is, how many a window has, and how many are kept."""

    width_us: int
    window: int
    kept: int

    @classmethod
    def of(cls, window_seconds: int, late_seconds: int) -> Span:
        """For windows of exactly so long where they can be cut into buckets of whole seconds, else of up to a thirtieth
        more."""
        least, most = -(-window_seconds // _MOST_STEPS), max(1, window_seconds // _STEPS)
        width = next((one for one in range(most, least - 1, -1) if window_seconds % one == 0), most)
        window = -(-window_seconds // width)
        return cls(width * _SECOND_US, window, 2 * window + -(-late_seconds // width))


class Row(NamedTuple):
    """Whose numbers they are."""

    group: Group
    part: int


class Fold(msgspec.Struct, frozen=True):
    """How numbers of the same kind become one, and what is there where there is none."""

    ufunc: np.ufunc
    empty: float


ADD, LEAST, MOST = Fold(np.add, 0.0), Fold(np.minimum, np.inf), Fold(np.maximum, -np.inf)


class Windows:
    """Of one rule whose measure has `size` numbers. At most `most_rows` rows; what comes for others is told, and not
    counted."""

    def __init__(self, span: Span, size: int, most_rows: int, fold: Fold = ADD) -> None:
        self._fold = fold
        self._span = span
        self._most_rows = most_rows
        self._places: dict[Row, int] = {}
        self._rows: list[Row] = []
        self._numbers: Floats = np.full((_FIRST_ROWS, span.kept, size), fold.empty)
        self._versions: Ints = np.full((_FIRST_ROWS, span.kept), _NOTHING, np.int64)
        #: The newest bucket that was seen.
        self.newest: int | None = None

    def put(self, rows: Sequence[Row], buckets: Ints, numbers: Floats, versions: Ints) -> Put:
        """Cells as they are in these versions: each counts once, whatever was known of it before."""
        if not len(rows):
            return Put(_EMPTY, 0, 0)
        self.move_on(int(buckets.max()))
        assert self.newest is not None
        places = np.array([self._place(row) for row in rows])
        late = buckets <= self.newest - self._span.kept
        good = ~late & (places >= 0)
        places, buckets, versions = places[good], buckets[good], versions[good]
        at = (places, buckets % self._span.kept)
        newer = versions > self._versions[at]
        # Of a cell that is there twice the last one has to be the newest.
        order = np.argsort(versions[newer], kind="stable")
        at = (at[0][newer][order], at[1][newer][order])
        self._numbers[at] = numbers[good][newer][order]
        self._versions[at] = versions[newer][order]
        return Put(np.unique(at[0]), int(late.sum()), int((places < 0).sum() + (~good & ~late).sum()))

    def _place(self, row: Row) -> int:
        place = self._places.get(row)
        if place is not None:
            return place
        if len(self._rows) >= self._most_rows:
            return _NOTHING
        place = self._places[row] = len(self._rows)
        self._rows.append(row)
        if place == len(self._numbers):
            self._numbers = np.concatenate([self._numbers, np.full_like(self._numbers, self._fold.empty)])
            self._versions = np.concatenate([self._versions, np.full_like(self._versions, _NOTHING)])
        return place

    def move_on(self, bucket: int) -> None:
        """Up to this bucket, also when nothing comes any more; it may be an old one."""
        if self.newest is None:
            self.newest = bucket
            return
        if (steps := bucket - self.newest) <= 0:
            return
        gone = (self.newest + 1 + np.arange(min(steps, self._span.kept))) % self._span.kept
        self._numbers[:, gone] = self._fold.empty
        self._versions[:, gone] = _NOTHING
        self.newest = bucket

    def ends(self) -> range:
        """The buckets with which a window ends, all of which is kept."""
        assert self.newest is not None
        return range(self.newest - self._span.kept + self._span.window, self.newest + 1)

    def of(self, groups: Sequence[Group], parts: Sequence[int]) -> Floats:
        """Of each group the numbers of each window of `ends`: groups × windows × numbers."""
        assert self.newest is not None
        order = (self.newest + 1 + np.arange(self._span.kept)) % self._span.kept
        found = np.full((len(groups), self._span.kept, self._numbers.shape[2]), self._fold.empty)
        for number, group in enumerate(groups):
            places = [place for part in parts if (place := self._places.get(Row(group, part))) is not None]
            if places:
                found[number] = self._fold.ufunc.reduce(self._numbers[places], axis=0)[order]
        if self._fold is ADD:
            upto = np.cumsum(np.pad(found, ((0, 0), (1, 0), (0, 0))), axis=1)
            return np.asarray(upto[:, self._span.window :] - upto[:, : -self._span.window])
        slid = np.lib.stride_tricks.sliding_window_view(found, self._span.window, axis=1)
        return np.asarray(self._fold.ufunc.reduce(slid, axis=-1))


class Put(NamedTuple):
    """What became of cells: the places of rows that changed, how many cells were too late, and how many had no room."""

    changed: Ints
    late: int
    refused: int


_EMPTY: Ints = np.zeros(0, np.int64)
