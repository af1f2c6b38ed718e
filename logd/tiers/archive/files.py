"""Writing files of the archive, in a local folder first.

A file has the rows of one policy, day and hour (UTC), by (service, timestamp, log_id), those without a service first,
in row groups of ROW_GROUP_ROWS; names.py says what it is called. It is plain Parquet: strings, lists of strings, and
times in µs, UTC. Its skip index has a mark a row group (store/skip_index.py).

An id is a time in Unix µs, a random number, and what made the file: STREAM or COMPACTION.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from logd.errors import Conflict
from logd.flow import crash
from logd.flow.threads import finished, opened
from logd.record import SCHEMA
from logd.seams import ArchivedFile, Objects
from logd.store import marks, skip_index
from logd.store.segments import DICTIONARIES, ENCODINGS, checksum, micros_of
from logd.tiers import names

#: What a request to S3 costs outweighs what is read in vain; with half of it, skip indexes take 0.3 bytes a line more.
ROW_GROUP_ROWS = 65_536
#: A row group ends here, however few rows it has: lines may have a megabyte each.
_GROUP_BYTES = 64 * 1024 * 1024
#: One in 100 row groups without a word is read for it, of which the column that is asked for is a part; 15 bits, as
#: segments have, would be 2 bytes a line more.
_SKIP_BITS = 10
_MOST_SERVICES = 1_000
_HOUR_US = 3_600_000_000
_BLOCK_BYTES = 1024 * 1024
STREAM, COMPACTION = "s", "c"
_ORDER = [("service", "ascending"), ("timestamp", "ascending"), ("log_id", "ascending")]


class Local(NamedTuple):
    """A file that is written, and where it lies; `skip` is None when it has no skip index."""

    file: ArchivedFile
    data: Path
    skip: Path | None

    def unlink(self) -> None:
        """Frees the local disk."""
        self.data.unlink(missing_ok=True)
        if self.skip is not None:
            self.skip.unlink(missing_ok=True)


def new_id(now_us: int, made_by: str) -> str:
    """An id that no other file has."""
    return f"{now_us:016d}-{secrets.token_hex(4)}-{made_by}"


def id_of(name: str) -> tuple[int, str] | None:
    """When the object of this name was named, in Unix µs, and what made it; None when its id is none of `new_id`'s."""
    parts = name.rpartition("/")[2].partition(".")[0].split("-")
    if len(parts) != 3 or not parts[0].isdecimal():
        return None
    return int(parts[0]), parts[2]


def by_hour(table: pa.Table) -> Iterator[tuple[int, int, pa.Table]]:
    """The table's rows by day and hour, as a file has them."""
    hours = np.floor_divide(micros_of(table), _HOUR_US)
    keys = pa.table(
        {
            "hour": pa.array(hours),
            "service": pc.fill_null(table["service"].cast(pa.string()), ""),
            "timestamp": table["timestamp"],
            "log_id": table["log_id"],
        }
    )
    order = pc.sort_indices(keys, [("hour", "ascending"), *_ORDER])
    # Joined first: to take from many small chunks costs as much again.
    ordered = table.combine_chunks().take(order)
    found, starts = np.unique(hours[order.to_numpy()], return_index=True)
    for hour, start, end in zip(found.tolist(), starts, [*starts[1:], len(table)], strict=True):
        yield hour // 24, hour % 24, ordered.slice(start, end - start)


def write(
    folder: Path, policy: str, day: int, hour: int, file_id: str, table: pa.Table, with_skips: bool = True
) -> Local:
    """Writes rows as by_hour gives them. Raises OSError; leaves nothing behind then."""
    writer = Writer(folder, policy, day, hour, file_id, with_skips)
    with writer.undone_on_error():
        writer.add(table)
        return writer.finish()


