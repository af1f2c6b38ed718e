"""A segment: one Parquet file of record.SCHEMA, immutable, of one retention policy and one day (UTC).

    INDEX/policy=POLICY/date=YYYY-MM-DD/ID.parquet      by (timestamp, log_id), ROW_GROUP_ROWS a row group
    INDEX/policy=POLICY/date=YYYY-MM-DD/ID.skip         its skip index, which may be missing (skip_index.py)

The file tells of itself in the Parquet metadata `logd`, so that the manifest can be made anew: About, as JSON.

Invariants: a file gets its final name only when it is whole and on disk (written as .tmp, fsync, rename, fsync of the
folder); only a file that the manifest names is part of the index; an id is never used for other rows.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from logd.errors import ConfigError
from logd.flow import crash
from logd.record import SCHEMA

#: Who raises it raises the manifest's too: a file that the manifest names isn't asked for its format.
VERSION = 1
#: What one line costs to read: half of what 16,384 do, for half a byte and 0.1 µs more a line.
ROW_GROUP_ROWS = 8_192
DAY_US = 86_400_000_000
#: Columns of few values, and how the others are written: the archive has the same.
DICTIONARIES = ["level", "service", "host", "source", "tags.list.element"]
ENCODINGS = {
    "log_id": "DELTA_BYTE_ARRAY",
    "timestamp": "DELTA_BINARY_PACKED",
    "ingested_at": "DELTA_BINARY_PACKED",
    # Lengths that are all alike apart from the text: 1.5 bytes an id less. Of messages that would be 1.6 more.
    "trace_id": "DELTA_LENGTH_BYTE_ARRAY",
}
_ABOUT = b"logd"
_READ_BYTES = 1024 * 1024
#: int64, a row for each stretch of rows that can be read alone: first and last time in Unix µs, and how many.
Pieces = np.ndarray[tuple[int, int], np.dtype[np.int64]]


class About(msgspec.Struct, frozen=True, kw_only=True):
    """Where a segment's rows come from: for each partition how far (exclusive) the stream was flushed with it, of a
    merged one the furthest of what was merged; and the segments that were merged into it."""

    id: int
    policy: str
    day: int
    version: int = VERSION
    flushed: Mapping[int, int] = {}
    merged: tuple[int, ...] = ()


class Segment(msgspec.Struct, frozen=True, eq=False):
    """A segment as the manifest knows it. `file` is relative to the index folder, `day` counts from 1970-01-01, `crc`
    is the file's CRC-32. `skip_bytes` is 0 when there is no skip index. The last two follow from `pieces`."""

    id: int
    file: str
    policy: str
    day: int
    rows: int
    size_bytes: int
    crc: int
    pieces: Pieces
    skip_bytes: int = 0
    skip_crc: int = 0
    min_us: int = 0
    max_us: int = 0

    @property
    def skip_file(self) -> str:
        """Relative to the index folder, whether it is there or not."""
        return f"{self.file.removesuffix('.parquet')}.skip"

    def with_skip_index(self, size_bytes: int, crc: int) -> Segment:
        """The same, with a skip index of that size and CRC-32; 0 and 0 for none."""
        return msgspec.structs.replace(self, skip_bytes=size_bytes, skip_crc=crc)

    def row_numbers(self, groups: Sequence[int]) -> str:
        """The SQL condition for the rows of some row groups; DuckDB reads no others for it. Empty for none."""
        ends = np.cumsum(self.pieces[:, 2]).tolist()
        starts = [0, *ends]
        ranges: list[tuple[int, int]] = []
        for group in sorted(groups):
            if ranges and ranges[-1][1] == starts[group]:
                ranges[-1] = (ranges[-1][0], ends[group])
            else:
                ranges.append((starts[group], ends[group]))
        return " OR ".join(f"file_row_number BETWEEN {start} AND {end - 1}" for start, end in ranges)

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "min_us", int(self.pieces[:, 0].min()))
        msgspec.structs.force_setattr(self, "max_us", int(self.pieces[:, 1].max()))


