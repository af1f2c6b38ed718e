"""How often a keyword column has each value: of whole segments it is counted once, as they never change."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable

from logd.query.sql import Condition
from logd.query.tree import Everything
from logd.store.connection import Connection
from logd.store.read import in_memory, of_segment, run
from logd.store.walk import Snapshot, Stretch, Times, groups_to_read

#: A column of a segment with more is left to those who count in the engine.
_MOST_VALUES = 2_000
#: Of all together: some 20 MB.
_MOST_KEPT = 200_000
_Key = tuple[int, int, str]
Counts = Counter[str | None]


class Tallies:
    """Those used last. For any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: None where there are too many values.
        self._kept: OrderedDict[_Key, Counts | None] = OrderedDict()
        self._values = 0

    def of(self, connection: Connection, snapshot: Snapshot, times: Times, column: str) -> Counts | None:
        """The rows of `times` by a column of one value; None when it has too many. Raises as `run`."""
        counts: Counts = Counter()
        rest: list[Stretch] = []
        for recent in snapshot.recent:
            if times.holds(recent.min_us, recent.max_us):  # for so few, DuckDB takes longer to plan than to count
                for one in recent.table[column].value_counts().to_pylist():
                    counts[one["values"]] += one["counts"]
            else:
                rest.append(in_memory(recent))
        for segment in snapshot.segments:
            groups = range(len(segment.pieces))
            if not times.holds(segment.min_us, segment.max_us):
                if times.overlaps(segment.min_us, segment.max_us):
                    groups = groups_to_read(snapshot.root, segment, Everything(), times)[0].tolist()
                    rest += of_segment(segment, groups)
                continue
            key = (segment.id, segment.crc, column)
            known, counted = self._known(key)
            if not known:
                counted = _counted(connection, snapshot, times, of_segment(segment, groups), column)
                self._keep(key, counted)
            if counted is None:
                return None
            counts.update(counted)
        counted = _counted(connection, snapshot, times, rest, column)
        if counted is None:
            return None
        counts.update(counted)
        return counts

    def _known(self, key: _Key) -> tuple[bool, Counts | None]:
        with self._lock:
            if key not in self._kept:
                return False, None
            self._kept.move_to_end(key)
            return True, self._kept[key]

    def _keep(self, key: _Key, counts: Counts | None) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = counts
                self._values += 1 + len(counts or ())
            while self._values > _MOST_KEPT:
                self._values -= 1 + len(self._kept.popitem(last=False)[1] or ())


def _counted(
    connection: Connection, snapshot: Snapshot, times: Times, among: Iterable[Stretch], column: str
) -> Counts | None:
    among = [one for one in among if times.overlaps(one.min_us, one.max_us)]
    if not among:
        return Counter()
    query = f"SELECT {column} AS value, count(*) AS n FROM rows GROUP BY value LIMIT {_MOST_VALUES + 1}"
    found = run(connection, snapshot, times, among, query, Condition("", [], frozenset()))
    if len(found) > _MOST_VALUES:
        return None
    return Counter(dict(zip(found["value"].to_pylist(), found["n"].to_pylist(), strict=True)))
