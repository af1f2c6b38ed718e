"""Figures of parts of segments, kept for whoever asks the same again: segments never change.

    question  →  parts that lie wholly in the range: kept tables, or one read for several of those that aren't kept
              →  the rest, which the range cuts or which is in memory yet: read each time

A part is PART_ROW_GROUPS of a segment, or what there are, from its beginning, so that a range that moves by seconds
cuts no more than one part at each end of a segment. A question is a query in SQL with its parameters, in which the
range isn't and everything else is, the limits of who asks included: a table answers no other.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.query.tree import Node
from logd.store.connection import Connection
from logd.store.read import in_memory, of_segment, run_up_to
from logd.store.segments import Segment
from logd.store.walk import Snapshot, Stretch, Times, groups_to_read
from logd.telemetry import metrics

#: Of all tables. Ten million lines take 50 kB for a question with few groups, and 9 MB for one with 50,000.
MOST_BYTES = 64 * 1024 * 1024
#: Of one table; what has more groups is left to the engine, which needn't hand them over.
_PART_BYTES = MOST_BYTES // 8
#: Of those of one question, or others would be gone, and the first of its own before it has the last. So much may be
#: in memory beside them for a moment.
_QUESTION_BYTES = MOST_BYTES // 2
#: What an entry takes beside its values: the key, and Arrow's objects for a table of five columns (⏱).
_ENTRY_BYTES = 5_120
#: A million rows, which take 50 to 150 ms to read where a range cuts them, and whose groups are a table each.
PART_ROW_GROUPS = 128
#: So many row groups, and parts, are read at once: each time DuckDB looks at all row groups of a file (30 µs each), but
#: there are the groups of all parts in memory.
_READ_ROW_GROUPS, _READ_PARTS = 512, 64
_Key = tuple[int, int, int, bytes]


class Part(NamedTuple):
    """Row groups `first` to `end`, which isn't included, of a segment."""

    segment: Segment
    first: int
    end: int


class Question(NamedTuple):
    """`sql` is a query over the `rows` that may match `query`, grouped by their `part`, which is its first column.
    Where a column `odd` is true, `instead` is to be asked of that part. `counts`: it is no more than how many rows
    there are by this column, which has one value each."""

    query: Node
    sql: str
    parameters: Sequence[str | float]
    instead: Question | None = None
    counts: str | None = None


class Known(NamedTuple):
    """The question's columns without `part`, in no order: rows of the same group are to be added up. `instead`: some
    are answers to the other question."""

    tables: Sequence[pa.Table]
    instead: bool


