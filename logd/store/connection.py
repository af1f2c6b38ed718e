"""A DuckDB connection that is read by one thread and can be stopped by another, at whatever step it is."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa


class Connection:
    """For one reader. `stop` may be called from any thread and at any time, all else from the reader's only."""

    def __init__(self, sql: duckdb.DuckDBPyConnection) -> None:
        self.sql = sql
        self._stopped = threading.Event()

    def ask(
        self, query: str, parameters: Sequence[object] = (), tables: Mapping[str, pa.Table] | None = None
    ) -> pa.Table:
        """The rows of a query, which may name the tables. Raises duckdb.Error, and as `go_on`."""
        for name, table in (tables or {}).items():
            self.sql.register(name, table)
        self.go_on()
        return self.sql.sql(query, params=list(parameters)).to_arrow_table()

    def go_on(self) -> None:
        """Raises duckdb.InterruptException once this is stopped: to be called between steps that aren't DuckDB's."""
        if self._stopped.is_set():
            raise duckdb.InterruptException("stopped by the one who asked")

    def stop(self) -> None:
        """Ends the query that is under way, and any later one before it begins. A query that begins at this moment may
        be missed, as DuckDB forgets an interrupt that comes before it; so call it again until the reader has ended."""
        self._stopped.set()
        with contextlib.suppress(duckdb.ConnectionException):  # it has been closed just now
            self.sql.interrupt()

    def close(self) -> None:
        """Idempotent."""
        self.sql.close()
