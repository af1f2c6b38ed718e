"""As windows.py, for what is kept as sketches: of each group and bucket any number of keys, each with a number.

    cell      of a row (a group, from one part of the stream) and a bucket: keys, numbers, and a version
    window    the cells of its buckets and of all parts, added up, and the value of that

Cells are few and short where little happens: they are kept one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec
import numpy as np

from logd.alerts import sketch
from logd.alerts.windows import NOTHING, Floats, Group, Ints, Put, Row, Span

#: Of all cells of a rule: 100 MB.
_MOST_KEYS = 8_000_000
Cell = tuple[Ints, Floats]


class Kind(msgspec.Struct, frozen=True, eq=False):
    """How cells add up, and the value of one that has something."""

    add: np.ufunc
    value: Callable[[Ints, Floats], float]


def quantiles(share: float) -> Kind:
    """The value at that share of all."""
    return Kind(np.add, lambda keys, counts: sketch.quantile(keys, counts, share))


DISTINCT = Kind(np.maximum, lambda keys, numbers: sketch.distinct(numbers))
KINDS: Mapping[str, Kind] = {
    "distinct": DISTINCT,
    **{f"p{percent}": quantiles(percent / 100) for percent in (50, 90, 95, 99)},
}


class _Kept(msgspec.Struct):
    keys: Ints
    numbers: Floats
    version: int


class Sketches:
    """Of one measure. At most `most_rows` rows, and keys for 100 MB; what comes for others is told, and not counted."""

    def __init__(self, span: Span, kind: Kind, most_rows: int) -> None:
        self._span = span
        self._kind = kind
        self._most_rows = most_rows
        #: By bucket, and by row.
        self._cells: dict[int, dict[Row, _Kept]] = {}
        self._rows: defaultdict[Group, defaultdict[Row, int]] = defaultdict(lambda: defaultdict(int))
        self._row_count = 0
        self._keys = 0
        self.newest: int | None = None

    @property
    def groups(self) -> Collection[Group]:
        """As of Windows."""
        return self._rows.keys()

    def put(self, rows: Sequence[Row], buckets: Ints, cells: Sequence[Cell], versions: Ints) -> Put:
        """As of Windows."""
        return self._each(rows, buckets, cells, versions, add=False)

    def add(self, rows: Sequence[Row], buckets: Ints, cells: Sequence[Cell], versions: Ints) -> Put:
        """As of Windows."""
        return self._each(rows, buckets, cells, versions, add=True)

    def versions(self, rows: Sequence[Row], buckets: Ints) -> Ints:
        """As of Windows."""
        kept = (self._cells.get(bucket, {}).get(row) for row, bucket in zip(rows, buckets.tolist(), strict=True))
        return np.array([NOTHING if one is None else one.version for one in kept], np.int64)

    def cells(self, rows: Sequence[Row], bucket: int) -> tuple[Sequence[Cell], Ints]:
        """As of Windows."""
        kept = [self._cells[bucket][row] for row in rows]
        return [(one.keys, one.numbers) for one in kept], np.array([one.version for one in kept], np.int64)

    def has(self, row: Row) -> bool:
        """As of Windows."""
        return row.group in self._rows and row in self._rows[row.group]

    def is_kept(self, bucket: int) -> bool:
        """As of Windows."""
        return self.newest is not None and self.newest - self._span.kept < bucket <= self.newest

    def forget(self, part: int) -> None:
        """As of Windows."""
        for bucket in self._cells.values():
            for row in [row for row in bucket if row.part == part]:
                self._drop(row, bucket.pop(row))

    def clear(self) -> None:
        """As of Windows: here a row goes with its last cell."""

    def move_on(self, bucket: int) -> None:
        """As of Windows."""
        if self.newest is not None and bucket <= self.newest:
            return
        self.newest = bucket
        for old in [old for old in self._cells if old <= bucket - self._span.kept]:
            for row, cell in self._cells.pop(old).items():
                self._drop(row, cell)

    def ends(self) -> range:
        """As of Windows."""
        assert self.newest is not None
        return range(self.newest - self._span.kept + self._span.window, self.newest + 1)

    def values(self, groups: Sequence[Group], first: int) -> Floats:
        """Of each group the value of each window of `ends`, nan where there is none; those that end before `first` are
        not looked at: groups × windows."""
        ends = self.ends()
        found = np.full((len(groups), len(ends)), np.nan)
        for number, group in enumerate(groups):
            rows = list(self._rows.get(group, ()))
            for end in range(max(first, ends.start), ends.stop) if rows else ():
                buckets = (self._cells.get(end - back, {}) for back in range(self._span.window))
                cells = [cell for bucket in buckets for row in rows if (cell := bucket.get(row)) is not None]
                if sum(len(cell.keys) for cell in cells):
                    keys = np.concatenate([cell.keys for cell in cells])
                    numbers = np.concatenate([cell.numbers for cell in cells])
                    found[number, end - ends.start] = self._kind.value(*sketch.merged(keys, numbers, self._kind.add))
        return found

    def _each(self, rows: Sequence[Row], buckets: Ints, cells: Sequence[Cell], versions: Ints, *, add: bool) -> Put:
        late = refused = 0
        if len(rows):
            self.move_on(int(buckets.max()))
        for row, bucket, cell, version in zip(rows, buckets.tolist(), cells, versions.tolist(), strict=True):
            if not self.is_kept(bucket):
                late += 1
                continue
            kept = self._cells.setdefault(bucket, {}).get(row)
            if kept is None:
                if (self._row_count >= self._most_rows and not self.has(row)) or self._keys >= _MOST_KEYS:
                    refused += 1
                    continue
                self._row_count += not self.has(row)
                self._rows[row.group][row] += 1
                kept = self._cells[bucket][row] = _Kept(cell[0][:0], cell[1][:0], NOTHING)
            elif not add and version <= kept.version:
                continue
            if add:
                both = (np.concatenate([kept.keys, cell[0]]), np.concatenate([kept.numbers, cell[1]]))
                cell = sketch.merged(*both, self._kind.add)
            self._keys += len(cell[0]) - len(kept.keys)
            kept.keys, kept.numbers = cell
            kept.version = max(kept.version, version)
        return Put(late, refused)

    def _drop(self, row: Row, cell: _Kept) -> None:
        self._keys -= len(cell.keys)
        rows = self._rows[row.group]
        rows[row] -= 1
        if not rows[row]:
            del rows[row]
            self._row_count -= 1
            if not rows:
                del self._rows[row.group]