class Writer:
    """Writes one file. Whoever makes it calls `finish` within `undone_on_error`. Raises OSError."""

    def __init__(self, folder: Path, policy: str, day: int, hour: int, file_id: str, with_skips: bool = True) -> None:
        self._policy, self._day, self._hour = policy, day, hour
        self._name = names.data_of(policy, day, hour, file_id)
        self._data = folder / f"{file_id}.parquet"
        self._skip = folder / f"{file_id}.skip"
        self._pieces: list[tuple[int, int, int]] = []
        self._services: Counter[str] = Counter()
        self._raw_bytes = 0
        self._parquet = pq.ParquetWriter(
            self._data,
            SCHEMA,
            compression="zstd",
            compression_level=1,
            use_dictionary=DICTIONARIES,
            column_encoding=ENCODINGS,
            write_statistics=["timestamp", "log_id", "ingested_at", "service"],
            sorting_columns=pq.SortingColumn.from_ordering(SCHEMA, _ORDER, null_placement="at_start"),
        )
        self._skips = skip_index.Writer(self._skip, _SKIP_BITS) if with_skips else None

    @property
    def rows(self) -> int:
        """Those that were added."""
        return sum(rows for *_, rows in self._pieces)

    @contextlib.contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """What raises within it leaves nothing behind."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(OSError, pa.ArrowException):
                self._parquet.close()
            if self._skips is not None:
                self._skips.abort()
            self._data.unlink(missing_ok=True)
            self._skip.unlink(missing_ok=True)
            raise

    def add(self, table: pa.Table) -> None:
        """Rows in order, which come after those of the tables before; in row groups of their own."""
        for start in range(0, len(table), ROW_GROUP_ROWS):
            for group in _bounded(table.slice(start, ROW_GROUP_ROWS)):
                self._add_group(group)

    def finish(self) -> Local:
        """The file, whole."""
        self._parquet.close()
        skip_bytes = skip_crc = 0
        if self._skips is not None:
            skip_bytes, skip_crc = self._skips.finish()
        size, crc = checksum(self._data)
        file = ArchivedFile(
            name=self._name,
            policy=self._policy,
            day=self._day,
            hour=self._hour,
            rows=self.rows,
            size_bytes=size,
            crc=crc,
            pieces=np.array(self._pieces, "<i8").tobytes(),
            skip_bytes=skip_bytes,
            skip_crc=skip_crc,
            raw_bytes=self._raw_bytes,
            services=dict(self._services.most_common(_MOST_SERVICES)),
        )
        return Local(file, self._data, self._skip if skip_bytes else None)

    def _add_group(self, group: pa.Table) -> None:
        self._parquet.write_table(group, row_group_size=len(group))
        if self._skips is not None:
            self._skips.add(marks.of_rows(group))
        micros = micros_of(group)
        self._pieces.append((int(micros.min()), int(micros.max()), len(group)))
        for counted in pc.value_counts(group["service"].cast(pa.string())):
            self._services[counted["values"].as_py() or ""] += counted["counts"].as_py()
        for column in ("message", "metadata"):
            self._raw_bytes += pc.sum(pc.binary_length(group[column])).as_py() or 0


def _bounded(group: pa.Table) -> Iterator[pa.Table]:
    if group.nbytes <= _GROUP_BYTES or len(group) < 2:
        yield group
        return
    half = len(group) // 2
    yield from _bounded(group.slice(0, half))
    yield from _bounded(group.slice(half))


async def upload(objects: Objects, local: Local) -> None:
    """Puts the file and its skip index into the store; may be called again. Raises Unavailable."""
    if local.skip is not None:
        await _put(objects, names.skip_of(local.file.name), local.skip)
        crash.point("archive.skip.put")
    await _put(objects, local.file.name, local.data)
    crash.point("archive.data.put")


async def _put(objects: Objects, name: str, path: Path) -> None:
    # Nobody else has the id: what is there is what was put when its answer was lost.
    with contextlib.suppress(Conflict):
        await objects.put(name, _blocks_of(path))


async def _blocks_of(path: Path) -> AsyncIterator[bytes]:
    with await opened(lambda: path.open("rb")) as file:
        while block := await finished(lambda: file.read(_BLOCK_BYTES)):
            yield block
