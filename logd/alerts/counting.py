"""A batch of records into what each rule counts of it: how many, by group, bucket of time and part of the stream.

    table ── rows of the services, levels, hosts that a rule is for ── of its query ── groups × buckets ── numbers

Values of columns are compared once for a batch, by their dictionary; the texts that all queries together look for, by
one query that never ends (enrich/filters.py). There is no Python by record, some 50 µs for each rule that a batch
concerns, and next to none for the others.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from logd.alerts.masking import Masking
from logd.alerts.pins import COLUMNS, Pinned, compile_pinned
from logd.enrich.filters import MANY_ROWS, Filters
from logd.enrich.named import Field
from logd.enrich.work import Ints, Work
from logd.query.tree import Everything, Node

Floats = npt.NDArray[np.float64]
Group = tuple[str | None, ...]
#: A group's name is shown and kept: no text.
_GROUP_CHARACTERS = 200
#: A field that so many rules ask for is looked up of all rows, once.
_OFTEN = 3
#: Of 64 bits with a sign; two columns of a batch's rows can't have more.
_MOST_KEYS = 2**62
#: What stands for the message's template: no name of a field.
MASK = "\n"


class Watch(msgspec.Struct, frozen=True, eq=False):
    """What a rule, or a part of one, counts: records that match, by `group_by`, in buckets of `width_us`. Of these,
    those that `match` too, or the numbers of a field, or its texts, where one of them is given."""

    pinned: Pinned
    group_by: Sequence[str]
    width_us: int
    match: Pinned | None = None
    numbers_of: str = ""
    texts_of: str = ""


class Counts(msgspec.Struct, frozen=True, eq=False):
    """Of one watch, a row for each cell that has something: `rows` are those of the batch that are in it, in order of
    `cell`, which goes from 0. `values` has, in the order of `rows`, 1 or 0 for those that match or don't, or numbers,
    nan where there is none; `texts` the texts."""

    groups: Sequence[Group]
    parts: Ints
    buckets: Ints
    rows: Ints
    cell: Ints
    values: Floats | None = None
    texts: pa.StringArray | None = None

    @property
    def numbers(self) -> Floats:
        """How many records each cell has."""
        return np.bincount(self.cell, minlength=len(self.groups)).astype(np.float64)

    def only(self, wanted: npt.NDArray[np.bool_]) -> Counts | None:
        """Of some of the `rows`, None for none."""
        if not wanted.any():
            return None
        cells, cell = np.unique(self.cell[wanted], return_inverse=True)
        return Counts(
            [self.groups[number] for number in cells.tolist()],
            self.parts[cells],
            self.buckets[cells],
            self.rows[wanted],
            cell,
            None if self.values is None else self.values[wanted],
            None if self.texts is None else self.texts.filter(pa.array(wanted)),
        )


class Counting:
    """Not thread-safe. Owns DuckDB instances."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._watches = watches
        pinned = [one for watch in watches for one in (watch.pinned, watch.match) if one is not None]
        #: By the identity of what is pinned: to hash a tree takes as long as to count a rule.
        whole = {id(one): one.whole for one in pinned if not isinstance(one.rest, Everything)}
        self._nodes: list[Node] = list(dict.fromkeys(whole.values()))
        places = {node: place for place, node in enumerate(self._nodes)}
        self._places = {key: places[node] for key, node in whole.items()}
        self._filters = Filters(MANY_ROWS, compile_pinned) if self._nodes else None
        named = (name for watch in watches for name in (watch.numbers_of, watch.texts_of) if name)
        self._often = Tally(named)
        self._masking = Masking() if any(MASK in watch.group_by for watch in watches) else None

    def count(self, table: pa.Table, parts: Ints, taken_us: Ints | None = None) -> list[Counts | None]:
        """For each watch what it counts of records of record.SCHEMA, of which each is of a part; None is nothing.
        `taken_us` is when each was taken (Unix µs): none counts as later. Raises filters.Failed."""
        if not len(table):
            return [None] * len(self._watches)
        found_by_node = {} if self._filters is None else self._filters.match(table, self._nodes)
        columns = [found_by_node[node] for node in self._nodes]
        matches = {key: columns[place] for key, place in self._places.items()}
        batch = _Batch(table, parts, taken_us, matches, self._masking, self._often)
        found: list[Counts | None] = []
        for watch in self._watches:
            rows = batch.rows(watch.pinned)
            found.append(batch.counts(watch, rows) if len(rows) else None)
        return found

    def close(self) -> None:
        """Gives their memory back."""
        if self._filters is not None:
            self._filters.close()
        if self._masking is not None:
            self._masking.close()


