"""The indexes that the contract suites run over, and how each is opened, crashed and looked after."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from logd.backends.index.elasticsearch import ElasticsearchIndex
from logd.backends.index.segments import SegmentsIndex
from logd.config.schema import Elasticsearch as Settings
from logd.config.schema import Index as IndexLimits
from logd.config.schema import SearchLimits
from logd.record import SCHEMA
from logd.seams import Batch, Disks, Index, Searches, Written
from logd.store.folder import NO_STREAM
from logd.store.upkeep import SegmentsUpkeep
from tests.support.elastic import Buried, clear
from tests.support.rows import DAY, everything, row

#: Flushed by hand only.
LIMITS = IndexLimits(flush_rows=1_000_000, flush_bytes=2**40, flush_seconds=1_000_000)


#: The URL of the Elasticsearch that tests may use.
ELASTICSEARCH_VARIABLE = "LOGD_TEST_ELASTICSEARCH"
_PATIENT = SearchLimits(deadline_seconds=120)


class SearchedIndex(Index, Searches, Disks, Protocol):
    """All seams of an index by one object."""


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


class Refreshed:
    """An Elasticsearch in which what was written is found at once."""

    def __init__(self, index: ElasticsearchIndex) -> None:
        self._index = index
        self.stages = index.stages
        self.durable = index.durable
        self.flush = index.flush
        self.status = index.status
        self.close = index.close
        self.search = index.search
        self.histogram = index.histogram
        self.stats = index.stats
        self.fields = index.fields
        self.patterns = index.patterns
        self.disk_used_percent = index.disk_used_percent
        self.explain = index.explain

    async def write(self, batch: Batch) -> Written:
        """See Index."""
        written = await self._index.write(batch)
        await self._index.refresh()
        return written


class ElasticsearchStore:
    """The indices of the cluster in ELASTICSEARCH_VARIABLE, of which there are none at first. Nothing of it is in the
    folder."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(urls=[os.environ[ELASTICSEARCH_VARIABLE]], shards=2, replicas=0)
        self.clear()

    def clear(self) -> None:
        """Deletes the indices."""
        clear(self.settings.urls[0])

    async def open(self, limits: IndexLimits = LIMITS, search: SearchLimits = _PATIENT) -> Refreshed:
        """The limits are those of memory, of which it needs none."""
        return Refreshed(await ElasticsearchIndex.open(self.settings, _PATIENT, Buried()))

    async def after_crash(self) -> Refreshed:
        return await self.open()

    async def upkeep(self) -> None:
        """Elasticsearch does its own."""


STORES: dict[str, type[Store]] = {"segments": SegmentsStore, "elasticsearch": ElasticsearchStore}


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
