"""A batch of records while rules change it, and what every kind of rule is to them."""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from logd.record import SCHEMA

Ints = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]


class Work:
    """`table` has record.SCHEMA, `kept` its rows that no rule has left out. `counts` say what was done, by what and by
    rule: `("dropped", "noise")`; `left_out` which rows these were."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.kept: Bools = np.ones(len(table), bool)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.left_out: dict[tuple[str, str], Ints] = {}

    def column(self, name: str) -> pa.Array:
        """A whole column, words as texts."""
        column = self.table[name].combine_chunks()
        return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column

    def leave_out(self, rows: Ints, what: str, rule: str) -> None:
        """These rows are not kept: `rule` has `what`, dropped or sampled, them."""
        self.kept[rows] = False
        self.counts[what, rule] += len(rows)
        if len(rows):
            self.left_out[what, rule] = rows

    def put(self, name: str, column: pa.Array) -> None:
        """In place of a column."""
        field = SCHEMA.field(name)
        if pa.types.is_dictionary(field.type):
            column = column.dictionary_encode()
        self.table = self.table.set_column(self.table.schema.get_field_index(name), field, column)

    def put_rows(self, name: str, rows: Ints, new: pa.Array) -> None:
        """In place of some rows of a column; a null is one."""
        if not len(rows):
            return
        # Not replace_with_mask, which knows no lists.
        place = np.arange(len(self.table))
        place[rows] = len(self.table) + np.arange(len(rows))
        self.put(name, pa.concat_arrays([self.column(name), new]).take(pa.array(place)))


class Action(Protocol):
    """What a rule does. `writes` are the columns that it may change."""

    @property
    def writes(self) -> frozenset[str]:
        """Whose later readers must come after it."""
        ...

    def run(self, work: Work, rows: Ints) -> None:
        """Does it to some rows, which ascend and are kept so far."""
        ...
