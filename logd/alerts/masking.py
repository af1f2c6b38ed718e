"""The templates of messages, as `logd patterns` has them, by batch."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from logd.patterns.masks import whole

_MEMORY_BYTES = 128 * 1024 * 1024


class Masking:
    """Not thread-safe. Owns a DuckDB instance."""

    def __init__(self) -> None:
        self._sql = duckdb.connect(config={"threads": 1, "memory_limit": f"{_MEMORY_BYTES}B"})

    def masks(self, messages: pa.StringArray) -> pa.StringArray:
        """Of each message."""
        rows = pa.table({"number": pa.array(range(len(messages)), pa.int64()), "message": messages})
        self._sql.register("rows", rows)
        try:
            return self._sql.sql(f"{whole('rows')} ORDER BY number").to_arrow_table()["mask"].combine_chunks()
        finally:
            self._sql.unregister("rows")

    def close(self) -> None:
        """Gives its memory back."""
        self._sql.close()
