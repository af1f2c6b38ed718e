"""Parquet footers kept in memory: reading one of many row groups takes longer than the rows that are asked for."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from logd.record import SCHEMA

#: A footer of the largest segment takes some 15 MB.
_MOST_ROW_GROUPS = 4_096


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
        footer = self._known(path)
        if footer is None:
            footer = pq.read_metadata(path)
            self._keep(path, footer)
        return int(footer.row_group(group).total_byte_size)

    def read_all(self, reads: Sequence[Callable[[], pa.Table]]) -> list[pa.Table]:
        """What each gives, side by side: Arrow reads columns in parallel, but the text takes longer than all others."""
        if len(reads) < 2:
            return [read() for read in reads]
        return list(self._threads.map(lambda read: read(), reads))

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown()

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