class _Batch:
    """What all rules look up of a batch."""

    def __init__(
        self,
        table: pa.Table,
        parts: Ints,
        taken_us: Ints | None,
        matches: Mapping[int, npt.NDArray[np.bool_]],
        masking: Masking | None,
        often: Tally[str],
    ) -> None:
        self._work = Work(table)
        self._parts = parts
        self._matches = matches
        self._masking = masking
        self._often = often
        self._buckets: dict[int, Ints] = {}
        self._numbers_of: dict[str, Floats] = {}
        self._texts_of: dict[str, pa.StringArray] = {}
        self._all: Ints = np.arange(len(table))
        micros: Ints = table["timestamp"].cast(pa.int64()).to_numpy()
        self._micros = micros if taken_us is None else np.minimum(micros, taken_us)
        self._fields: dict[str, tuple[Ints, Sequence[str | None]]] = {}
        self._by_value: dict[str, dict[str, Ints]] = {}

    def rows(self, pinned: Pinned) -> Ints:
        """Those that have the values, and match the rest."""
        rows = self._all
        for column in COLUMNS:
            if (values := pinned.pins.get(column)) is not None:
                having = [some for value in values if (some := self._having(column).get(value)) is not None]
                if not having:
                    return self._all[:0]
                some = having[0] if len(having) == 1 else np.sort(np.concatenate(having))
                rows = some if len(rows) == len(self._all) else np.intersect1d(rows, some, assume_unique=True)
        if len(rows) and (matches := self._matches.get(id(pinned))) is not None:
            rows = rows[matches[rows]]
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
        buckets = self._buckets_of(watch.width_us)
        named = [self._texts(name) for name in watch.group_by]
        # One number says which cell a row is in: of several columns sorting takes four times as long.
        key = _combined([self._parts[rows], buckets[rows], *(codes[rows] for codes, _ in named)])
        if (key == key[0]).all():
            starts: Ints = np.zeros(1, np.int64)
        else:
            order = np.argsort(key, kind="stable")
            rows, key = rows[order], key[order]
            starts = np.concatenate([[0], np.flatnonzero(key[1:] != key[:-1]) + 1])
        cell = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(rows)))
        firsts = rows[starts]
        columns = ([names[code] for code in codes[firsts].tolist()] for codes, names in named)
        groups: Sequence[Group] = list(zip(*columns, strict=True)) if named else [()] * len(starts)
        values = None
        if watch.match is not None:
            values = np.isin(rows, self.rows(watch.match)).astype(np.float64)
        elif watch.numbers_of:
            values = self._numbers(watch.numbers_of, rows)
        texts = self._whole_texts(watch.texts_of, rows) if watch.texts_of else None
        return Counts(groups, self._parts[firsts], buckets[firsts], rows, cell, values, texts)

    def _buckets_of(self, width_us: int) -> Ints:
        found = self._buckets.get(width_us)
        if found is None:
            found = self._buckets[width_us] = self._micros // width_us
        return found

    def _numbers(self, name: str, rows: Ints) -> Floats:
        """Of a field; where several rules ask for it, all rows' at once."""
        if self._often[name] < _OFTEN:
            return Field(name).numbers(self._work, rows)
        found = self._numbers_of.get(name)
        if found is None:
            found = self._numbers_of[name] = Field(name).numbers(self._work, self._all)
        return found[rows]

    def _whole_texts(self, name: str, rows: Ints) -> pa.StringArray:
        """As _numbers."""
        if self._often[name] < _OFTEN:
            return Field(name).text(self._work, rows)
        found = self._texts_of.get(name)
        if found is None:
            found = self._texts_of[name] = Field(name).text(self._work, self._all)
        return found.take(pa.array(rows))

    def _texts(self, name: str) -> tuple[Ints, Sequence[str | None]]:
        """Of a field in all rows, as indices into its different texts; the last is None, that of rows without."""
        found = self._fields.get(name)
        if found is None:
            encoded = self._column(name).dictionary_encode()
            codes = encoded.indices.fill_null(-1).to_numpy().astype(np.int64)
            # Of long texts some have the same name.
            names = dict.fromkeys(map(_name, texts := encoded.dictionary.to_pylist()))
            if len(names) < len(texts):
                places = {name: place for place, name in enumerate(names)}
                codes = np.array([*(places[_name(text)] for text in texts), -1])[codes]
            found = self._fields[name] = (codes, [*names, None])
        return found

    def _column(self, name: str) -> pa.StringArray:
        if name == MASK:
            assert self._masking is not None
            return self._masking.masks(self._work.column("message"))
        return Field(name).text(self._work, self._all)


def _combined(columns: Sequence[Ints]) -> Ints:
    """A number for each row, the same for rows that have the same in all columns."""
    key, most = np.zeros(len(columns[0]), np.int64), 1
    for values in columns:
        low, high = int(values.min()), int(values.max())
        if low == high:
            continue
        if most * (high - low + 1) >= _MOST_KEYS:
            values, key = (np.unique(some, return_inverse=True)[1] for some in (values, key))
            low, high, most = 0, int(values.max()), int(key.max()) + 1
        key = key * (high - low + 1) + (values - low)
        most *= high - low + 1
    return key


def _name(value: str) -> str:
    return value if len(value) <= _GROUP_CHARACTERS else f"{value[:_GROUP_CHARACTERS]}…"
