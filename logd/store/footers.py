"""Parquet footers kept in memory: reading one of many row groups takes longer than the rows that are asked for."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from logd.record import SCHEMA

#: A footer of the largest segment takes some 15 MB.
_MOST_ROW_GROUPS = 4_096
_LOG_ID, _INGESTED_AT = map(SCHEMA.get_field_index, ("log_id", "ingested_at"))
#: After every text, and every time.
_LAST_TEXT, _LAST_US = "\U0010ffff", 2**63 - 1


class Bounds(NamedTuple):
    """Between which log_ids, and which times of ingestion in Unix µs, rows are, all included."""

    first_id: str = ""
    last_id: str = _LAST_TEXT
    first_taken_us: int = -_LAST_US
    last_taken_us: int = _LAST_US


class Footers:
    """The footers used last, of files that never change. For any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(os.cpu_count(), "index.read")
        self._kept: OrderedDict[Path, pq.FileMetaData] = OrderedDict()
        self._row_groups = 0

    def read(self, path: Path, groups: Sequence[int], columns: Sequence[str] = SCHEMA.names) -> pa.Table:
        """Columns of some row groups, as in record.SCHEMA. Raises OSError and ArrowException."""
        footer = self._known(path)
        with pq.ParquetFile(path, metadata=footer) as file:
            if footer is None:
                self._keep(path, file.metadata)
            return file.read_row_groups(groups, columns=list(columns))

    def bytes_of(self, path: Path, group: int) -> int:
        """What a row group takes once it is decompressed. Raises OSError and ArrowException."""
        return int(self._footer(path).row_group(group).total_byte_size)

    def bounds_of(self, path: Path, group: int) -> Bounds:
        """Of a row group's ids and times of ingestion, as far as they are known. Raises as bytes_of."""
        columns = self._footer(path).row_group(group)
        ids, taken = (columns.column(number).statistics for number in (_LOG_ID, _INGESTED_AT))
        first, last = (ids.min, ids.max) if ids is not None and ids.has_min_max else Bounds()[:2]
        if taken is None or not taken.has_min_max:  # written by an older version
            return Bounds(first, last)
        return Bounds(first, last, int(taken.min_raw), int(taken.max_raw))

    def read_all(self, reads: Sequence[Callable[[], pa.Table]]) -> list[pa.Table]:
        """What each gives, side by side: Arrow reads columns in parallel, but the text takes longer than all others."""
        if len(reads) < 2:
            return [read() for read in reads]
        return list(self._threads.map(lambda read: read(), reads))

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown()

    def _footer(self, path: Path) -> pq.FileMetaData:
        footer = self._known(path)
        if footer is None:
            footer = pq.read_metadata(path)
            self._keep(path, footer)
        return footer

    def _known(self, path: Path) -> pq.FileMetaData | None:
        with self._lock:
            footer = self._kept.get(path)
            if footer is not None:
                self._kept.move_to_end(path)
        return footer

    def _keep(self, path: Path, footer: pq.FileMetaData) -> None:
        with self._lock:
            if path not in self._kept:
                self._kept[path] = footer
                self._row_groups += footer.num_row_groups
            while self._row_groups > _MOST_ROW_GROUPS and len(self._kept) > 1:
                self._row_groups -= self._kept.popitem(last=False)[1].num_row_groups
