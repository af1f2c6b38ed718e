"""A DuckDB connection that is read by one thread and can be stopped by another, at whatever step it is, and with a
budget of lines that may be read.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa

from logd.errors import BadRequest

#: Of texts of a kilobyte each, 16 MB.
_BATCH_ROWS = 16_384


class OverBudget(BadRequest):
    """Whoever asks would have more lines read than one request may."""

    def __init__(self, lines: int) -> None:
        message = f"that reads over {lines} lines (search.scan_lines): ask for less time, or for something rarer"
        super().__init__("too_many_lines", message)


class Connection:
    """For one reader. `stop` may be called from any thread and at any time, all else from the reader's only."""

    def __init__(self, sql: duckdb.DuckDBPyConnection, lines: int = 0) -> None:
        """`lines` is the budget, 0 is none."""
        self.sql = sql
        self._lines = lines
        self._read = 0
        self._counting = threading.Lock()
        self._stopped = threading.Event()

    def ask(
        self, query: str, parameters: Sequence[object] = (), tables: Mapping[str, pa.Table] | None = None
    ) -> pa.Table:
        """The rows of a query, which may name the tables. Raises duckdb.Error, and as `go_on`."""
        return self._asked(query, parameters, tables or {}).to_arrow_table()

    def ask_up_to(
        self, most_bytes: int, query: str, parameters: Sequence[object], tables: Mapping[str, pa.Table]
    ) -> pa.Table | None:
        """The same; None when the rows take more than so many bytes, of which there is no more than a batch at once."""
        reader = self._asked(query, parameters, tables).to_arrow_reader(_BATCH_ROWS)
        batches: list[pa.RecordBatch] = []
        for batch in reader:
            batches.append(batch)
            most_bytes -= batch.nbytes
            if most_bytes < 0:
                return None
        return pa.Table.from_batches(batches, reader.schema)

    def _asked(
        self, query: str, parameters: Sequence[object], tables: Mapping[str, pa.Table]
    ) -> duckdb.DuckDBPyRelation:
        for name, table in tables.items():
            self.sql.register(name, table)
        self.go_on()
        return self.sql.sql(query, params=list(parameters))

    def go_on(self) -> None:
        """Raises duckdb.InterruptException once this is stopped: to be called between steps that aren't DuckDB's."""
        if self._stopped.is_set():
            raise duckdb.InterruptException("stopped by the one who asked")

    def spend(self, lines: int) -> None:
        """Before so many are read, in any thread. Raises OverBudget when they are too many, and as `go_on`."""
        self.go_on()
        with self._counting:
            if self._lines and self._read + lines > self._lines:
                raise OverBudget(self._lines)
            self._read += lines

    @property
    def may_read(self) -> int:
        """How many lines of the budget are left."""
        return self._lines - self._read if self._lines else sys.maxsize

    def stop(self) -> None:
        """Ends the query that is under way, and any later one before it begins. A query that begins at this moment may
        be missed, as DuckDB forgets an interrupt that comes before it; so call it again until the reader has ended."""
        self._stopped.set()
        with contextlib.suppress(duckdb.ConnectionException):  # it has been closed just now
            self.sql.interrupt()

    def close(self) -> None:
        """Idempotent."""
        self.sql.close()