class Writer:
    """Writes one segment, whose final name is `path`; used by one thread. Whoever makes it calls `finish` or `abort`.
    Raises OSError."""

    def __init__(self, root: Path, about: About) -> None:
        self._root = root
        self._about = about
        self._file = f"policy={about.policy}/date={_date(about.day)}/{about.id:012d}.parquet"
        self.path = root / self._file
        self.path.parent.mkdir(parents=True, exist_ok=True)
        crash.point("segment.begun")
        self._temporary = self.path.with_suffix(".tmp")
        self._pieces: list[tuple[int, int, int]] = []
        self._parquet = pq.ParquetWriter(
            self._temporary,
            SCHEMA.with_metadata({_ABOUT: msgspec.json.encode(about)}),
            compression="zstd",
            compression_level=1,
            use_dictionary=DICTIONARIES,
            column_encoding=ENCODINGS,
            write_statistics=["timestamp", "log_id", "ingested_at"],
            write_batch_size=ROW_GROUP_ROWS,
        )

    def add(self, table: pa.Table) -> None:
        """Rows by (timestamp, log_id), that come after those of the tables before; in row groups of their own."""
        self._parquet.write_table(table, row_group_size=ROW_GROUP_ROWS)
        micros = micros_of(table)
        for start in range(0, len(table), ROW_GROUP_ROWS):
            part = micros[start : start + ROW_GROUP_ROWS]
            self._pieces.append((int(part[0]), int(part[-1]), len(part)))

    def finish(self) -> Segment:
        """The segment, durable. The caller commits it to the manifest."""
        try:
            self._parquet.close()
            crash.point("segment.written")
            sync(self._temporary)
            crash.point("segment.synced")
            os.replace(self._temporary, self.path)
        except BaseException:
            self.abort()
            raise
        crash.point("segment.renamed")
        for folder in (self.path.parent, self.path.parent.parent, self._root):
            sync(folder)
        pieces = np.array(self._pieces, np.int64).reshape(-1, 3)
        size, crc = checksum(self.path)
        about = self._about
        return Segment(about.id, self._file, about.policy, about.day, int(pieces[:, 2].sum()), size, crc, pieces)

    def abort(self) -> None:
        """Leaves nothing behind."""
        with contextlib.suppress(OSError, pa.ArrowException):
            self._parquet.close()
        self._temporary.unlink(missing_ok=True)


def write(table: pa.Table, root: Path, about: About) -> Segment:
    """Writes rows of one day, in any order, as a segment. Raises OSError."""
    writer = Writer(root, about)
    try:
        writer.add(in_order(table))
    except BaseException:
        writer.abort()
        raise
    return writer.finish()


def about(path: Path) -> About:
    """What a segment file tells of itself. Raises OSError, ValueError when it is no segment, ConfigError when it is one
    of a newer logd."""
    try:
        metadata = pq.read_schema(path).metadata or {}
        told = msgspec.json.decode(metadata.get(_ABOUT, b""), type=About)
    except (pa.ArrowException, msgspec.MsgspecError, OSError) as error:
        raise _no_segment(path, error) from error
    if told.version > VERSION:
        raise ConfigError(f"{path} has format {told.version}, this logd knows up to {VERSION}: use a newer logd")
    return told


def pieces_of(path: Path) -> Pieces:
    """The stretches of a segment file, from its footer. Raises as `about`."""
    try:
        metadata = pq.read_metadata(path)
        column = SCHEMA.get_field_index("timestamp")
        found = []
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            times = group.column(column).statistics
            found.append((_us(times.min), _us(times.max), group.num_rows))
    except (pa.ArrowException, OSError) as error:
        raise _no_segment(path, error) from error
    return np.array(found, np.int64).reshape(-1, 3)


def _no_segment(path: Path, error: Exception) -> Exception:
    """The ValueError for what Arrow says of a damaged file: some of that is an OSError, but of no system call."""
    if isinstance(error, OSError) and error.errno is not None:
        return error
    return ValueError(f"{path} is no segment: {error}")


def by_day(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    """The table's rows, parted by day."""
    days = np.floor_divide(micros_of(table), DAY_US)
    first = int(days[0])
    if (days == first).all():
        yield first, table
        return
    order = np.argsort(days, kind="stable")
    ordered = days[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    for start, end in zip(starts, [*starts[1:], len(days)], strict=True):
        yield int(ordered[start]), table.take(pa.array(order[start:end]))


def in_order(table: pa.Table) -> pa.Table:
    """By (timestamp, log_id). Lines mostly arrive in order, and asking costs a hundredth of sorting."""
    steps = np.diff(micros_of(table))
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


def micros_of(table: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The rows' times in Unix µs."""
    micros: np.ndarray[tuple[int], np.dtype[np.int64]] = table["timestamp"].cast(pa.int64()).to_numpy()
    return micros


def checksum(path: Path) -> tuple[int, int]:
    """A file's size and CRC-32. Raises OSError."""
    size = crc = 0
    with path.open("rb") as file:
        while part := file.read(_READ_BYTES):
            size += len(part)
            crc = zlib.crc32(part, crc)
    return size, crc


def sync(path: Path) -> None:
    """fsync of a file or a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _date(day: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date()


def _us(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
