"""A batch of records into what each rule counts of it: how many, by group, bucket of time and part of the stream.

    table ── rows of the services, levels, hosts that a rule is for ── of its query ── groups × buckets ── numbers

Values of columns are compared once for a batch, by their dictionary; the texts that all queries together look for, by
one query that never ends (enrich/filters.py). There is no Python by record, some 50 µs for each rule that a batch
concerns, and next to none for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from logd.alerts.pins import COLUMNS, Pinned
from logd.enrich.filters import MANY_ROWS, Filters
from logd.enrich.named import Field
from logd.enrich.work import Ints, Work
from logd.query.tree import Everything, Node

Floats = npt.NDArray[np.float64]
Group = tuple[str | None, ...]
#: A group's name is shown and kept: no text.
_GROUP_CHARACTERS = 200


class Watch(msgspec.Struct, frozen=True, eq=False):
    """What one rule counts: records that match, by `group_by`, in buckets of `width_us`."""

    pinned: Pinned
    group_by: Sequence[str]
    width_us: int


class Counts(msgspec.Struct, frozen=True, eq=False):
    """Of one rule, a row for each cell that has something: `rows` are those of the batch that are in it, in order of
    `cell`, which goes from 0."""

    groups: Sequence[Group]
    parts: Ints
    buckets: Ints
    rows: Ints
    cell: Ints

    @property
    def numbers(self) -> Floats:
        """How many records each cell has."""
        return np.bincount(self.cell, minlength=len(self.groups)).astype(np.float64)


class Counting:
    """Not thread-safe. Owns a DuckDB instance."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._watches = watches
        rest = (watch.pinned.rest for watch in watches)
        self._nodes: list[Node] = list(dict.fromkeys(node for node in rest if not isinstance(node, Everything)))
        self._filters = Filters(MANY_ROWS)

    def count(self, table: pa.Table, parts: Ints) -> list[Counts | None]:
        """For each watch what it counts of records of record.SCHEMA, of which each is of a part; None is nothing.
        Raises filters.Failed."""
        if not len(table):
            return [None] * len(self._watches)
        batch = _Batch(table, parts)
        matches = self._filters.match(table, self._nodes) if self._nodes else {}
        found: list[Counts | None] = []
        for watch in self._watches:
            rows = batch.rows(watch.pinned)
            if len(rows) and watch.pinned.rest in matches:
                rows = rows[matches[watch.pinned.rest][rows]]
            found.append(batch.counts(watch, rows) if len(rows) else None)
        return found

    def close(self) -> None:
        """Gives its memory back."""
        self._filters.close()


class _Batch:
    """What all rules look up of a batch."""

    def __init__(self, table: pa.Table, parts: Ints) -> None:
        self._work = Work(table)
        self._parts = parts
        self._all: Ints = np.arange(len(table))
        self._micros: Ints = table["timestamp"].cast(pa.int64()).to_numpy()
        self._fields: dict[str, tuple[Ints, Sequence[str | None]]] = {}
        self._by_value: dict[str, dict[str, Ints]] = {}

    def rows(self, pinned: Pinned) -> Ints:
        """Those that have the values."""
        rows = self._all
        for column in COLUMNS:
            if (values := pinned.pins.get(column)) is not None:
                having = [some for value in values if (some := self._having(column).get(value)) is not None]
                if not having:
                    return self._all[:0]
                some = having[0] if len(having) == 1 else np.sort(np.concatenate(having))
                rows = some if len(rows) == len(self._all) else np.intersect1d(rows, some, assume_unique=True)
        return rows

    def _having(self, column: str) -> dict[str, Ints]:
        """Of each value the rows that have it."""
        found = self._by_value.get(column)
        if found is None:
            encoded = self._work.column(column).dictionary_encode()
            codes = encoded.indices.fill_null(-1).to_numpy()
            order = np.argsort(codes, kind="stable")
            ends = np.searchsorted(codes[order], np.arange(len(encoded.dictionary) + 1))
            values = encoded.dictionary.to_pylist()
            found = {value: order[ends[n] : ends[n + 1]] for n, value in enumerate(values)}
            self._by_value[column] = found
        return found

    def counts(self, watch: Watch, rows: Ints) -> Counts:
        """Of rows that match."""
        buckets = self._micros[rows] // watch.width_us
        columns: list[npt.NDArray[Any]] = [self._parts[rows], buckets]
        dictionaries: list[Sequence[str | None]] = []
        for name in watch.group_by:
            codes, names = self._texts(name)
            columns.append(codes[rows])
            dictionaries.append(names)
        order = np.lexsort(columns)
        ordered = np.stack([column[order] for column in columns])
        starts = np.flatnonzero(np.concatenate([[True], (np.diff(ordered, axis=1) != 0).any(axis=0)]))
        cell = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(rows)))
        firsts = ordered[:, starts]
        groups = [
            tuple(names[code] for names, code in zip(dictionaries, row, strict=True)) for row in firsts[2:].T.tolist()
        ]
        return Counts(groups if dictionaries else [()] * len(starts), firsts[0], firsts[1], rows[order], cell)

    def _texts(self, name: str) -> tuple[Ints, Sequence[str | None]]:
        """Of a field in all rows, as indices into its different texts; the last is None, that of rows without."""
        found = self._fields.get(name)
        if found is None:
            encoded = Field(name).text(self._work, self._all).dictionary_encode()
            codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
            found = self._fields[name] = (codes, [*map(_name, encoded.dictionary.to_pylist()), None])
        return found


def _name(value: str) -> str:
    return value if len(value) <= _GROUP_CHARACTERS else f"{value[:_GROUP_CHARACTERS]}…"
