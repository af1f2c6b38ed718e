"""The indexes that the contract suites run over, and how each is opened, crashed and looked after."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from logd.backends.index.segments import SegmentsIndex
from logd.config.schema import Index as IndexLimits
from logd.config.schema import SearchLimits
from logd.record import SCHEMA
from logd.seams import Batch, Index, Searches
from logd.store.folder import NO_STREAM
from logd.store.upkeep import SegmentsUpkeep
from tests.support.rows import DAY, everything, row

#: Flushed by hand only.
LIMITS = IndexLimits(flush_rows=1_000_000, flush_bytes=2**40, flush_seconds=1_000_000)


class SearchedIndex(Index, Searches, Protocol):
    """Both seams by one object."""


class Store(Protocol):
    """Where an index keeps what it has; `folder` is the test's own."""

    def __init__(self, folder: Path) -> None: ...

    async def open(self, limits: IndexLimits = LIMITS, search: SearchLimits = ...) -> SearchedIndex:
        """An index over it, as a starting process opens it."""
        ...

    async def after_crash(self) -> SearchedIndex:
        """An index over what would be left if the process died now. The other one lives on, and apart."""
        ...

    async def upkeep(self) -> None:
        """Does all background work that there is for the index that was opened last."""
        ...


class SegmentsStore:
    """A folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "index"
        self.stream = NO_STREAM
        self._opened: SegmentsIndex | None = None

    async def open(self, limits: IndexLimits = LIMITS, search: SearchLimits = SearchLimits(threads=1)) -> SegmentsIndex:  # noqa: B008
        self._opened = await SegmentsIndex.open(self.root, limits, search, self.stream)
        return self._opened

    async def upkeep(self, keep_days: int = 0, quiet_seconds: float = 0) -> None:
        assert self._opened is not None
        upkeep = SegmentsUpkeep(self._opened.inventory, keep_days, quiet_seconds)
        while await upkeep.step():
            pass
        await upkeep.close()

    async def after_crash(self) -> SegmentsIndex:
        copy = Path(tempfile.mkdtemp(dir=self.folder))
        shutil.copytree(self.root, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*-shm"))
        return await SegmentsIndex.open(copy, LIMITS, SearchLimits(threads=1))

    def parquet(self) -> list[str]:
        """The files of rows that there are, finished or not."""
        return sorted(
            str(file.relative_to(self.root)) for file in self.root.glob("policy=*/*/*.*") if file.suffix != ".skip"
        )


STORES: dict[str, type[Store]] = {"segments": SegmentsStore}


def many(count: int) -> Batch:
    """Rows a microsecond apart, in columns."""
    rows = pa.Table.from_pylist([row(DAY, "x")], schema=SCHEMA).take(pa.array([0] * count))
    times = pa.array(range(DAY, DAY + count), pa.int64()).cast(SCHEMA.field("timestamp").type)
    names = pa.array([f"{number:08}" for number in range(count)])
    rows = rows.set_column(0, SCHEMA.field("log_id"), names).set_column(1, SCHEMA.field("timestamp"), times)
    return Batch(rows, {0: 1})


async def ids(index: Searches, **search: Any) -> list[str]:
    """The log_ids of the hits, newest first unless told."""
    found = (await index.search(everything(**search))).table["log_id"].to_pylist()
    return [str(log_id) for log_id in found]
