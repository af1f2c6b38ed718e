"""The archive's files as one search reads them: by ranges, of which those that follow are fetched ahead.

Arrow reads row groups whose column chunks were fetched before, all at once. What DuckDB reads can't be known before it
does; but when it has read some columns of a row group, then those of the next ones that it was given are on their way.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from logd.errors import LogdError
from logd.store.files import Ranges, chunks_of, span_of
from logd.store.footers import Footers
from logd.store.segments import Segment
from logd.tiers import names
from logd.tiers.cold.blocks import Blocks, Waiting, merged

A = TypeVar("A")
B = TypeVar("B")
PROTOCOL = "cold"
#: What Arrow reads first of a file, where most footers are whole.
_TAIL_BYTES = 65_536
#: Of a skip index: its directory (skip_index.py reads so much at once).
_DIRECTORY_BYTES = 4_096
#: Files whose skip indexes are asked ahead of who takes them: first so many, then twice as many each time.
_FIRST_AHEAD, _MOST_AHEAD = 8, 64
#: Row groups that are on their way before DuckDB reads them; it begins with one.
_MOST_GROUPS_AHEAD = 16


class ColdFiles:
    """logd.store.files.Files, for one search. `number` is its own, by which DuckDB's file system knows it."""

    def __init__(
        self,
        number: int,
        segments: Iterable[Segment],
        blocks: Blocks,
        footers: Footers,
        threads: ThreadPoolExecutor,
    ) -> None:
        self._number = number
        self._segments = {segment.file: segment for segment in segments}
        self._blocks = blocks
        self._footers = footers
        self._threads = threads
        self._waiting = Waiting()
        self._lock = threading.Lock()
        self._given: dict[str, Sequence[int]] = {}
        self._ahead: dict[str, _Ahead] = {}
        #: Data files of which something was read.
        self.touched: set[str] = set()
        #: Why reading a data file has failed, and which.
        self.failure: tuple[str, LogdError] | None = None

    def in_sql(self, file: str) -> str:
        """See Files."""
        return f"{PROTOCOL}://{self._number}/{file}"

    def size_of(self, file: str) -> int:
        """In bytes."""
        return self._segments[file].size_bytes

    def footer(self, file: str) -> pq.FileMetaData:
        """See Files."""

        def read() -> pq.FileMetaData:
            source = _Whole(self.size_of(file), lambda start, end: self.take(file, [(start, end)], precious=True)[0])
            return pq.read_metadata(pa.PythonFile(source, "r"))

        return self._footers.of(file, read)

    def read(self, file: str, groups: Sequence[int], columns: Sequence[str]) -> pa.Table:
        """See Files."""
        footer = self.footer(file)
        spans = merged(chunks_of(footer, groups, columns))
        parts = dict(zip(spans, self.take(file, spans), strict=True))

        def taken(start: int, end: int) -> bytes:
            for (first, last), data in parts.items():
                if first <= start and end <= last:
                    return data[start - first : end - first]
            return self.take(file, [(start, end)])[0]

        source = pa.PythonFile(_Whole(self.size_of(file), taken), "r")
        with pq.ParquetFile(source, metadata=footer) as parquet:
            return parquet.read_row_groups(groups, columns=list(columns), use_threads=False)

    @contextlib.contextmanager
    def ranges(self, file: str, size_bytes: int) -> Iterator[Ranges]:
        """See Files."""
        name = names.skip_of(f"{file.removesuffix('.skip')}.parquet")
        yield _SkipIndex(name, size_bytes, self._blocks, self._waiting)

    def each(self, ask: Callable[[A], B], among: Iterable[A]) -> Iterator[B]:
        """See Files."""
        left = iter(among)
        begun: deque[Future[B]] = deque()
        ahead = _FIRST_AHEAD
        try:
            while True:
                while len(begun) < ahead and (following := next(left, None)) is not None:
                    begun.append(self._threads.submit(ask, following))
                if not begun:
                    return
                yield begun.popleft().result()
                ahead = min(_MOST_AHEAD, ahead * 2)
        finally:
            for future in begun:
                future.cancel()

    def all_of(self, reads: Sequence[Callable[[], B]]) -> list[B]:
        """See Files."""
        if len(reads) < 2:
            return [read() for read in reads]
        return list(self._threads.map(lambda read: read(), reads))

    def expect(self, wanted: Mapping[str, Sequence[int]], columns: Sequence[str] = ()) -> None:
        """See Files."""
        for file in wanted:
            if self._footers.known(file) is None or not columns:
                size = self.size_of(file)
                self._blocks.begin(self._waiting, file, [(max(0, size - _TAIL_BYTES), size)], precious=True)
        if not columns:
            with self._lock:
                self._given, self._ahead = dict(wanted), {}
            return
        for file, groups in wanted.items():
            spans = merged([span for group in groups for span in chunks_of(self.footer(file), [group], columns)])
            self._blocks.begin(self._waiting, file, spans)

    def stop(self) -> None:
        """See Files."""
        self._blocks.stop(self._waiting)

    def take(self, file: str, wanted: Sequence[tuple[int, int]], precious: bool = False) -> list[bytes]:
        """Ranges of a data file. Raises as Blocks.take."""
        self.touched.add(file)
        try:
            return self._blocks.take(self._waiting, file, wanted, precious)
        except LogdError as error:
            self.failure = self.failure or (file, error)
            raise

    def take_following(self, file: str, start: int, end: int) -> bytes:
        """A range that DuckDB asks for, whose like of the row groups behind it are fetched ahead."""
        ahead = self._ahead_of(file)
        if ahead is not None:
            spans = ahead.after(start, end)
            if spans:
                self._blocks.begin(self._waiting, file, spans)
        return self.take(file, [(start, end)])[0]

    def _ahead_of(self, file: str) -> _Ahead | None:
        with self._lock:
            ahead = self._ahead.get(file)
            groups = self._given.get(file)
        if ahead is None and groups is not None and len(groups) > 1:
            ahead = _Ahead(self.footer(file), groups)
            with self._lock:
                ahead = self._ahead.setdefault(file, ahead)
        return ahead


