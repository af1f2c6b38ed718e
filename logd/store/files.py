"""Where the files of segments are: in a folder of this machine, or wherever else their bytes can be had."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from logd.record import SCHEMA
from logd.store.footers import Footers

A = TypeVar("A")
B = TypeVar("B")
_LOG_ID, _INGESTED_AT = map(SCHEMA.get_field_index, ("log_id", "ingested_at"))
#: After every text, and every time.
_LAST_TEXT, _LAST_US = "\U0010ffff", 2**63 - 1


class Ranges(Protocol):
    """An open file, of which some bytes are read. `name` is for messages."""

    name: str
    size_bytes: int

    def read(self, wanted: Sequence[tuple[int, int]]) -> Sequence[bytes]:
        """Of each (start, bytes); shorter where the file ends. Raises OSError, and as Files."""
        ...


class Files(Protocol):
    """The files of segments, by their names as segments have them; they never change. For any number of threads. Where
    they aren't on this machine, what reads them also raises Unavailable, or Corrupt when one isn't there any more or is
    shorter than it should be."""

    def in_sql(self, file: str) -> str:
        """The name by which DuckDB reads it."""
        ...

    def footer(self, file: str) -> pq.FileMetaData:
        """Raises OSError and ArrowException."""
        ...

    def read(self, file: str, groups: Sequence[int], columns: Sequence[str]) -> pa.Table:
        """Columns of some row groups, as in record.SCHEMA. Raises OSError and ArrowException."""
        ...

    def ranges(self, file: str, size_bytes: int) -> AbstractContextManager[Ranges]:
        """A file that isn't Parquet, and has that size. Raises OSError."""
        ...

    def each(self, ask: Callable[[A], B], among: Iterable[A]) -> Iterator[B]:
        """What `ask`, which waits for files, gives of each, in their order; of some before they are taken."""
        ...

    def all_of(self, reads: Sequence[Callable[[], B]]) -> list[B]:
        """What each gives, side by side."""
        ...

    def expect(self, wanted: Mapping[str, Sequence[int]], columns: Sequence[str] = ()) -> None:
        """Row groups of files that will be read now, of them these columns, or else those of which some are. It may be
        more than is read in the end."""
        ...

    def stop(self) -> None:
        """Nobody waits for what is read any more: reading ends as soon as it can, by duckdb.InterruptException or any
        other. From any thread; idempotent."""
        ...


class Bounds(NamedTuple):
    """Between which log_ids, and which times of ingestion in Unix µs, rows are, all included."""

    first_id: str = ""
    last_id: str = _LAST_TEXT
    first_taken_us: int = -_LAST_US
    last_taken_us: int = _LAST_US


def bytes_of(files: Files, file: str, group: int) -> int:
    """What a row group takes once it is decompressed. Raises as Files.footer."""
    return int(files.footer(file).row_group(group).total_byte_size)


def bounds_of(files: Files, file: str, group: int) -> Bounds:
    """Of a row group's ids and times of ingestion, as far as they are known. Raises as Files.footer."""
    columns = files.footer(file).row_group(group)
    ids, taken = (columns.column(number).statistics for number in (_LOG_ID, _INGESTED_AT))
    first, last = (ids.min, ids.max) if ids is not None and ids.has_min_max else Bounds()[:2]
    if taken is None or not taken.has_min_max:  # written by an older version
        return Bounds(first, last)
    return Bounds(first, last, int(taken.min_raw), int(taken.max_raw))


def chunks_of(footer: pq.FileMetaData, groups: Sequence[int], columns: Sequence[str]) -> list[tuple[int, int]]:
    """Where columns of row groups are in a file: from which byte to before which."""
    leaves = [
        leaf for leaf in range(footer.num_columns) if footer.schema.column(leaf).path.partition(".")[0] in columns
    ]
    return [span_of(footer, group, leaf) for group in groups for leaf in leaves]


def span_of(footer: pq.FileMetaData, group: int, leaf: int) -> tuple[int, int]:
    """Where a column of a row group is in a file, by its number among those without others in them."""
    chunk = footer.row_group(group).column(leaf)
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset is not None:
        start = min(start, chunk.dictionary_page_offset)
    return start, start + chunk.total_compressed_size


class OpenFile:
    """Ranges of an open file of this machine."""

    def __init__(self, path: Path, handle: int) -> None:
        self.name = str(path)
        self.size_bytes = os.fstat(handle).st_size
        self._handle = handle

    def read(self, wanted: Sequence[tuple[int, int]]) -> list[bytes]:
        """See Ranges."""
        return [os.pread(self._handle, size, start) for start, size in wanted]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[OpenFile]:
    """A file of this machine. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield OpenFile(path, handle)
    finally:
        os.close(handle)


class FolderFiles:
    """Those of a folder; the kernel reads ahead, and has what was read last."""

    def __init__(self, root: Path, footers: Footers) -> None:
        self._root = root
        self._footers = footers

    def in_sql(self, file: str) -> str:
        """See Files."""
        return str(self._root / file)

    def footer(self, file: str) -> pq.FileMetaData:
        """See Files."""
        return self._footers.of(file, lambda: pq.read_metadata(self._root / file))

    def read(self, file: str, groups: Sequence[int], columns: Sequence[str]) -> pa.Table:
        """See Files."""
        footer = self._footers.known(file)
        with pq.ParquetFile(self._root / file, metadata=footer) as parquet:
            if footer is None:
                self._footers.keep(file, parquet.metadata)
            return parquet.read_row_groups(groups, columns=list(columns))

    def ranges(self, file: str, size_bytes: int) -> AbstractContextManager[Ranges]:
        """See Files."""
        return opened(self._root / file)

    def each(self, ask: Callable[[A], B], among: Iterable[A]) -> Iterator[B]:
        """See Files."""
        return map(ask, among)

    def all_of(self, reads: Sequence[Callable[[], B]]) -> list[B]:
        """See Files."""
        return self._footers.all_of(reads)

    def expect(self, wanted: Mapping[str, Sequence[int]], columns: Sequence[str] = ()) -> None:
        """See Files."""

    def stop(self) -> None:
        """See Files."""
