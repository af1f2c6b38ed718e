"""The templates of messages, as `logd patterns` has them, by batch."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from logd.enrich.filters import Failed
from logd.patterns.masks import whole

_MEMORY_BYTES = 128 * 1024 * 1024


class Masking:
    """Not thread-safe. Owns a DuckDB instance."""

    def __init__(self) -> None:
        self._sql = duckdb.connect(config={"threads": 1, "memory_limit": f"{_MEMORY_BYTES}B"})

    def masks(self, messages: pa.StringArray) -> pa.StringArray:
        """Of each message. Raises filters.Failed."""
        rows = pa.table({"number": pa.array(range(len(messages)), pa.int64()), "message": messages})
        try:
            self._sql.register("rows", rows)
            try:
                return self._sql.sql(f"{whole('rows')} ORDER BY number").to_arrow_table()["mask"].combine_chunks()
            finally:
                self._sql.unregister("rows")
        except duckdb.Error as error:
            raise Failed(f"the templates of messages: {error}") from error

    def close(self) -> None:
        """Gives its memory back."""
        self._sql.close()
