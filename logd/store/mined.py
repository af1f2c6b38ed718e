"""Patterns of a snapshot's rows: the masks of all hits, which of parts of segments may be known from before, else by a
pass of DuckDB's over the messages; and one over the few row groups that have the samples. Its memory grows with the
different masks, not with the rows; where they are too many for it, the masks are made coarser."""

from __future__ import annotations

from collections.abc import Collection

import duckdb
import numpy as np
import pyarrow as pa

from logd.patterns import masks
from logd.patterns.mine import MOST_MASKS, Rows, mine
from logd.query.sql import Condition, compile_sql
from logd.query.times import ranged
from logd.seams import Mined, Patterns
from logd.store.connection import Connection
from logd.store.partials import Partials, Question
from logd.store.read import run, stretches
from logd.store.walk import Snapshot, times_of


def mine_patterns(connection: Connection, snapshot: Snapshot, asked: Patterns, partials: Partials) -> Mined:
    """Answers it over the snapshot. Raises duckdb.Error when a segment can't be read, OutOfMemoryException when there
    is too little also for coarse masks, and InterruptException when the connection is stopped."""
    query, from_us, to_us = ranged(asked.query, asked.from_us, asked.to_us)
    times = times_of(snapshot, from_us, to_us)
    if times is None:
        return Mined()
    condition = compile_sql(query)

    def cells(coarse: bool) -> pa.Table:
        question = Question(query, masks.parts(condition.sql, coarse), condition.parameters)
        known = partials.of(connection, snapshot, times, question)
        if known is not None:
            return connection.ask(masks.added(MOST_MASKS), (), {"parts": pa.concat_tables(known.tables)})
        among = stretches(snapshot, query, times)
        return run(connection, snapshot, times, among, masks.cells(condition.sql, MOST_MASKS, coarse), condition)

    def ask(sql: str, condition: Condition, moments: Collection[int]) -> pa.Table:
        known = np.array(sorted(moments))
        among = [
            one
            for one in stretches(snapshot, query, times)
            if np.searchsorted(known, one.min_us) < np.searchsorted(known, one.max_us, "right")
        ]
        return run(connection, snapshot, times, among, sql, condition)

    rows = Rows(cells, ask, connection.go_on)
    try:
        return mine(asked, condition, rows)
    except duckdb.OutOfMemoryException:
        return mine(asked, condition, rows, coarse=True)
