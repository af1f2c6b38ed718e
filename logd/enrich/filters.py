"""Many filters over one batch of records after another, in a query that never ends.

A query with 50 filters takes DuckDB 58 ms for 150 rows, of which it spends 52 on planning and on compiling regular
expressions, again each time, also when it is prepared (⏱). So the query runs once, over a source that hands out what is
put into it, and its result is read as far as the rows go that were put in: 6 ms.

    put rows, in steps of a fixed size ──> source ──> SELECT round, condition 0, condition 1, … ──> as many rows

DuckDB may look ahead: a source without rows gives a step of nulls, which bear another round's number and are left out.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from logd.query.sql import Condition, compile_sql
from logd.query.tree import Everything, Node
from logd.record import SCHEMA

#: The result is read in steps of so many rows, so the rows put in are a multiple of it: for batches of a few lines.
FEW_ROWS = 64
#: For batches of thousands: 0.4 µs a line less.
MANY_ROWS = 1_024
_MEMORY_BYTES = 128 * 1024 * 1024
_NO_ROUND = -1
_ROUND = pa.field("round", pa.int64())
#: A placeholder, or a literal, in which a question mark is none.
_PLACEHOLDER = re.compile(r"'(?:[^']|'')*'|\?")
Bools = np.ndarray[Any, np.dtype[np.bool_]]


class Failed(Exception):
    """One of the trees can't be evaluated; why."""


class Filters:
    """Which rows match which tree. Not thread-safe. Owns a DuckDB instance. `compiled` gives a tree's condition, if not
    compile_sql."""

    def __init__(self, step_rows: int = FEW_ROWS, compiled: Callable[[Node], Condition] | None = None) -> None:
        self._step_rows = step_rows
        self._compiled = compiled
        self._sql = _connected()
        self._nodes: Sequence[Node] = ()
        self._running: _Running | None = None

    def match(self, table: pa.Table, nodes: Sequence[Node]) -> dict[Node, Bools]:
        """For each of the trees, which are all different, the rows of `table`, of record.SCHEMA, that match. The query
        goes on as long as the trees are the same. Raises Failed when that can't be."""
        everything = np.ones(len(table), bool)
        asked = [node for node in nodes if not isinstance(node, Everything)]
        found: dict[Node, Bools] = {node: everything for node in nodes if isinstance(node, Everything)}
        if not asked or not len(table):
            return {**found, **dict.fromkeys(asked, everything)}
        try:
            if self._running is None or asked != self._nodes:
                self._forget()
                self._running, self._nodes = self._run(asked), asked
            columns = self._running.match(table)
        except (duckdb.Error, pa.ArrowException, OSError, StopIteration) as error:  # Arrow passes DuckDB's on as others
            self._renew()
            raise Failed(str(error).partition("\n")[0]) from error
        return {**found, **dict(zip(asked, columns, strict=True))}

    def close(self) -> None:
        """Ends the query and gives its memory back."""
        self._forget()
        self._sql.close()

    def _run(self, nodes: Sequence[Node]) -> _Running:
        return _Running(self._sql, [(self._compiled or compile_sql)(node) for node in nodes], self._step_rows)

    def _forget(self) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None

    def _renew(self) -> None:
        """After an error of its own DuckDB refuses every query."""
        with contextlib.suppress(duckdb.Error):
            self.close()
        self._sql = _connected()


class _Running:
    """The query over some conditions."""

    def __init__(self, sql: duckdb.DuckDBPyConnection, conditions: Sequence[Condition], step_rows: int) -> None:
        self._step_rows = step_rows
        names = sorted(frozenset().union(*(condition.columns for condition in conditions)))
        self._names = names
        fields = [pa.field(name, _plain(SCHEMA.field(name).type)) for name in names]
        self._schema = pa.schema([*fields, _ROUND])
        self._pending: list[pa.RecordBatch] = []
        self._round = _NO_ROUND
        self._nothing = self._nulls(step_rows, _NO_ROUND).to_batches()[0]
        self._source = pa.RecordBatchReader.from_batches(self._schema, self._batches())
        count = 0
        columns = []
        for number, condition in enumerate(conditions):
            # A prepared statement's parameters would be planned anew with every batch, and literals would be text.
            for place, value in enumerate(condition.parameters, count):
                sql.execute(f"SET VARIABLE p{place} = ?", [value])
            columns.append(f"({_with_variables(condition, count)}) IS TRUE AS m{number}")
            count += len(condition.parameters)
        sql.register("tailed", self._source)
        # A buffer of one byte: the result goes no further than it is read.
        sql.execute("SET streaming_buffer_size = '1B'")
        self._results = sql.sql(f"SELECT round, {', '.join(columns)} FROM tailed").to_arrow_reader(step_rows)

    def match(self, table: pa.Table) -> list[Bools]:
        """For each condition, which rows match."""
        self._round += 1
        columns = [table[name].cast(self._schema.field(name).type) for name in self._names]
        columns.append(pa.chunked_array([pa.array(np.full(len(table), self._round))]))
        rows = pa.table(columns, schema=self._schema)
        missing = -len(rows) % self._step_rows
        put = pa.concat_tables([rows, self._nulls(missing, self._round)]).combine_chunks()
        self._pending += put.to_batches()
        got: list[pa.RecordBatch] = []
        while len(got) * self._step_rows < len(put):
            step = self._results.read_next_batch()
            if step.column(0)[0].as_py() == self._round:
                got.append(step)
        result = pa.Table.from_batches(got).slice(0, len(table))
        return [result.column(place).to_numpy() for place in range(1, result.num_columns)]

    def close(self) -> None:
        """The query ends where it is."""
        self._results.close()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        while True:
            yield self._pending.pop(0) if self._pending else self._nothing

    def _nulls(self, count: int, number: int) -> pa.Table:
        nulls = [pa.nulls(count, field.type) for field in self._schema if field.name != _ROUND.name]
        return pa.table([*nulls, pa.array(np.full(count, number))], schema=self._schema)


def _connected() -> duckdb.DuckDBPyConnection:
    sql = duckdb.connect(config={"threads": 1, "memory_limit": f"{_MEMORY_BYTES}B"})
    sql.execute("SET TimeZone = 'UTC'")
    return sql


def _plain(kind: pa.DataType) -> pa.DataType:
    """Without dictionaries: each batch has its own, and a query that never ends might keep one."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _with_variables(condition: Condition, first: int) -> str:
    numbers = iter(range(first, first + len(condition.parameters)))
    sql = _PLACEHOLDER.sub(
        lambda found: f"getvariable('p{next(numbers)}')" if found[0] == "?" else found[0], condition.sql
    )
    assert next(numbers, None) is None, condition.sql
    return sql
