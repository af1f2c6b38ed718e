"""An archive to be searched: rows as its files have them, in a store of objects, with a list in a catalog."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from logd.backends.catalog.archive import CatalogArchive
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.objects.folder import FolderObjects
from logd.config.schema import Index as IndexLimits
from logd.config.schema import SearchLimits
from logd.errors import Unavailable
from logd.flow.stage import Stage
from logd.record import SCHEMA
from logd.seams import (
    ArchivedFile,
    Batch,
    Buckets,
    Fields,
    Found,
    FoundFields,
    Groups,
    Histogram,
    Mined,
    Objects,
    Patterns,
    Search,
    Stats,
    StreamPositions,
    Written,
)
from logd.store import marks, skip_index
from logd.store.segments import checksum, micros_of
from logd.tiers import names
from logd.tiers.cold.searches import ArchiveSearches
from tests.support.objects import content

HOUR_US = 3_600_000_000
#: Few, so that there are many in a file, which overlap in time.
ROW_GROUP_ROWS = 16
_ONE_THREAD = SearchLimits(threads=1)
_numbers = itertools.count(1)
_ORDER = [(name, "ascending", "at_start") for name in ("service", "timestamp", "log_id")]


def write(folder: Path, table: pa.Table, policy: str = "DEFAULT", group_rows: int | None = None) -> ArchivedFile:
    """Rows of one hour as a file `data` and a skip index `skip` in the folder."""
    group_rows = group_rows or ROW_GROUP_ROWS
    keys = table.select(["service", "timestamp", "log_id"])
    keys = keys.set_column(0, "service", keys["service"].cast(pa.string()))
    table = table.combine_chunks().take(pc.sort_indices(keys, _ORDER))
    micros = micros_of(table)
    day, hour = divmod(int(micros[0]) // HOUR_US, 24)
    path, pieces = folder / "data", []
    skips = skip_index.Writer(folder / "skip")
    with pq.ParquetWriter(
        path,
        SCHEMA,
        compression="zstd",
        compression_level=1,
        use_dictionary=["level", "service", "host", "source", "tags.list.element"],
        write_statistics=["timestamp", "log_id", "ingested_at", "service"],
    ) as writer:
        for start in range(0, len(table), group_rows):
            group = table.slice(start, group_rows)
            writer.write_table(group, row_group_size=len(group))
            skips.add(marks.of_rows(group))
            part = micros[start : start + group_rows]
            pieces.append((int(part.min()), int(part.max()), len(part)))
    skip_bytes, skip_crc = skips.finish()
    size, crc = checksum(path)
    return ArchivedFile(
        name=names.data_of(policy, day, hour, f"{next(_numbers):012d}"),
        policy=policy,
        day=day,
        hour=hour,
        rows=len(table),
        size_bytes=size,
        crc=crc,
        pieces=np.array(pieces, "<i8").tobytes(),
        skip_bytes=skip_bytes,
        skip_crc=skip_crc,
    )


class ArchivedRows:
    """An archive, and its searches, to which rows can be added."""

    def __init__(self, folder: Path, objects: Objects, catalog: SqliteFile, searches: ArchiveSearches) -> None:
        self.objects = objects
        self.archive = CatalogArchive(catalog)
        self.searches = searches
        self._catalog = catalog
        self._folder = folder
        self.stages: Sequence[Stage] = ()

    @classmethod
    async def open(
        cls,
        folder: Path,
        objects: Objects | None = None,
        limits: SearchLimits = _ONE_THREAD,
    ) -> ArchivedRows:
        """Over a catalog and a cache in the folder, and there the objects too if none are given."""
        catalog = await SqliteFile.open(folder / "catalog.db")
        objects = objects or await FolderObjects.open(folder / "objects")
        searches = await ArchiveSearches.open(CatalogArchive(catalog), objects, folder / "cold-cache", limits)
        return cls(folder, objects, catalog, searches)

    async def beside(self, cache: str) -> ArchivedRows:
        """The same for another process, whose disk has nothing; only its searches are to be closed."""
        searches = await ArchiveSearches.open(self.archive, self.objects, self._folder / cache, _ONE_THREAD)
        return ArchivedRows(self._folder, self.objects, self._catalog, searches)

    async def add(self, table: pa.Table, policy: str = "DEFAULT") -> list[ArchivedFile]:
        """A file for each hour."""
        hours = np.floor_divide(micros_of(table), HOUR_US)
        added = []
        for hour in np.unique(hours).tolist():
            with tempfile.TemporaryDirectory() as folder:
                file = write(Path(folder), table.filter(pa.array(hours == hour)), policy)
                for name, part in ((file.name, "data"), (names.skip_of(file.name), "skip")):
                    await self.objects.put(name, content((Path(folder) / part).read_bytes()))
            added.append(file)
        assert await self.archive.add(added)
        return added

    def durable(self) -> StreamPositions | None:
        return None

    async def write(self, batch: Batch) -> Written:
        if len(batch.table):
            await self.add(batch.table)
        return Written()

    async def flush(self) -> None:
        pass

    async def status(self) -> dict[str, Any]:
        return self.searches.status()

    async def disk_used_percent(self) -> float:
        raise Unavailable("it has no disk")

    async def search(self, search: Search) -> Found:
        return await self.searches.search(search)

    async def histogram(self, histogram: Histogram) -> Buckets:
        return await self.searches.histogram(histogram)

    async def stats(self, stats: Stats) -> Groups:
        return await self.searches.stats(stats)

    async def fields(self, fields: Fields) -> FoundFields:
        return await self.searches.fields(fields)

    async def explain(self, search: Search) -> dict[str, Any]:
        return await self.searches.explain(search)

    async def patterns(self, asked: Patterns) -> Mined:
        return await self.searches.patterns(asked)

    async def close(self) -> None:
        await self.searches.close()
        await self.objects.close()
        await self._catalog.close()


class ArchiveStore:
    """tests.support.indexes.Store over an archive in a folder, for suites of those who ask."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def open(self, limits: IndexLimits | None = None, search: SearchLimits = _ONE_THREAD) -> ArchivedRows:
        return await ArchivedRows.open(self._folder, limits=search)

    async def after_crash(self) -> ArchivedRows:
        raise NotImplementedError

    async def upkeep(self) -> None:
        """There is nothing to do."""


class Counted:
    """Objects of a folder, of which ranges that are read are noted; reading can be stopped, fail, or come in part."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.read: list[tuple[str, int, int | None]] = []
        self.fails = ""
        self.cut = 0
        self.going = asyncio.Event()
        self.going.set()
        self.under_way = 0
        self._changed = asyncio.Event()
        self.put = objects.put
        self.list = objects.list
        self.delete = objects.delete
        self.size = objects.size
        self.close = objects.close

    @contextlib.asynccontextmanager
    async def get(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        self.read.append((name, start, end))
        self._count(1)
        try:
            await self.going.wait()
            if self.fails:
                raise Unavailable(self.fails)
            async with self.objects.get(name, start, None if end is None else end - self.cut) as blocks:
                yield blocks
        finally:
            self._count(-1)

    async def until_under_way(self, count: int) -> None:
        """So many ranges are being read."""
        await self._until(lambda: self.under_way == count)

    async def until_reading(self) -> None:
        """Some range is."""
        await self._until(lambda: self.under_way > 0)

    async def _until(self, done: Callable[[], bool]) -> None:
        while not done():
            self._changed.clear()
            await self._changed.wait()

    def _count(self, more: int) -> None:
        self.under_way += more
        self._changed.set()
