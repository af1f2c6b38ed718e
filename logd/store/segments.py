"""A segment: one Parquet file of record.SCHEMA, immutable, of one retention policy and one day (UTC).

    INDEX/policy=POLICY/date=YYYY-MM-DD/ID.parquet      rows by (timestamp, log_id), in row groups of ROW_GROUP_ROWS

Invariants: a file gets its final name only when it is whole and on disk (written as .tmp, fsync, rename, fsync of the
folder); only a file that the manifest names is part of the index.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

#: Few enough that the newest rows are read alone; columns compress as well as in larger ones (⏱ +0.1 byte a line).
ROW_GROUP_ROWS = 16_384
DAY_US = 86_400_000_000
_DICTIONARIES = ["level", "service", "host", "source", "tags.list.element"]
_ENCODINGS = {
    "log_id": "DELTA_BYTE_ARRAY",
    "timestamp": "DELTA_BINARY_PACKED",
    "ingested_at": "DELTA_BINARY_PACKED",
}


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of rows that can be read alone: its first and last time in Unix µs, and how many."""

    min_us: int
    max_us: int
    rows: int


class Segment(msgspec.Struct, frozen=True):
    """A segment as the manifest knows it. `file` is relative to the index folder, `day` counts from 1970-01-01."""

    id: int
    file: str
    policy: str
    day: int
    rows: int
    size_bytes: int
    pieces: tuple[Piece, ...]


def by_day(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """The table's rows, parted by day."""
    days = np.floor_divide(_micros(table), DAY_US)
    first = int(days[0])
    if (days == first).all():
        yield first, table
        return
    for day in np.unique(days).tolist():
        yield day, table.filter(pa.array(days == day))


def write(table: pa.Table, root: Path, segment_id: int, policy: str, day: int) -> Segment:
    """Writes rows of one day as a segment, durably. The caller commits it to the manifest. Raises OSError."""
    table = _sorted(table)
    file = f"policy={policy}/date={_date(day)}/{segment_id:012d}.parquet"
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    try:
        pq.write_table(
            table,
            temporary,
            row_group_size=ROW_GROUP_ROWS,
            write_batch_size=ROW_GROUP_ROWS,
            compression="zstd",
            compression_level=1,
            use_dictionary=_DICTIONARIES,
            column_encoding=_ENCODINGS,
            write_statistics=["timestamp", "log_id"],
        )
        sync(temporary)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    for folder in (path.parent, path.parent.parent, root):
        sync(folder)
    micros = _micros(table)
    starts = range(0, len(table), ROW_GROUP_ROWS)
    pieces = tuple(
        Piece(int(part[0]), int(part[-1]), len(part))
        for part in (micros[start : start + ROW_GROUP_ROWS] for start in starts)
    )
    return Segment(segment_id, file, policy, day, len(table), path.stat().st_size, pieces)


def sync(path: Path) -> None:
    """fsync of a file or a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sorted(table: pa.Table) -> pa.Table:
    """By (timestamp, log_id). Lines mostly arrive in order, and asking costs a hundredth of sorting."""
    micros = _micros(table)
    steps = np.diff(micros)
    if (steps > 0).all():
        return table
    ids = table["log_id"]
    if (steps >= 0).all() and pc.all(pc.or_(pa.array(steps > 0), pc.less_equal(ids[:-1], ids[1:]))).as_py():
        return table
    order = pc.sort_indices(
        table.select(["timestamp", "log_id"]), [("timestamp", "ascending"), ("log_id", "ascending")]
    )
    return table.take(order)


def unified(tables: list[pa.Table]) -> pa.Table:
    """The tables as one, not copied, with one dictionary for each word column."""
    return pa.concat_tables(tables).unify_dictionaries()


def _micros(table: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    micros: np.ndarray[tuple[int], np.dtype[np.int64]] = table["timestamp"].cast(pa.int64()).to_numpy()
    return micros


def _date(day: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date()