class Partials:
    """Those used last. For any number of threads, of which two that miss the same table both make it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: None where there are too many groups.
        self._kept: OrderedDict[_Key, pa.Table | None] = OrderedDict()
        self._bytes = 0

    def of(self, connection: Connection, snapshot: Snapshot, times: Times, question: Question) -> Known | None:
        """The answer for the rows of `times`; None when it has too many groups. Raises as `run_up_to`."""
        parts, rest = _parted(snapshot, question.query, times)
        tables = self._of_parts(connection, snapshot, parts, question)
        if tables is None:
            return None
        odd = [number for number, table in enumerate(tables) if _is_odd(table)]
        if question.instead is not None and odd:
            others = self._of_parts(connection, snapshot, [parts[number] for number in odd], question.instead)
            if others is None:
                return None
            for number, table in zip(odd, others, strict=True):
                tables[number] = table
        unread: list[Stretch] = []
        for one in rest:
            if question.counts and one.recent is not None and times.holds(one.min_us, one.max_us):
                tables.append(_counted(one.recent.table, question.counts))
            else:
                unread.append(one)
        instead = bool(odd)
        if unread or not tables:
            read = _read(connection, snapshot, times, unread, question)
            if question.instead is not None and read is not None and _is_odd(read):
                instead = True
                read = _read(connection, snapshot, times, unread, question.instead)
            if read is None:
                return None
            tables.append(read.drop_columns("part"))
        return Known(tables, instead)

    def status(self) -> dict[str, int]:
        """For people."""
        with self._lock:
            return {"kept": len(self._kept), "bytes": self._bytes}

    def _of_parts(
        self, connection: Connection, snapshot: Snapshot, parts: Sequence[Part], question: Question
    ) -> list[pa.Table] | None:
        """A table each."""
        digest = hashlib.blake2b(repr((question.sql, question.parameters)).encode(), digest_size=16).digest()
        keys = [(part.segment.id, part.segment.crc, part.first, digest) for part in parts]
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
            for key in found:
                self._kept.move_to_end(key)
        metrics.INDEX_PARTIALS.labels("hit").inc(len(found))
        metrics.INDEX_PARTIALS.labels("miss").inc(len(parts) - len(found))
        if None in found.values():
            return None
        missing = [(key, part) for key, part in zip(keys, parts, strict=True) if key not in found]
        together = sum(table.nbytes for table in found.values() if table is not None)
        for some in _portions(missing):
            made = _made(connection, snapshot, [part for _, part in some], question)
            for (key, _), table in zip(some, made, strict=True):
                together += 0 if table is None else table.nbytes
                found[key] = table if together <= _QUESTION_BYTES else None
                self._keep(key, found[key])
                if found[key] is None:
                    return None
        return [found[key] for key in keys]

    def _keep(self, key: _Key, table: pa.Table | None) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = table
                self._bytes += _bytes_of(table)
            while self._bytes > MOST_BYTES:
                self._bytes -= _bytes_of(self._kept.popitem(last=False)[1])
            metrics.INDEX_PARTIALS_KEPT.set(len(self._kept))
            metrics.INDEX_PARTIALS_BYTES.set(self._bytes)


def _parted(snapshot: Snapshot, query: Node, times: Times) -> tuple[list[Part], list[Stretch]]:
    """The parts that lie wholly in `times`, and what else of it may have hits."""
    parts: list[Part] = []
    rest: list[Stretch] = []
    for segment in snapshot.segments:
        if not times.overlaps(segment.min_us, segment.max_us):
            continue
        cut = np.zeros(len(segment.pieces), np.bool_)
        for first in range(0, len(segment.pieces), PART_ROW_GROUPS):
            pieces = segment.pieces[first : first + PART_ROW_GROUPS]
            if times.holds(int(pieces[:, 0].min()), int(pieces[:, 1].max())):
                parts.append(Part(segment, first, first + len(pieces)))
            else:
                cut[first : first + len(pieces)] = True
        if cut.any():
            groups, _ = groups_to_read(snapshot.files, segment, query, times)
            rest += of_segment(segment, groups[cut[groups]].tolist())
    rest += [one for one in map(in_memory, snapshot.recent) if times.overlaps(one.min_us, one.max_us)]
    return parts, rest


def _portions(missing: Sequence[tuple[_Key, Part]]) -> Iterator[list[tuple[_Key, Part]]]:
    """What is read at once."""
    portion: list[tuple[_Key, Part]] = []
    groups = 0
    for key, part in missing:
        groups += part.end - part.first
        if portion and (groups > _READ_ROW_GROUPS or len(portion) == _READ_PARTS):
            yield portion
            portion, groups = [], part.end - part.first
        portion.append((key, part))
    if portion:
        yield portion


def _made(
    connection: Connection, snapshot: Snapshot, parts: Sequence[Part], question: Question
) -> list[pa.Table | None]:
    """A table each, None for one that is too large."""
    among: list[Stretch] = []
    times = Times(min(part.segment.min_us for part in parts), max(part.segment.max_us for part in parts) + 1)
    for number, part in enumerate(parts):
        groups, _ = groups_to_read(snapshot.files, part.segment, question.query, times)
        groups = groups[(groups >= part.first) & (groups < part.end)]
        among += [one._replace(part=number) for one in of_segment(part.segment, groups.tolist())]
    try:
        read = _read(connection, snapshot, times, among, question)
    except duckdb.OutOfMemoryException:  # it may do for the groups of all parts together
        read = None
    if read is None:
        return [None] * len(parts)
    tables = [read.filter(pc.equal(read["part"], number)).drop_columns("part") for number in range(len(parts))]
    return [None if table.nbytes > _PART_BYTES else table.combine_chunks() for table in tables]


def _read(
    connection: Connection, snapshot: Snapshot, times: Times, among: Iterable[Stretch], question: Question
) -> pa.Table | None:
    """None when it is too large."""
    return run_up_to(_QUESTION_BYTES, connection, snapshot, times, among, question.sql, question.parameters)


def _counted(table: pa.Table, column: str) -> pa.Table:
    """For so few, DuckDB takes longer to plan than to count."""
    found = table[column].value_counts()
    values, counts = found.field("values"), found.field("counts")
    return pa.table({"g0": values.cast(pa.string()), "n": counts, "odd": pa.repeat(False, len(found))})


def _is_odd(table: pa.Table) -> bool:
    return "odd" in table.column_names and bool(pc.any(table["odd"]).as_py())


def _bytes_of(table: pa.Table | None) -> int:
    return _ENTRY_BYTES + (0 if table is None else table.nbytes)
