"""Figures of groups from tables in which a group may have several rows: added up, and the top ones.

A table has the columns of the groups (`g0` and so on), perhaps `bucket`, `n` records, and what figures are made of.
Sums are sums of sums that DuckDB's fsum made: each adds a rounding of the last bit, of no more than there are tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

#: They take less than waking a thread, which on a busy machine may take milliseconds.
_FEW_ROWS = 10_000
How = Literal["sum", "min", "max"]
Places = npt.NDArray[np.int64]


class Figure(NamedTuple):
    """The columns of a figure are combined by `how`; it is the first of them, or by the second if there are two."""

    columns: Sequence[str]
    how: How


class Ranked(NamedTuple):
    """`rows` are those of all tables; `groups` are all, in no order, and `top` those asked for, in theirs, with figures
    as `added` has it."""

    rows: pa.Table
    groups: pa.Table
    top: pa.Table


def ranked(
    tables: Sequence[pa.Table], fields: int, figures: Sequence[Figure], order: int | None, top: int, prefix: str | None
) -> Ranked:
    """The groups of so many fields, of which there is one at least, as seams.Stats has it."""
    rows = pa.concat_tables(tables)
    keys = _keys(fields)
    groups = added(rows, keys, figures)
    matching = groups if prefix is None else groups.filter(pc.starts_with(groups["g0"], prefix))
    most = "n" if order is None else f"figure_{order}"
    by = [(most, "descending"), *((key, "ascending") for key in keys)]
    return Ranked(rows, groups, matching.take(pc.select_k_unstable(matching, min(top, len(matching)), by)))


def places(found: Ranked, fields: int) -> Places:
    """For each row the place of its group in the top ones, -1 for none."""
    rows, known = np.zeros(len(found.rows), np.int64), np.zeros(len(found.top), np.int64)
    for key in _keys(fields):
        values = found.top[key].unique()
        for numbers, column in ((rows, found.rows[key]), (known, found.top[key])):
            codes = pc.index_in(column, value_set=values).fill_null(-1).to_numpy()
            # Of so few groups no product of three numbers of values is too large.
            numbers[:] = np.where((numbers < 0) | (codes < 0), -1, numbers * len(values) + codes)
    if not len(known):
        return rows - 1
    order = np.argsort(known)
    at = order[np.minimum(np.searchsorted(known, rows, sorter=order), len(known) - 1)]
    return np.where(known[at] == rows, at, -1)


def added(table: pa.Table, keys: Sequence[str], figures: Sequence[Figure] = ()) -> pa.Table:
    """A row for each value of the keys, with `n`, and the figures as `figure_0` and so on."""
    combined = [("n", "sum"), *((column, figure.how) for figure in figures for column in figure.columns)]
    found = table.group_by(list(keys), use_threads=len(table) > _FEW_ROWS).aggregate(combined)
    columns = {key: found[key] for key in keys} | {"n": found["n_sum"]}
    for place, (names, how) in enumerate(figures):
        values = [found[f"{name}_{how}"] for name in names]
        columns[f"figure_{place}"] = values[0] if len(values) == 1 else pc.divide(*values)
    return pa.table(columns)


def _keys(fields: int) -> list[str]:
    return [f"g{place}" for place in range(fields)]
