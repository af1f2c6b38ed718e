"""Patterns of a snapshot's rows: two passes of DuckDB's, one over the messages of all hits, one over the few row groups
that have the samples. Its memory grows with the different masks, not with the rows; where they are too many for it, the
masks are made coarser."""

from __future__ import annotations

from collections.abc import Collection

import duckdb
import pyarrow as pa

from logd.patterns.mine import Rows, mine
from logd.query.sql import Condition, compile_sql
from logd.query.times import narrowed
from logd.seams import Mined, Patterns
from logd.store.connection import Connection
from logd.store.read import run, stretches
from logd.store.walk import Snapshot, times_of


def mine_patterns(connection: Connection, snapshot: Snapshot, asked: Patterns) -> Mined:
    """Answers it over the snapshot. Raises duckdb.Error when a segment can't be read, OutOfMemoryException when there
    is too little also for coarse masks, and InterruptException when the connection is stopped."""
    times = times_of(snapshot, *narrowed(asked.query, asked.from_us, asked.to_us))
    if times is None:
        return Mined()
    among = list(stretches(snapshot, asked.query, times))

    def ask(query: str, condition: Condition, moments: Collection[int] | None) -> pa.Table:
        having = among
        if moments is not None:
            having = [one for one in among if any(one.min_us <= moment <= one.max_us for moment in moments)]
        return run(connection, snapshot, times, having, query, condition)

    rows = Rows(ask, connection.go_on)
    try:
        return mine(asked, compile_sql(asked.query), rows)
    except duckdb.OutOfMemoryException:
        return mine(asked, compile_sql(asked.query), rows, coarse=True)
