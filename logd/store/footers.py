"""Parquet footers kept in memory: reading one of many row groups takes longer than the rows that are asked for."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pyarrow.parquet as pq

#: A footer of the largest segment takes some 15 MB.
_MOST_ROW_GROUPS = 4_096
T = TypeVar("T")


class Footers:
    """The footers used last, of files that never change, by their names; and threads that read. For any number of
    threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(os.cpu_count(), "index.read")
        self._kept: OrderedDict[str, pq.FileMetaData] = OrderedDict()
        self._row_groups = 0

    def of(self, file: str, read: Callable[[], pq.FileMetaData]) -> pq.FileMetaData:
        """The one that is kept, or else what `read` gives."""
        footer = self.known(file)
        if footer is None:
            footer = read()
            self.keep(file, footer)
        return footer

    def known(self, file: str) -> pq.FileMetaData | None:
        """The one that is kept."""
        with self._lock:
            footer = self._kept.get(file)
            if footer is not None:
                self._kept.move_to_end(file)
        return footer

    def keep(self, file: str, footer: pq.FileMetaData) -> None:
        """For a while."""
        with self._lock:
            if file not in self._kept:
                self._kept[file] = footer
                self._row_groups += footer.num_row_groups
            while self._row_groups > _MOST_ROW_GROUPS and len(self._kept) > 1:
                self._row_groups -= self._kept.popitem(last=False)[1].num_row_groups

    def all_of(self, reads: Sequence[Callable[[], T]]) -> list[T]:
        """What each gives, side by side: Arrow reads columns in parallel, but the text takes longer than all others."""
        if len(reads) < 2:
            return [read() for read in reads]
        return list(self._threads.map(lambda read: read(), reads))

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown()
