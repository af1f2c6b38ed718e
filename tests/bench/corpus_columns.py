"""What the corpus holds, as columns: what is counted over tens of millions of lines isn't counted a line at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from tests.bench.corpus import Corpus

_TYPES = """{
    timestamp: 'TIMESTAMP', level: 'VARCHAR', service: 'VARCHAR', host: 'VARCHAR', message: 'VARCHAR',
    metadata: 'STRUCT(user_id INTEGER, duration_ms DOUBLE)'
}"""
_COLUMNS = "timestamp, level, service, host, message, metadata.user_id AS user_id, metadata.duration_ms AS duration_ms"


def rows(corpus: Corpus, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
    """Of a query over `lines`, whose times are UTC without saying so: see _COLUMNS. The first call takes 2 s a million
    lines, and leaves a file beside the corpus."""
    path = columns(corpus)
    with _connected() as connection:
        return connection.execute(sql.replace("lines", f"read_parquet('{path}')"), parameters).fetchall()


def columns(corpus: Corpus) -> Path:
    """The file, made where it isn't there yet; never half-written."""
    path = corpus.path.with_suffix(".parquet")
    if not path.exists():
        made = corpus.path.with_suffix(f".{os.getpid()}.parquet")
        try:
            with _connected() as connection:
                connection.execute(
                    f"COPY (SELECT {_COLUMNS} FROM read_json('{corpus.path}', format='nd', columns={_TYPES}))"
                    f" TO '{made}' (FORMAT parquet, COMPRESSION zstd)"
                )
            os.replace(made, path)
        finally:
            made.unlink(missing_ok=True)
    return path


@contextmanager
def _connected() -> Iterator[duckdb.DuckDBPyConnection]:
    """It shares the machine with what is measured."""
    with duckdb.connect(config={"memory_limit": "1GB", "threads": 2}) as connection:
        connection.execute("SET enable_progress_bar = false")
        yield connection