class _Ahead:
    """What follows what is read of a file, of which `groups` are read."""

    def __init__(self, footer: pq.FileMetaData, groups: Sequence[int]) -> None:
        spans = [[span_of(footer, group, leaf) for leaf in range(footer.num_columns)] for group in sorted(groups)]
        self._spans: npt.NDArray[np.int64] = np.array(spans, np.int64)
        self._lock = threading.Lock()
        #: Of each column: the number of the first row group that isn't on its way, and how many go ahead.
        self._next = np.zeros(footer.num_columns, np.int64)
        self._many = np.zeros(footer.num_columns, np.int64)

    def after(self, start: int, end: int) -> list[tuple[int, int]]:
        """The ranges to fetch when this one is read."""
        starts, ends = self._spans[:, :, 0], self._spans[:, :, 1]
        found: list[tuple[int, int]] = []
        with self._lock:
            groups, columns = np.nonzero((starts < end) & (ends > start))
            for column in np.unique(columns).tolist():
                at = int(groups[columns == column].max())
                self._many[column] = min(_MOST_GROUPS_AHEAD, max(1, 2 * self._many[column]))
                first = max(int(self._next[column]), at + 1)
                upto = min(at + 1 + int(self._many[column]), len(self._spans))
                found += [(int(one[0]), int(one[1])) for one in self._spans[first:upto, column]]
                self._next[column] = max(first, upto)
        return merged(found)


class _SkipIndex:
    """Ranges of a skip index; its directory is precious."""

    def __init__(self, name: str, size_bytes: int, blocks: Blocks, waiting: Waiting) -> None:
        self.name, self.size_bytes = name, size_bytes
        self._blocks, self._waiting = blocks, waiting

    def read(self, wanted: Sequence[tuple[int, int]]) -> list[bytes]:
        """See Ranges."""
        spans = [(start, min(self.size_bytes, start + size)) for start, size in wanted]
        precious = any(start >= self.size_bytes - _DIRECTORY_BYTES for start, _ in spans)
        return self._blocks.take(self._waiting, self.name, spans, precious)


class _Whole:
    """A file for Arrow."""

    closed = False

    def __init__(self, size_bytes: int, take: Callable[[int, int], bytes]) -> None:
        self._size_bytes = size_bytes
        self._take = take
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        end = self._size_bytes if size < 0 else min(self._size_bytes, self._at + size)
        if end <= self._at:
            return b""
        data = self._take(self._at, end)
        self._at = end
        return data

    def seek(self, place: int, whence: int = 0) -> int:
        self._at = place + (0, self._at, self._size_bytes)[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self.closed = True
